"""States of the live link that the user is told of, each once when it begins."""

import time
from collections.abc import Callable

from taskwave.phy.gnuradio.exchange import Exchange

_QUIET_SECONDS = 10.0
"""Time in which bursts are sent and none is found, after which the user is told."""
_BEHIND_SECONDS = 1.0
"""Least time behind the sample clock that the user is told of."""
_SIDES = {
    "transmitter": {("forward", "source"), ("reverse", "sink")},
    "receiver": {("forward", "sink"), ("reverse", "source")},
}
"""Direction and role of the blocks of each side: images go forward, prompts go back."""


class StateTeller:
    """Tells the user which side joins and goes, that no burst arrives, and that the radio is not real time.

    Args:
        exchange: exchange that flowgraphs join.
        note: function that shows the user a line.
    """

    def __init__(self, exchange: Exchange, note: Callable[[str], None]) -> None:
        self._exchange, self._note = exchange, note
        self._members: set[tuple[str, str]] = set()
        self._heard, self._quiet, self._told = time.monotonic(), False, 0.0

    def look(self) -> None:
        """Tell which blocks have joined or gone since the last call."""
        members = set[tuple[str, str]](self._exchange.members())
        for change, blocks in (("joined", members - self._members), ("gone", self._members - members)):
            for side, its in _SIDES.items():
                if now := sorted(blocks & its):
                    names = ", ".join(f"{direction} {role}" for direction, role in now)
                    missing = ", ".join(f"{direction} {role}" for direction, role in sorted(its - members))
                    rest = f"; not there: {missing}" if missing and change == "joined" else ""
                    self._note(f"{change}: {side} ({names}){rest}")
        self._members = members

    def begin(self) -> None:
        """Begin to wait for bursts."""
        self._heard, self._quiet = time.monotonic(), False

    def count(self, lost: int, bursts: int) -> None:
        """Tell that no burst arrives, or that the search is behind, after `lost` of `bursts` bursts were not found."""
        now = time.monotonic()
        if lost < bursts:
            self._heard, self._quiet = now, False
        elif bursts and now - self._heard >= _QUIET_SECONDS and not self._quiet:
            self._quiet = True
            self._note(f"no burst for {now - self._heard:.0f} s: see gain, frequency and antennas of both sides")
        behind = self._exchange.behind
        if behind < _BEHIND_SECONDS:
            self._told = 0.0
        elif behind >= 2 * self._told:
            self._told = behind
            self._note(f"not real time: {behind:.0f} s behind; a lower sample rate needs less (radio.max_prb)")
