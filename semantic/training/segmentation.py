"""The training of the surrogates of maps with class-weighted cross-entropy, on clean and damaged images alike."""

from pathlib import Path

import torch
from torch.nn import functional

from taskwave.semantic.classes import IGNORE, NUM_CLASSES
from taskwave.semantic.judges.segmentation import SegmentationNet
from taskwave.semantic.metrics import confusion_matrix, mean_iou
from taskwave.semantic.training.batches import ImagePool, class_weights
from taskwave.semantic.training.damage import damage
from taskwave.semantic.training.fit import Fit, FitConfig
from taskwave.semantic.training.judges.pools import open_parts
from taskwave.semantic.training.judges.recipes import MapRecipe
from taskwave.semantic.training.monitor import Monitor

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
    net: SegmentationNet, fit: Fit, pools: tuple[ImagePool, ImagePool], batch: int, monitor: Monitor
) -> SegmentationNet:
    """Train `net` with images of which some are damaged, and return it with averaged weights.

    The validation reports the mean IoU on clean and on damaged images.

    Args:
        net: the network.
        fit: its training.
        pools: images to train with and of the validation; those of the validation have one size.
        batch: number of crops per step.
        monitor: follower of the progress.
    """
    pool, val = pools
    weights, whole = class_weights(pool, NUM_CLASSES), val.whole(range(len(val)))
    broken = damage(whole.images, torch.Generator().manual_seed(2), clean=0.0)

    def loss(generator: torch.Generator) -> torch.Tensor:
        drawn = pool.draw(batch, CROP, generator, ZOOM)
        logits = net(damage(drawn.images, generator)).float()
        return functional.cross_entropy(logits, drawn.labels.long(), weights, ignore_index=IGNORE)

    def validate() -> dict[str, float]:
        return {
            "miou": evaluate(fit.averaged, whole.images, whole.labels),
            "miou_damaged": evaluate(fit.averaged, broken, whole.labels),
        }

    return fit.run(loss, validate, monitor)  # type: ignore[return-value]


def map_surrogate(recipe: MapRecipe, folder: Path, seed: int, monitor: Monitor) -> SegmentationNet:
    """Train a surrogate of maps in `folder`, from its checkpoint on if there is one.

    Raises:
        FileNotFoundError: images are missing.
    """
    train, val = open_parts((recipe.images,))
    torch.manual_seed(seed)
    net = SegmentationNet(widths=recipe.widths).to(memory_format=torch.channels_last)
    fit = Fit(net, FitConfig(recipe.steps, 2e-3, 1e-2, seed=seed, validate_every=250), folder)
    return train_segmentation(net, fit, (ImagePool(train), ImagePool([val], count=32)), recipe.batch, monitor)
