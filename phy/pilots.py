"""Known symbols: QPSK from the pseudo-random sequence of NR."""

import math

import torch


def pilot_symbols(num_ofdm_symbols: int, num_subcarriers: int, c_init: int) -> torch.Tensor:
    """[num_ofdm_symbols, num_subcarriers] complex64 of unit energy (TS 38.211 clauses 5.2.1 and 7.4.1.1.1)."""
    from sionna.phy.nr.utils import generate_prng_seq  # noqa: PLC0415 - Sionna takes seconds to import

    shape = (num_ofdm_symbols, num_subcarriers, 2)
    bits = torch.tensor(generate_prng_seq(math.prod(shape), c_init), dtype=torch.float32)
    real, imag = (1.0 - 2.0 * bits.reshape(shape)).unbind(-1)
    return torch.complex(real, imag) / math.sqrt(2.0)
