"""Image codec: an image to a grid of 8x8-pixel latent tokens and back, `AutoencoderKL`-compatible.

The network starts as the optimal linear map (principal components of 8x8x3 patches, Karhunen-Loève) and learns a
residual around it, so that training can only improve on the linear transform coder.
"""

from typing import cast

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.autoencoders.vae import DecoderOutput, DiagonalGaussianDistribution
from diffusers.models.modeling_outputs import AutoencoderKLOutput
from diffusers.models.modeling_utils import ModelMixin
from torch import nn
from torch.nn import functional

PATCH = 8


class ResidualBlock(nn.Module):
    """x + conv(silu(conv(x))); the last convolution starts at zero, so the block starts as the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(cast(torch.Tensor, self.second.bias))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, width, h, w] to the same shape."""
        return x + cast(torch.Tensor, self.second(functional.silu(self.first(functional.silu(x)))))


def residual_path(num_in: int, num_out: int, width: int, depth: int) -> nn.Sequential:
    """`num_in` to `num_out` channels through `depth` residual blocks; zero at the start."""
    head = nn.Conv2d(width, num_out, 1)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(cast(torch.Tensor, head.bias))
    return nn.Sequential(
        nn.Conv2d(num_in, width, 3, padding=1), *(ResidualBlock(width) for _ in range(depth)), nn.SiLU(), head
    )


class PatchAutoencoder(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Linear patch transform plus a learned residual on both sides.

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
        pixels = 3 * PATCH * PATCH
        self.analysis = nn.Conv2d(pixels, latent_channels, 1)
        self.synthesis = nn.Conv2d(latent_channels, pixels, 1)
        self.encoder = residual_path(pixels, latent_channels, encoder_width, encoder_depth)
        self.decoder = residual_path(latent_channels, pixels, decoder_width, decoder_depth)

    def encode(self, x: torch.Tensor) -> AutoencoderKLOutput:
        """Images [B, 3, H, W] in [-1, 1] to a (deterministic) latent distribution."""
        patches = functional.pixel_unshuffle(x, PATCH)
        mean = self.analysis(patches) + self.encoder(patches)
        moments = torch.cat([mean, torch.full_like(mean, -30.0)], dim=1)
        posterior = DiagonalGaussianDistribution(moments, deterministic=True)
        return AutoencoderKLOutput(latent_dist=posterior)

    def decode(self, z: torch.Tensor) -> DecoderOutput:
        """Latents [B, C, h, w] to images [B, 3, 8h, 8w], about [-1, 1], not clipped."""
        image = functional.pixel_shuffle(self.synthesis(z) + self.decoder(z), PATCH)
        return DecoderOutput(sample=image)

    @torch.no_grad()
    def start_linear(self, images: torch.Tensor) -> None:
        """Set both linear maps to the principal components of `images` [N, 3, H, W] in [-1, 1], unit power each."""
        patches = functional.pixel_unshuffle(images, PATCH).movedim(1, -1).flatten(0, -2).double()
        mean = patches.mean(0)
        power, basis = torch.linalg.eigh(torch.cov((patches - mean).T))
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
    """Any `AutoencoderKL`-like model as a map between images in [0, 1] and unit-power latents.

    `mean` and `std` ([C], measured on training images) normalise each latent channel to zero mean and unit power.
    """

    def __init__(self, vae: nn.Module, mean: torch.Tensor, std: torch.Tensor) -> None:
        super().__init__()
        self.vae = vae
        self.register_buffer("mean", mean.reshape(1, -1, 1, 1))
        self.register_buffer("std", std.reshape(1, -1, 1, 1))

    @property
    def channels(self) -> int:
        """Numbers per latent token."""
        return cast(torch.Tensor, self.mean).shape[1]

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        """[B, 3, H, W] in [0, 1] to latents [B, C, H/8, W/8] of unit power per channel.

        Raises `ValueError` when H or W is not a multiple of 8.
        """
        if images.shape[-1] % PATCH or images.shape[-2] % PATCH:
            raise ValueError(
                f"image size {tuple(images.shape[-2:])} does not divide into {PATCH}x{PATCH} patches; "
                f"resize it to multiples of {PATCH}"
            )
        return (self.vae.encode(images * 2 - 1).latent_dist.mode() - self.mean) / self.std  # type: ignore[operator,no-any-return]

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Unit-power latents [B, C, h, w] to images [B, 3, 8h, 8w], clipped to [0, 1]."""
        image = self.vae.decode(latents * self.std + self.mean).sample  # type: ignore[operator]
        return (image / 2 + 0.5).clamp(0, 1)  # type: ignore[no-any-return]


def psnr(images: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """Peak signal-to-noise ratio in dB per image, [B, 3, H, W] in [0, 1] to [B]."""
    return -10 * torch.log10((images - reference).square().mean((1, 2, 3)))
