"""What a receiver makes of its picture: of which windows its own task network is unsure."""

from collections.abc import Sequence

import torch

from taskwave.semantic.classes import IGNORE
from taskwave.semantic.codec.placement import Window
from taskwave.semantic.data.objects import Objects
from taskwave.semantic.judges.base import Judge
from taskwave.semantic.judges.panel import Panel
from taskwave.semantic.tasks.base import Detections, Task, Truth
from taskwave.semantic.tasks.objects import READING, RECOGNITION, AboutObjects

SURE = 0.7
"""Confidence of an object from which a receiver is sure of it."""


class Receiver:
    """Says how sure a receiver is, by its task networks.

    Args:
        panel: its task networks.
    """

    def __init__(self, panel: Panel) -> None:
        self.panel = panel

    def can_tell(self, task: Task) -> bool:
        """Return whether it can say of what it is unsure: that is so for questions about objects."""
        return isinstance(task, AboutObjects) and self.panel.of_kind(RECOGNITION.name) is not None

    def unsure(self, picture: torch.Tensor, task: Task, windows: Sequence[Window]) -> list[int]:
        """Return of which windows of a picture [1, 3, H, W] it is unsure: no object in them is sure, or can be read."""
        judge = self.panel.of_kind(RECOGNITION.name)
        assert judge is not None, "a receiver that can tell has a network"
        (found,) = judge.answer(picture, [_nothing(picture)])
        assert isinstance(found, Detections), "objects are recognised as detections"
        sure = found.confidence >= SURE
        if task.kind == READING.name and (reader := self.panel.of_kind(READING.name)) is not None:
            sure &= _read(picture, task, found, reader)
        middle = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
        return [row for row, window in enumerate(windows) if not bool((window.holds(middle) & sure).any())]


def _nothing(picture: torch.Tensor) -> Truth:
    """Return annotations that say nothing of a picture."""
    return Truth(torch.full(picture.shape[-2:], IGNORE, dtype=torch.uint8))


def _read(picture: torch.Tensor, task: Task, found: Detections, reader: Judge) -> torch.Tensor:
    """Return which objects need no reading for a task, or are read as what they were recognised as, [N] bool."""
    assert isinstance(task, AboutObjects), "objects are read"
    asked = Objects(found.boxes, found.classes, ("?",) * len(found))
    (read,) = reader.answer(picture, [Truth(_nothing(picture).label, asked)])
    assert isinstance(read, Detections), "texts are read at boxes"
    return torch.tensor(
        [
            kind not in task.concept.classes or (bool(text) and (text == number or not number.isdigit()))
            for kind, text in zip(read.classes, read.texts, strict=True)
            for number in [kind.rpartition("_")[2]]
        ],
        dtype=torch.bool,
    )
