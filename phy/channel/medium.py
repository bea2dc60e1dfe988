"""What lies between the grids of both ends: the simulated channel in the frequency domain, or another medium."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from taskwave.phy.channel.air import Air, Stream
from taskwave.phy.definitions import noise_variance
from taskwave.phy.grid.allocation import Allocation

Tap = Callable[[str, torch.Tensor], None]
"""Receives inner signals by name: `h_hat` and, where the medium knows it, `h` [B, rx, layers, symbols, subcarriers] of
the data REs, `received` [B, rx, symbols, subcarriers], `constellation` and `noise_variance` [B, n] (equalised), `llr`
[B, coded bits] of the scrambled bits."""


@dataclass(frozen=True)
class SlotSignal:
    """What the receiver has of one slot."""

    y: torch.Tensor
    """[B, rx, num_ofdm_symbols, num_subcarriers] complex64."""
    no: torch.Tensor
    """[B], or [1] for all, float32: variance of the complex noise of `y` as the receiver knows it."""
    h: torch.Tensor | None = None
    """[B, rx, layers, num_ofdm_symbols, num_subcarriers], the true channel of unit energy, where it is known."""
    lost: torch.Tensor | None = None
    """[B] bool, bursts that were not detected; None: a medium that loses none."""


LOST_NOISE = 1e6
"""Noise variance of symbols of a burst that was not detected: they say nothing."""


class Medium(Protocol):
    """Carries the slots of a message from the transmit antennas to the receive antennas."""

    def carry(
        self, allocations: Sequence[Allocation], grids: Sequence[torch.Tensor], air: Air, stream: Stream
    ) -> list[SlotSignal]:
        """What arrives of `grids` [B, layers, num_ofdm_symbols, num_subcarriers], one a slot."""
        ...


class FrequencyDomain:
    """y = H x + noise on every RE: no inter-carrier interference, ideal synchronisation. Differentiable."""

    def carry(
        self, allocations: Sequence[Allocation], grids: Sequence[torch.Tensor], air: Air, stream: Stream
    ) -> list[SlotSignal]:
        """See `Medium`."""
        no = noise_variance(air.es_n0_db)
        signals = []
        for slot, (allocation, x) in enumerate(zip(allocations, grids, strict=True)):
            h = air.frequency_response(allocation, slot).to(x.device)
            shape = (air.num_rx_ant, allocation.num_ofdm_symbols, allocation.num_subcarriers)
            noise = math.sqrt(no) * air.noise(shape, slot, stream).to(x.device)
            y = (h * x.unsqueeze(1)).sum(dim=2) + noise
            signals.append(SlotSignal(y, torch.tensor([no], device=x.device), h))
        return signals
