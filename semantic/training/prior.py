"""Recipe of the prior: v-prediction with a noise level of its own for every token."""

from pathlib import Path

import torch
from diffusers import UNet2DModel
from torch import nn

from taskwave.semantic.codec.analog import GeneralCode, scene
from taskwave.semantic.codec.latents import LatentCodec
from taskwave.semantic.diffusion.prior import predict_velocity
from taskwave.semantic.diffusion.scheduler import level_of_noise, signal_and_noise
from taskwave.semantic.training.analog import SIZE, ZOOM, channel_weights
from taskwave.semantic.training.batches import ImagePool
from taskwave.semantic.training.fit import Fit, FitConfig, Log
from taskwave.semantic.training.reception import receive


def velocity_error(
    unet: torch.nn.Module,
    general: GeneralCode,
    latents: torch.Tensor,
    symbols: torch.Tensor,
    generator: torch.Generator,
) -> torch.Tensor:
    """Squared error of v, [B, C, h, w], in the middle of a reverse process that starts from random receptions.

    The global level, above which nothing is, is pure noise in a third of the images.
    """
    held = receive(symbols, latents, general.layers, generator)
    coarse = general.decode(held.symbols, held.symbol_noise).float()
    top = torch.rand(len(latents), 1, 1, 1, generator=generator)
    top = torch.where(torch.rand(top.shape, generator=generator) < 0.35, torch.ones_like(top), top)
    level = level_of_noise(held.latent_noise).minimum(top.to(latents.device))
    noise = torch.randn(latents.shape, generator=generator).to(latents.device)
    signal, amplitude = signal_and_noise(level)
    velocity = predict_velocity(unet, signal * latents + amplitude * noise, coarse, level)
    return (velocity - (signal * noise - amplitude * latents)).square()


def train_prior(
    unet: UNet2DModel,
    codec: LatentCodec,
    general: GeneralCode,
    parser: nn.Module,
    pool: ImagePool,
    val: ImagePool,
    config: FitConfig,
    folder: Path,
    batch: int,
    log: Log,
) -> UNet2DModel:
    """Train `unet` with `codec`, `general` and the task network `parser` fixed.

    Reports the weighted error of v on `val` for fixed draws.
    """
    fit = Fit(unet.to(memory_format=torch.channels_last), config, folder, pool.device)
    weights = channel_weights(codec, pool)

    parser.eval().requires_grad_(False)

    def error(net: torch.nn.Module, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        with torch.no_grad():
            latents = codec.encode(images).float()
            symbols = general.encode(scene(latents, parser(images)))
        return (weights * velocity_error(net, general, latents, symbols, generator)).mean()

    def loss(generator: torch.Generator) -> torch.Tensor:
        return error(unet, pool.draw(batch, SIZE, generator, ZOOM).images, generator)

    whole = val.whole(range(0, len(val), 3)).images

    @torch.no_grad()
    def validate() -> dict[str, float]:
        return {"v_error": float(error(fit.averaged, whole, torch.Generator().manual_seed(5)))}

    return fit.run(loss, validate, log)
