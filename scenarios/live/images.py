"""Images for the live link: those of a folder over and over, or always the latest one of a camera."""

import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from taskwave.links.bitwise.source import to_image
from taskwave.phy.gnuradio.client import last_words
from taskwave.semantic.data import files

SIZE = (192, 256)
"""Height and width of the images on the air."""
_IMAGE_BYTES = 3 * SIZE[0] * SIZE[1]
_CAMERA_SECONDS = 15.0
"""Longest time until the first image of a camera, and from one image to the next [s]."""

NamedImage = tuple[str, torch.Tensor]
"""Name of an image and the image [3, H, W] float in [0, 1]."""


def open_live_images(path: Path, note: Callable[[str], None]) -> Iterator[NamedImage]:
    """Return an iterator without end over images of `SIZE` and their names.

    Args:
        path: folder of images, or a camera of Video4Linux such as /dev/video0.
        note: function that shows the user a line; an image that cannot be read is named once and left out.

    Raises:
        FileNotFoundError: there is no such thing, or no image in the folder.
        ValueError: no image of the folder can be read.
        RuntimeError: the camera gives none.
    """
    if path.is_char_device():
        return _camera(path)
    found = sorted(p for p in path.glob("*") if p.suffix.lower() in files.SUFFIXES)
    if not found:
        raise FileNotFoundError(
            f"{path} is neither a camera nor a folder with images ({', '.join(files.SUFFIXES)}): name one"
        )
    return _folder(path, found, note)


def _folder(folder: Path, paths: Sequence[Path], note: Callable[[str], None]) -> Iterator[NamedImage]:
    """Yield the images at `paths` over and over, those left out that cannot be read."""
    named: set[Path] = set()
    while True:
        faults = []
        for path in paths:
            try:
                image = read_image(path)
            except ValueError as error:
                faults.append(error)
                if path not in named:
                    named.add(path)
                    note(f"left out: {error}")
                continue
            yield path.name, image
        if len(faults) == len(paths):
            raise ValueError(f"no image of {folder} can be read; the first: {faults[0]}")


def read_image(path: Path) -> torch.Tensor:
    """Read the middle of an image file, scaled to `SIZE` and turned by its orientation tag, [3, H, W] in [0, 1].

    Raises:
        ValueError: the file cannot be read.
    """
    try:
        original = files.read_image(path)
    except (OSError, ValueError) as error:
        reason = str(error).removeprefix(f"{path}: ")
        raise ValueError(f"{path} cannot be read as an image: {reason}") from None
    return files.fit(path.name, original, None, SIZE).image.float() / 255


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
