"""The training of a detector: focal loss of the heat map and absolute errors of the edges (Zhou et al. 2019)."""

from collections.abc import Sequence

import torch
from torch.nn import functional

from taskwave.semantic.data.objects import Objects, matches
from taskwave.semantic.judges.detector import DetectorNet
from taskwave.semantic.training.fit import Fit
from taskwave.semantic.training.judges.pools import BoxPool, Targets
from taskwave.semantic.training.monitor import Monitor

CROP = (192, 256)
"""Size (h, w) of the crops in pixels."""
EDGES_WEIGHT = 1.0
"""Weight of the errors of the edges."""


def detection_loss(scores: torch.Tensor, edges: torch.Tensor, targets: Targets) -> torch.Tensor:
    """Return the loss of scores [B, K, h, w] (logits) and edges [B, 4, h, w], per object."""
    centre = (targets.heat == 1).float()
    positive = functional.logsigmoid(scores) * (1 - scores.sigmoid()).square() * centre
    doubt = (1 - targets.heat) ** 4 * (1 - centre)
    negative = functional.logsigmoid(-scores) * scores.sigmoid().square() * doubt * targets.counts
    number = centre.sum().clamp(min=1)
    wrong = (functional.smooth_l1_loss(edges, targets.edges, reduction="none", beta=0.1) * targets.near).sum()
    return -(positive + negative).sum() / number + EDGES_WEIGHT * wrong / targets.near.sum().clamp(min=1)


def best_f1(confidence: Sequence[float], right: Sequence[bool], total: int) -> tuple[float, float]:
    """Return the largest F1 of objects found that are named from some confidence on, and that confidence.

    The confidence lies half way between the last object that is named and the next.

    Args:
        confidence: confidence of each object found.
        right: whether it is a hit.
        total: number of true objects.
    """
    order = sorted(range(len(confidence)), key=lambda i: -confidence[i])
    best, least, hits = 0.0, 1.0, 0
    for number, i in enumerate(order, start=1):
        hits += right[i]
        f1 = 2 * hits / (number + total)
        if f1 > best:
            below = confidence[order[number]] if number < len(order) else 0.0
            best, least = f1, (confidence[i] + below) / 2
    return best, least


def evaluate(net: DetectorNet, pool: BoxPool) -> dict[str, float]:
    """Return the largest F1 over all images of a pool, and the confidence that it takes."""
    confidence, right, total = list[float](), list[bool](), 0
    for image, objects in zip(pool.images, pool.objects, strict=True):
        (found,) = net.find((image[None].float() / 255).to(memory_format=torch.channels_last))
        kinds = [pool.classes[kind] for kind in found.classes.tolist()]
        names = tuple(pool.classes[pool.class_of(name)] for name in objects.classes)
        matched = matches(found.boxes, kinds, Objects(objects.boxes, names, objects.texts))
        confidence += found.confidence.tolist()
        right += [match is not None for match in matched]
        total += len(objects)
    f1, least = best_f1(confidence, right, total)
    return {"f1": f1, "confidence": least}


def train_detector(
    net: DetectorNet, fit: Fit, pool: BoxPool, val: BoxPool, batch: int, monitor: Monitor
) -> DetectorNet:
    """Train `net` with crops of a pool and return it with averaged weights; the validation reports F1."""

    def loss(generator: torch.Generator) -> torch.Tensor:
        crops, targets = pool.draw(batch, CROP, generator)
        scores, edges = net(crops)
        return detection_loss(scores.float(), edges.float(), targets)

    def validate() -> dict[str, float]:
        return evaluate(fit.averaged, val)  # type: ignore[arg-type]

    return fit.run(loss, validate, monitor)  # type: ignore[return-value]
