"""What a digital message holds, and the bits in front of its components that say so.

A new message names windows for the question and, with what they leave, tiles of the whole image. One that refines names
which windows of the message before it come again, by a step three times as fine.
"""

from dataclasses import dataclass

import torch

from taskwave.links.task_adaptive.header import MOST_WINDOWS, HeaderCode
from taskwave.links.task_adaptive.plan import grids
from taskwave.links.task_adaptive.state import Asked
from taskwave.links.transport.prompts import from_bits, to_bits
from taskwave.semantic.codec.placement import Window
from taskwave.semantic.codec.quantiser import SNR_DB
from taskwave.semantic.codec.windows import ANYTHING, STEPS, Question

GRIDS = (2, 4, 7, 12, 17, 22)
"""Number of columns of the tilings of an image that a message may have, the coarsest first."""
REFINED = 2
"""Number of steps by which a refinement is finer: three times."""
_STEP_BITS, _COUNT_BITS, _GRID_BITS = 3, 3, 3


@dataclass(frozen=True)
class Content:
    """Says what a message holds: windows for the question, and tiles of the whole image."""

    windows: tuple[Window, ...]
    step: int
    """Index of the step of windows, into `STEPS`."""
    grid: int | None = None
    """Index of the tiling, into `GRIDS`; None: no tiles."""
    tile_step: int = 0
    """Index of the step of tiles."""

    def tiles(self, size: tuple[int, int]) -> tuple[Window, ...]:
        """Return the tiles of an image of `size`."""
        return () if self.grid is None else grids(*size)[GRIDS[self.grid] - 2]

    def bits(self, size: tuple[int, int]) -> list[int]:
        """Return the bits that say this of an image of `size`."""
        named = [(0, 1), (len(self.windows), _COUNT_BITS), (self.step, _STEP_BITS)]
        named += [(0 if self.grid is None else self.grid + 1, _GRID_BITS), (self.tile_step, _STEP_BITS)]
        written = [bit for value, number in named for bit in to_bits(value, number)]
        return written + [bit for window in self.windows for bit in HeaderCode(*size).of_window(window)]


@dataclass(frozen=True)
class Again:
    """Says which windows of the message before come finer."""

    rows: tuple[int, ...]

    def bits(self) -> list[int]:
        """Return the bits that say this."""
        return [1] + [int(row in self.rows) for row in range(MOST_WINDOWS)]


def header_bytes(bits: list[int]) -> bytes:
    """Return bits as whole bytes."""
    padded = bits + [0] * (-len(bits) % 8)
    return bytes(from_bits(padded[i : i + 8]) for i in range(0, len(padded), 8))


def header_size(size: tuple[int, int], windows: int) -> int:
    """Count the bytes of the header of a new message of so many windows of an image of `size`."""
    fixed = 1 + _COUNT_BITS + 2 * _STEP_BITS + _GRID_BITS
    return -(-(fixed + windows * HeaderCode(*size).window_bits) // 8)


def read_payload(payload: bytes, size: tuple[int, int]) -> tuple[Content | Again, bytes]:
    """Return what a payload of an image of `size` holds, and the code of its components.

    Raises:
        ValueError: it makes no sense.
    """
    places, at = HeaderCode(*size), 0
    written = [bit for byte in payload for bit in to_bits(byte, 8)]

    def take(count: int) -> list[int]:
        nonlocal at
        at += count
        if at > len(written):
            raise ValueError("the payload ends within its header")
        return written[at - count : at]

    if take(1) == [1]:
        rows = tuple(row for row, bit in enumerate(take(MOST_WINDOWS)) if bit)
        return Again(rows), payload[-(-at // 8) :]
    count, step, grid, tile_step = (
        from_bits(take(number)) for number in (_COUNT_BITS, _STEP_BITS, _GRID_BITS, _STEP_BITS)
    )
    windows = [places.window_of(take(places.window_bits)) for _ in range(count)]
    if None in windows or max(step, tile_step) >= len(STEPS) or grid > len(GRIDS):
        raise ValueError("the payload names no windows of the image")
    content = Content(tuple(each for each in windows if each), step, grid - 1 if grid else None, tile_step)
    return content, payload[-(-at // 8) :]


def question_of(end: Asked, tiles: int, windows: int) -> Question:
    """Return what an end knows of so many tiles, and of windows behind them."""
    about = torch.tensor([0.0] * tiles + [1.0] * windows)
    kinds = torch.tensor([ANYTHING] * tiles + [end.kind] * windows, dtype=torch.long)
    return Question(about[:, None] * end.embedding, torch.full((len(about),), SNR_DB), kinds)
