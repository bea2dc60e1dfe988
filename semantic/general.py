"""The general representation: latents to a few hundred complex symbols per image, and back to coarse latents.

An analog joint source-channel code (Bourtsoulatze et al. 2019, DeepJSCC) over the latent grid: four-by-four tokens
share one cell of complex symbols. The decoder is told how noisy each symbol is.
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
    """Encoder and decoder of the general representation, trained together over random noise.

    Latents are [B, C, h, w] of unit power, h and w multiples of 4; symbols are [B, n] complex with mean power one per
    image, n = `symbols_per_cell` * (h/4) * (w/4).
    """

    @register_to_config
    def __init__(
        self, latent_channels: int = 16, symbols_per_cell: int = 8, widths: tuple[int, int, int] = (80, 96, 96)
    ) -> None:
        super().__init__()
        fine, mid, deep = widths
        reals = 2 * symbols_per_cell
        self.encoder = nn.Sequential(
            _stage(latent_channels, fine, 1),
            _stage(fine, mid, 2, 2),
            _stage(mid, deep, 2, 2),
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

    def num_symbols(self, height: int, width: int) -> int:
        """Complex symbols for a latent grid of `height` x `width` tokens. Raises `ValueError` for a ragged grid."""
        if height % CELL or width % CELL:
            raise ValueError(
                f"latent grid {height}x{width} does not divide into cells of {CELL}x{CELL} tokens; "
                f"use images whose sides are multiples of {8 * CELL} pixels"
            )
        return int(self.config.symbols_per_cell) * (height // CELL) * (width // CELL)

    def encode(self, latents: torch.Tensor) -> torch.Tensor:
        """Latents [B, C, h, w] to complex64 symbols [B, n] of unit mean power."""
        self.num_symbols(*latents.shape[-2:])
        cells = cast(torch.Tensor, self.encoder(latents)).float()
        real, imag = cells.flatten(1).chunk(2, dim=1)
        symbols = torch.complex(real, imag)
        return symbols / symbols.abs().square().mean(1, keepdim=True).sqrt().clamp_min(1e-6)

    def decode(self, symbols: torch.Tensor, noise_variance: torch.Tensor, height: int, width: int) -> torch.Tensor:
        """Received symbols and their (complex) noise variances, [B, n] each, to coarse latents [B, C, h, w]."""
        cells = (2 * int(self.config.symbols_per_cell), height // CELL, width // CELL)
        # The Wiener gain keeps erased symbols (huge variance) from drowning the others.
        gain = 1 / (1 + noise_variance)
        reals = torch.cat([(symbols * gain).real, (symbols * gain).imag], dim=1).unflatten(1, cells)
        gains = torch.cat([gain, gain], dim=1).unflatten(1, cells)
        return cast(torch.Tensor, self.decoder(torch.cat([reals, gains], dim=1)))
