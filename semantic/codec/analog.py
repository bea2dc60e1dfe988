"""The analog code in layers, which maps a scene to complex symbols, the most general ones first, and back.

It is an analog joint source-channel code (Bourtsoulatze et al. 2019, DeepJSCC) over the token grid: 4x4 tokens share
one cell of complex symbols. It starts as the optimal linear map (principal components of cells, Karhunen-Loève, with
the power allocation of linear analog coding) and learns a residual around it. Its first layer is the general
representation, sent for every cell; the layers after it refine chosen cells (successive refinement, Kurka and Gündüz
2020). The decoder gets the noise variance of each symbol. What it returns is a coarse scene.

A scene is the latents of an image and the share of each class in every token, as a task network sees it. Both travel in
one code, so that at few symbols or much noise the receiver still learns what is where. No task is known for this: all
classes are described alike.
"""

from typing import cast

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import nn
from torch.nn import functional

from taskwave.semantic.codec.latents import TOKEN, ResidualBlock, zeroed

CELL = 4
"""Tokens per side of one cell."""
CELL_PIXELS = CELL * TOKEN
"""Pixels per side of one cell."""


def pad_to_cells(images: torch.Tensor) -> torch.Tensor:
    """Repeat the last row and column of images [B, 3, H, W] until both sides are multiples of `CELL_PIXELS`."""
    height, width = images.shape[-2:]
    return functional.pad(images, (0, -width % CELL_PIXELS, 0, -height % CELL_PIXELS), mode="replicate")


def scene(latents: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    """Join latents [B, C, h, w] and the class shares of logits [B, K, 8h, 8w] to scenes [B, C + K, h, w].

    The latents come first, then the share of each class in each token, in [0, 1].
    """
    return torch.cat([latents, functional.avg_pool2d(logits.float().softmax(1), TOKEN)], dim=1)


def _stage(num_in: int, num_out: int, depth: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(num_in, num_out, 3, stride, padding=1), *(ResidualBlock(num_out) for _ in range(depth))
    )


class Upsample(nn.Module):
    """Doubles both sides by nearest-neighbour interpolation."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map features [B, C, h, w] to [B, C, 2h, 2w]."""
        return functional.interpolate(x, scale_factor=2.0, mode="nearest")


class GeneralCode(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Encodes scenes to the complex symbols of all layers and decodes whatever arrives of them.

    Encoder and decoder are trained together over random noise and random cells. Scenes are [B, C, h, w] (see `scene`),
    h and w multiples of 4; symbols are [B, S, h/4, w/4] complex, S = sum(`layers`). The first layer has mean power one
    per image, the others about one on average: their power is a part of the message.

    Args:
        channels: number of channels C of a scene.
        layers: complex symbols per cell of each layer; `code_layers` reads it back.
        widths: channels of the networks at full, half and quarter resolution.
    """

    @register_to_config
    def __init__(
        self,
        channels: int = 27,
        layers: tuple[int, ...] = (8, 16, 32),
        widths: tuple[int, int, int] = (72, 104, 128),
    ) -> None:
        super().__init__()
        fine, mid, deep = widths
        reals = 2 * sum(layers)
        self.encoder = nn.Sequential(
            _stage(channels, fine, 1),
            _stage(fine, mid, 1, 2),
            _stage(mid, deep, 1, 2),
            zeroed(nn.Conv2d(deep, reals, 1)),
        )
        self.decoder = nn.Sequential(
            _stage(2 * reals, deep, 3),
            Upsample(),
            _stage(deep, mid, 2),
            Upsample(),
            _stage(mid, fine, 2),
            nn.SiLU(),
            zeroed(nn.Conv2d(fine, channels, 3, padding=1)),
        )
        self.analysis = nn.Conv2d(channels * CELL**2, reals, 1)
        self.synthesis = nn.Conv2d(reals, channels * CELL**2, 1)
        # The linear maps stay as `start_linear` sets them: the learning rate of the residuals is too high for them.
        self.analysis.requires_grad_(False)
        self.synthesis.requires_grad_(False)

    @torch.no_grad()
    def start_linear(self, scenes: torch.Tensor, weights: torch.Tensor) -> None:
        """Set both linear maps to the principal components of the cells of `scenes` [N, C, h, w].

        `weights` [1, C, 1, 1] is the cost of a unit error in each channel. A component of standard deviation s is sent
        with power proportional to s, which minimises the error of linear analog coding (Lee and Petersen 1976).
        """
        cost = weights.sqrt()
        cells = functional.pixel_unshuffle(scenes * cost, CELL).movedim(1, -1).flatten(0, -2).double()
        mean = cells.mean(0)
        power, basis = torch.linalg.eigh(torch.cov((cells - mean).T))
        reals = self.analysis.out_channels
        deviation = power[-reals:].flip(0).clamp_min(1e-12).sqrt()
        basis = basis[:, -reals:].flip(1)
        sizes = [2 * n for n in self.code_layers]
        layer_power = [part.mean() * 2 for part in deviation.split(sizes)]
        scale = torch.cat([p.expand(n) for p, n in zip(layer_power, sizes, strict=True)]).mul(deviation).sqrt()
        cost = cost.double().expand(1, -1, CELL, CELL).reshape(1, -1, CELL, CELL)
        cost = functional.pixel_unshuffle(cost, CELL).flatten()
        analysis, synthesis = (basis / scale).T * cost, basis * scale / cost[:, None]
        for layer, weight, bias in (
            (self.analysis, analysis, -(basis / scale).T @ mean),
            (self.synthesis, synthesis, mean / cost),
        ):
            layer.weight.copy_(weight[:, :, None, None])
            cast(torch.Tensor, layer.bias).copy_(bias)

    @property
    def code_layers(self) -> tuple[int, ...]:
        """Complex symbols per cell of each layer of the code; the first layer is the general representation."""
        return tuple(self.config.layers)

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Return the rows and columns of cells of a grid of `height` x `width` tokens.

        Raises:
            ValueError: `height` or `width` is not a multiple of 4.
        """
        if height % CELL or width % CELL:
            raise ValueError(
                f"latent grid {height}x{width} does not divide into cells of {CELL}x{CELL} tokens; "
                f"use images whose sides are multiples of {8 * CELL} pixels"
            )
        return height // CELL, width // CELL

    def encode(self, scenes: torch.Tensor) -> torch.Tensor:
        """Encode scenes [B, C, h, w] as complex64 symbols [B, S, h/4, w/4]."""
        self.grid(*scenes.shape[-2:])
        linear = self.analysis(functional.pixel_unshuffle(scenes, CELL))
        reals = (linear + self.encoder(scenes)).float().unflatten(1, (-1, 2))
        symbols = torch.complex(reals[:, :, 0], reals[:, :, 1])
        general, detail = symbols[:, : self.code_layers[0]], symbols[:, self.code_layers[0] :]
        power = general.abs().square().mean((1, 2, 3), keepdim=True).clamp_min(1e-12)
        return torch.cat([general / power.sqrt(), detail], dim=1)

    def decode(self, symbols: torch.Tensor, noise_variance: torch.Tensor) -> torch.Tensor:
        """Decode received symbols to coarse scenes [B, C, h, w].

        Args:
            symbols: received symbols [B, S, h/4, w/4], complex.
            noise_variance: variance of their complex noise, same shape, inf where nothing was received.
        """
        # Without the Wiener gain the values of symbols that were not received would dominate the others.
        gain = 1 / (1 + noise_variance)
        seen = torch.where(gain > 0, symbols * gain, 0)
        reals = torch.stack([seen.real, seen.imag], dim=2).flatten(1, 2)
        learned = self.decoder(torch.cat([reals, gain.repeat_interleave(2, dim=1)], dim=1))
        return functional.pixel_shuffle(self.synthesis(reals), CELL) + cast(torch.Tensor, learned)
