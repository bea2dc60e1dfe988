"""Boxes around the places where a relevance is high, finer than its tokens."""

import numpy as np
import numpy.typing as npt
import torch
from scipy.ndimage import binary_dilation, label

from taskwave.semantic.codec.latents import TOKEN
from taskwave.semantic.codec.placement import Box

FOUND = 0.4
"""Relevance below which no token belongs to a box, whatever the largest is."""
RELEVANT = 0.7
"""Relevance, as a share of the largest in the image, from which a token belongs to a box; chosen on `val`, as the
locator has learnt the boxes of `train`."""
DIVIDED = 0.75
"""Share of the rectangle around a part that two rectangles must stay below, for them to be two things."""

Grid = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


def boxes_of(relevance: torch.Tensor) -> list[Box]:
    """Return boxes around the relevant parts of a relevance [h, w] (tokens of 8 pixels), the weightiest first.

    The relevance of a token is about the share of it that is covered, so that the sum along a side is its length.
    """
    values = relevance.numpy()
    seen = values >= max(FOUND, RELEVANT * float(values.max()))
    parts, number = label(seen, structure=[[1] * 3] * 3)
    found: list[tuple[float, Box]] = []
    for index in range(1, number + 1):
        for part in _divided(parts == index):
            # Half-covered tokens at the edge are below the threshold, but count for the length.
            mine = values * binary_dilation(part) * (part | ~seen)
            found.append((float(mine.sum()), _box(mine)))
    found.sort(key=lambda each: -each[0])
    return [box for _, box in found]


def _box(values: Grid) -> Box:
    """Return the box of covered shares [h, w] of tokens."""
    edges = []
    for axis in (0, 1):
        profile = values.max(axis) / values.max()
        places = (np.arange(len(profile)) + 0.5) * TOKEN
        middle, length = float((profile * places).sum() / profile.sum()), TOKEN * float(profile.sum())
        edges.append((middle - length / 2, middle + length / 2))
    (left, right), (upper, lower) = edges
    return left, upper, right, lower


def _divided(part: Mask) -> list[Mask]:
    """Return a part [h, w] of an image, cut in two, and these again, where that leaves less of their rectangles."""
    rows, columns = (np.flatnonzero(part.any(axis)) for axis in (1, 0))
    area = (rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1)
    best, halves = DIVIDED * area, list[Mask]()
    for axis, places in ((0, rows), (1, columns)):
        for place in places[1:]:
            before = np.zeros_like(part)
            before[(slice(place), slice(None)) if axis == 0 else (slice(None), slice(place))] = True
            first, second = part & before, part & ~before
            if first.any() and second.any() and (covers := _area(first) + _area(second)) < best:
                best, halves = covers, [first, second]
    return [each for half in halves for each in _divided(half)] if halves else [part]


def _area(part: Mask) -> int:
    """Count the tokens of the rectangle around a part [h, w]."""
    rows, columns = (np.flatnonzero(part.any(axis)) for axis in (1, 0))
    return int((rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1))
