"""Pictures for the live link: of a folder, over and over, or of a camera, always the latest."""

import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError

from taskwave.links.bitwise.source import to_image
from taskwave.phy.gnuradio.client import last_words

SIZE = (192, 256)
"""Height and width of the pictures on the air."""
_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp"}
_FRAME_BYTES = 3 * SIZE[0] * SIZE[1]
_CAMERA_SECONDS = 15.0
"""Until the first picture of a camera, and from one to the next."""

Named = tuple[str, torch.Tensor]


def open_pictures(path: Path) -> Iterator[Named]:
    """Names and pictures [3, H, W] in [0, 1], without end.

    Args:
        path: a folder, or a camera of Video4Linux such as /dev/video0.

    Raises:
        FileNotFoundError: there is no such thing, or no picture in the folder.
        ValueError: a picture cannot be read.
        RuntimeError: the camera gives none.
    """
    if path.is_char_device():
        return _camera(path)
    found = sorted(p for p in path.glob("*") if p.suffix.lower() in _SUFFIXES)
    if not found:
        raise FileNotFoundError(
            f"{path} is neither a camera nor a folder with pictures ({', '.join(sorted(_SUFFIXES))}): name one"
        )
    return ((p.name, read_picture(p)) for p in cycle(found))


def read_picture(path: Path) -> torch.Tensor:
    """[3, H, W] float in [0, 1], the middle of a picture at `SIZE`.

    Raises:
        ValueError: it cannot be read.
    """
    height, width = SIZE
    try:
        with Image.open(path) as file:
            picture = file.convert("RGB")
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path} cannot be read as a picture: {error}") from None
    scale = max(width / picture.width, height / picture.height)
    box_width, box_height = width / scale, height / scale
    left, top = (picture.width - box_width) / 2, (picture.height - box_height) / 2
    box = (left, top, left + box_width, top + box_height)
    return to_image(np.array(picture.resize((width, height), Image.Resampling.BICUBIC, box=box)))


def _camera(device: Path) -> Iterator[Named]:
    """The latest picture each time it is asked for one, by ffmpeg."""
    program = shutil.which("ffmpeg")
    if program is None:
        raise RuntimeError("ffmpeg is not installed: it reads cameras (Debian: apt-get install ffmpeg).")
    height, width = SIZE
    fit = f"scale={width}:{height}:force_original_aspect_ratio=increase,crop={width}:{height}"
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [program, "-loglevel", "error", "-f", "v4l2", "-i", str(device), "-vf", fit,
             "-f", "rawvideo", "-pix_fmt", "rgb24", "-"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors,
        )  # fmt: skip
        latest: list[bytes] = []
        arrived = threading.Event()

        def read() -> None:
            assert process.stdout is not None
            while len(frame := process.stdout.read(_FRAME_BYTES)) == _FRAME_BYTES:
                latest[:] = [frame]
                arrived.set()
            latest.clear()
            arrived.set()

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        try:
            while arrived.wait(_CAMERA_SECONDS) and (frames := latest[:]):
                arrived.clear()
                pixels = np.frombuffer(frames[0], dtype=np.uint8).reshape(height, width, 3)
                yield device.name, to_image(pixels.copy())
            raise RuntimeError(f"the camera {device} gives no picture{last_words(errors)}.")
        finally:
            process.kill()
            thread.join()
            process.communicate()
