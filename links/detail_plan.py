"""How a budget is spent on detail: how many cells of each format it carries, and the header that says what was chosen.

Both ends compute the same plan from the budget that is left, so the header holds the choice only: the power of the
detail, and one number for format and cells together (enumerative coding, Cover 1973).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from taskwave.semantic.detail import FORMATS, DetailFormat, GainCode
from taskwave.semantic.positions import choice_of, rank_of

GAIN = GainCode()


@dataclass(frozen=True)
class Plan:
    """What `allowed` channel uses carry: for each format that fits, how many of the picture's `cells`."""

    cells: int
    counts: tuple[tuple[DetailFormat, int], ...]
    """Finest format first; empty where no cell fits."""
    named: bool
    """The header names format and cells; else both ends know them beforehand."""

    @property
    def header_bits(self) -> int:
        """Bits of the header of a plan that carries something."""
        return GAIN.bits + (_choice_bits(self.cells, [count for _, count in self.counts]) if self.named else 0)

    def encode(self, index: int, chosen: list[int], gain: int) -> list[int]:
        """Header for format `index` of `counts`, its ascending cells `chosen` and power index `gain`."""
        before = sum(math.comb(self.cells, count) for _, count in self.counts[:index])
        number = before + rank_of(chosen) if self.named else 0
        return _bits(gain, GAIN.bits) + _bits(number, self.header_bits - GAIN.bits)

    def decode(self, bits: list[int], agreed: tuple[int, list[int]]) -> tuple[int, int, list[int]] | None:
        """Power index, format index and cells; None for bits that name no choice (an undetected error).

        `agreed` are the format index and cells that both ends know beforehand where the header does not name them.
        """
        gain, number = _number(bits[: GAIN.bits]), _number(bits[GAIN.bits :])
        if not self.named:
            return (gain, *agreed)
        for index, (_, count) in enumerate(self.counts):
            choices = math.comb(self.cells, count)
            if number < choices:
                return gain, index, choice_of(number, self.cells, count)
            number -= choices
        return None


def make_plan(
    cells: int,
    layers: tuple[int, ...],
    allowed: int,
    named: bool,
    header_uses: Callable[[int], int],
    detail_uses: Callable[[int], int],
) -> Plan:
    """The plan for `allowed` channel uses.

    `header_uses` and `detail_uses` give the channel uses of a header of some bits and of some symbols.
    """
    longest = GAIN.bits + (_choice_bits(cells, [cells // 2] * len(FORMATS)) if named else 0)
    left = allowed - header_uses(longest)
    counts: list[tuple[DetailFormat, int]] = []
    for form in FORMATS:
        low, high = 0, cells
        while low < high:
            middle = (low + high + 1) // 2
            fits = detail_uses(middle * form.symbols_per_cell(layers)) <= left
            low, high = (middle, high) if fits else (low, middle - 1)
        if low and low > (counts[-1][1] if counts else 0):
            counts.append((form, low))
        if 2 * low >= cells:
            # A coarser format would leave uses unspent for the less relevant half of the picture.
            break
    return Plan(cells, tuple(counts), named)


def _choice_bits(cells: int, counts: list[int]) -> int:
    return (sum(math.comb(cells, count) for count in counts) - 1).bit_length()


def _bits(number: int, size: int) -> list[int]:
    return [number >> i & 1 for i in range(size)]


def _number(bits: list[int]) -> int:
    return sum(bit << i for i, bit in enumerate(bits))
