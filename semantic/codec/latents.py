"""The image codec, which maps an image to a grid of latent tokens of 8x8 pixels and back, as `AutoencoderKL` does.

The network starts as the optimal linear map (principal components of blocks of 8x8x3 pixels, Karhunen-Loève) and
learns a residual around it, so that training can only improve on the linear transform coder.
"""

from typing import TypeVar, cast

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.autoencoders.vae import DecoderOutput, DiagonalGaussianDistribution
from diffusers.models.modeling_outputs import AutoencoderKLOutput
from diffusers.models.modeling_utils import ModelMixin
from torch import nn
from torch.nn import functional

TOKEN = 8
"""Pixels per side of one token."""


Layer = TypeVar("Layer", nn.Conv2d, nn.Linear)


def zeroed(layer: Layer) -> Layer:
    """Set the last layer of a residual to zero, so that the residual starts at zero, and return it."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(cast(torch.Tensor, layer.bias))
    return layer


class ResidualBlock(nn.Module):
    """Computes x + conv(silu(conv(x))).

    The last convolution starts at zero, so that the block starts as the identity.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = zeroed(nn.Conv2d(width, width, 3, padding=1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map features [B, width, h, w] to features of the same shape."""
        return x + cast(torch.Tensor, self.second(functional.silu(self.first(functional.silu(x)))))


def residual_path(num_in: int, num_out: int, width: int, depth: int) -> nn.Sequential:
    """Build `depth` residual blocks from `num_in` to `num_out` channels; the output of the whole starts at zero."""
    head = zeroed(nn.Conv2d(width, num_out, 1))
    return nn.Sequential(
        nn.Conv2d(num_in, width, 3, padding=1), *(ResidualBlock(width) for _ in range(depth)), nn.SiLU(), head
    )


class PatchAutoencoder(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Codes blocks of 8x8 pixels by a linear transform plus a learned residual, in both directions.

    Input images are [B, 3, H, W] in [-1, 1] with H and W multiples of 8; latents are
    [B, latent_channels, H/8, W/8] with about unit power per channel.
    """

    @register_to_config
    def __init__(
        self,
        latent_channels: int = 16,
        encoder_width: int = 128,
        encoder_depth: int = 2,
        decoder_width: int = 160,
        decoder_depth: int = 3,
        scaling_factor: float = 1.0,
    ) -> None:
        super().__init__()
        values = 3 * TOKEN * TOKEN
        self.analysis = nn.Conv2d(values, latent_channels, 1)
        self.synthesis = nn.Conv2d(latent_channels, values, 1)
        self.encoder = residual_path(values, latent_channels, encoder_width, encoder_depth)
        self.decoder = residual_path(latent_channels, values, decoder_width, decoder_depth)

    def encode(self, x: torch.Tensor) -> AutoencoderKLOutput:
        """Map images [B, 3, H, W] in [-1, 1] to a (deterministic) latent distribution."""
        blocks = functional.pixel_unshuffle(x, TOKEN)
        mean = self.analysis(blocks) + self.encoder(blocks)
        moments = torch.cat([mean, torch.full_like(mean, -30.0)], dim=1)
        posterior = DiagonalGaussianDistribution(moments, deterministic=True)
        return AutoencoderKLOutput(latent_dist=posterior)

    def decode(self, z: torch.Tensor) -> DecoderOutput:
        """Map latents [B, C, h, w] to images [B, 3, 8h, 8w], about in [-1, 1], not clipped."""
        image = functional.pixel_shuffle(self.synthesis(z) + self.decoder(z), TOKEN)
        return DecoderOutput(sample=image)

    @torch.no_grad()
    def start_linear(self, images: torch.Tensor) -> None:
        """Set both linear maps to the principal components of `images` [N, 3, H, W] in [-1, 1], unit power each."""
        blocks = functional.pixel_unshuffle(images, TOKEN).movedim(1, -1).flatten(0, -2).double()
        mean = blocks.mean(0)
        power, basis = torch.linalg.eigh(torch.cov((blocks - mean).T))
        channels = self.analysis.out_channels
        scale = power[-channels:].flip(0).sqrt()
        basis = basis[:, -channels:].flip(1)
        analysis = (basis / scale).T
        for layer, weight, bias in (
            (self.analysis, analysis, -analysis @ mean),
            (self.synthesis, basis * scale, mean),
        ):
            layer.weight.copy_(weight[:, :, None, None])
            cast(torch.Tensor, layer.bias).copy_(bias)


class LatentCodec(nn.Module):
    """Maps images in [0, 1] to latents of unit power and back, by any `AutoencoderKL`-like model.

    `mean` and `std` ([C], measured on training images) normalise each latent channel to zero mean and unit power.
    """

    def __init__(self, vae: nn.Module, mean: torch.Tensor, std: torch.Tensor) -> None:
        super().__init__()
        self.vae = vae
        self.register_buffer("mean", mean.reshape(1, -1, 1, 1))
        self.register_buffer("std", std.reshape(1, -1, 1, 1))

    @property
    def channels(self) -> int:
        """Number of channels C of the latents, the length of one token."""
        return cast(torch.Tensor, self.mean).shape[1]

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        """Map images [B, 3, H, W] in [0, 1] to latents [B, C, H/8, W/8] of unit power per channel.

        Raises:
            ValueError: H or W is not a multiple of 8.
        """
        if images.shape[-1] % TOKEN or images.shape[-2] % TOKEN:
            raise ValueError(
                f"image size {tuple(images.shape[-2:])} does not divide into tokens of {TOKEN}x{TOKEN} pixels; "
                f"resize it to multiples of {TOKEN}"
            )
        return (self.vae.encode(images * 2 - 1).latent_dist.mode() - self.mean) / self.std  # type: ignore[operator,no-any-return]

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Map latents [B, C, h, w] of unit power to images [B, 3, 8h, 8w], clipped to [0, 1]."""
        image = self.vae.decode(latents * self.std + self.mean).sample  # type: ignore[operator]
        return (image / 2 + 0.5).clamp(0, 1)  # type: ignore[no-any-return]
