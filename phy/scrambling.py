"""Scrambling of coded bits (TS 38.211 clause 7.3.1.1): without it a payload of zeros would lack energy."""

import math
from functools import lru_cache

import torch

_C_INIT = 1
"""Any fixed identity: there is one transmitter only."""


def scrambling_bits(length: int) -> torch.Tensor:
    """[length] float32 zeros and ones of the pseudo-random sequence of TS 38.211 clause 5.2.1."""
    return _sequence(1 << math.ceil(math.log2(max(length, 1024))))[:length]


@lru_cache
def _sequence(length: int) -> torch.Tensor:
    from sionna.phy.nr.utils import generate_prng_seq  # noqa: PLC0415 - Sionna takes seconds to import

    return torch.tensor(generate_prng_seq(length, _C_INIT), dtype=torch.float32)
