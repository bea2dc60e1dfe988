"""Reading of images and label maps from files: upright, whole, and each error with its remedy."""

import warnings
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.ExifTags import Base

from taskwave.semantic.classes import IGNORE
from taskwave.semantic.data.base import Sample, Size

SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif", ".avif"),
    *(".jp2", ".ppm", ".pgm", ".pbm", ".pnm"),
)
"""Extensions of image files that are read, in lower case."""
LABEL_SUFFIXES = (".png", ".bmp", ".tif", ".tiff", ".gif")
"""Extensions of label maps, whose formats lose nothing, in lower case."""

_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "DIB", "TIFF", "GIF", "AVIF", "JPEG2000", "PPM")
_MAX_PIXELS = 2**27
"""Largest number of pixels of an image: 402 MB in memory."""
_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "YCbCr")
"""Pixel formats of Pillow that are 8-bit RGB, exactly or as JPEG decodes it, where no pixel is transparent."""
_ALLOWED = "allowed: 8-bit grey, palette or RGB without transparency; convert the file"

Bytes = NDArray[np.uint8]


def _fault(image: Image.Image) -> str:
    """Say what is wrong with an image that is open but not decoded, and the remedy; an empty text if nothing is."""
    if image.width * image.height > _MAX_PIXELS:
        return f"image of {image.width}x{image.height} pixels; allowed: {_MAX_PIXELS} pixels in all; scale it down"
    frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)  # A camera's MPO has previews behind it.
    if frames != 1:
        return f"holds {frames} images (animated, or several pages); allowed: one; save the wanted one by itself"
    return ""


def _turned(image: Image.Image) -> bool:
    """Return whether the orientation tag of an image swaps its width and height, which Pillow does itself for TIFF."""
    return image.format != "TIFF" and image.getexif().get(Base.Orientation) in (5, 6, 7, 8)


def _exists(path: Path) -> bool:
    """Return whether there is a file; `OSError` where that cannot be found out."""
    try:
        return path.is_file()
    except OSError as error:
        raise OSError(f"{path}: cannot be read ({error.strerror}); allow reading its folder") from error


def _read(path: Path, *, decode: bool) -> tuple[Image.Image, Size]:
    """Open an image file and return it with its height and width as its orientation tag turns it.

    Args:
        path: image file.
        decode: whether to decode the whole file, so that a truncated one is found, and to turn it by the tag.
    """
    if not _exists(path):
        raise FileNotFoundError(f"{path}: no such file; restore it or name another")
    Image.init()
    known = [name for name in _FORMATS if name in Image.OPEN]
    try:
        # Pillow warns of damaged tags and of large images, which are refused below.
        with warnings.catch_warnings(), path.open("rb") as file:
            warnings.simplefilter("ignore")
            image: Image.Image = Image.open(file, formats=known)
            fault = _fault(image)
            size = (image.width, image.height) if not fault and _turned(image) else (image.height, image.width)
            if decode and not fault:
                image.load()
                image = ImageOps.exif_transpose(image)
    except PermissionError as error:
        raise OSError(f"{path}: may not be read; allow reading it") from error
    except Image.DecompressionBombError as error:
        raise ValueError(f"{path}: {error}; allowed: {_MAX_PIXELS} pixels in all; scale it down") from error
    except UnidentifiedImageError as error:
        raise OSError(
            f"{path}: not a readable image (none of {', '.join(known)}); restore the file from its source or convert it"
        ) from error
    except Exception as error:  # Pillow raises exceptions of many kinds for damaged files.
        raise OSError(
            f"{path}: not a readable image ({error or type(error).__name__}); restore the file from its source"
        ) from error
    if fault:
        raise ValueError(f"{path}: {fault}")
    return image, size


def image_size(path: Path) -> Size:
    """Return height and width of an image, turned by its orientation tag, without decoding it.

    Raises:
        FileNotFoundError: the file is missing.
        OSError: the beginning of the file is damaged.
        ValueError: the image is too large, or not the only one of the file.
    """
    return _read(path, decode=False)[1]


def to_rgb(image: Image.Image, name: str) -> Image.Image:
    """Return an upright image as RGB, if that is exact.

    Args:
        image: decoded image.
        name: name of the image for the error.

    Raises:
        ValueError: a pixel is transparent, or the pixel format is another (16 bit, CMYK, Lab, …).
    """
    mode = image.mode
    if mode not in _MODES:
        raise ValueError(f"{name}: pixel format {mode}; {_ALLOWED}")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if image.getchannel("A").getextrema() != (255, 255):
            raise ValueError(f"{name}: pixel format {mode} with transparent pixels; {_ALLOWED}")
    return image.convert("RGB")


def read_image(path: Path) -> Image.Image:
    """Read an image as RGB, turned by its orientation tag.

    Raises:
        FileNotFoundError: the file is missing.
        OSError: the file is corrupt or truncated.
        ValueError: the image is too large, not the only one of the file, or none that `to_rgb` takes.
    """
    return to_rgb(_read(path, decode=True)[0], str(path))


def read_label(path: Path, ids: dict[int, int], image_size: tuple[int, int]) -> Image.Image:
    """Read an 8-bit single-channel map of ids and translate it to class ids; it is turned by its own tag, if any.

    Args:
        path: file of the label map.
        ids: class id, or `IGNORE`, of every id that the file may hold.
        image_size: width and height in pixels of the image that the label map belongs to.

    Raises:
        FileNotFoundError: the file is missing.
        OSError: the file is corrupt.
        ValueError: the file is not a map of ids, has another size, or holds an id that `ids` does not know.
    """
    if not _exists(path):
        raise FileNotFoundError(
            f"{path} (or {', '.join(LABEL_SUFFIXES[1:])}): the label map is missing; restore it or take the image off "
            "the split's list"
        )
    label, _ = _read(path, decode=True)
    if label.mode not in ("L", "P"):
        raise ValueError(f"{path}: pixel format {label.mode}; allowed: an 8-bit single-channel PNG of class ids")
    if label.size != image_size:
        raise ValueError(
            f"{path}: label map of {label.size[0]}x{label.size[1]} for an image of {image_size[0]}x{image_size[1]} "
            "(width x height, both as their orientation tags turn them); the two must be equal: restore the label map "
            "or make it again without resizing"
        )
    values = np.asarray(label)
    known = np.zeros(256, bool)
    table = np.full(256, IGNORE, np.uint8)
    for value, class_id in ids.items():
        known[value], table[value] = True, class_id
    present = np.unique(values)
    if not known[present].all():
        wrong = [int(v) for v in present if not known[v]]
        raise ValueError(
            f"{path}: illegal class id {', '.join(map(str, wrong))}; allowed: {', '.join(map(str, sorted(ids)))}; "
            "map the file's ids or colours to these first"
        )
    return Image.fromarray(table[values])


def fit(name: str, image: Image.Image, label: Image.Image | None, size: Size) -> Sample:
    """Cut the largest centred part of the wanted aspect ratio and resize it to `size` (H, W).

    The image is resized with an area-aware Lanczos filter, the label map by nearest neighbour, both from the same box,
    so that they stay aligned. Without a label map, every pixel of it becomes `IGNORE`.
    """
    height, width = size
    scale = min(image.width / width, image.height / height)
    left = (image.width - scale * width) / 2
    top = (image.height - scale * height) / 2
    box = (left, top, left + scale * width, top + scale * height)
    pixels: Bytes = np.array(image.resize((width, height), Image.Resampling.LANCZOS, box=box))
    if label is None:
        ids: Bytes = np.full(size, IGNORE, np.uint8)
    else:
        ids = np.array(label.resize((width, height), Image.Resampling.NEAREST, box=box))
    return Sample(name, torch.from_numpy(pixels).permute(2, 0, 1).contiguous(), torch.from_numpy(ids))


def as_it_is(name: str, image: Image.Image) -> Sample:
    """Return an RGB image in its own size as a sample, every pixel of whose label map is `IGNORE`."""
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()
    return Sample(name, pixels, torch.full(pixels.shape[1:], IGNORE, dtype=torch.uint8))
