"""Where in an image the answer to a question lies, by its annotations: for bounds that are shown them."""

import torch

from taskwave.semantic.tasks.base import Task, Truth
from taskwave.semantic.tasks.objects import AboutObjects


def places(task: Task, truth: Truth) -> torch.Tensor:
    """Return the pixels [H, W] bool of an image that hold the answer: boxes of objects, else the street classes."""
    if not isinstance(task, AboutObjects) or truth.objects is None:
        return torch.isin(truth.label, torch.tensor(task.street_classes, dtype=truth.label.dtype))
    held = torch.zeros(truth.label.shape, dtype=torch.bool)
    for left, upper, right, lower in task.true(truth).boxes.tolist():
        held[int(upper) : int(-(-lower // 1)), int(left) : int(-(-right // 1))] = True
    return held
