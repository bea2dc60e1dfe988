"""The training of a detector: focal loss of the heat map and absolute errors of the edges (Zhou et al. 2019)."""

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


def evaluate(net: DetectorNet, pool: BoxPool) -> dict[str, float]:
    """Return the best F1 over all thresholds, the threshold, and the F1 at 0.3, over all images of a pool."""
    confidence, right, total = [], [], 0
    for image, objects in zip(pool.images, pool.objects, strict=True):
        (found,) = net.find((image[None].float() / 255).to(memory_format=torch.channels_last))
        kinds = [pool.classes[kind] for kind in found.classes.tolist()]
        names = tuple(pool.classes[pool.class_of(name)] for name in objects.classes)
        matched = matches(found.boxes, kinds, Objects(objects.boxes, names, objects.texts))
        confidence.append(found.confidence)
        right.append(torch.tensor([match is not None for match in matched], dtype=torch.bool))
        total += len(objects)
    scores, order = torch.cat(confidence).sort(descending=True)
    hits = torch.cat(right)[order].cumsum(0)
    f1 = 2 * hits / (torch.arange(1, len(hits) + 1) + total)
    best = int(f1.argmax()) if len(f1) else 0
    fixed = int((scores >= 0.3).sum())
    return {
        "f1": float(f1[best]) if len(f1) else 0.0,
        "threshold": float(scores[best]) if len(f1) else 1.0,
        "f1_at_0.3": float(f1[fixed - 1]) if fixed else 0.0,
    }


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
