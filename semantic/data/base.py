"""Definition of an image set: splits, sizes, named images with their label maps, and checks of what is asked for."""

from dataclasses import dataclass
from typing import Literal, Protocol, get_args

import torch

from taskwave.semantic.data.objects import Objects

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

Size = tuple[int, int]
"""Height and width of an image in pixels."""

DEFAULT_SIZE: Size = (192, 256)


@dataclass(frozen=True)
class Sample:
    """Holds a named image and its label map, both H x W."""

    name: str
    image: torch.Tensor
    """RGB image [3, H, W], uint8."""
    label: torch.Tensor
    """Label map [H, W], uint8: a class id of `taskwave.semantic.classes` or `IGNORE` for every pixel."""
    group: str = ""
    """Name of the drive, clip or series that the image is from, whose images are alike; by default its own name."""
    objects: Objects | None = None
    """Objects that were annotated; None where nobody looked for any."""
    category: str | None = None
    """Class of the whole image; None where it is not known."""

    def __post_init__(self) -> None:
        if not self.group:
            object.__setattr__(self, "group", self.name)


class ImageSet(Protocol):
    """Describes an indexable set of samples."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the samples; `names[i]` is the name of sample i."""

    def __len__(self) -> int: ...

    def size(self, index: int) -> Size:
        """Return height and width of sample `index` without drawing or decoding it."""
        ...

    def __getitem__(self, index: int) -> Sample: ...


def check_size(size: Size) -> None:
    """Raise ValueError unless `size` is (height, width), each of at least 16 pixels."""
    if len(size) != 2 or any(not isinstance(n, int) or n < 16 for n in size):
        raise ValueError(f"size is {size}; allowed: (height, width) in whole pixels, each at least 16")


def check_split(split: str, allowed: tuple[str, ...], source: str) -> None:
    """Raise ValueError unless `source` has this split."""
    if split not in allowed:
        raise ValueError(f"split {split!r} of {source}: allowed are {', '.join(allowed)}")


def check_index(index: int, count: int) -> None:
    """Raise IndexError unless 0 <= index < count (negative indices are not wrapped)."""
    if not 0 <= index < count:
        raise IndexError(f"image {index}: allowed are 0 to {count - 1}")
