"""Image sets by the name of their source."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from taskwave.semantic.data.annotated import Annotated, Carla, Gtsdb, RoadSigns
from taskwave.semantic.data.base import DEFAULT_SIZE, ImageSet, Size
from taskwave.semantic.data.categories import Cifar10
from taskwave.semantic.data.photographs import CamVid, LabelMeFacade
from taskwave.semantic.data.streets import StreetScenes
from taskwave.semantic.data.unlabelled import ImageFolder

ANNOTATED = {
    "streets": "label",
    "camvid": "label",
    "labelmefacade": "label",
    "gtsdb": "objects",
    "roadsigns": "objects",
    "carla": "objects",
    "boxes": "objects",
    "cifar10": "category",
    "folder": "",
}
"""What the images of each source have annotated: `label` (maps of class ids), `objects` (boxes), `category` (the class
of the whole image), or nothing. "streets" have both maps and boxes; `label` makes "where are the cars?" ask for a map.
"""
SOURCES = tuple(ANNOTATED)
_KEPT: dict[str, Callable[[str, Path | None], ImageSet]] = {
    "gtsdb": Gtsdb,
    "roadsigns": RoadSigns,
    "carla": Carla,
    "boxes": Annotated,
    "cifar10": Cifar10,
}
"""Sources whose images keep the size that they have."""
_SCALED: dict[str, Callable[[str, Path | None, Size], ImageSet]] = {"camvid": CamVid, "labelmefacade": LabelMeFacade}
"""Sources of photographs that are cut and resized."""
_OWN = {"folder": "the images", "boxes": "images, lists and boxes.csv"}
"""Sources that are a folder of the user, and what it holds."""
SIZED = tuple(source for source in SOURCES if source not in _KEPT)
"""Sources whose images can be had in a size asked for."""
_LARGEST = 8192
"""Largest height and width that can be asked for."""
MOST_PIXELS = 2**22
"""Largest number of pixels of an image that goes through links: a codec tries many rungs on it in a minute and 4 GB."""


def parse_size(text: str) -> Size:
    """Return height and width of a size as a person writes it, WIDTHxHEIGHT in pixels, such as "480x352".

    Raises:
        ValueError: it is written in another way, or a side is not of 16 to 8192 pixels.
    """
    found = re.fullmatch(r"([0-9]{1,6})x([0-9]{1,6})", text)
    if found is None or not all(16 <= int(side) <= _LARGEST for side in found.groups()):
        raise ValueError(
            f'{text!r} is no size; allowed: WIDTHxHEIGHT in pixels, each from 16 to {_LARGEST}, such as "480x352"'
        )
    return int(found[2]), int(found[1])


def open_images(source: str, split: str, folder: Path | None = None, size: Size | None = None) -> ImageSet:
    """Open one split of an image set.

    Args:
        source: one of `SOURCES`. "streets" are the street scenes that the project draws itself; they need no files, and
            their splits train, val and test hold 2000, 200 and 200 of them. "boxes" is a folder in the layout of
            `Annotated`, "folder" are images without annotations.
        split: "train", "val" or "test", as far as the source has it; "folder" has none and takes any.
        folder: folder that holds the files; by default $TASKWAVE_DATA/<set>, else ../shared/data/<set> beside the
            checkout. Must be left out for "streets" and given for "folder".
        size: height and width of the images in pixels, each at least 16. None: `DEFAULT_SIZE`, or for "folder" the size
            that each image has. Only for `SIZED`; the images of other sources keep theirs.

    Raises:
        ValueError: unknown source or split, bad size, a folder for street scenes, or none for "folder".
        FileNotFoundError: the files do not exist.
    """
    if source not in SOURCES:
        raise ValueError(f"image source {source!r}: allowed are {', '.join(SOURCES)}")
    if source in _KEPT and size is not None:
        raise ValueError(f"size {size}: images of {source} keep the size that they have; leave it out")
    if source == "streets" and folder is not None:
        raise ValueError(f"folder {folder}: street scenes are drawn, not read; leave the folder out")
    if source in _OWN and folder is None:
        raise ValueError(f"the source {source!r} needs the folder of {_OWN[source]}: name it")
    if source in _KEPT:
        return _KEPT[source](split, folder)
    if source == "folder":
        assert folder is not None
        return ImageFolder(folder, size)
    size = DEFAULT_SIZE if size is None else size
    return StreetScenes(split, size=size) if source == "streets" else _SCALED[source](split, folder, size)


def check_batches(images: ImageSet, indices: Sequence[int], batch: int) -> None:
    """Check that the images of every batch have one size, which is at least 16 pixels each way and not too large.

    Args:
        images: image set.
        indices: indices of the images in use.
        batch: number of images of a batch; the last one may have fewer.

    Raises:
        ValueError: they have not; the message names the images.
        OSError: an image is damaged.
    """
    for start in range(0, len(indices), batch):
        sizes = {index: images.size(index) for index in indices[start : start + batch]}
        first = next(iter(sizes))
        for index, (height, width) in sizes.items():
            if min(height, width) < 16:
                raise ValueError(f"image {images.names[index]!r} is {width}x{height}; allowed: at least 16x16 pixels")
            if height * width > MOST_PIXELS:
                raise ValueError(
                    f"image {images.names[index]!r} is {width}x{height}; allowed: at most {MOST_PIXELS} pixels in "
                    "all, since links take minutes and gigabytes for more; scale it down, or give images.size"
                )
            if (height, width) != sizes[first]:
                raise ValueError(
                    f"images {images.names[first]!r} ({sizes[first][1]}x{sizes[first][0]}) and "
                    f"{images.names[index]!r} ({width}x{height}) differ in size, but images of one batch go through a "
                    "link together: use images.batch=1, or a folder of images of one size"
                )
