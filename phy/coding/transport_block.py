"""Transport blocks are protected by CRCs and cut into code blocks of equal size.

CRCs are those of TS 38.212 clause 5.1, sizes those of clauses 5.2.2, 5.4.2.1 and 7.2.
"""

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import torch

_POLYNOMIALS = {"CRC24A": 0x1864CFB, "CRC24B": 0x1800063, "CRC16": 0x11021}
"""Generator polynomials; bit i is the coefficient of x**i."""
_MAX_K = {"bg1": 8448, "bg2": 3840}
"""Largest number of information bits of a code block of each base graph (TS 38.212 clause 5.2.2)."""
_SEGMENT_CRC = 24
"""Number of CRC bits of a code block, where there are several."""


class Crc:
    """Computes and checks the parity bits of one cyclic code.

    Args:
        name: name of the code, "CRC24A", "CRC24B" or "CRC16".
    """

    def __init__(self, name: str) -> None:
        self._polynomial = _POLYNOMIALS[name]
        self.length = self._polynomial.bit_length() - 1
        """Number of parity bits."""
        self._remainders = torch.empty(0, self.length)

    def parity(self, bits: torch.Tensor) -> torch.Tensor:
        """Return the parity bits [..., length], most significant first, of bits [..., k] float32 zeros and ones."""
        return (bits @ self._matrix(bits.shape[-1])) % 2

    def attach(self, bits: torch.Tensor) -> torch.Tensor:
        """Append the parity bits: from [..., k] to [..., k + length]."""
        return torch.cat([bits, self.parity(bits)], dim=-1)

    def check(self, bits: torch.Tensor) -> torch.Tensor:
        """Return whether the parity of bits [..., k + length] holds, [...] bool."""
        return (self.parity(bits[..., : -self.length]) == bits[..., -self.length :]).all(dim=-1)

    def _matrix(self, k: int) -> torch.Tensor:
        """Return the remainders [k, length] of each bit's power of x: the last rows of a longer matrix that is kept."""
        if len(self._remainders) < k:
            size = 1 << math.ceil(math.log2(max(k, 1024)))
            remainder, rows = self._polynomial & ~(1 << self.length), []
            for _ in range(size):
                rows.append(remainder)
                remainder <<= 1
                if remainder >> self.length:
                    remainder ^= self._polynomial
            powers = torch.tensor(rows[::-1])
            shifts = torch.arange(self.length - 1, -1, -1)
            self._remainders = ((powers[:, None] >> shifts) & 1).float()
        return self._remainders[len(self._remainders) - k :]


def transport_crc_length(payload_bits: int) -> int:
    """Return the number of bits of the transport block's CRC (TS 38.212 clause 7.2.1)."""
    return 24 if payload_bits > 3824 else 16


def base_graph(payload_bits: int, code_rate: float) -> str:
    """Return the LDPC base graph of a payload, "bg1" or "bg2" (TS 38.212 clause 7.2.2)."""
    small = payload_bits <= 292 or (payload_bits <= 3824 and code_rate <= 0.67) or code_rate <= 0.25
    return "bg2" if small else "bg1"


def _shares(coded_bits: int, modulation_order: int, num_blocks: int) -> tuple[int, ...]:
    """Share coded bits among code blocks in whole symbols, longer shares last (TS 38.212 clause 5.4.2.1)."""
    short, num_long = divmod(coded_bits // modulation_order, num_blocks)
    return (modulation_order * short,) * (num_blocks - num_long) + (modulation_order * (short + 1),) * num_long


@dataclass(frozen=True)
class Segmentation:
    """Describes how a payload is cut into code blocks of equal size that fill the coded bits of a transmission."""

    payload_bits: int
    """Number of bits of the payload, CRC not included."""
    num_blocks: int
    """Number of code blocks."""
    graph: str
    """LDPC base graph, "bg1" or "bg2"."""
    coded: tuple[int, ...]
    """Number of coded bits of each block: multiples of the modulation order that differ by at most one symbol."""

    @property
    def block_bits(self) -> int:
        """Number of information bits of a code block, its CRC and its share of the transport block's CRC included."""
        total = self.payload_bits + transport_crc_length(self.payload_bits)
        return total if self.num_blocks == 1 else total // self.num_blocks + _SEGMENT_CRC

    def filling(self, coded_bits: int, modulation_order: int) -> "Segmentation":
        """Return the same code blocks in a transmission of `coded_bits`: a retransmission may have another length."""
        return replace(self, coded=_shares(coded_bits, modulation_order, self.num_blocks))


def segment(payload_bits: int, coded_bits: int, modulation_order: int, code_rate: float) -> Segmentation | None:
    """Return the segmentation of TS 38.212 clauses 5.2.2 and 5.4.2.1; None if blocks would not be of equal size.

    (TS 38.214 clause 5.1.3.2 chooses transport block sizes that always divide; a caller tries the next smaller one.)
    """
    total = payload_bits + transport_crc_length(payload_bits)
    graph = base_graph(payload_bits, code_rate)
    largest = _MAX_K[graph]
    num_blocks = 1 if total <= largest else math.ceil(total / (largest - _SEGMENT_CRC))
    if total % num_blocks:
        return None
    return Segmentation(payload_bits, num_blocks, graph, _shares(coded_bits, modulation_order, num_blocks))


@lru_cache(maxsize=4096)
def largest_payload_bytes(coded_bits: int, modulation_order: int, code_rate: float) -> int:
    """Return the most bytes whose code blocks keep to `code_rate` within `coded_bits`; 0 if none do."""
    for payload_bytes in range(int(coded_bits * code_rate) // 8, 0, -1):
        segmentation = segment(8 * payload_bytes, coded_bits, modulation_order, code_rate)
        if segmentation is not None and segmentation.block_bits <= code_rate * min(segmentation.coded):
            return payload_bytes
    return 0
