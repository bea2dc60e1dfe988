"""Samples of what a receiver's picture may be: every window of it drawn by the diffusion, the lowest layer first."""

from dataclasses import dataclass

import torch

from taskwave.links.task_adaptive.state import Shown
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.seeds import generator
from taskwave.semantic.diffusion.posterior import WindowPosterior
from taskwave.semantic.diffusion.sampling import sample

_STREAM = 2**22
"""Number that sets the seeds of samples apart from those of noise."""


@dataclass(frozen=True)
class Sampler:
    """Draws pictures that agree with what arrived."""

    posterior: WindowPosterior
    """The diffusion."""
    count: int
    """Number of samples."""
    steps: int = 1
    """Number of steps of each."""

    @torch.no_grad()
    def pictures(self, shown: Shown, air: AirInterface) -> torch.Tensor:
        """Return samples of the picture of one image, [count, 3, H, W] in [0, 1], the same for the same `air`."""
        draws = generator(air.seed, *air.forward(0).images.tolist(), _STREAM)
        pictures = torch.full_like(shown.picture, 0.5).repeat(self.count, 1, 1, 1)
        for layer in shown.layers:
            parts = sample(self.posterior, layer.arrived, self.count, draws, self.steps).clamp(0, 1)
            for window, part in zip(layer.windows, parts.unbind(1), strict=True):
                pictures = window.paste(pictures, part)
        return pictures
