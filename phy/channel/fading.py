"""Channel realisations, and what a family of channel models offers to `ChannelModel`."""

import math
from dataclasses import dataclass, field
from typing import Protocol

import torch

from taskwave.phy.recent import Recent

SAMPLES_PER_DOPPLER_CYCLE = 50
"""Coefficients are interpolated linearly between samples: error at most (2 pi / 50)^2 / 8 = 0.2 % (-54 dB)."""

Cir = tuple[torch.Tensor, torch.Tensor]
"""Path coefficients [images, rx, tx, paths, samples] complex64 and delays [1 or images, paths] float32 [s]."""


@dataclass(frozen=True)
class PowerDelayProfile:
    """What a receiver knows of the channels beforehand."""

    delays: torch.Tensor
    """[P] float32, path delays [s]."""
    powers: torch.Tensor
    """[P] float32, mean path powers, of sum one."""
    doppler_hz: float
    """Largest Doppler shift [Hz], of paths from all sides (Jakes)."""


class Family(Protocol):
    """Draws impulse responses for one radio configuration, of mean energy one."""

    @property
    def profile(self) -> PowerDelayProfile:
        """Means over all channels that can be drawn."""
        ...

    @property
    def beyond_prefix(self) -> float | None:
        """Share of the energy that comes later than the cyclic prefix lasts; None where such channels are refused."""
        ...

    def sample_s(self, duration_s: float) -> float | None:
        """Sampling interval [s] for so long a time; None: each transmission is a block of its own."""
        ...

    def draw(self, images: range, num_samples: int, sample_s: float | None, seed: int) -> Cir:
        """Channels of one block of images; those of image b depend on `seed` and b only."""
        ...


def sample_interval_s(duration_s: float, doppler_hz: float) -> float:
    """Dense enough for the Doppler shift, at most the whole duration [s]."""
    return duration_s / max(1, math.ceil(duration_s * doppler_hz * SAMPLES_PER_DOPPLER_CYCLE))


def profile_on_grid(powers: torch.Tensor, delays: torch.Tensor, step_s: float, doppler_hz: float) -> PowerDelayProfile:
    """Mean profile of channels that all have other delays, on a grid of delays.

    Args:
        powers: [N, P] of the paths of N channels.
        delays: [N, P] their delays [s].
        step_s: of the grid [s].
        doppler_hz: see `PowerDelayProfile`.
    """
    place = (delays / step_s).round().long().flatten()
    grid = torch.zeros(int(place.max()) + 1, dtype=torch.float64)
    grid.index_add_(0, place, powers.double().flatten())
    grid /= grid.sum()
    strongest, order = grid.sort(descending=True)
    kept = order[: int((strongest.cumsum(0) < 1 - _LEFT_OUT).sum()) + 1].sort().values
    powers = grid[kept] / grid[kept].sum()
    return PowerDelayProfile((kept * step_s).float(), powers.float(), doppler_hz)


_LEFT_OUT = 1e-3
"""Share of the energy, the weakest points of a grid, that a profile does without."""
_STEPS_PER_RESOLUTION = 4


def grid_step_s(bandwidth_hz: float) -> float:
    """A quarter of what a carrier of this width resolves [s]."""
    return 1 / (_STEPS_PER_RESOLUTION * bandwidth_hz)


def share_beyond(powers: torch.Tensor, delays: torch.Tensor, prefix_s: float) -> float:
    """Share of the energy of paths [N, P] that arrives later than a prefix lasts."""
    return float((powers * (delays > prefix_s)).sum() / powers.sum())


BLOCK = 16
"""Images drawn together. Image b belongs to block b // BLOCK whatever the batch, so its realisation never changes."""

_RECENT_BYTES = 64 * 2**20
"""Frequency responses and noise kept for the next SNR or link: six slots of 16 images, 4x4, 24 PRBs."""


@dataclass(frozen=True)
class Fading:
    """Channel realisations of B images for all occasions of both directions (reciprocal: one physical channel)."""

    a: torch.Tensor
    """[B, num_rx_ant, num_tx_ant, num_paths, num_samples] complex64, path coefficients over time."""
    tau: torch.Tensor
    """[1, num_paths], the same for all, or [B, num_paths] float32, path delays [s]."""
    occasions: int
    """Forward transmissions; as many reverse ones lie between them."""
    spacing_s: float
    """Time from the start of one transmission to that of the next one in the other direction [s]."""
    sample_s: float | None
    """Time between samples [s]; None if each transmission is a block of its own, constant in time."""
    lead_s: float = 0.0
    """Time from the first sample to the first transmission [s]: that of channel knowledge gathered beforehand."""
    recent: Recent[torch.Tensor] = field(
        default_factory=lambda: Recent(_RECENT_BYTES, lambda tensor: tensor.nbytes), repr=False, compare=False
    )
    """What every SNR and every link of these images has in common."""

    @property
    def batch(self) -> int:
        """Images."""
        return self.a.shape[0]

    def delays(self, images: torch.Tensor) -> torch.Tensor:
        """Path delays of `images`, [1 or len(images), num_paths] float32 [s]."""
        return self.tau if len(self.tau) == 1 else self.tau[images]

    def coefficients(self, images: torch.Tensor, transmission: int, times: torch.Tensor) -> torch.Tensor:
        """Path coefficients at `times` [S] (seconds after the start of a transmission): [B, rx, tx, paths, S].

        `transmission` counts both directions: 2 * occasion forward, 2 * occasion + 1 reverse. Times may be negative, as
        far as `lead_s` before the first transmission.
        """
        a = self.a[images]
        if self.sample_s is None:
            block = a[..., min(transmission, a.shape[-1] - 1)]
            return block.unsqueeze(-1).expand(*block.shape, len(times))
        position = (self.lead_s + transmission * self.spacing_s + times) / self.sample_s
        before = position.floor().long()
        weight = (position - before).to(a.device)
        return a[..., before] * (1 - weight) + a[..., before + 1] * weight
