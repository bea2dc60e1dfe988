"""Recipe of the general representation: latents through a noisy few symbols and back, at random SNR."""

from pathlib import Path

import torch

from taskwave.semantic.codec import LatentCodec
from taskwave.semantic.general import GeneralCode
from taskwave.semantic.training.batches import ImagePool
from taskwave.semantic.training.fit import Fit, FitConfig, Log

SIZE = (192, 256)
ZOOM = (0.45, 0.8)
ES_N0_DB = (-8.0, 25.0)


def channel_weights(codec: LatentCodec, pool: ImagePool) -> torch.Tensor:
    """How much a unit error in each latent channel moves the picture, in amplitude, [1, C, 1, 1] with mean one.

    Measured by finite differences through the decoder. Amplitude rather than energy, which the mean brightness would
    dominate: fine detail matters to tasks although it is small in pixel energy.
    """
    images = pool.draw(8, SIZE, torch.Generator().manual_seed(3), ZOOM).images
    with torch.no_grad():
        latents = codec.encode(images)
        base = codec.decode(latents)
        moves = []
        for c in range(codec.channels):
            shifted = latents.clone()
            shifted[:, c] += 0.5
            moves.append((codec.decode(shifted) - base).square().mean().sqrt())
    weights = torch.stack(moves)
    return (weights / weights.mean()).reshape(1, -1, 1, 1)


def add_noise(
    symbols: torch.Tensor, generator: torch.Generator, es_n0_db: tuple[float, float] = ES_N0_DB
) -> tuple[torch.Tensor, torch.Tensor]:
    """Symbols [B, n] over a random fading-like channel: received symbols and noise variances, [B, n] each.

    One mean SNR per image, and a spread of several dB over the symbols, as equalised subcarriers and layers have.
    """
    batch, count = symbols.shape
    low, high = es_n0_db
    mean = low + (high - low) * torch.rand(batch, 1, generator=generator)
    spread = 6 * torch.rand(batch, 1, generator=generator) * torch.randn(batch, count, generator=generator)
    variance = (10 ** (-(mean + spread.clamp(-15, 10)) / 10)).to(symbols.device)
    noise = torch.view_as_complex(torch.randn(batch, count, 2, generator=generator)).to(symbols.device)
    return symbols + noise * (variance / 2).sqrt(), variance


def train_general(
    model: GeneralCode,
    codec: LatentCodec,
    pool: ImagePool,
    val: ImagePool,
    config: FitConfig,
    folder: Path,
    batch: int,
    log: Log,
) -> GeneralCode:
    """Train `model` with `codec` fixed; reports the weighted latent error on `val` at 0 and 15 dB."""
    fit = Fit(model.to(memory_format=torch.channels_last), config, folder, pool.device)
    weights = channel_weights(codec, pool)
    with torch.no_grad():
        whole = torch.cat([codec.encode(val.whole([i]).images) for i in range(len(val))])

    def loss(generator: torch.Generator) -> torch.Tensor:
        images = pool.draw(batch, SIZE, generator, ZOOM).images
        with torch.no_grad():
            latents = codec.encode(images).float()
        received, variance = add_noise(model.encode(latents), generator)
        coarse = model.decode(received, variance, *latents.shape[-2:])
        return (weights * (coarse - latents).square()).mean()

    @torch.no_grad()
    def validate() -> dict[str, float]:
        averaged: GeneralCode = fit.averaged  # type: ignore[assignment]
        errors = {}
        for db in (0.0, 15.0):
            received, variance = add_noise(averaged.encode(whole), torch.Generator().manual_seed(4), (db, db))
            coarse = averaged.decode(received, variance, *whole.shape[-2:])
            errors[f"error_{db:.0f}db"] = float((weights * (coarse - whole).square()).mean())
        return errors

    return fit.run(loss, validate, log)  # type: ignore[return-value]
