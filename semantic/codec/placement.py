"""Windows of an image: where they lie, how they are cut out, and how they are put back."""

import math
from dataclasses import dataclass

import torch
from torch.nn import functional

from taskwave.semantic.codec.windows import SIDE

STEP = 4
"""Pixels to which places and sizes of windows are rounded."""
SIDES = (4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 36, 48, 64, 84)
"""Sides that a window around an object may have, in steps of 4 pixels: four bits of a header."""
MARGIN = 0.03
"""Share of its longer side that a window shows beyond an object on every side."""
SQUARE = 1.6
"""Ratio of the sides of a box from which it takes several windows."""
FEATHER = 2
"""Pixels at the edge of a window over which it fades into what is around it."""

Box = tuple[float, float, float, float]
"""Left, upper, right and lower edge in pixels."""


@dataclass(frozen=True)
class Window:
    """Holds a rectangle of an image in steps of 4 pixels; it may reach out on the right and below."""

    upper: int
    left: int
    height: int
    width: int

    def _pixels(self) -> tuple[int, int, int, int]:
        return self.upper * STEP, self.left * STEP, self.height * STEP, self.width * STEP

    def holds(self, points: torch.Tensor) -> torch.Tensor:
        """Return which points [N, 2] (x, y) in pixels lie in it, [N] bool."""
        top, left, tall, wide = self._pixels()
        start, end = torch.tensor([left, top]), torch.tensor([left + wide, top + tall])
        return ((points >= start) & (points < end)).all(1)

    def cut(self, images: torch.Tensor) -> torch.Tensor:
        """Cut the window out of images [B, 3, H, W], at [B, 3, 32, 32]; where it reaches out, edges continue."""
        (bottom, right), (top, left, tall, wide) = images.shape[-2:], self._pixels()
        rows, columns = torch.arange(top, top + tall).clamp(max=bottom - 1), torch.arange(left, left + wide)
        part = images[..., rows, :][..., columns.clamp(max=right - 1)]
        return functional.interpolate(part, (SIDE, SIDE), mode="bilinear", antialias=True, align_corners=False)

    def paste(self, images: torch.Tensor, windows: torch.Tensor) -> torch.Tensor:
        """Return images [B, 3, H, W] with decoded windows [B, 3, 32, 32] in place, faded in at inner edges."""
        (bottom, right), (top, left, tall, wide) = images.shape[-2:], self._pixels()
        shown = functional.interpolate(windows, (tall, wide), mode="bicubic", align_corners=False).clamp(0, 1)
        tall, wide = min(tall, bottom - top), min(wide, right - left)
        share = _fade(top, tall, bottom)[:, None] * _fade(left, wide, right)
        result = images.clone()
        there = result[..., top : top + tall, left : left + wide]
        result[..., top : top + tall, left : left + wide] = there + share * (shown[..., :tall, :wide] - there)
        return result


def _fade(start: int, length: int, limit: int) -> torch.Tensor:
    """Return the share of a window in `length` pixels from `start` on, less at ends that have neighbours."""
    at, share = torch.arange(length, dtype=torch.float32) + 0.5, torch.ones(length)
    if start > 0:
        share = torch.minimum(share, at / FEATHER)
    if start + length < limit:
        share = torch.minimum(share, (length - at) / FEATHER)
    return share


def tiles(height: int, width: int, rows: int, columns: int) -> tuple[Window, ...]:
    """Return `rows` x `columns` windows that cover an image of this size, each overlapping the next by a step."""
    tall, wide = (math.ceil(math.ceil(n / STEP) / count) for n, count in ((height, rows), (width, columns)))
    return tuple(
        Window(row * tall, column * wide, tall + (row < rows - 1), wide + (column < columns - 1))
        for row in range(rows)
        for column in range(columns)
        if row * tall * STEP < height and column * wide * STEP < width
    )


def around(box: Box, size: tuple[int, int]) -> tuple[Window, ...]:
    """Return square windows that hold a box with a margin, centred on it as far as the image goes.

    A box that is much longer than it is wide takes several, side by side.

    Args:
        box: the box.
        size: height and width of the image.
    """
    left, upper, right, lower = box
    wide, tall = max(1.0, right - left), max(1.0, lower - upper)
    count = max(1, round(max(wide, tall) / min(wide, tall))) if max(wide, tall) > SQUARE * min(wide, tall) else 1
    along, down = (wide / count, tall) if wide > tall else (wide, tall / count)
    found, middle = [], ((left + right) / 2, (upper + lower) / 2)
    for i in range(count):
        x, y = (left + (i + 0.5) * along, middle[1]) if wide > tall else (middle[0], upper + (i + 0.5) * down)
        found.append(_square(x, y, (1 + 2 * MARGIN) * max(along, down), size))
    return tuple(found)


def _square(x: float, y: float, side: float, size: tuple[int, int]) -> Window:
    """Return the smallest window with a side of `SIDES` that is at least `side` wide, around a place in pixels."""
    length = next((each for each in SIDES if each * STEP >= side), SIDES[-1])

    def start(centre: float, limit: int) -> int:
        last = max(0, math.ceil(limit / STEP) - length)
        return max(0, min(round(centre / STEP - length / 2), last))

    return Window(start(y, size[0]), start(x, size[1]), length, length)
