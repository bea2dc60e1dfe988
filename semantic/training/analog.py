"""The training of the analog code: scenes are encoded, received with noise, in part, and decoded."""

import torch
from torch import nn

from taskwave.semantic.classes import NUM_CLASSES
from taskwave.semantic.codec.analog import GeneralCode, scene
from taskwave.semantic.codec.latents import LatentCodec
from taskwave.semantic.training.batches import ImagePool, class_weights
from taskwave.semantic.training.fit import TrainingRun
from taskwave.semantic.training.reception import receive

SIZE = (192, 256)
"""Size (h, w) of the crops in pixels."""
ZOOM = (0.45, 0.8)
"""Range of the resizing factor before cropping."""
MEANING = 50.0
"""Cost of an error in the share of an average class relative to one in an average latent channel."""


def channel_weights(codec: LatentCodec, pool: ImagePool) -> torch.Tensor:
    """Measure the change of the image by a unit error in each latent channel, in amplitude, [1, C, 1, 1], mean one.

    It is measured by finite differences through the decoder. Energy instead of amplitude would be dominated by the mean
    brightness; fine detail matters to tasks although it is small in pixel energy.
    """
    images = pool.draw(8, SIZE, torch.Generator().manual_seed(3), ZOOM).images
    with torch.no_grad():
        latents = codec.encode(images)
        base = codec.decode(latents)
        changes = []
        for c in range(codec.channels):
            shifted = latents.clone()
            shifted[:, c] += 0.5
            changes.append((codec.decode(shifted) - base).square().mean().sqrt())
    weights = torch.stack(changes)
    return (weights / weights.mean()).reshape(1, -1, 1, 1)


def scene_costs(codec: LatentCodec, labelled: ImagePool) -> torch.Tensor:
    """Return the cost of a unit error in each channel of a scene, [1, C + K, 1, 1]; rare classes cost more."""
    classes = MEANING * class_weights(labelled, NUM_CLASSES).reshape(1, -1, 1, 1)
    return torch.cat([channel_weights(codec, labelled), classes.to(labelled.device)], dim=1)


def train_general(
    model: GeneralCode,
    codec: LatentCodec,
    task_network: nn.Module,
    labelled: ImagePool,
    run: TrainingRun,
) -> GeneralCode:
    """Train `model` with `codec` and `task_network` fixed; the images of `labelled` set the cost of each class.

    The validation reports the weighted error of the scene for fixed draws.
    """
    pool, val, batch = run.pool, run.val, run.batch
    task_network.eval().requires_grad_(False)
    costs = scene_costs(codec, labelled)

    @torch.no_grad()
    def scenes_of(images: torch.Tensor) -> torch.Tensor:
        return scene(codec.encode(images).float(), task_network(images))

    model = model.to(pool.device)
    if not run.begun:
        first = pool.draw(256, SIZE, torch.Generator().manual_seed(0), ZOOM).images
        model.start_linear(torch.cat([scenes_of(part) for part in first.split(32)]), costs)
    fit = run.fit(model.to(memory_format=torch.channels_last))
    whole = torch.cat([scenes_of(val.whole([i]).images) for i in range(len(val))])

    def error(net: GeneralCode, scenes: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        held = receive(net.encode(scenes), scenes[:, : codec.channels], net.code_layers, generator)
        return (costs * (net.decode(held.symbols, held.symbol_noise) - scenes).square()).mean()

    def loss(generator: torch.Generator) -> torch.Tensor:
        return error(model, scenes_of(pool.draw(batch, SIZE, generator, ZOOM).images), generator)

    @torch.no_grad()
    def validate() -> dict[str, float]:
        return {"scene_error": float(error(fit.averaged, whole, torch.Generator().manual_seed(4)))}  # type: ignore[arg-type]

    if not run.begun:
        run.monitor.note(f"general: scene error {validate()['scene_error']:.3f} with the linear start")
    return fit.run(loss, validate, run.monitor)  # type: ignore[return-value]
