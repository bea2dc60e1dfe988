"""Numbers as fields of a message, least significant bit first."""

from collections.abc import Iterable


def to_bits(number: int, size: int) -> list[int]:
    """The lowest `size` bits of `number`."""
    return [number >> i & 1 for i in range(size)]


def from_bits(bits: Iterable[int]) -> int:
    """Inverse of `to_bits`."""
    return sum(int(bit) << i for i, bit in enumerate(bits))
