"""Scores that need no labels: received images against those sent, and answers against those on the sent images."""

import math

import torch

from taskwave.links.base import Delivery
from taskwave.semantic.metrics import iou_counts, ms_ssim, psnr


def image_scores(delivery: Delivery, images: torch.Tensor) -> list[float | None]:
    """Return the PSNR [dB] of each received image of a batch of B; None where a link sends no image."""
    if delivery.image is None:
        return [None] * len(images)
    return [_finite(value) for value in psnr(delivery.image.cpu(), images).tolist()]


def unlabelled_scores(
    delivery: Delivery, images: torch.Tensor, answers: torch.Tensor, classes: tuple[int, ...]
) -> list[dict[str, float | None]]:
    """Return `ms_ssim` and `agreement` of each image of a batch without labels.

    Args:
        delivery: what the receiver got for one task.
        images: images sent [B, 3, H, W] float in [0, 1].
        answers: class ids [B, H, W] uint8 that the task network finds in `images`.
        classes: class ids of the task.
    """
    received = delivery.image
    similar = [math.nan] * len(images) if received is None else ms_ssim(received.cpu(), images).tolist()
    counts = zip(*(count.tolist() for count in iou_counts(delivery.prediction, answers, classes)), strict=True)
    return [
        {"ms_ssim": _finite(value), "agreement": both / either if either else None}
        for value, (both, either) in zip(similar, counts, strict=True)
    ]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
