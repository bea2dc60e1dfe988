"""Cyclic redundancy checks of TS 38.212 clause 5.1, over batches of any length.

Sionna's blocks rebuild a matrix, bit by bit, whenever the length changes; transport blocks have many lengths.
"""

import math

import torch

_POLYNOMIALS = {"CRC24A": 0x1864CFB, "CRC24B": 0x1800063, "CRC16": 0x11021}


class Crc:
    """One cyclic code.

    Args:
        name: "CRC24A", "CRC24B" or "CRC16".
    """

    def __init__(self, name: str) -> None:
        self._polynomial = _POLYNOMIALS[name]
        self.length = self._polynomial.bit_length() - 1
        self._remainders = torch.empty(0, self.length)

    def parity(self, bits: torch.Tensor) -> torch.Tensor:
        """[..., k] float32 zeros and ones to [..., length] parity bits, most significant first."""
        return (bits @ self._matrix(bits.shape[-1])) % 2

    def attach(self, bits: torch.Tensor) -> torch.Tensor:
        """[..., k] to [..., k + length]."""
        return torch.cat([bits, self.parity(bits)], dim=-1)

    def check(self, bits: torch.Tensor) -> torch.Tensor:
        """[..., k + length] to [...] bool: does the parity hold?"""
        return (self.parity(bits[..., : -self.length]) == bits[..., -self.length :]).all(dim=-1)

    def _matrix(self, k: int) -> torch.Tensor:
        """[k, length] remainder of each bit's power of x; the last rows of a longer matrix are a shorter one."""
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
