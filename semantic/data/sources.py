"""Image sets by the name of their source."""

from pathlib import Path

from taskwave.semantic.data.base import DEFAULT_SIZE, ImageSet, Size
from taskwave.semantic.data.photographs import CamVid, Carla, LabelMeFacade
from taskwave.semantic.data.streets import StreetScenes

SOURCES = ("streets", "camvid", "labelmefacade", "carla")


def open_images(source: str, split: str, folder: Path | None = None, size: Size = DEFAULT_SIZE) -> ImageSet:
    """Open one split of an image set.

    Args:
        source: one of `SOURCES`. "streets" are the street scenes that the project draws itself; they need no files, and
            their splits train, val and test hold 2000, 200 and 200 of them.
        split: "train", "val" or "test", as far as the source has it.
        folder: folder that holds the files; by default $TASKWAVE_DATA/<set>, else ../shared/data/<set> beside the
            checkout. Must be left out for "streets".
        size: height and width of the images in pixels, each at least 16.

    Raises:
        ValueError: unknown source or split, bad size, or a folder for street scenes.
        FileNotFoundError: the files do not exist.
    """
    match source:
        case "streets":
            if folder is not None:
                raise ValueError(f"folder {folder}: street scenes are drawn, not read; leave the folder out")
            return StreetScenes(split, size=size)
        case "camvid":
            return CamVid(split, folder, size)
        case "labelmefacade":
            return LabelMeFacade(split, folder, size)
        case "carla":
            return Carla(split, folder, size)
    raise ValueError(f"image source {source!r}: allowed are {', '.join(SOURCES)}")
