"""Counts behind task accuracy: intersection and union of the prompted classes."""

from collections.abc import Sequence

import torch

from taskwave.semantic.classes import IGNORE, NUM_CLASSES


def iou_counts(
    prediction: torch.Tensor, label: torch.Tensor, classes: Sequence[int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Intersection and union in pixels, summed over `classes`, for each image.

    Args: `prediction`, `label`: [B, H, W] uint8 class ids; pixels labelled `IGNORE` are left out, a prediction of
    `NO_ANSWER` misses every labelled pixel. `classes`: ids of the prompted classes; confusing one for another is an
    error of both.

    Returns: two [B] int64 tensors. Their ratio (over one image, or summed over many) is the task accuracy.

    Raises `ValueError` for shapes that differ or a class outside 0…10.
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
    """[11, 11] int64 counts, rows true, columns predicted; pixels without label or answer are left out."""
    valid = (label < NUM_CLASSES) & (prediction < NUM_CLASSES)
    index = label[valid].long() * NUM_CLASSES + prediction[valid].long()
    return torch.bincount(index, minlength=NUM_CLASSES**2).reshape(NUM_CLASSES, NUM_CLASSES)


def mean_iou(confusion: torch.Tensor) -> float:
    """Mean over the classes that occur of intersection over union."""
    hit = confusion.diagonal().double()
    union = confusion.sum(0) + confusion.sum(1) - confusion.diagonal()
    present = confusion.sum(1) > 0
    return float((hit[present] / union[present]).mean())
