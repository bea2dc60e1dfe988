"""The layered analog code: latents to complex symbols, the most general ones first, and back to coarse latents.

An analog joint source-channel code (Bourtsoulatze et al. 2019, DeepJSCC) over the latent grid: four-by-four tokens
share one cell of complex symbols. Its first layer is the general representation, sent for every cell; the layers after
it refine chosen cells (successive refinement, Kurka and Gündüz 2020). The decoder is told how noisy each symbol is.
"""

from typing import cast

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import nn
from torch.nn import functional

from taskwave.semantic.codec import ResidualBlock

CELL = 4
"""Tokens per side of one cell."""


def _stage(num_in: int, num_out: int, depth: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(num_in, num_out, 3, stride, padding=1), *(ResidualBlock(num_out) for _ in range(depth))
    )


class Upsample(nn.Module):
    """Nearest-neighbour doubling of both sides."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, C, h, w] to [B, C, 2h, 2w]."""
        return functional.interpolate(x, scale_factor=2.0, mode="nearest")


class GeneralCode(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Encoder and decoder of all layers, trained together over random noise and random cells.

    Latents are [B, C, h, w] of unit power, h and w multiples of 4; symbols are [B, S, h/4, w/4] complex, S =
    sum(`layers`), with mean power one per image and layer. `layers` are complex symbols per cell.
    """

    @register_to_config
    def __init__(
        self,
        latent_channels: int = 16,
        layers: tuple[int, ...] = (8, 16, 32),
        widths: tuple[int, int, int] = (72, 104, 128),
    ) -> None:
        super().__init__()
        fine, mid, deep = widths
        reals = 2 * sum(layers)
        self.encoder = nn.Sequential(
            _stage(latent_channels, fine, 1),
            _stage(fine, mid, 1, 2),
            _stage(mid, deep, 1, 2),
            nn.Conv2d(deep, reals, 1),
        )
        self.decoder = nn.Sequential(
            _stage(2 * reals, deep, 3),
            Upsample(),
            _stage(deep, mid, 2),
            Upsample(),
            _stage(mid, fine, 2),
            nn.SiLU(),
            nn.Conv2d(fine, latent_channels, 3, padding=1),
        )

    @property
    def layers(self) -> tuple[int, ...]:
        """Complex symbols per cell of each layer; the first one is the general representation."""
        return tuple(self.config.layers)

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of cells of a latent grid of `height` x `width` tokens. Raises `ValueError` if ragged."""
        if height % CELL or width % CELL:
            raise ValueError(
                f"latent grid {height}x{width} does not divide into cells of {CELL}x{CELL} tokens; "
                f"use images whose sides are multiples of {8 * CELL} pixels"
            )
        return height // CELL, width // CELL

    def encode(self, latents: torch.Tensor) -> torch.Tensor:
        """Latents [B, C, h, w] to complex64 symbols [B, S, h/4, w/4]."""
        self.grid(*latents.shape[-2:])
        reals = cast(torch.Tensor, self.encoder(latents)).float().unflatten(1, (-1, 2))
        parts = torch.complex(reals[:, :, 0], reals[:, :, 1]).split(self.layers, dim=1)
        power = [part.abs().square().mean((1, 2, 3), keepdim=True).clamp_min(1e-12) for part in parts]
        return torch.cat([part / p.sqrt() for part, p in zip(parts, power, strict=True)], dim=1)

    def decode(self, symbols: torch.Tensor, noise_variance: torch.Tensor) -> torch.Tensor:
        """Received symbols and the variance of their complex noise, [B, S, h/4, w/4], to coarse latents [B, C, h, w].

        `noise_variance` is inf where nothing was received.
        """
        # The Wiener gain keeps erased symbols from drowning the others.
        gain = 1 / (1 + noise_variance)
        seen = torch.where(gain > 0, symbols * gain, 0)
        reals = torch.stack([seen.real, seen.imag], dim=2).flatten(1, 2)
        return cast(torch.Tensor, self.decoder(torch.cat([reals, gain.repeat_interleave(2, dim=1)], dim=1)))
