"""Allocations say which resource elements (REs) a message occupies, and how many.

An allocation is a rectangle of physical resource blocks (PRBs, 12 subcarriers) by OFDM symbols as in NR mapping type B
(mini-slots of 2 to 14 symbols). Its symbols of demodulation reference signals (DMRS) carry no data: each layer's pilots
sit on every `num_layers`-th subcarrier, so that layers are orthogonal, and all REs of the rectangle count as channel
uses.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

NUM_SUBCARRIERS_PER_PRB = 12
"""Number of subcarriers of a physical resource block."""
NUM_SYMBOLS_PER_SLOT = 14
"""Number of OFDM symbols of a slot (normal cyclic prefix)."""
MIN_SYMBOLS = 2
"""Smallest number of OFDM symbols of an allocation: one of DMRS and one of data."""

# TS 38.211 table 6.4.1.1.3-3, mapping type B, single-symbol DMRS: by duration, one entry for each of 0 to 3 additional
# positions. Both directions have these positions of PUSCH: mapping type B of PDSCH (table 7.4.1.1.2-3) ends at 13
# symbols, and its last pilot comes up to one symbol earlier from 9 symbols on (docs/method.md has the difference).
_FRONT_LOADED: tuple[tuple[int, ...], ...] = ((0,), (0,), (0,), (0,))
_DMRS_TYPE_B: dict[int, tuple[tuple[int, ...], ...]] = {
    8: ((0,), (0, 6), (0, 3, 6), (0, 3, 6)),
    9: ((0,), (0, 6), (0, 3, 6), (0, 3, 6)),
    10: ((0,), (0, 8), (0, 4, 8), (0, 3, 6, 9)),
    11: ((0,), (0, 8), (0, 4, 8), (0, 3, 6, 9)),
    12: ((0,), (0, 10), (0, 5, 10), (0, 3, 6, 9)),
    13: ((0,), (0, 10), (0, 5, 10), (0, 3, 6, 9)),
    14: ((0,), (0, 10), (0, 5, 10), (0, 3, 6, 9)),
}


def dmrs_symbols(num_ofdm_symbols: int, additional: int) -> tuple[int, ...]:
    """Return the indices of the DMRS symbols of an allocation (TS 38.211 table 6.4.1.1.3-3, mapping type B).

    Allocations of up to 7 symbols have the front-loaded DMRS symbol only: a second would cost a quarter of a mini-slot.
    """
    return _DMRS_TYPE_B.get(num_ofdm_symbols, _FRONT_LOADED)[additional]


@dataclass(frozen=True)
class Allocation:
    """Describes one rectangle of REs within one slot."""

    num_prb: int
    """Number of physical resource blocks."""
    num_ofdm_symbols: int
    """Number of OFDM symbols, those of pilots included."""
    num_layers: int
    """Number of spatial layers."""
    dmrs: tuple[int, ...]
    """Indices of the OFDM symbols that carry pilots only."""
    comb: int = 1
    """Distance between occupied subcarriers: 1 for messages, more for sparse pilots without data."""

    @property
    def num_subcarriers(self) -> int:
        """Number of subcarriers of the rectangle."""
        return NUM_SUBCARRIERS_PER_PRB * self.num_prb

    @property
    def channel_uses(self) -> int:
        """Number of occupied REs: data, pilots and padding."""
        return self.num_subcarriers // self.comb * self.num_ofdm_symbols

    def pilot_subcarriers(self, layer: int) -> range:
        """Return the subcarriers of a layer's pilots."""
        return range(layer * self.comb, self.num_subcarriers, self.num_layers * self.comb)

    @property
    def data_ofdm_symbols(self) -> tuple[int, ...]:
        """Indices of the OFDM symbols that carry data."""
        return tuple(s for s in range(self.num_ofdm_symbols) if s not in self.dmrs)

    @property
    def num_data_symbols(self) -> int:
        """Number of complex data symbols on all layers together."""
        return self.num_subcarriers * len(self.data_ofdm_symbols) * self.num_layers


@dataclass(frozen=True)
class Allocator:
    """Chooses allocations of the fewest REs that carry a message; of equals, the widest and so most diverse one."""

    num_layers: int
    """Number of spatial layers."""
    max_prb: int
    """Number of PRBs of the whole carrier."""
    max_slots: int
    """Largest number of slots of a message."""
    dmrs_additional: int
    """Number of additional DMRS positions of long allocations, 0 to 3."""
    fixed_uses: int = 0
    """Number of REs that every message spends besides its allocations: synchronisation, a report of the channel."""
    pilot_uses_per_prb: int = 0
    """Number of REs of pilots sent beforehand, for each PRB of the width of the message's first allocation."""

    def _allocation(self, num_prb: int, num_ofdm_symbols: int) -> Allocation:
        dmrs = dmrs_symbols(num_ofdm_symbols, self.dmrs_additional)
        return Allocation(num_prb, num_ofdm_symbols, self.num_layers, dmrs)

    @cached_property
    def full_slot(self) -> Allocation:
        """Allocation of the whole carrier for one slot."""
        return self._allocation(self.max_prb, NUM_SYMBOLS_PER_SLOT)

    @cached_property
    def _later(self) -> tuple[Allocation, ...]:
        """Allocations after the first one of a message that no other beats, by rising cost and capacity."""
        return self._frontier(lambda a: a.channel_uses)

    @cached_property
    def _first(self) -> tuple[Allocation, ...]:
        """First allocations of a message that no other beats, by rising cost and capacity."""
        return self._frontier(self._cost_of_first)

    def _cost_of_first(self, allocation: Allocation) -> int:
        """Return the number of REs of a first allocation and of what is sent before it."""
        return self.fixed_uses + self.pilot_uses_per_prb * allocation.num_prb + allocation.channel_uses

    def _frontier(self, cost: Callable[[Allocation], int]) -> tuple[Allocation, ...]:
        """Return the allocations that no other beats in cost and capacity, by rising cost."""
        every = [
            self._allocation(prb, symbols)
            for prb in range(1, self.max_prb + 1)
            for symbols in range(MIN_SYMBOLS, NUM_SYMBOLS_PER_SLOT + 1)
        ]
        every.sort(key=lambda a: (cost(a), -a.num_data_symbols, -a.num_prb))
        best: list[Allocation] = []
        for allocation in every:
            if not best or allocation.num_data_symbols > best[-1].num_data_symbols:
                best.append(allocation)
        return tuple(best)

    def allocate(self, num_symbols: int) -> tuple[Allocation, ...]:
        """Choose allocations, one a slot, that carry `num_symbols`: full slots and one last, smallest one.

        Raises:
            ValueError: no symbols, or more than `max_slots` slots can carry.
        """
        if num_symbols < 1:
            raise ValueError(f"a message of {num_symbols} symbols cannot be sent: give at least one symbol.")
        full = self.full_slot.num_data_symbols
        num_full, rest = divmod(num_symbols - 1, full)
        if num_full >= self.max_slots:
            raise ValueError(
                f"{num_symbols} symbols need {num_full + 1} slots; the radio sends at most {self.max_slots} slots of "
                f"{full} symbols in one message: send fewer symbols or raise max_slots or max_prb."
            )
        last = next(a for a in (self._later if num_full else self._first) if a.num_data_symbols > rest)
        return (self.full_slot,) * num_full + (last,)

    def channel_uses(self, num_symbols: int) -> int:
        """Return the number of REs that a message of `num_symbols` occupies; 0 for no symbols."""
        if not num_symbols:
            return 0
        first, *later = self.allocate(num_symbols)
        return self._cost_of_first(first) + sum(a.channel_uses for a in later)

    def capacity(self, channel_uses: int) -> int:
        """Return the most symbols whose message occupies at most `channel_uses` REs (0 if not even the smallest fits).

        Raises:
            ValueError: `channel_uses` is negative.
        """
        if channel_uses < 0:
            raise ValueError(f"channel_uses is {channel_uses}: a budget cannot be negative, give 0 or more.")
        full = self.full_slot
        left = channel_uses - self._cost_of_first(full)
        if left < 0:
            return max((a.num_data_symbols for a in self._first if self._cost_of_first(a) <= channel_uses), default=0)
        num_later = min(left // full.channel_uses, self.max_slots - 1)
        left -= num_later * full.channel_uses
        fitting = [a.num_data_symbols for a in self._later if a.channel_uses <= left]
        rest = max(fitting, default=0) if num_later < self.max_slots - 1 else 0
        return (1 + num_later) * full.num_data_symbols + rest
