"""What a family of channel models offers to `ChannelModel`."""

import math
from dataclasses import dataclass
from typing import Protocol

import torch

SAMPLES_PER_DOPPLER_CYCLE = 50
"""Coefficients are interpolated linearly between samples: error at most (2 pi / 50)^2 / 8 = 0.2 % (-54 dB)."""

Cir = tuple[torch.Tensor, torch.Tensor]
"""Path coefficients [images, rx, tx, paths, samples] complex64 and delays [1 or images, paths] float32 [s]."""


@dataclass(frozen=True)
class Profile:
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
    def profile(self) -> Profile:
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


def profile_on_grid(powers: torch.Tensor, delays: torch.Tensor, step_s: float, doppler_hz: float) -> Profile:
    """Mean profile of channels that all have other delays, on a grid of delays.

    Args:
        powers: [N, P] of the paths of N channels.
        delays: [N, P] their delays [s].
        step_s: of the grid [s].
        doppler_hz: see `Profile`.
    """
    place = (delays / step_s).round().long().flatten()
    grid = torch.zeros(int(place.max()) + 1, dtype=torch.float64)
    grid.index_add_(0, place, powers.double().flatten())
    grid /= grid.sum()
    strongest, order = grid.sort(descending=True)
    kept = order[: int((strongest.cumsum(0) < 1 - _LEFT_OUT).sum()) + 1].sort().values
    powers = grid[kept] / grid[kept].sum()
    return Profile((kept * step_s).float(), powers.float(), doppler_hz)


_LEFT_OUT = 1e-3
"""Share of the energy, the weakest points of a grid, that a profile does without."""
_STEPS_PER_RESOLUTION = 4


def grid_step_s(bandwidth_hz: float) -> float:
    """A quarter of what a carrier of this width resolves [s]."""
    return 1 / (_STEPS_PER_RESOLUTION * bandwidth_hz)


def share_beyond(powers: torch.Tensor, delays: torch.Tensor, prefix_s: float) -> float:
    """Share of the energy of paths [N, P] that arrives later than a prefix lasts."""
    return float((powers * (delays > prefix_s)).sum() / powers.sum())
