"""Channel realisations, their statistics, and the interface of a family of channel models to `ChannelModel`."""

import math
from dataclasses import dataclass, field
from typing import Protocol

import torch

from taskwave.phy.recent import Recent

SAMPLES_PER_DOPPLER_CYCLE = 50
"""Samples of coefficients in a cycle of the largest Doppler shift. Linear interpolation between them has an error of at
most (2 pi / 50)^2 / 8 = 0.2 % (-54 dB)."""

BLOCK = 16
"""Number of images drawn together. Image b belongs to block b // BLOCK whatever the batch, so that its realisation
never changes."""

_LEFT_OUT = 1e-3
"""Share of the energy, of the weakest points of a grid, that a profile leaves out."""
_STEPS_PER_RESOLUTION = 4
"""Steps of the grid of a profile within the delay that a carrier resolves."""
_RECENT_BYTES = 64 * 2**20
"""Size of the frequency responses and noise kept for the next SNR or link [bytes]: six slots of 16 images, 4x4, 24
PRBs."""

Cir = tuple[torch.Tensor, torch.Tensor]
"""Path coefficients [images, rx, tx, paths, samples] complex64 and path delays [1 or images, paths] float32 [s]."""


@dataclass(frozen=True)
class PowerDelayProfile:
    """Holds the statistics of the channels that a receiver knows beforehand."""

    delays: torch.Tensor
    """Path delays, [P] float32 [s]."""
    powers: torch.Tensor
    """Mean path powers, [P] float32, of sum one."""
    doppler_hz: float
    """Largest Doppler shift of paths from all sides (Jakes) [Hz]."""


class Family(Protocol):
    """Draws impulse responses of mean energy one for one radio configuration."""

    @property
    def profile(self) -> PowerDelayProfile:
        """Mean profile of all channels that can be drawn."""
        ...

    @property
    def beyond_prefix(self) -> float | None:
        """Share of the energy that arrives after the cyclic prefix; None where such channels are refused."""
        ...

    def sample_s(self, duration_s: float) -> float | None:
        """Return the sampling interval [s] for `duration_s` [s]; None: each transmission is a block of its own."""
        ...

    def draw(self, images: range, num_samples: int, sample_s: float | None, seed: int) -> Cir:
        """Draw channels of one block of images; those of image b depend on `seed` and b only."""
        ...


def sample_interval_s(duration_s: float, doppler_hz: float) -> float:
    """Return a sampling interval [s] dense enough for the Doppler shift [Hz], at most the whole duration [s]."""
    return duration_s / max(1, math.ceil(duration_s * doppler_hz * SAMPLES_PER_DOPPLER_CYCLE))


def profile_on_grid(powers: torch.Tensor, delays: torch.Tensor, step_s: float, doppler_hz: float) -> PowerDelayProfile:
    """Average the profiles of channels whose delays differ, on a grid of delays.

    Args:
        powers: [N, P] powers of the paths of N channels.
        delays: [N, P] delays of these paths [s].
        step_s: step of the grid [s].
        doppler_hz: largest Doppler shift of the profile [Hz].
    """
    index = (delays / step_s).round().long().flatten()
    grid = torch.zeros(int(index.max()) + 1, dtype=torch.float64)
    grid.index_add_(0, index, powers.double().flatten())
    grid /= grid.sum()
    strongest, order = grid.sort(descending=True)
    kept = order[: int((strongest.cumsum(0) < 1 - _LEFT_OUT).sum()) + 1].sort().values
    powers = grid[kept] / grid[kept].sum()
    return PowerDelayProfile((kept * step_s).float(), powers.float(), doppler_hz)


def grid_step_s(bandwidth_hz: float) -> float:
    """Return the step of a grid of delays [s]: a quarter of what a carrier of this width resolves."""
    return 1 / (_STEPS_PER_RESOLUTION * bandwidth_hz)


def share_beyond(powers: torch.Tensor, delays: torch.Tensor, prefix_s: float) -> float:
    """Return the share of the energy of paths [N, P] that arrives after a prefix of `prefix_s` [s]."""
    return float((powers * (delays > prefix_s)).sum() / powers.sum())


@dataclass(frozen=True)
class Fading:
    """Holds channel realisations of B images for all occasions of both directions.

    The directions are reciprocal: they share one physical channel.
    """

    a: torch.Tensor
    """Path coefficients over time, [B, num_rx_ant, num_tx_ant, num_paths, num_samples] complex64."""
    tau: torch.Tensor
    """Path delays, [1, num_paths], the same for all, or [B, num_paths] float32 [s]."""
    occasions: int
    """Number of forward transmissions; as many reverse ones lie between them."""
    spacing_s: float
    """Time from the start of one transmission to that of the next one in the other direction [s]."""
    sample_s: float | None
    """Time between samples [s]; None if each transmission is a block of its own, constant in time."""
    lead_s: float = 0.0
    """Time from the first sample to the first transmission [s], in which channel knowledge is gathered."""
    recent: Recent[torch.Tensor] = field(
        default_factory=lambda: Recent(_RECENT_BYTES, lambda tensor: tensor.nbytes), repr=False, compare=False
    )
    """Cache of the frequency responses and noise that all SNRs and links of these images share."""

    @property
    def batch(self) -> int:
        """Number of images."""
        return self.a.shape[0]

    def delays(self, images: torch.Tensor) -> torch.Tensor:
        """Return the path delays of `images`, [1 or len(images), num_paths] float32 [s]."""
        return self.tau if len(self.tau) == 1 else self.tau[images]

    def coefficients(self, images: torch.Tensor, transmission: int, times: torch.Tensor) -> torch.Tensor:
        """Return path coefficients of `images` [B] at `times` [S], [B, rx, tx, paths, S] complex64.

        Args:
            images: [B] int64 rows of `a`.
            transmission: index that counts both directions: 2 * occasion forward, 2 * occasion + 1 reverse.
            times: [S] times after the start of the transmission [s]; they may be negative, as far as `lead_s` before
                the first transmission.
        """
        a = self.a[images]
        if self.sample_s is None:
            block = a[..., min(transmission, a.shape[-1] - 1)]
            return block.unsqueeze(-1).expand(*block.shape, len(times))
        position = (self.lead_s + transmission * self.spacing_s + times) / self.sample_s
        before = position.floor().long()
        weight = (position - before).to(a.device)
        return a[..., before] * (1 - weight) + a[..., before + 1] * weight
