"""Reading of image sets from files: folder, lists of names, images and label maps, each error with its remedy."""

import os
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from taskwave.semantic.classes import IGNORE
from taskwave.semantic.data.base import Sample, Size

_BESIDE_CHECKOUT = Path(__file__).resolve().parents[3] / "shared" / "data"
"""Folder of data sets beside the checkout."""

Bytes = NDArray[np.uint8]


def find_folder(name: str, folder: Path | None, remedy: str = "") -> Path:
    """Return the folder of data set `name`.

    Args:
        name: name of the data set, which is also the name of its folder.
        folder: the folder itself, where the user gave one. Else it is $TASKWAVE_DATA/name where that variable is set,
            else ../shared/data/name beside the checkout.
        remedy: end of the error message, for what else helps.

    Raises:
        FileNotFoundError: the folder does not exist; the message names it and how to give another.
    """
    if folder is not None:
        chosen, origin = folder, "the folder given"
    elif os.environ.get("TASKWAVE_DATA"):
        chosen, origin = Path(os.environ["TASKWAVE_DATA"]) / name, "from the environment variable TASKWAVE_DATA"
    elif _BESIDE_CHECKOUT.is_dir():
        chosen, origin = _BESIDE_CHECKOUT / name, "the default beside the checkout"
    else:
        raise FileNotFoundError(
            f"no folder of {name} images was named: name the folder that holds them, or set TASKWAVE_DATA to the "
            f"folder that holds {name}/{remedy}"
        )
    if not chosen.is_dir():
        raise FileNotFoundError(
            f"{chosen}: no such folder ({origin} for {name} images); name the folder that holds them"
            f", or set TASKWAVE_DATA to the folder that holds {name}/{remedy}"
        )
    return chosen


def read_list(path: Path) -> tuple[str, ...]:
    """Return the base names on a split's list: one image a line, its first word a name or path, extension optional.

    Raises:
        FileNotFoundError: the list is missing.
        ValueError: the list is not UTF-8 text or names no image.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: the split's list is missing; restore it from the data set's source")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not a UTF-8 text file ({error}); restore it from the data set's source") from error
    words = [line.split()[0].rsplit("/", 1)[-1] for line in lines if line.strip()]
    names = tuple(word.removesuffix(".png").removesuffix(".jpg").removesuffix(".webp") for word in words)
    if not names:
        raise ValueError(f"{path}: names no image; restore it from the data set's source")
    return names


def _decode(path: Path) -> Image.Image:
    """Decode the whole file, so that a truncated one is found here and not later."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; restore it or take its name off the split's list")
    try:
        with path.open("rb") as file:
            image = Image.open(file)
            image.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise OSError(f"{path}: not a readable image ({error}); restore the file from its source") from error
    return image


def read_image(path: Path) -> Image.Image:
    """Read an 8-bit colour or grey image as RGB.

    Raises:
        FileNotFoundError: the file is missing.
        OSError: the file is corrupt or truncated.
        ValueError: the image has another pixel format (alpha, 16 bit, CMYK, ...).
    """
    image = _decode(path)
    if image.mode not in ("RGB", "L"):
        raise ValueError(f"{path}: pixel format {image.mode}; allowed: 8-bit RGB or grey; convert the file")
    return image.convert("RGB")


def read_label(path: Path, ids: dict[int, int], image_size: tuple[int, int]) -> Image.Image:
    """Read an 8-bit single-channel map of ids and translate it to class ids.

    Args:
        path: file of the label map.
        ids: class id, or `IGNORE`, of every id that the file may hold.
        image_size: width and height in pixels of the image that the label map belongs to.

    Raises:
        FileNotFoundError: the file is missing.
        OSError: the file is corrupt.
        ValueError: the file is not a map of ids, has another size, or holds an id that `ids` does not know.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: the label map is missing; restore it or take the image off the split's list")
    label = _decode(path)
    if label.mode not in ("L", "P"):
        raise ValueError(f"{path}: pixel format {label.mode}; allowed: an 8-bit single-channel PNG of class ids")
    if label.size != image_size:
        raise ValueError(
            f"{path}: label map of {label.size[0]}x{label.size[1]} for an image of {image_size[0]}x{image_size[1]} "
            "(width x height); the two must be equal: restore the label map or make it again without resizing"
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
