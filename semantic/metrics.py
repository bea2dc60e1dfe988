"""Metrics of answers and images: intersection and union of prompted classes, confusion, mean IoU, PSNR and MS-SSIM."""

from collections.abc import Sequence

import torch

from taskwave.semantic.classes import IGNORE, NUM_CLASSES


def iou_counts(
    prediction: torch.Tensor, label: torch.Tensor, classes: Sequence[int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Count the pixels of intersection and union, summed over `classes`, for each image.

    Args:
        prediction: predicted class ids [B, H, W], uint8; `NO_ANSWER` misses every labelled pixel.
        label: true class ids [B, H, W], uint8; pixels labelled `IGNORE` are left out.
        classes: ids of the prompted classes; confusing one for another is an error of both.

    Returns:
        Two [B] int64 tensors. Their ratio (over one image, or summed over many) is the task accuracy.

    Raises:
        ValueError: the shapes differ, or a class is outside 0…10.
    """
    if prediction.shape != label.shape:
        raise ValueError(f"prediction {tuple(prediction.shape)} and label {tuple(label.shape)} must have one shape")
    if not classes or not all(0 <= c < NUM_CLASSES for c in classes):
        raise ValueError(f"classes {tuple(classes)} must be a non-empty choice of 0…{NUM_CLASSES - 1}")
    valid = label != IGNORE
    intersection = torch.zeros(len(label), dtype=torch.int64, device=label.device)
    union = torch.zeros_like(intersection)
    for c in classes:
        predicted, true = (prediction == c) & valid, label == c
        intersection += (predicted & true).sum((1, 2))
        union += (predicted | true).sum((1, 2))
    return intersection, union


def confusion_matrix(prediction: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    """Count the pixels of every pair of classes, [11, 11] int64: rows are true, columns predicted.

    `prediction` and `label` are uint8 class ids of one shape. Pixels without a label or without an answer are left
    out.
    """
    from torchmetrics.functional.classification import multiclass_confusion_matrix  # noqa: PLC0415 - takes 0.6 s

    valid = (label < NUM_CLASSES) & (prediction < NUM_CLASSES)
    return multiclass_confusion_matrix(prediction[valid], label[valid], NUM_CLASSES, validate_args=False)


def mean_iou(confusion: torch.Tensor) -> float:
    """Return intersection over union, averaged over the classes that occur, of a confusion matrix."""
    hit = confusion.diagonal().double()
    union = confusion.sum(0) + confusion.sum(1) - confusion.diagonal()
    present = confusion.sum(1) > 0
    return float((hit[present] / union[present]).mean())


def psnr(images: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """Return the peak signal-to-noise ratio in dB, [B], of each of `images` [B, 3, H, W] in [0, 1].

    `reference` [B, 3, H, W] holds the true images. Equal images have a PSNR of inf.
    """
    from torchmetrics.functional.image import peak_signal_noise_ratio  # noqa: PLC0415 - takes 0.6 s

    return peak_signal_noise_ratio(images, reference, data_range=1.0, reduction="none", dim=(1, 2, 3))


_SCALES, _WINDOW = 5, 11
"""Number of scales of MS-SSIM, and side of its window in pixels (Wang, Simoncelli and Bovik 2003)."""


def ms_ssim(images: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """Return the multi-scale structural similarity, [B], of each of `images` [B, 3, H, W] in [0, 1].

    `reference` [B, 3, H, W] holds the true images. NaN where a side is below 176 pixels: the window does not fit the
    coarsest scale.
    """
    from torchmetrics.functional.image import multiscale_structural_similarity_index_measure  # noqa: PLC0415 - as above

    if min(images.shape[-2:]) < _WINDOW * 2 ** (_SCALES - 1):
        return torch.full((len(images),), torch.nan)
    return multiscale_structural_similarity_index_measure(images, reference, data_range=1.0, reduction="none")
