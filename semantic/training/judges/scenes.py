"""The training of the judges that answer on the whole of an image: segmentation and classification."""

from collections.abc import Sequence

import torch
from torch.nn import functional

from taskwave.semantic.classes import IGNORE, NUM_CLASSES
from taskwave.semantic.data import ImageSet
from taskwave.semantic.judges.scenes import ClassifierNet, SceneNet
from taskwave.semantic.metrics import confusion_matrix, mean_iou
from taskwave.semantic.training.batches import ImagePool, class_weights
from taskwave.semantic.training.damage import uniform
from taskwave.semantic.training.fit import Fit
from taskwave.semantic.training.judges.augmentation import vary
from taskwave.semantic.training.monitor import Monitor

CROP = (256, 320)
"""Size (h, w) of the crops that segmentation is trained with."""
CROP_ENLARGED = (192, 224)
"""Size of those that the network enlarges."""
MILDER = 0.7
"""Power of the class weights where the network enlarges images: fewer pixels are taken for a rare class."""
ZOOM = (0.75, 1.5)
"""Range of their resizing factor."""
SHIFT = 4
"""Largest shift of images that classification is trained with, in pixels."""


def train_scenes(net: SceneNet, fit: Fit, pool: ImagePool, val: ImagePool, batch: int, monitor: Monitor) -> SceneNet:
    """Train `net` by weighted cross-entropy and return it with averaged weights; the validation reports mean IoU."""
    weights, crop = class_weights(pool, NUM_CLASSES), CROP
    if net.config.scale != 1:
        weights, crop = weights**MILDER, CROP_ENLARGED

    def loss(generator: torch.Generator) -> torch.Tensor:
        drawn = pool.draw(batch, crop, generator, ZOOM)
        images = torch.stack([vary(image, generator) for image in drawn.images])
        logits = net(images.contiguous(memory_format=torch.channels_last))
        return functional.cross_entropy(logits, drawn.labels.long(), weights, ignore_index=IGNORE)

    def validate() -> dict[str, float]:
        matrix = sum(
            confusion_matrix(fit.averaged(val.whole([i]).images).argmax(1).byte(), val.labels[i][None])
            for i in range(len(val))
        )
        return {"miou": mean_iou(matrix)}  # type: ignore[arg-type]

    return fit.run(loss, validate, monitor)  # type: ignore[return-value]


def train_classifier(
    net: ClassifierNet, fit: Fit, train: ImageSet, val: ImageSet, batch: int, monitor: Monitor
) -> ClassifierNet:
    """Train `net` and return it with averaged weights; the validation reports the share of right answers."""
    images, kinds = categories(train, net.classes)
    val_images, val_kinds = categories(val, net.classes)
    padded = functional.pad(images.float(), (SHIFT,) * 4, mode="reflect").byte()
    height, width = images.shape[-2:]

    def part(generator: torch.Generator, index: int) -> torch.Tensor:
        down, right = (int(uniform(generator, 0, 2 * SHIFT + 1)) for _ in range(2))
        image = padded[index, :, down : down + height, right : right + width].float() / 255
        return vary(image.flip(-1) if uniform(generator, 0, 1) < 0.5 else image, generator)

    def loss(generator: torch.Generator) -> torch.Tensor:
        chosen = torch.randint(len(kinds), (batch,), generator=generator)
        shown = torch.stack([part(generator, i) for i in chosen.tolist()])
        logits = net(shown.contiguous(memory_format=torch.channels_last))
        return functional.cross_entropy(logits, kinds[chosen], label_smoothing=0.1)

    def validate() -> dict[str, float]:
        answers = torch.cat([fit.averaged(x.float() / 255).argmax(1) for x in val_images.split(100)])
        return {"accuracy": float((answers == val_kinds).float().mean())}

    return fit.run(loss, validate, monitor)  # type: ignore[return-value]


def categories(images: ImageSet, classes: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return all images of a set [N, 3, H, W] uint8 with the indices of their classes [N]."""
    samples = [images[i] for i in range(len(images))]
    kinds = [classes.index(sample.category) for sample in samples if sample.category is not None]
    return torch.stack([sample.image for sample in samples]), torch.tensor(kinds)
