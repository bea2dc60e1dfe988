"""The training of the segmentation network with class-weighted cross-entropy, on clean and damaged images alike."""

import torch
from torch.nn import functional

from taskwave.semantic.classes import IGNORE, NUM_CLASSES
from taskwave.semantic.judges.segmentation import SegmentationNet
from taskwave.semantic.metrics import confusion_matrix, mean_iou
from taskwave.semantic.training.batches import class_weights
from taskwave.semantic.training.damage import Damage, code, damage, rescale
from taskwave.semantic.training.fit import TrainingRun

CROP = (160, 192)
"""Size (h, w) of the crops in pixels."""
ZOOM = (0.45, 0.9)
"""Range of the resizing factor before cropping."""


def evaluate(net: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    """Return the mean IoU of the answers of `net` on images [N, 3, H, W] with labels [N, H, W]."""
    with torch.no_grad():
        predicted = torch.cat([net(x).argmax(1) for x in images.split(16)]).to(torch.uint8)
    return mean_iou(confusion_matrix(predicted, labels))


def train_segmentation(
    net: SegmentationNet, run: TrainingRun, kinds: tuple[Damage, ...] = (rescale, code)
) -> SegmentationNet:
    """Train `net` with images of which some are damaged in one of the ways of `kinds`, and return the network.

    The validation reports the mean IoU on clean and on damaged images.
    """
    pool, batch = run.pool, run.batch
    fit = run.fit(net.to(memory_format=torch.channels_last))
    weights = class_weights(pool, NUM_CLASSES).to(pool.device)
    whole = run.val.whole(range(len(run.val)))
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

    return fit.run(loss, validate, run.monitor)  # type: ignore[return-value]
