"""Lossless coding of label maps: each pixel is predicted from its causal neighbours, in the manner of JBIG.

A pixel is told as a chain of yes-or-no decisions: is it its left neighbour's label, else the one above, above right,
above left, else which of the others. The context of the first is the left label and which of eight neighbours equal
it (the template of ITU-T T.82 turned into equalities, so that it serves any number of labels); contexts learn as they
go, nothing is sent beside the decisions.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from taskwave.links.answers.binary_coder import BinaryDecoder, BinaryEncoder, Contexts

Labels = NDArray[np.uint8]

_AROUND = ((0, -2), (-1, -2), (-1, -1), (-1, 0), (-1, 1), (-1, 2), (-2, 0), (-2, 1))
"""Neighbours (row, column offset) whose equality with the left pixel forms the first context."""
_OTHERS = ((-1, 0), (-1, 1), (-1, -1))
"""Further candidates, in this order, when the label is not the left one."""
_MARGIN = 2
_PATTERNS = 1 << len(_AROUND)


def _walk(grid: list[list[int]], width: int, num_labels: int, code: Callable[[int, int], int]) -> None:
    """Code `grid` (rows with a margin of two columns on both sides, two rows on top) in place, pixel by pixel."""
    first_other = num_labels * _PATTERNS
    first_rest = first_other + len(_OTHERS) * 16
    for y in range(_MARGIN, len(grid)):
        row, above, above2 = grid[y], grid[y - 1], grid[y - 2]
        for x in range(_MARGIN, width + _MARGIN):
            left, pixel = row[x - 1], row[x]
            north, north_east, north_west = above[x], above[x + 1], above[x - 1]
            pattern = (
                (row[x - 2] == left)
                | (above[x - 2] == left) << 1
                | (north_west == left) << 2
                | (north == left) << 3
                | (north_east == left) << 4
                | (above[x + 2] == left) << 5
                | (above2[x] == left) << 6
                | (above2[x + 1] == left) << 7
            )
            if not code(left * _PATTERNS + pattern, pixel != left):
                row[x] = left
                continue
            tried = [left]
            similar = (north == north_east) | (north == north_west) << 1 | (north == above2[x]) << 2
            for step, candidate in enumerate((north, north_east, north_west)):
                if candidate in tried:
                    continue
                if len(tried) == num_labels - 1 or not code(
                    first_other + step * 16 + similar + 8 * (len(tried) > 1), pixel != candidate
                ):
                    row[x] = candidate
                    break
                tried.append(candidate)
            else:
                row[x] = _rest(pixel, [c for c in range(num_labels) if c not in tried], first_rest, code)


def _rest(pixel: int, labels: list[int], first: int, code: Callable[[int, int], int]) -> int:
    for label in labels[:-1]:
        if not code(first + label, pixel != label):
            return label
    return labels[-1]


def _contexts(num_labels: int) -> Contexts:
    return Contexts(num_labels * _PATTERNS + len(_OTHERS) * 16 + num_labels)


def _blank(height: int, width: int) -> list[list[int]]:
    return [[0] * (width + 2 * _MARGIN) for _ in range(height + _MARGIN)]


def encode_labels(labels: Labels, num_labels: int) -> bytes:
    """Encode [H, W] uint8 labels 0…num_labels-1 to bytes (none for a map of zeros).

    Raises:
        ValueError: a label outside the alphabet.
    """
    if num_labels < 1 or int(labels.max()) >= num_labels:
        raise ValueError(f"label {int(labels.max())} is not in 0…{num_labels - 1}; give the size of the alphabet")
    if num_labels == 1:
        return b""
    height, width = labels.shape
    grid = _blank(height, width)
    for row, values in zip(grid[_MARGIN:], labels.tolist(), strict=True):
        row[_MARGIN:-_MARGIN] = values
    encoder = BinaryEncoder(_contexts(num_labels))
    _walk(grid, width, num_labels, encoder.code)
    return encoder.finish()


def decode_labels(data: bytes, height: int, width: int, num_labels: int) -> Labels:
    """Decode what `encode_labels` made, zero bytes behind `data` allowed, to [height, width] uint8."""
    if num_labels == 1:
        return np.zeros((height, width), np.uint8)
    grid = _blank(height, width)
    _walk(grid, width, num_labels, BinaryDecoder(_contexts(num_labels), data).code)
    return np.array(grid, np.uint8)[_MARGIN:, _MARGIN:-_MARGIN]
