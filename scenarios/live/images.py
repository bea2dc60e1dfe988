"""Images for the live link: those of a folder over and over, or always the latest one of a camera."""

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
"""Height and width of the images on the air."""
_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp"}
_IMAGE_BYTES = 3 * SIZE[0] * SIZE[1]
_CAMERA_SECONDS = 15.0
"""Longest time until the first image of a camera, and from one image to the next [s]."""

NamedImage = tuple[str, torch.Tensor]
"""Name of an image and the image [3, H, W] float in [0, 1]."""


def open_live_images(path: Path) -> Iterator[NamedImage]:
    """Return an iterator without end over images of `SIZE` and their names.

    Args:
        path: folder of images, or a camera of Video4Linux such as /dev/video0.

    Raises:
        FileNotFoundError: there is no such thing, or no image in the folder.
        ValueError: an image cannot be read.
        RuntimeError: the camera gives none.
    """
    if path.is_char_device():
        return _camera(path)
    found = sorted(p for p in path.glob("*") if p.suffix.lower() in _SUFFIXES)
    if not found:
        raise FileNotFoundError(
            f"{path} is neither a camera nor a folder with images ({', '.join(sorted(_SUFFIXES))}): name one"
        )
    return ((p.name, read_image(p)) for p in cycle(found))


def read_image(path: Path) -> torch.Tensor:
    """Read the middle of an image file, scaled to `SIZE`, as [3, H, W] float in [0, 1].

    Raises:
        ValueError: the file cannot be read.
    """
    height, width = SIZE
    try:
        with Image.open(path) as file:
            original = file.convert("RGB")
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path} cannot be read as an image: {error}") from None
    scale = max(width / original.width, height / original.height)
    box_width, box_height = width / scale, height / scale
    left, top = (original.width - box_width) / 2, (original.height - box_height) / 2
    box = (left, top, left + box_width, top + box_height)
    return to_image(np.array(original.resize((width, height), Image.Resampling.BICUBIC, box=box)))


def _camera(device: Path) -> Iterator[NamedImage]:
    """Yield the latest image of a camera each time, read by ffmpeg."""
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
            while len(raw := process.stdout.read(_IMAGE_BYTES)) == _IMAGE_BYTES:
                latest[:] = [raw]
                arrived.set()
            latest.clear()
            arrived.set()

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        try:
            while arrived.wait(_CAMERA_SECONDS) and (newest := latest[:]):
                arrived.clear()
                pixels = np.frombuffer(newest[0], dtype=np.uint8).reshape(height, width, 3)
                yield device.name, to_image(pixels.copy())
            raise RuntimeError(f"the camera {device} gives no image{last_words(errors)}.")
        finally:
            process.kill()
            thread.join()
            process.communicate()
