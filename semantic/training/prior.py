"""The training of the prior: prediction of v with a noise level of its own for every token."""

import torch
from diffusers import UNet2DModel
from torch import nn

from taskwave.semantic.codec.analog import GeneralCode, scene
from taskwave.semantic.codec.latents import LatentCodec
from taskwave.semantic.diffusion.prior import predict_velocity
from taskwave.semantic.diffusion.scheduler import level_of_noise, signal_and_noise
from taskwave.semantic.training.analog import SIZE, ZOOM, channel_weights
from taskwave.semantic.training.fit import TrainingRun
from taskwave.semantic.training.reception import receive


def velocity_error(
    unet: torch.nn.Module,
    general: GeneralCode,
    latents: torch.Tensor,
    symbols: torch.Tensor,
    generator: torch.Generator,
) -> torch.Tensor:
    """Return the squared error of v, [B, C, h, w], in the middle of a reverse process after random receptions.

    No token is above the global level, which is drawn for each image and is pure noise in a third of them.

    Args:
        unet: network of the prior.
        general: analog code.
        latents: latents [B, C, h, w].
        symbols: their code symbols [B, S, h/4, w/4], complex.
        generator: generator of the randomness.
    """
    held = receive(symbols, latents, general.code_layers, generator)
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
    task_network: nn.Module,
    run: TrainingRun,
) -> UNet2DModel:
    """Train `unet` with `codec`, `general` and `task_network` fixed.

    The validation reports the weighted error of v for fixed draws.
    """
    pool, val, batch = run.pool, run.val, run.batch
    fit = run.fit(unet.to(memory_format=torch.channels_last))
    weights = channel_weights(codec, pool)
    task_network.eval().requires_grad_(False)

    def error(net: torch.nn.Module, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        with torch.no_grad():
            latents = codec.encode(images).float()
            symbols = general.encode(scene(latents, task_network(images)))
        return (weights * velocity_error(net, general, latents, symbols, generator)).mean()

    def loss(generator: torch.Generator) -> torch.Tensor:
        return error(unet, pool.draw(batch, SIZE, generator, ZOOM).images, generator)

    whole = val.whole(range(0, len(val), 3)).images

    @torch.no_grad()
    def validate() -> dict[str, float]:
        return {"v_error": float(error(fit.averaged, whole, torch.Generator().manual_seed(5)))}

    return fit.run(loss, validate, run.monitor)
