"""Known symbols of both ends: QPSK from the pseudo-random sequence of NR, on subcarriers of each layer's own."""

import math

import torch

from taskwave.phy.grid.allocation import Allocation

_DMRS_C_INIT = 1
"""Initial value of the sequence of DMRS, any fixed one, as there is one transmitter: of PDSCH on the forward link
(TS 38.211 clause 7.4.1.1.1), and of PUSCH, which has the same sequence, on the reverse link (clause 6.4.1.1.1.1)."""
_SYNC_C_INIT = 2
"""Initial value of the sequence of synchronisation symbols: another one than that of DMRS."""


def _qpsk(num_ofdm_symbols: int, num_subcarriers: int, c_init: int) -> torch.Tensor:
    """Return [num_ofdm_symbols, num_subcarriers] complex64 of unit energy (TS 38.211 clauses 5.2.1, 7.4.1.1.1)."""
    from sionna.phy.nr.utils import generate_prng_seq  # noqa: PLC0415 - Sionna takes seconds to import

    shape = (num_ofdm_symbols, num_subcarriers, 2)
    bits = torch.tensor(generate_prng_seq(math.prod(shape), c_init), dtype=torch.float32)
    real, imag = (1.0 - 2.0 * bits.reshape(shape)).unbind(-1)
    return torch.complex(real, imag) / math.sqrt(2.0)


def dmrs_pilots(allocation: Allocation) -> torch.Tensor:
    """Return the DMRS of all layers of an allocation, [len(dmrs), num_subcarriers] complex64."""
    return _qpsk(len(allocation.dmrs), allocation.num_subcarriers, _DMRS_C_INIT)


def sync_pilots(num_subcarriers: int) -> torch.Tensor:
    """Return the synchronisation symbol before and after a burst, [1, num_subcarriers] complex64."""
    return _qpsk(1, num_subcarriers, _SYNC_C_INIT)


def spread_to_layers(pilots: torch.Tensor, num_layers: int) -> torch.Tensor:
    """Return the grid [num_layers, S, F] of `pilots` [S, F]: layer l has subcarriers l, l + num_layers, …."""
    grid = pilots.new_zeros(num_layers, *pilots.shape)
    for layer in range(num_layers):
        grid[layer, :, layer::num_layers] = pilots[:, layer::num_layers]
    return grid


def least_squares(y: torch.Tensor, pilots: torch.Tensor, num_layers: int) -> torch.Tensor:
    """Estimate the channel of each layer at its pilots, [B, rx, layers, S, P], from received `y` [B, rx, S, F].

    What is estimated is the channel of unit energy, and the error has the variance of the noise of `y`.
    """
    z = y / pilots.to(y)
    return torch.stack([z[..., layer::num_layers] for layer in range(num_layers)], dim=2)
