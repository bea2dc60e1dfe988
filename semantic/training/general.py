"""Recipe of the layered analog code: latents through noisy symbols and back, whatever arrives of them."""

from pathlib import Path

import torch

from taskwave.semantic.codec import LatentCodec
from taskwave.semantic.general import GeneralCode
from taskwave.semantic.training.batches import ImagePool
from taskwave.semantic.training.fit import Fit, FitConfig, Log
from taskwave.semantic.training.reception import receive

SIZE = (192, 256)
ZOOM = (0.45, 0.8)


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
    """Train `model` with `codec` fixed; reports the weighted latent error on `val` for fixed draws."""
    weights = channel_weights(codec, pool)
    with torch.no_grad():
        first = codec.encode(pool.draw(256, SIZE, torch.Generator().manual_seed(0), ZOOM).images).float()
    model.to(pool.device).start_linear(first, weights)
    fit = Fit(model.to(memory_format=torch.channels_last), config, folder, pool.device)
    with torch.no_grad():
        whole = torch.cat([codec.encode(val.whole([i]).images) for i in range(len(val))])

    def error(net: GeneralCode, latents: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        held = receive(net.encode(latents), latents, net.layers, generator)
        return (weights * (net.decode(held.symbols, held.symbol_noise) - latents).square()).mean()

    def loss(generator: torch.Generator) -> torch.Tensor:
        images = pool.draw(batch, SIZE, generator, ZOOM).images
        with torch.no_grad():
            latents = codec.encode(images).float()
        return error(model, latents, generator)

    @torch.no_grad()
    def validate() -> dict[str, float]:
        return {"latent_error": float(error(fit.averaged, whole, torch.Generator().manual_seed(4)))}  # type: ignore[arg-type]

    log(f"linear start: {validate()}")
    return fit.run(loss, validate, log)  # type: ignore[return-value]
