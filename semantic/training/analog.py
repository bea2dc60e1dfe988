"""Recipe of the layered analog code: latents through noisy symbols and back, whatever arrives of them."""

from pathlib import Path

import torch
from torch import nn

from taskwave.semantic.classes import NUM_CLASSES
from taskwave.semantic.codec.analog import GeneralCode, scene
from taskwave.semantic.codec.latents import LatentCodec
from taskwave.semantic.training.batches import ImagePool, class_weights
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


MEANING = 50.0
"""Cost of an error in the share of an average class against one in an average latent channel."""


def scene_costs(codec: LatentCodec, labelled: ImagePool) -> torch.Tensor:
    """What a unit error costs in each channel of a scene, [1, C + K, 1, 1]; rare classes cost more."""
    classes = MEANING * class_weights(labelled, NUM_CLASSES).reshape(1, -1, 1, 1)
    return torch.cat([channel_weights(codec, labelled), classes.to(labelled.device)], dim=1)


def train_general(
    model: GeneralCode,
    codec: LatentCodec,
    parser: nn.Module,
    labelled: ImagePool,
    pool: ImagePool,
    val: ImagePool,
    config: FitConfig,
    folder: Path,
    batch: int,
    log: Log,
) -> GeneralCode:
    """Train `model` with `codec` and the task network `parser` fixed.

    Reports the weighted error of the scene on `val` for fixed draws.
    """
    parser.eval().requires_grad_(False)
    costs = scene_costs(codec, labelled)

    @torch.no_grad()
    def look(images: torch.Tensor) -> torch.Tensor:
        return scene(codec.encode(images).float(), parser(images))

    first = pool.draw(256, SIZE, torch.Generator().manual_seed(0), ZOOM).images
    model.to(pool.device).start_linear(torch.cat([look(part) for part in first.split(32)]), costs)
    fit = Fit(model.to(memory_format=torch.channels_last), config, folder, pool.device)
    whole = torch.cat([look(val.whole([i]).images) for i in range(len(val))])

    def error(net: GeneralCode, scenes: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        held = receive(net.encode(scenes), scenes[:, : codec.channels], net.layers, generator)
        return (costs * (net.decode(held.symbols, held.symbol_noise) - scenes).square()).mean()

    def loss(generator: torch.Generator) -> torch.Tensor:
        return error(model, look(pool.draw(batch, SIZE, generator, ZOOM).images), generator)

    @torch.no_grad()
    def validate() -> dict[str, float]:
        return {"scene_error": float(error(fit.averaged, whole, torch.Generator().manual_seed(4)))}  # type: ignore[arg-type]

    log(f"linear start: {validate()}")
    return fit.run(loss, validate, log)  # type: ignore[return-value]
