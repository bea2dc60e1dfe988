"""What every image source hands out: a named image with its label map."""

from dataclasses import dataclass
from typing import Literal, Protocol, get_args

import torch

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

Size = tuple[int, int]
"""(height, width) in pixels."""

DEFAULT_SIZE: Size = (192, 256)


@dataclass(frozen=True)
class Sample:
    """One image and its label map, both H x W."""

    name: str
    image: torch.Tensor
    """[3, H, W] uint8, RGB."""
    label: torch.Tensor
    """[H, W] uint8, a class id of `taskwave.semantic.classes` or `IGNORE`."""


class ImageSet(Protocol):
    """An indexable set of samples; `names[i]` is the name of sample i."""

    @property
    def names(self) -> tuple[str, ...]: ...

    def __len__(self) -> int: ...

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
