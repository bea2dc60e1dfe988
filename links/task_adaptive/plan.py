"""The plan of detail: which formats for how many cells, and the header that says what was sent.

Both ends compute the same plan from the budget that is left and the SNR, so the header holds the choice only: the
power of the detail, and one number for option and cells together (enumerative coding, Cover 1973).
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch

from taskwave.semantic.codec.detail import FORMATS, DetailFormat, GainCode

GAIN = GainCode()
CODE_LAYER_SHARES = (0.60, 0.19, 0.08)
"""Share of an image's error that each code layer removes when it arrives without noise."""
TOKEN_SHARES = {0: 0.0, 8: 0.60}
"""Share of the rest that the first so many channels of the tokens remove.

All of these are a least-squares fit to the accuracy, mean of four prompts, that 16 CamVid `val` frames reach with
sixteen formats at -6 to 14 dB; it is good to 0.01 of accuracy. Sixteen channels were worth less than eight.
"""
MOST_BITS_PER_CELL = math.log2(3)
"""Largest number of header bits a cell takes: it is in the first tier, in the second, or in none."""
CONCENTRATIONS = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Concentrations c of scores; a plan has an option for each. The best share x of the cells holds 1 - (1 - x)^c."""
TYPICAL = 7.0
"""Concentration of scores for a prompt, as expected before they are known."""
TRUST = 0.85
"""Share of the promise of a prompt that is kept: it comes from a coarse image, and tasks look at the rest, too."""
STEPS = 16
"""Number of steps in which cells of the finer format are counted, over the whole image."""


@dataclass(frozen=True)
class Tier:
    """Describes `count` cells that are sent in one format."""

    form: DetailFormat
    count: int
    worth: float
    """Share of a cell's error that the format removes."""


DetailOption = tuple[Tier, ...]
"""One way to spend what is left: the best cells in a finer format, the next ones in a coarser."""


@dataclass(frozen=True)
class DetailHeader:
    """Holds what a header says."""

    reported: bool
    """Whether the plan is the one for the SNR that the receiver reported; else it is the one for the nominal SNR."""
    gain: int
    """Index of the power of the detail."""
    index: int
    """Index of the option of the plan."""
    cells: list[list[int]]
    """Ascending cells of each tier of the option."""


def says_reported(bits: Sequence[int]) -> bool:
    """Read the first bit of a header: which plan the others belong to."""
    return bool(bits[0])


@dataclass(frozen=True)
class DetailPlan:
    """Describes what a number of channel uses can carry of an image of so many `cells`."""

    cells: int
    options: tuple[DetailOption, ...]
    """Options to choose from; none where no cell fits."""
    named: bool
    """Whether a header names option, cells and power; else there is one option, and no header."""

    @property
    def header_bits(self) -> int:
        """Number of bits of the header of a plan that carries something."""
        return 1 + GAIN.bits + _choice_bits(self.cells, self.options) if self.named else 0

    def best(self, scores: torch.Tensor) -> int:
        """Find the option that removes most error where cells weigh `scores` [G]."""
        held = scores.clamp_min(0).sort(descending=True).values.cumsum(0).tolist()
        return max(range(len(self.options)), key=lambda i: removed(self.options[i], held))

    def promise(self, heard: bool = True) -> float:
        """Expect the share of the error that is removed: of what was asked for, or everywhere.

        Args:
            heard: whether a prompt says which cells matter; else all weigh alike.
        """
        asked = self.named and heard
        held, trust = held_by_best(self.cells, TYPICAL if asked else 1.0), TRUST if asked else 1.0
        return trust * max((removed(option, held) for option in self.options), default=0.0)

    def encode(self, header: DetailHeader) -> list[int]:
        """Make the bits of a header."""
        number = sum(math.prod(_choices(self.cells, option)) for option in self.options[: header.index])
        free, rank = list(range(self.cells)), 0
        for cells in header.cells:
            rank = rank * math.comb(len(free), len(cells)) + rank_of([free.index(c) for c in cells])
            free = [c for c in free if c not in cells]
        rest = self.header_bits - 1 - GAIN.bits
        return [int(header.reported), *to_bits(header.gain, GAIN.bits), *to_bits(number + rank, rest)]

    def decode(self, bits: list[int]) -> DetailHeader | None:
        """Read a header; None for bits that name no choice (an undetected error)."""
        gain, number = from_bits(bits[1 : 1 + GAIN.bits]), from_bits(bits[1 + GAIN.bits :])
        for index, option in enumerate(self.options):
            radices = _choices(self.cells, option)
            if number < math.prod(radices):
                return DetailHeader(says_reported(bits), gain, index, self._cells(option, number, radices))
            number -= math.prod(radices)
        return None

    def _cells(self, option: DetailOption, rank: int, radices: list[int]) -> list[list[int]]:
        free, chosen = list(range(self.cells)), []
        for position, tier in enumerate(option):
            own, rank = divmod(rank, math.prod(radices[position + 1 :]))
            cells = [free[i] for i in choice_of(own, len(free), tier.count)]
            free = [c for c in free if c not in cells]
            chosen.append(cells)
        return chosen


@lru_cache(maxsize=4096)
def make_plan(cells: int, code_layers: tuple[int, ...], symbols: int, named: bool, snr: float) -> DetailPlan:
    """Make the plan for `symbols` complex symbols at `snr` after equalisation (linear)."""
    found = list(_candidates(cells, code_layers, symbols, snr))
    options = []
    for concentration in CONCENTRATIONS if named else CONCENTRATIONS[:1]:
        held = held_by_best(cells, concentration)
        options.append(max(found, key=lambda option: removed(option, held), default=()))
    return DetailPlan(cells, tuple(dict.fromkeys(option for option in options if option)), named)


def longest_header(cells: int) -> int:
    """Count the bits that no header of a plan for `cells` cells exceeds."""
    return 1 + GAIN.bits + math.ceil(cells * MOST_BITS_PER_CELL + math.log2(len(CONCENTRATIONS)))


def error_left(form: DetailFormat | None, snr: float) -> float:
    """Expect the error of a cell of which the general part and detail `form` arrived at `snr` (linear).

    It is 1 where nothing is known; n copies of a code layer leave 1 / (1 + n snr) of the error it could remove.
    """
    copies, numbers = ((0,) * len(CODE_LAYER_SHARES), 0) if form is None else (form.copies, form.numbers)
    left = 1.0
    for i, (share, count) in enumerate(zip(CODE_LAYER_SHARES, copies, strict=True)):
        seen = (count + (i == 0)) * snr
        left -= share * seen / (1 + seen)
    return left * (1 - TOKEN_SHARES[numbers] * snr * left / (1 + snr * left))


def held_by_best(cells: int, concentration: float) -> list[float]:
    """Compute the share of the score that the k best of `cells` cells hold, for k = 1 to all."""
    return [1 - (1 - (k + 1) / cells) ** concentration for k in range(cells)]


def removed(option: DetailOption, held: Sequence[float]) -> float:
    """Compute the error an option removes where the k best cells weigh `held[k - 1]` together."""
    total, before, start = 0.0, 0.0, 0
    for tier in option:
        start += tier.count
        upto = held[start - 1]
        total, before = total + tier.worth * (upto - before), upto
    return total


def best_cells(scores: torch.Tensor, counts: Sequence[int]) -> list[torch.Tensor]:
    """Choose the best cells of scores [B, G], then the next best: one [B, count] for each of `counts`, ascending."""
    ranked = scores.argsort(dim=1, descending=True, stable=True)[:, : sum(counts)]
    return [part.sort(dim=1).values for part in ranked.split(list(counts), dim=1)]


def spread_order(rows: int, columns: int) -> torch.Tensor:
    """Order all cells of a grid so that every beginning is spread evenly (R2 sequence, Roberts 2018)."""
    plastic = 1.324717957244746
    index = torch.arange(8 * rows * columns, dtype=torch.float64)
    row = ((0.5 + index / plastic) % 1 * rows).long()
    column = ((0.5 + index / plastic**2) % 1 * columns).long()
    first = dict.fromkeys((row * columns + column).tolist())
    rest = dict.fromkeys(range(rows * columns))
    return torch.tensor(list(first | rest))


def rank_of(chosen: list[int]) -> int:
    """Compute the number of a choice of cells (ascending) among all of its size (combinatorial, Knuth 7.2.1.3)."""
    return sum(math.comb(c, i + 1) for i, c in enumerate(chosen))


def choice_of(rank: int, cells: int, count: int) -> list[int]:
    """Find the choice of `count` of `cells` cells that has a number: the inverse of `rank_of`.

    Raises:
        ValueError: a number that names no choice.
    """
    if not 0 <= rank < math.comb(cells, count):
        raise ValueError(f"rank {rank}: {count} of {cells} cells have the numbers 0 to {math.comb(cells, count) - 1}.")
    chosen = []
    candidate = cells - 1
    for i in range(count, 0, -1):
        while math.comb(candidate, i) > rank:
            candidate -= 1
        chosen.append(candidate)
        rank -= math.comb(candidate, i)
    return chosen[::-1]


def _candidates(cells: int, code_layers: tuple[int, ...], symbols: int, snr: float) -> Iterator[DetailOption]:
    """Go through every way to spend `symbols` on one or two formats."""
    base = error_left(None, snr)
    tiers = [(form, form.symbols_per_cell(code_layers), 1 - error_left(form, snr) / base) for form in FORMATS]
    for form, size, worth in tiers:
        most = min(cells, symbols // size)
        if most:
            yield (Tier(form, most, worth),)
        for finer, finer_size, finer_worth in tiers:
            if finer_size <= size or finer_worth <= worth:
                continue
            for count in range(max(1, cells // STEPS), cells, max(1, cells // STEPS)):
                rest = min(cells - count, (symbols - count * finer_size) // size)
                if rest > 0:
                    yield Tier(finer, count, finer_worth), Tier(form, rest, worth)


def _choices(cells: int, option: DetailOption) -> list[int]:
    """Count the choices for each tier, given those before it."""
    numbers = []
    for tier in option:
        numbers.append(math.comb(cells, tier.count))
        cells -= tier.count
    return numbers


def _choice_bits(cells: int, options: tuple[DetailOption, ...]) -> int:
    return (sum(math.prod(_choices(cells, option)) for option in options) - 1).bit_length() if options else 0


def to_bits(number: int, size: int) -> list[int]:
    """Return the lowest `size` bits of `number`, least significant first."""
    return [number >> i & 1 for i in range(size)]


def from_bits(bits: Iterable[int]) -> int:
    """Return the number of bits, least significant first."""
    return sum(int(bit) << i for i, bit in enumerate(bits))
