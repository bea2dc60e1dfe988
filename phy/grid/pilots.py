"""Known symbols: QPSK from the pseudo-random sequence of NR, one subcarrier of `num_layers` for each layer."""

import math

import torch

from taskwave.phy.grid.allocation import Allocation

_DMRS_C_INIT = 1
"""Any fixed scrambling identity (TS 38.211 clause 6.4.1.1.1.1); there is one transmitter only."""
_SYNC_C_INIT = 2


def _qpsk(num_ofdm_symbols: int, num_subcarriers: int, c_init: int) -> torch.Tensor:
    """[num_ofdm_symbols, num_subcarriers] complex64 of unit energy (TS 38.211 clauses 5.2.1 and 6.4.1.1.1.1)."""
    from sionna.phy.nr.utils import generate_prng_seq  # noqa: PLC0415 - Sionna takes seconds to import

    shape = (num_ofdm_symbols, num_subcarriers, 2)
    bits = torch.tensor(generate_prng_seq(math.prod(shape), c_init), dtype=torch.float32)
    real, imag = (1.0 - 2.0 * bits.reshape(shape)).unbind(-1)
    return torch.complex(real, imag) / math.sqrt(2.0)


def dmrs_pilots(allocation: Allocation) -> torch.Tensor:
    """[len(dmrs), num_subcarriers] complex64, the DMRS of all layers of an allocation."""
    return _qpsk(len(allocation.dmrs), allocation.num_subcarriers, _DMRS_C_INIT)


def sync_pilots(num_subcarriers: int) -> torch.Tensor:
    """[1, num_subcarriers] complex64, the synchronisation symbol before and after a burst."""
    return _qpsk(1, num_subcarriers, _SYNC_C_INIT)


def spread_to_layers(pilots: torch.Tensor, num_layers: int) -> torch.Tensor:
    """Grid [num_layers, S, F] of `pilots` [S, F]: layer l has subcarriers l, l + num_layers, …."""
    grid = pilots.new_zeros(num_layers, *pilots.shape)
    for layer in range(num_layers):
        grid[layer, :, layer::num_layers] = pilots[:, layer::num_layers]
    return grid


def least_squares(y: torch.Tensor, pilots: torch.Tensor, num_layers: int) -> torch.Tensor:
    """Channel of each layer at its pilots, [B, rx, layers, S, P], from received `y` [B, rx, S, F].

    For a unit-energy channel; the error has the variance of the noise of `y`.
    """
    z = y / pilots.to(y)
    return torch.stack([z[..., layer::num_layers] for layer in range(num_layers)], dim=2)
