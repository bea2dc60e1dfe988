"""The header of a message of windows: how many symbols of each come, how often, their power, and where they lie.

Its length says how many windows there are. The receiver tries all lengths, as a terminal tries the formats of downlink
control information (TS 38.213 clause 10.1), and the CRC says which one it was.
"""

import math
from dataclasses import dataclass

from taskwave.semantic.codec.placement import SIDES, STEP, Window
from taskwave.semantic.codec.windows import NUMBERS

MOST_WINDOWS = 5
"""Largest number of windows of a message."""
COPIES = (1, 2, 3, 4, 6, 8, 12, 16)
"""How often the symbols of a window may be sent."""
_NUMBER_BITS, _COPY_BITS, _SIDE_BITS = 3, 3, 4
_GAIN_BITS, _GAIN_STEP_DB, _LOWEST_GAIN_DB = 5, 1.0, -16.0


@dataclass(frozen=True)
class Header:
    """Holds what a header says."""

    number: int
    """Symbols of each window, one of `NUMBERS`; of no meaning without windows."""
    copies: int
    """How often each is sent, one of `COPIES`; of no meaning without windows."""
    gain: int
    """Index of the mean power of the symbols as they were before the message was scaled to one."""
    windows: tuple[Window, ...]
    """Square windows, at most `MOST_WINDOWS`, with sides of `SIDES`."""


def gain_index(power: float) -> int:
    """Return the index of a mean power, rounded up, so that no message has more than unit power."""
    steps = math.ceil((10 * math.log10(max(power, 1e-6)) - _LOWEST_GAIN_DB) / _GAIN_STEP_DB)
    return min(max(steps, 0), (1 << _GAIN_BITS) - 1)


def gain_power(index: int) -> float:
    """Return the power that an index stands for."""
    return float(10 ** ((_LOWEST_GAIN_DB + _GAIN_STEP_DB * index) / 10))


class HeaderCode:
    """Codes headers for images of one size.

    Args:
        height: height of the images in pixels.
        width: their width.
    """

    def __init__(self, height: int, width: int) -> None:
        self.rows, self.columns = -(-height // STEP), -(-width // STEP)
        self._place_bits = max(1, (self.rows * self.columns - 1).bit_length())

    def bits(self, windows: int) -> int:
        """Count the bits of a header of so many windows."""
        return _NUMBER_BITS + _COPY_BITS + _GAIN_BITS + windows * (self._place_bits + _SIDE_BITS)

    def encode(self, header: Header) -> list[int]:
        """Return the bits of a header, of each number the least significant first."""
        numbers = [
            (NUMBERS.index(header.number), _NUMBER_BITS),
            (COPIES.index(header.copies), _COPY_BITS),
            (header.gain, _GAIN_BITS),
        ]
        for window in header.windows:
            numbers.append((window.upper * self.columns + window.left, self._place_bits))
            numbers.append((SIDES.index(window.height), _SIDE_BITS))
        return [value >> i & 1 for value, bits in numbers for i in range(bits)]

    def decode(self, bits: list[int]) -> Header | None:
        """Return the header of received bits; None for the rare wrong ones that passed the CRC and make no sense."""
        windows, rest = divmod(len(bits) - self.bits(0), self._place_bits + _SIDE_BITS)
        assert not rest, "the length of a header is one of `bits`"
        at = 0

        def take(count: int) -> int:
            nonlocal at
            at += count
            return sum(bit << i for i, bit in enumerate(bits[at - count : at]))

        number, copies, gain = NUMBERS[take(_NUMBER_BITS)], COPIES[take(_COPY_BITS)], take(_GAIN_BITS)
        found = []
        for _ in range(windows):
            place, side = take(self._place_bits), SIDES[take(_SIDE_BITS)]
            if place >= self.rows * self.columns:
                return None
            found.append(Window(*divmod(place, self.columns), side, side))
        return Header(number, copies, gain, tuple(found))
