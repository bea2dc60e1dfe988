"""Image sources by name."""

from pathlib import Path

from taskwave.semantic.data.base import DEFAULT_SIZE, ImageSet, Size
from taskwave.semantic.data.photographs import CamVid, CarlaFrames, LabelMeFacade
from taskwave.semantic.data.streets import StreetScenes

SOURCES = ("streets", "camvid", "labelmefacade", "carla")


def open_images(source: str, split: str, folder: Path | None = None, size: Size = DEFAULT_SIZE) -> ImageSet:
    """Open one split of an image source; `size` is (H, W).

    "streets" are the project's own drawn scenes and need no files: 2000, 200 and 200 of them. For the others, `folder`
    is where the files lie; by default $TASKWAVE_DATA/<set>, else ../shared/data/<set> beside the checkout.

    Raises ValueError (unknown source or split, bad size, folder for streets) or FileNotFoundError (no such files).
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
            return CarlaFrames(split, folder, size)
    raise ValueError(f"image source {source!r}: allowed are {', '.join(SOURCES)}")
