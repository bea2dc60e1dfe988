"""Scores that need no labels: received images against those sent, and answers against those on the sent images."""

import math
from collections.abc import Sequence

import torch

from taskwave.links.base import Delivery
from taskwave.semantic.metrics import ms_ssim, psnr
from taskwave.semantic.tasks.base import Score


def image_scores(delivery: Delivery, images: torch.Tensor) -> list[float | None]:
    """Return the PSNR [dB] of each received image of a batch of B; None where a link sends no image."""
    if delivery.image is None:
        return [None] * len(images)
    return [_finite(value) for value in psnr(delivery.image.cpu(), images).tolist()]


def unlabelled_scores(
    delivery: Delivery, images: torch.Tensor, agreements: Sequence[Score]
) -> list[dict[str, float | None]]:
    """Return `ms_ssim` and `agreement` of each image of a batch without annotations.

    Args:
        delivery: what the receiver got for one task.
        images: images sent [B, 3, H, W] float in [0, 1].
        agreements: score of each answer against that on the image sent.
    """
    received = delivery.image
    similar = [math.nan] * len(images) if received is None else ms_ssim(received.cpu(), images).tolist()
    return [
        {"ms_ssim": _finite(value), "agreement": score.numerator / score.denominator if score.denominator else None}
        for value, score in zip(similar, agreements, strict=True)
    ]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
