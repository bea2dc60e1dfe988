"""What a receiver makes of its picture: of which windows its own task networks are unsure."""

from collections.abc import Sequence

import torch

from taskwave.links.answers.networks import TaskNetworks
from taskwave.semantic.codec.placement import Window
from taskwave.semantic.tasks.base import Detections, Task
from taskwave.semantic.tasks.objects import FINDING, READING, RECOGNITION, AboutObjects
from taskwave.semantic.tasks.pooling import pooled

SURE = 0.7
"""Confidence of an object from which a receiver is sure of it."""


class Receiver:
    """Says how sure a receiver is, by its task networks.

    Args:
        networks: its task networks.
    """

    def __init__(self, networks: TaskNetworks) -> None:
        self.networks = networks

    def can_tell(self, task: Task) -> bool:
        """Return whether it can say of what it is unsure: that is so for questions about objects."""
        finders = [self.networks.panel.of_kind(wording.name) for wording in (RECOGNITION, FINDING)]
        return isinstance(task, AboutObjects) and any(finders)

    def unsure(self, pictures: torch.Tensor, task: Task, windows: Sequence[Window]) -> list[int]:
        """Return of which windows it is unsure: no object in them is sure, or can be read.

        Args:
            pictures: what it expects, or samples of what it may be, [K, 3, H, W]: what it finds on all together counts.
            task: its task.
            windows: the windows.
        """
        assert isinstance(task, AboutObjects), "of other questions it cannot tell"
        reads = task.kind == READING.name and self.networks.panel.of_kind(READING.name) is not None
        every = [self.networks.objects(picture, read=reads) for picture in pictures]
        found = pooled([each for each in every if each is not None]) if len(every) > 1 else every[0]
        assert isinstance(found, Detections), "a receiver that can tell has a network"
        sure = found.confidence >= SURE
        if reads:
            sure &= _read(task, found)
        middle = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
        return [row for row, window in enumerate(windows) if not bool((window.holds(middle) & sure).any())]


def _read(task: AboutObjects, found: Detections) -> torch.Tensor:
    """Return which objects need no reading for a task, or are read as what they were recognised as, [N] bool."""
    numbers = (kind.rpartition("_")[2] for kind in found.classes)
    return torch.tensor(
        [
            kind not in task.concept.classes or (bool(text) and (text == number or not number.isdigit()))
            for kind, text, number in zip(found.classes, found.texts, numbers, strict=True)
        ],
        dtype=torch.bool,
    )
