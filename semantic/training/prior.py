"""Recipe of the prior: v-prediction with a noise level of its own for every token."""

from pathlib import Path

import torch
from diffusers import UNet2DModel
from torch.nn import functional

from taskwave.semantic.codec import LatentCodec
from taskwave.semantic.general import GeneralCode
from taskwave.semantic.prior import predict_velocity
from taskwave.semantic.scheduler import level_of_noise, signal_and_noise
from taskwave.semantic.training.batches import ImagePool
from taskwave.semantic.training.fit import Fit, FitConfig, Log
from taskwave.semantic.training.general import ES_N0_DB, SIZE, ZOOM, add_noise, channel_weights


def draw_received(shape: torch.Size, generator: torch.Generator) -> torch.Tensor:
    """Random level maps of `shape` [B, C, h, w] of what a receiver may hold before it regenerates.

    Some 2x2 groups of tokens were received over a noise of their own, with a power profile over the channels and
    often only the first few channels of each token; all else is at 1, pure noise. A fifth of the maps hold nothing.
    """
    batch, channels, height, width = shape
    field = torch.randn(batch, 1, max(2, height // 6), max(2, width // 6), generator=generator)
    field = functional.interpolate(field, (height // 2, width // 2), mode="bicubic", align_corners=False)
    field = field + 0.7 * torch.randn(batch, 1, height // 2, width // 2, generator=generator)
    share = 3 * torch.rand(batch, 1, 1, 1, generator=generator) ** 2 - 0.6
    share = share.where(torch.rand(batch, 1, 1, 1, generator=generator) > 0.2, -torch.inf)
    received = functional.interpolate((field > 1.8 - share).float(), (height, width), mode="nearest") > 0
    low, high = ES_N0_DB
    db = low + (high - low) * torch.rand(batch, 1, 1, 1, generator=generator)
    db = db + 3 * torch.randn(batch, 1, height, width, generator=generator)
    index = torch.arange(channels).reshape(1, -1, 1, 1)
    slope = 14 * torch.rand(batch, 1, 1, 1, generator=generator) - 11
    db = db + slope * (index / max(1, channels - 1) - 0.5)
    kept = torch.randint(channels // 4, 2 * channels, (batch, 1, 1, 1), generator=generator)
    return torch.where(received & (index < kept), level_of_noise(10 ** (-db / 10)), torch.ones(()))


def draw_levels(shape: torch.Size, generator: torch.Generator) -> torch.Tensor:
    """Random level maps of `shape` [B, C, h, w] in the middle of the reverse process.

    The global level, above which nothing is, is pure noise in a third of the maps.
    """
    mine = draw_received(shape, generator)
    batch = shape[0]
    top = torch.rand(batch, 1, 1, 1, generator=generator)
    top = torch.where(torch.rand(batch, 1, 1, 1, generator=generator) < 0.35, torch.ones_like(top), top)
    return mine.minimum(top)


def train_prior(
    unet: UNet2DModel,
    codec: LatentCodec,
    general: GeneralCode,
    pool: ImagePool,
    val: ImagePool,
    config: FitConfig,
    folder: Path,
    batch: int,
    log: Log,
) -> UNet2DModel:
    """Train `unet` with `codec` and `general` fixed; reports the weighted v error on `val` for fixed draws."""
    fit = Fit(unet.to(memory_format=torch.channels_last), config, folder, pool.device)
    weights = channel_weights(codec, pool)

    def error(net: torch.nn.Module, latents: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        height, width = latents.shape[-2:]
        with torch.no_grad():
            received, variance = add_noise(general.encode(latents), generator)
            coarse = general.decode(received, variance, height, width).float()
            level = draw_levels(latents.shape, generator).to(latents.device)
            noise = torch.randn(latents.shape, generator=generator).to(latents.device)
            signal, amplitude = signal_and_noise(level)
            target = signal * noise - amplitude * latents
        velocity = predict_velocity(net, signal * latents + amplitude * noise, coarse, level)
        return (weights * (velocity - target).square()).mean()

    def loss(generator: torch.Generator) -> torch.Tensor:
        images = pool.draw(batch, SIZE, generator, ZOOM).images
        with torch.no_grad():
            latents = codec.encode(images).float()
        return error(unet, latents, generator)

    with torch.no_grad():
        whole = torch.cat([codec.encode(val.whole([i]).images) for i in range(0, len(val), 3)])

    @torch.no_grad()
    def validate() -> dict[str, float]:
        return {"v_error": float(error(fit.averaged, whole, torch.Generator().manual_seed(5)))}

    return fit.run(loss, validate, log)
