"""The medium between the grids of both ends: its interface, and the simulated channel in the frequency domain."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from taskwave.phy.channel.air import Air, Stream
from taskwave.phy.definitions import noise_variance
from taskwave.phy.grid.allocation import Allocation

Tap = Callable[[str, torch.Tensor], None]
"""Callback that receives inner signals by name: `h_hat` and, where the medium knows it, `h` [B, rx, layers, symbols,
subcarriers] of the data REs, `received` [B, rx, symbols, subcarriers], `constellation` and `noise_variance` [B, n]
(equalised), `llr` [B, coded bits] of the scrambled bits."""


@dataclass(frozen=True)
class SlotSignal:
    """Holds what the receiver has of one slot."""

    y: torch.Tensor
    """Received grid, [B, rx, num_ofdm_symbols, num_subcarriers] complex64."""
    no: torch.Tensor
    """Variance of the complex noise of `y` as the receiver knows it, [B], or [1] for all, float32."""
    h: torch.Tensor | None = None
    """True channel of unit energy, [B, rx, layers, num_ofdm_symbols, num_subcarriers]; None where it is not known."""
    lost: torch.Tensor | None = None
    """Whether the burst of each image was not detected, [B] bool; None: the medium loses no burst."""


LOST_NOISE = 1e6
"""Noise variance of the symbols of a burst that was not detected, so large that they carry no information."""


class Medium(Protocol):
    """Carries the slots of a message from the transmit antennas to the receive antennas."""

    def carry(
        self, allocations: Sequence[Allocation], grids: Sequence[torch.Tensor], air: Air, stream: Stream
    ) -> list[SlotSignal]:
        """Return what arrives of `grids` [B, layers, num_ofdm_symbols, num_subcarriers], one for each slot."""
        ...


class FrequencyDomain:
    """Computes y = H x + noise on every RE, without inter-carrier interference and with ideal synchronisation.

    The result is differentiable.
    """

    def carry(
        self, allocations: Sequence[Allocation], grids: Sequence[torch.Tensor], air: Air, stream: Stream
    ) -> list[SlotSignal]:
        """Implement `Medium.carry`."""
        no = noise_variance(air.es_n0_db)
        signals = []
        for slot, (allocation, x) in enumerate(zip(allocations, grids, strict=True)):
            h = air.frequency_response(allocation, slot).to(x.device)
            shape = (air.num_rx_ant, allocation.num_ofdm_symbols, allocation.num_subcarriers)
            noise = math.sqrt(no) * air.noise(shape, slot, stream).to(x.device)
            y = (h * x.unsqueeze(1)).sum(dim=2) + noise
            signals.append(SlotSignal(y, torch.tensor([no], device=x.device), h))
        return signals
