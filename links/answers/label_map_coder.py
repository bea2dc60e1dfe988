"""Lossless coding of label maps: each pixel is predicted from its causal neighbours, in the manner of JBIG.

A pixel is told as a chain of yes-or-no decisions: is it its left neighbour's label, else the one above, above right,
above left, else which of the others. The context of the first is the left label and which of eight neighbours equal
it (the template of ITU-T T.82 turned into equalities, so that it serves any number of labels). Where all eight do, as
almost everywhere, the pixels up to the next border above are told at once, as the length of their run. Contexts learn
as they go, nothing is sent beside the decisions.
"""

import numpy as np
from numpy.typing import NDArray

from taskwave.links.answers.binary_coder import BinaryDecoder, BinaryEncoder, Code, Contexts

Labels = NDArray[np.uint8]

_AROUND = ((0, -2), (-1, -2), (-1, -1), (-1, 0), (-1, 1), (-1, 2), (-2, 0), (-2, 1))
"""Neighbours (row, column offset) whose equality with the left pixel forms the first context."""
_OTHERS = ((-1, 0), (-1, 1), (-1, -1))
"""Further candidates, in this order, when the label is not the left one."""
_MARGIN = 2
_PATTERNS = 1 << len(_AROUND)


class _Walk:
    """Codes the rows of a map, pixel by pixel or run by run; encoder and decoder go the same way.

    Rows have a margin of two zeros on both sides. What is coded is written back: an encoder changes nothing by it, a
    decoder fills rows that are empty before.
    """

    def __init__(self, code: Code, width: int, num_labels: int) -> None:
        self._num_labels, self._end = num_labels, width + _MARGIN
        self._first_other = num_labels * _PATTERNS
        self._first_rest = self._first_other + len(_OTHERS) * 16
        self._contexts = Contexts(code, self._first_rest + num_labels, runs=num_labels)
        self._above = self._above2 = bytearray(width + 2 * _MARGIN)

    def row(self, row: bytearray) -> None:
        """Code the next row."""
        above, above2, code, end = self._above, self._above2, self._contexts.code, self._end
        breaks = iter((*_breaks(above, above2), end))
        x, stop = _MARGIN, next(breaks)
        while x < end:
            while stop < x:
                stop = next(breaks)
            left = row[x - 1]
            if stop > x and above[x] == left == row[x - 2]:
                x += self._run(row, x, stop)
                if x < stop:
                    row[x] = self._other(row, x, left)
                    x += 1
                continue
            pattern = (
                (row[x - 2] == left)
                | (above[x - 2] == left) << 1
                | (above[x - 1] == left) << 2
                | (above[x] == left) << 3
                | (above[x + 1] == left) << 4
                | (above[x + 2] == left) << 5
                | (above2[x] == left) << 6
                | (above2[x + 1] == left) << 7
            )
            row[x] = self._other(row, x, left) if code(left * _PATTERNS + pattern, row[x] != left) else left
            x += 1
        self._above, self._above2 = row, above

    def _run(self, row: bytearray, x: int, stop: int) -> int:
        """Code how many pixels from `x` on, before `stop`, have the label of their left neighbour; returns it."""
        label = bytes((row[x - 1],))
        length = stop - x - len(row[x:stop].lstrip(label))
        length = self._contexts.run(label[0], stop - x, length)
        row[x : x + length] = label * length
        return length

    def _other(self, row: bytearray, x: int, left: int) -> int:
        """Code the label of pixel `x`, which is not the left one, and return it."""
        above, pixel = self._above, row[x]
        candidates = tuple(above[x + column] for _, column in _OTHERS)
        north, north_east, north_west = candidates
        similar = (north == north_east) | (north == north_west) << 1 | (north == self._above2[x]) << 2
        tried = [left]
        for step, candidate in enumerate(candidates):
            if candidate in tried:
                continue
            context = self._first_other + step * 16 + similar + 8 * (len(tried) > 1)
            if len(tried) == self._num_labels - 1 or not self._contexts.code(context, pixel != candidate):
                return candidate
            tried.append(candidate)
        rest = [label for label in range(self._num_labels) if label not in tried]
        for label in rest[:-1]:
            if not self._contexts.code(self._first_rest + label, pixel != label):
                return label
        return rest[-1]


def _breaks(above: bytearray, above2: bytearray) -> list[int]:
    """Find the positions, margins left out, whose neighbours in the two rows above differ from each other."""
    near, far = np.frombuffer(above, np.uint8), np.frombuffer(above2, np.uint8)
    changes, centre = near[1:] != near[:-1], near[_MARGIN:-_MARGIN]
    differ = changes[:-3] | changes[1:-2] | changes[2:-1] | changes[3:]
    differ |= (far[_MARGIN:-_MARGIN] != centre) | (far[_MARGIN + 1 : 1 - _MARGIN] != centre)
    return (np.flatnonzero(differ) + _MARGIN).tolist()


def encode_labels(labels: Labels, num_labels: int) -> bytes:
    """Encode [H, W] uint8 labels 0…num_labels-1 to bytes (none for a map of zeros).

    Raises:
        ValueError: a label outside the alphabet.
    """
    if num_labels < 1 or int(labels.max()) >= num_labels:
        raise ValueError(f"label {int(labels.max())} is not in 0…{num_labels - 1}; give the size of the alphabet")
    if num_labels == 1:
        return b""
    encoder = BinaryEncoder()
    walk = _Walk(encoder.code, labels.shape[1], num_labels)
    for row in np.pad(labels, ((0, 0), (_MARGIN, _MARGIN))):
        walk.row(bytearray(row))
    return encoder.finish()


def decode_labels(data: bytes, height: int, width: int, num_labels: int) -> Labels:
    """Decode what `encode_labels` made, zero bytes behind `data` allowed, to [height, width] uint8."""
    if num_labels == 1:
        return np.zeros((height, width), np.uint8)
    walk = _Walk(BinaryDecoder(data).code, width, num_labels)
    rows = [bytearray(width + 2 * _MARGIN) for _ in range(height)]
    for row in rows:
        walk.row(row)
    return np.frombuffer(b"".join(rows), np.uint8).reshape(height, -1)[:, _MARGIN:-_MARGIN].copy()
