"""The training of the whole regeneration: analog code and prior together, for the images that tasks get.

It has two losses. One is the error of the latents. The other is the difference between the answers of a task network on
the regenerated image and on the original: the distance that counts in the end, for all classes alike; no prompt takes
part.
"""

from pathlib import Path

import torch
from diffusers import UNet2DModel
from torch import nn

from taskwave.semantic.classes import NUM_CLASSES
from taskwave.semantic.codec.analog import GeneralCode, scene
from taskwave.semantic.codec.latents import LatentCodec
from taskwave.semantic.diffusion.prior import predict_velocity
from taskwave.semantic.diffusion.scheduler import level_of_noise, signal_and_noise
from taskwave.semantic.metrics import confusion_matrix, mean_iou
from taskwave.semantic.training.analog import SIZE, scene_costs
from taskwave.semantic.training.batches import ImagePool, class_weights
from taskwave.semantic.training.fit import TrainingRun
from taskwave.semantic.training.prior import velocity_error
from taskwave.semantic.training.reception import receive

ZOOM = (0.5, 0.75)
"""Range of the resizing factor before cropping."""
FIDELITY = 1.0
"""Weight of the error of latents and coarse scene relative to the loss of the answers."""
COARSE = 0.3
"""Weight of the error of the coarse scene relative to the error of the latents."""
PROCESS = 0.25
"""Weight of the error of v in the middle of the reverse process, which keeps processes of several steps possible."""


class Regeneration(nn.Module):
    """Joins analog code and prior to one trainable module."""

    def __init__(self, general: GeneralCode, prior: UNet2DModel) -> None:
        super().__init__()
        self.general, self.prior = general, prior

    def forward(
        self, symbols: torch.Tensor, latents: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Regenerate latents from random receptions in one step of the reverse process.

        Args:
            symbols: code symbols [B, S, h/4, w/4], complex.
            latents: latents [B, C, h, w].
            generator: generator of the receptions.

        Returns:
            The coarse scene [B, C + K, h, w], and clean latents [B, C, h, w], the posterior mean.
        """
        held = receive(symbols, latents, self.general.code_layers, generator)
        coarse = self.general.decode(held.symbols, held.symbol_noise).float()
        level = level_of_noise(held.latent_noise)
        signal, noise = signal_and_noise(level)
        sample = signal * held.latents
        return coarse, signal * sample - noise * predict_velocity(self.prior, sample, coarse, level)

    def save_pretrained(self, folder: Path) -> None:
        """Save both networks, each in its own folder within `folder`."""
        self.general.save_pretrained(folder / "general")
        self.prior.save_pretrained(folder / "prior")


def answer_loss(answer: torch.Tensor, wanted: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Return the cross-entropy of logits `answer` relative to the logits `wanted`, [B, 11, H, W] each.

    Pixels are weighted by their class with `weights` [11].
    """
    target = wanted.softmax(1)
    pixel = weights[target.argmax(1)]
    lost: torch.Tensor = -(target * answer.log_softmax(1)).sum(1)
    return (pixel * lost).sum() / pixel.sum()


def train_joint(
    model: Regeneration,
    codec: LatentCodec,
    task_network: nn.Module,
    labelled: ImagePool,
    run: TrainingRun,
) -> Regeneration:
    """Train `model` with `codec` and `task_network` fixed; the images of `labelled` set the weight of each class.

    The validation reports, for fixed draws, the weighted latent error and the mean IoU of the answers of
    `task_network`.
    """
    pool, val, batch = run.pool, run.val, run.batch
    fit = run.fit(model.to(memory_format=torch.channels_last))  # type: ignore[call-overload]
    costs = scene_costs(codec, labelled)
    channels = costs[:, : codec.channels]
    classes = class_weights(labelled, NUM_CLASSES).to(pool.device)
    codec.requires_grad_(False)
    task_network.eval().requires_grad_(False)

    def loss(generator: torch.Generator) -> torch.Tensor:
        images = pool.draw(batch, SIZE, generator, ZOOM).images
        with torch.no_grad():
            latents, wanted = codec.encode(images).float(), task_network(images).float()
            scenes = scene(latents, wanted)
        symbols = model.general.encode(scenes)
        coarse, clean = model(symbols, latents, generator)
        answer = task_network(codec.decode(clean.float())).float()
        fidelity = (channels * (clean - latents).square()).mean() + COARSE * (costs * (coarse - scenes).square()).mean()
        part = slice(0, max(1, batch // 4))
        process = velocity_error(model.prior, model.general, latents[part], symbols[part], generator)
        total: torch.Tensor = answer_loss(answer, wanted, classes) + FIDELITY * fidelity
        return total + PROCESS * (channels * process).mean()

    @torch.no_grad()
    def validate() -> dict[str, float]:
        confusion, error = torch.zeros(NUM_CLASSES, NUM_CLASSES, dtype=torch.int64), 0.0
        for start in range(0, len(val), 25):
            whole = val.whole(range(start, min(start + 25, len(val))))
            latents = codec.encode(whole.images)
            scenes = scene(latents, task_network(whole.images))
            symbols = fit.averaged.general.encode(scenes)  # type: ignore[union-attr, operator]
            _, clean = fit.averaged(symbols, latents, torch.Generator().manual_seed(start))
            answers = task_network(codec.decode(clean)).argmax(1).to(torch.uint8)
            confusion += confusion_matrix(answers, whole.labels).cpu()
            error += float((channels * (clean - latents).square()).mean()) * len(latents) / len(val)
        return {"latent_error": error, "miou": mean_iou(confusion)}

    return fit.run(loss, validate, run.monitor)  # type: ignore[return-value]
