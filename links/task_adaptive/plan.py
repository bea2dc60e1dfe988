"""The plan of a message: how many symbols its windows have, and what is left for the whole image.

The transmitter makes it. The receiver reads the windows from the header and works out the rest as the transmitter did.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from taskwave.links.task_adaptive.header import COPIES
from taskwave.semantic.codec.placement import Window, tiles
from taskwave.semantic.codec.windows import NUMBERS, SNR_DB, WindowCode

NEARLY = 0.998
"""Share of the best worth that does as well."""
TILE_NUMBERS = (32, 64)
"""Fewest symbols of a tile of the whole image, and how many there should be before there are more tiles."""
MOST_TILES = 24
"""Largest number of tiles on a side."""


@dataclass(frozen=True)
class Portion:
    """Says how many symbols of some windows are sent, and how often."""

    windows: tuple[Window, ...]
    number: int
    """Number of symbols of each window."""
    copies: int = 1
    """How often each is sent."""

    @property
    def symbols(self) -> int:
        """Number of symbols of all windows."""
        return len(self.windows) * self.number * self.copies

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of the symbols: windows, copies and number."""
        return len(self.windows), self.copies, self.number


def enough(windows: Sequence[Window], free: int, snr_db: float, code: WindowCode) -> Portion | None:
    """Return as many symbols of windows as pay of the `free` ones; None where not even the least fit.

    That is what takes the fewest symbols among all by which objects were recognised nearly best in training.

    Args:
        windows: the windows.
        free: number of symbols.
        snr_db: SNR after equalisation that is expected, dB.
        code: the code, which knows the worth of symbols.
    """
    every = (Portion(tuple(windows), number, copies) for number in NUMBERS if number <= code.most for copies in COPIES)
    found = [(worth_of(each, snr_db, code), each) for each in every if each.symbols <= free]
    if not found or not windows:
        return None
    best = max(worth for worth, _ in found)
    return min((portion for worth, portion in found if worth >= NEARLY * best), key=lambda each: each.symbols)


def worth_of(portion: Portion, snr_db: float, code: WindowCode) -> float:
    """Return how well objects were recognised in training with so many symbols, at an SNR of each copy in dB."""
    known = code.worth[NUMBERS.index(portion.number)].numpy()
    return float(np.interp(snr_db + 10 * np.log10(portion.copies), SNR_DB, known))


@lru_cache(maxsize=16)
def grids(height: int, width: int) -> tuple[tuple[Window, ...], ...]:
    """Return tilings of an image, the coarsest first; a memo, it changes no result."""
    columns = range(2, MOST_TILES + 1)
    return tuple(tiles(height, width, max(1, round(number * height / width)), number) for number in columns)


def rest(size: tuple[int, int], free: int, most: int) -> Portion | None:
    """Return what `free` symbols show of the whole image; None where they show nothing that pays.

    Args:
        size: height and width of the image.
        free: number of symbols.
        most: most symbols of a window.
    """
    least, usual = (min(number, most) for number in TILE_NUMBERS)
    every = grids(*size)
    fitting = [each for each in every if len(each) * usual <= free]
    chosen = fitting[-1] if fitting else every[0]
    number = min(free // len(chosen), most)
    if number < least:
        return None
    return Portion(chosen, number, free // (number * len(chosen)))
