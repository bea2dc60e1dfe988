"""What can be seen of the objects in a scene: which are worth drawing, and the true annotations of what was drawn."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np
from scipy.ndimage import find_objects

from taskwave.semantic.data.objects import Corners, Objects
from taskwave.semantic.data.streets.canvas import Camera, Canvas

VISIBLE = 0.4
"""Share of an object that must be seen for it to be annotated."""
_PLAIN = 0.55
"""Share of its outline from which an object is left in the scene."""
_LEGIBLE = 0.9
"""Share of an object that must be seen for what is written on it to be known."""
_SPECK = (60.0, 4.0)
"""Least area and side of the box of what is seen, in pixels of the image, for an object to be annotated."""
_SMALLEST = (110.0, 6.0)
"""The same of the outline of an object for it to be in the scene at all: larger, so that what is there is annotated."""
_CELL = 8
"""Pixels of the canvas to a cell of the grid on which outlines hide each other."""


class Outlined(Protocol):
    """Describes an item with an outline."""

    @property
    def z(self) -> float:
        """Depth in metres."""

    def edges(self, camera: Camera) -> tuple[float, float, float, float]:
        """Return the left, upper, right and lower edge of the item on the canvas, as if nothing hid it."""


Item = TypeVar("Item", bound=Outlined)


def _is_large(width: float, height: float, least: tuple[float, float]) -> bool:
    """Return whether a box has the least area and side."""
    return width * height >= least[0] and min(width, height) >= least[1]


def plain(items: Sequence[Item], others: Sequence[Outlined], camera: Camera) -> list[Item]:
    """Return the items that are large enough to be told and not mostly hidden by nearer ones or the image's edge.

    Questions such as how many people there are would have no certain answer if the rest were in the scene, too. What
    hides an item, another one or one of `others`, is taken for a box.
    """
    grid = np.zeros((-(-camera.rows // _CELL), -(-camera.cols // _CELL)), np.int32)
    every: list[Outlined] = [*items, *others]
    boxes = [np.asarray(item.edges(camera)) / _CELL for item in every]
    cells = [(round(left), round(upper), round(right), round(lower)) for left, upper, right, lower in boxes]
    for i in sorted(range(len(cells)), key=lambda i: -every[i].z):
        left, upper, right, lower = (max(edge, 0) for edge in cells[i])
        grid[upper : max(lower, upper + 1), left : max(right, left + 1)] = i + 1
    seen = np.bincount(grid.ravel(), minlength=len(cells) + 1)[1:].tolist()
    kept = []
    for i, item in enumerate(items):
        left, upper, right, lower = cells[i]
        width, height = (boxes[i][2:] - boxes[i][:2]) * (_CELL / 2)
        if seen[i] >= _PLAIN * max((right - left) * (lower - upper), 1) and _is_large(width, height, _SMALLEST):
            kept.append(item)
    return kept


def annotate(canvas: Canvas) -> Objects:
    """Return the things on a canvas of twice the image's size, as far as they can be seen in the image.

    A thing is left out where less than `VISIBLE` of it is seen or its box is too small. Its box holds what is seen of
    it, in pixels of the image; its text is empty where a part of it is hidden or outside the image.
    """
    numbers = canvas.codes >> 4
    seen = np.bincount(numbers.ravel(), minlength=len(canvas.things))
    slices = find_objects(numbers, max_label=len(canvas.things) - 1)
    height, width = numbers.shape
    rows: list[tuple[Corners, str, str]] = []
    for number, thing in enumerate(canvas.things[1:], 1):
        family = [number, *(k for k, other in enumerate(canvas.things) if other.on == number and k)]
        found = [slices[k - 1] for k in family if slices[k - 1] is not None]
        shown = float(seen[family].sum()) / max(sum(canvas.drawn[k] for k in family), 1)
        if not found or shown < VISIBLE:
            continue
        x0, x1 = min(f[1].start for f in found), max(f[1].stop for f in found)
        y0, y1 = min(f[0].start for f in found), max(f[0].stop for f in found)
        if not _is_large((x1 - x0) / 2, (y1 - y0) / 2, _SPECK):
            continue
        whole = shown >= _LEGIBLE and x0 > 0 and y0 > 0 and x1 < width and y1 < height
        rows.append(((x0 / 2, y0 / 2, x1 / 2, y1 / 2), thing.name, thing.text if whole else ""))
    return Objects.of(rows)
