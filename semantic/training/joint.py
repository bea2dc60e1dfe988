"""Recipe of the whole regeneration: analog code and prior trained together for what tasks will see.

Two losses. One is the error of the latents. The other asks that a task network answers the same on the regenerated
picture as on the original: the distance that counts in the end, for all of its classes alike; no prompt takes part.
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
from taskwave.semantic.training.fit import Fit, FitConfig, Log
from taskwave.semantic.training.prior import velocity_error
from taskwave.semantic.training.reception import receive

ZOOM = (0.5, 0.75)
FIDELITY = 1.0
"""Weight of the latent error beside the answers."""
COARSE = 0.3
"""Weight of the error of the coarse scene within it."""
PROCESS = 0.25
"""Weight of the error of v in the middle of the reverse process, which keeps processes of several steps possible."""


class Regeneration(nn.Module):
    """Analog code and prior as one trainable module."""

    def __init__(self, general: GeneralCode, prior: UNet2DModel) -> None:
        super().__init__()
        self.general, self.prior = general, prior

    def forward(
        self, symbols: torch.Tensor, latents: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Code symbols [B, S, h/4, w/4] and latents [B, C, h, w] through random receptions and one reverse step.

        Returns the coarse scene [B, C + K, h, w] and clean latents [B, C, h, w], the posterior mean.
        """
        held = receive(symbols, latents, self.general.layers, generator)
        coarse = self.general.decode(held.symbols, held.symbol_noise).float()
        level = level_of_noise(held.latent_noise)
        signal, noise = signal_and_noise(level)
        sample = signal * held.latents
        return coarse, signal * sample - noise * predict_velocity(self.prior, sample, coarse, level)

    def save_pretrained(self, folder: Path) -> None:
        """Both networks, each in a folder of its own."""
        self.general.save_pretrained(folder / "general")
        self.prior.save_pretrained(folder / "prior")


def answer_loss(answer: torch.Tensor, wanted: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of logits `answer` against those `wanted`, [B, 11, H, W] each, pixels weighted by their class."""
    target = wanted.softmax(1)
    pixel = weights[target.argmax(1)]
    lost: torch.Tensor = -(target * answer.log_softmax(1)).sum(1)
    return (pixel * lost).sum() / pixel.sum()


def train_joint(
    model: Regeneration,
    codec: LatentCodec,
    critic: nn.Module,
    labelled: ImagePool,
    pool: ImagePool,
    val: ImagePool,
    config: FitConfig,
    folder: Path,
    batch: int,
    log: Log,
) -> Regeneration:
    """Train `model` with `codec` and the task network `critic` fixed.

    Reports on `val`, for fixed draws, the weighted latent error and the mean IoU of the critic's answers.
    """
    fit = Fit(model.to(memory_format=torch.channels_last), config, folder, pool.device)  # type: ignore[call-overload]
    costs = scene_costs(codec, labelled)
    channels = costs[:, : codec.channels]
    classes = class_weights(labelled, NUM_CLASSES).to(pool.device)
    codec.requires_grad_(False)
    critic.eval().requires_grad_(False)

    def loss(generator: torch.Generator) -> torch.Tensor:
        images = pool.draw(batch, SIZE, generator, ZOOM).images
        with torch.no_grad():
            latents, wanted = codec.encode(images).float(), critic(images).float()
            scenes = scene(latents, wanted)
        symbols = model.general.encode(scenes)
        coarse, clean = model(symbols, latents, generator)
        answer = critic(codec.decode(clean.float())).float()
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
            symbols = fit.averaged.general.encode(scene(latents, critic(whole.images)))  # type: ignore[union-attr, operator]
            _, clean = fit.averaged(symbols, latents, torch.Generator().manual_seed(start))
            confusion += confusion_matrix(critic(codec.decode(clean)).argmax(1).to(torch.uint8), whole.labels).cpu()
            error += float((channels * (clean - latents).square()).mean()) * len(latents) / len(val)
        return {"latent_error": error, "miou": mean_iou(confusion)}

    return fit.run(loss, validate, log)  # type: ignore[return-value]
