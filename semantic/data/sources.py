"""Image sets by the name of their source."""

from collections.abc import Sequence
from pathlib import Path

from taskwave.semantic.data.annotated import Annotated, Carla, Gtsdb, RoadSigns
from taskwave.semantic.data.base import DEFAULT_SIZE, ImageSet, Size
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
    "folder": "",
}
"""What the images of each source have annotated: `label` (maps of class ids), `objects` (boxes), or nothing."""
SOURCES = tuple(ANNOTATED)


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
            that each image has. Images with boxes keep theirs.

    Raises:
        ValueError: unknown source or split, bad size, a folder for street scenes, or none for "folder".
        FileNotFoundError: the files do not exist.
    """
    if source == "folder":
        if folder is None:
            raise ValueError("the source 'folder' needs the folder of the images: name it")
        return ImageFolder(folder, size)
    if ANNOTATED.get(source) == "objects":
        if size is not None:
            raise ValueError(f"size {size}: images of {source} keep the size that they have; leave it out")
        if source == "boxes":
            if folder is None:
                raise ValueError("the source 'boxes' needs the folder of images, lists and boxes.csv: name it")
            return Annotated(split, folder)
        return {"gtsdb": Gtsdb, "roadsigns": RoadSigns, "carla": Carla}[source](split, folder)
    size = DEFAULT_SIZE if size is None else size
    match source:
        case "streets":
            if folder is not None:
                raise ValueError(f"folder {folder}: street scenes are drawn, not read; leave the folder out")
            return StreetScenes(split, size=size)
        case "camvid":
            return CamVid(split, folder, size)
        case "labelmefacade":
            return LabelMeFacade(split, folder, size)
    raise ValueError(f"image source {source!r}: allowed are {', '.join(SOURCES)}")


def check_batches(images: ImageSet, indices: Sequence[int], batch: int) -> None:
    """Check that the images of every batch have one size, which is at least 16 pixels each way.

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
            if (height, width) != sizes[first]:
                raise ValueError(
                    f"images {images.names[first]!r} ({sizes[first][1]}x{sizes[first][0]}) and "
                    f"{images.names[index]!r} ({width}x{height}) differ in size, but images of one batch go through a "
                    "link together: use images.batch=1, or a folder of images of one size"
                )
