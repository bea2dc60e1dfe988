"""The demand of a receiver: the textual prompt for what its own task is uncertain about."""

import math
from collections.abc import Sequence

import torch

from taskwave.semantic.classes import NUM_CLASSES
from taskwave.semantic.language.lexicon import COLUMNS, Meaning, canonical, column_slices

CLASS_SHARE = 0.25
"""Share of the uncertainty from which a class is asked for in any case."""
COLUMN_SHARE = 0.8
"""Share of the uncertainty that the columns asked for hold at least."""
CERTAIN = 1e-4
"""Mean uncertainty per pixel below which all classes are asked for, anywhere."""


def class_uncertainty(logits: torch.Tensor, classes: Sequence[int]) -> torch.Tensor:
    """Return the uncertainty of the task about each of its K classes at each pixel, [B, K, H, W] in [0, 1].

    The uncertainty is the entropy of the answer that the task has to give (which of its classes, or none of them;
    normalised to one) times the probability of the class. Doubt between classes that the task does not ask for does
    not count.

    Args:
        logits: class logits [B, 11, H, W] of the task network.
        classes: ids of the classes of the task; the result has them in ascending order.

    Raises:
        ValueError: the logits have another shape or are not finite, or classes do not exist or repeat.
    """
    wanted = sorted(set(classes))
    if logits.ndim != 4 or logits.shape[1] != NUM_CLASSES:
        raise ValueError(f"logits of shape {tuple(logits.shape)}: need [B, {NUM_CLASSES}, H, W].")
    if not wanted or wanted != sorted(classes) or not set(wanted) <= set(range(NUM_CLASSES)):
        raise ValueError(f"classes {tuple(classes)}: need different ids of 0…{NUM_CLASSES - 1}, at least one.")
    if not bool(logits.isfinite().all()):
        raise ValueError("the task's logits hold NaN or infinity; check the image it was given.")
    probabilities = logits.float().softmax(1)
    mine = probabilities[:, wanted]
    others = [c for c in range(NUM_CLASSES) if c not in wanted]
    answers = torch.cat([mine, probabilities[:, others].sum(1, keepdim=True)], dim=1) if others else mine
    entropy = -torch.special.xlogy(answers, answers).sum(1, keepdim=True) / math.log(answers.shape[1])
    return torch.mul(mine, entropy)


def demand(logits: torch.Tensor, classes: Sequence[int], most: int | None = None) -> list[str]:
    """Return one prompt per image, for the classes and columns that hold most of the uncertainty of the task.

    The uncertainty (`class_uncertainty`) is split over the classes and over the three columns. The prompt names the
    classes with at least a quarter of it, or at least half of what the leading class has, whichever bar is lower, and
    the fewest columns that hold 80 % of the uncertainty of these classes; it names no column where that takes all
    three. A task that is certain everywhere asks for all its classes (or `most` of them), anywhere.

    Args:
        logits: class logits [B, 11, H, W] of the task network, W ≥ 3.
        classes: ids of the classes of the task.
        most: largest number of classes that a prompt names, those of most uncertainty; None: no limit.

    Raises:
        ValueError: as in `class_uncertainty`, or the logits are less than three pixels wide.
    """
    parts = class_uncertainty(logits, classes).cpu().double()
    if parts.shape[-1] < len(COLUMNS):
        raise ValueError(f"logits {parts.shape[-1]} pixels wide: need at least {len(COLUMNS)}, one per column.")
    slices = column_slices(parts.shape[-1])
    table = torch.stack([parts[..., slices[column]].sum((-2, -1)) for column in COLUMNS], dim=-1)
    pixels = parts.shape[-2] * parts.shape[-1]
    limit = len(classes) if most is None else most
    return [canonical(_meaning(shares / pixels, sorted(classes), limit)) for shares in table]


def _meaning(shares: torch.Tensor, classes: list[int], most: int) -> Meaning:
    """Return the meaning of the prompt for the mean uncertainty `shares` [K, 3] by class and column."""
    leading = sorted(shares.sum(1).argsort(descending=True, stable=True)[:most].tolist())
    shares, classes = shares[leading], [classes[i] for i in leading]
    total = float(shares.sum())
    if total < CERTAIN:
        return Meaning(tuple(classes))
    by_class = shares.sum(1) / total
    chosen = by_class >= min(CLASS_SHARE, float(by_class.max()) / 2)
    by_column = shares[chosen].sum(0)
    held = 0.0
    columns = set()
    for index in by_column.argsort(descending=True, stable=True).tolist():
        columns.add(index)
        held += float(by_column[index])
        if held >= COLUMN_SHARE * float(by_column.sum()):
            break
    return Meaning(
        tuple(c for c, keep in zip(classes, chosen.tolist(), strict=True) if keep),
        tuple(column for i, column in enumerate(COLUMNS) if i in columns),
    )
