"""Recipe of the segmentation task: class-weighted cross-entropy on clean and damaged pictures alike."""

from pathlib import Path

import torch
from torch.nn import functional

from taskwave.semantic.classes import IGNORE, NUM_CLASSES
from taskwave.semantic.metrics import confusion_matrix, mean_iou
from taskwave.semantic.tasks.segmentation import SegmentationNet
from taskwave.semantic.training.batches import ImagePool, class_weights
from taskwave.semantic.training.damage import Damage, code, damage, rescale
from taskwave.semantic.training.fit import Fit, FitConfig, Log

CROP = (160, 192)
ZOOM = (0.45, 0.9)


def evaluate(net: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    """Mean IoU of `net` on images [N, 3, H, W] against labels [N, H, W]."""
    with torch.no_grad():
        predicted = torch.cat([net(x).argmax(1) for x in images.split(16)]).to(torch.uint8)
    return mean_iou(confusion_matrix(predicted, labels))


def train_segmentation(
    net: SegmentationNet,
    pool: ImagePool,
    val: ImagePool,
    config: FitConfig,
    folder: Path,
    batch: int,
    log: Log,
    kinds: tuple[Damage, ...] = (rescale, code),
) -> SegmentationNet:
    """Train `net` on `pool`, report mean IoU on clean and on damaged `val`, return the network."""
    fit = Fit(net.to(memory_format=torch.channels_last), config, folder, pool.device)
    weights = class_weights(pool, NUM_CLASSES).to(pool.device)
    whole = val.whole(range(len(val)))
    broken = damage(whole.images, torch.Generator().manual_seed(2), clean=0.0, kinds=kinds)

    def loss(generator: torch.Generator) -> torch.Tensor:
        drawn = pool.draw(batch, CROP, generator, ZOOM)
        images = damage(drawn.images, generator, kinds=kinds)
        logits = net(images).float()
        return functional.cross_entropy(logits, drawn.labels.long(), weights, ignore_index=IGNORE)

    def validate() -> dict[str, float]:
        return {
            "miou": evaluate(fit.averaged, whole.images, whole.labels),
            "miou_damaged": evaluate(fit.averaged, broken, whole.labels),
        }

    return fit.run(loss, validate, log)  # type: ignore[return-value]
