"""The header of a message of windows: how many symbols of each come, how often, their power, and where they lie.

Its length says how many windows there are. A receiver would try all lengths, as a terminal tries the formats of control
information (TS 38.213 clause 10.1), and the CRC would say which one it was; here only the right one is decoded.
"""

from dataclasses import dataclass

import torch

from taskwave.links.transport.prompts import from_bits, to_bits
from taskwave.semantic.codec.placement import SIDES, STEP, Window
from taskwave.semantic.codec.windows import NUMBERS

MOST_WINDOWS = 5
"""Largest number of windows of a message."""
COPIES = (1, 2, 3, 4, 6, 8, 12, 16)
"""How often the symbols of a window may be sent."""
_NUMBER_BITS, _COPY_BITS, _SIDE_BITS = 3, 3, 4


@dataclass(frozen=True)
class GainCode:
    """Codes the power of a message in a few header bits, rounded up so that power one is never exceeded."""

    bits: int = 5
    step_db: float = 1.0
    lowest_db: float = -16.0

    def encode(self, power: torch.Tensor) -> torch.Tensor:
        """Return indices [B] of the mean powers [B] of messages."""
        index = ((10 * power.clamp_min(1e-6).log10() - self.lowest_db) / self.step_db).ceil().long()
        return index.clamp(0, 2**self.bits - 1)

    def power(self, index: torch.Tensor) -> torch.Tensor:
        """Return the powers [B] that indices [B] stand for."""
        return 10 ** ((self.lowest_db + self.step_db * index) / 10)


GAIN = GainCode()
"""Code of the power of a message."""


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


class HeaderCode:
    """Codes headers for images of one size.

    Args:
        height: height of the images in pixels.
        width: their width.
    """

    def __init__(self, height: int, width: int) -> None:
        self.rows, self.columns = -(-height // STEP), -(-width // STEP)
        self._place_bits = max(1, (self.rows * self.columns - 1).bit_length())

    @property
    def window_bits(self) -> int:
        """Number of bits of a window."""
        return self._place_bits + _SIDE_BITS

    def bits(self, windows: int) -> int:
        """Count the bits of a header of so many windows."""
        return _NUMBER_BITS + _COPY_BITS + GAIN.bits + windows * self.window_bits

    def encode(self, header: Header) -> list[int]:
        """Return the bits of a header, of each number the least significant first."""
        numbers = [
            (NUMBERS.index(header.number), _NUMBER_BITS),
            (COPIES.index(header.copies), _COPY_BITS),
            (header.gain, GAIN.bits),
        ]
        return [bit for value, bits in numbers for bit in to_bits(value, bits)] + [
            bit for window in header.windows for bit in self.of_window(window)
        ]

    def of_window(self, window: Window) -> list[int]:
        """Return the bits of a window."""
        place = window.upper * self.columns + window.left
        return [*to_bits(place, self._place_bits), *to_bits(SIDES.index(window.height), _SIDE_BITS)]

    def window_of(self, bits: list[int]) -> Window | None:
        """Return the window of received bits; None for one that is not in the image."""
        place, side = from_bits(bits[: self._place_bits]), SIDES[from_bits(bits[self._place_bits :])]
        return Window(*divmod(place, self.columns), side, side) if place < self.rows * self.columns else None

    def decode(self, bits: list[int]) -> Header | None:
        """Return the header of received bits; None for the rare wrong ones that passed the CRC and make no sense."""
        windows, rest = divmod(len(bits) - self.bits(0), self.window_bits)
        assert not rest, "the length of a header is one of `bits`"
        at = 0

        def take(count: int) -> list[int]:
            nonlocal at
            at += count
            return bits[at - count : at]

        number, copies, gain = (from_bits(take(count)) for count in (_NUMBER_BITS, _COPY_BITS, GAIN.bits))
        found = [self.window_of(take(self.window_bits)) for _ in range(windows)]
        if None in found:
            return None
        return Header(NUMBERS[number], COPIES[copies], gain, tuple(each for each in found if each))
