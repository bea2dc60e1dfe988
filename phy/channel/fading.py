"""Channel realisations as every family gives them."""

from dataclasses import dataclass, field

import torch

from taskwave.phy.channel.recent import Recent

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
    recent: Recent = field(default_factory=lambda: Recent(_RECENT_BYTES), repr=False, compare=False)
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
