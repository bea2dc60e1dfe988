"""The task networks of a receiver, at work on pictures that an end has: the clean one, or that of the prior."""

from dataclasses import dataclass, replace
from hashlib import sha256

import torch

from taskwave.phy.recent import Recent
from taskwave.semantic.classes import IGNORE
from taskwave.semantic.data.objects import Objects, matches
from taskwave.semantic.judges.base import Judge
from taskwave.semantic.judges.panel import Panel
from taskwave.semantic.tasks import classification, segmentation
from taskwave.semantic.tasks.base import Answer, Detections, Task, Truth
from taskwave.semantic.tasks.objects import FINDING, READING, RECOGNITION, AboutObjects
from taskwave.semantic.weights import Models

_REMEMBERED = 512
"""Number of answers that are kept."""
_UNREAD = "?"
"""Text of an object that is to be read."""


@dataclass(frozen=True)
class Everything:
    """Holds the answers to all questions about one image, each None where no judge answers any such question."""

    labels: torch.Tensor | None
    """Class ids [H, W] uint8."""
    objects: Detections | None
    """All objects, the surest first, with what is read on them."""
    word: str | None
    """Class of the picture."""


class TaskNetworks:
    """Answers by the judges of the receivers, with no annotation; keeps the answers on the images seen last.

    A judge of texts is shown the places at which the judge of objects finds some: nobody tells it the true ones.
    """

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        self._known: Recent[Answer] = Recent(_REMEMBERED)

    def answer(self, image: torch.Tensor, task: Task) -> Answer:
        """Return the answer to a task on an image [3, H, W] in [0, 1].

        Raises:
            ValueError: no judge answers the task.
        """
        judge = self.panel.of(task)
        if task.kind != READING.name:
            return self._answer(judge, image, None)
        found = self._found(image)
        if found is not None and isinstance(task, AboutObjects):
            found = task.found(found)
        return self._answer(judge, image, found or Detections.none())

    def everything(self, image: torch.Tensor) -> Everything:
        """Return the answers to all questions about an image [3, H, W] in [0, 1]; objects with their texts."""
        labels, word = (self._of_kind(w.name, image) for w in (segmentation.WORDING, classification.WORDING))
        objects = self.objects(image, read=True)
        return Everything(
            labels if isinstance(labels, torch.Tensor) else None, objects, word if isinstance(word, str) else None
        )

    def objects(self, image: torch.Tensor, *, read: bool) -> Detections | None:
        """Return the objects of an image [3, H, W] in [0, 1]; None where no judge looks for any.

        They are those of the judge of recognition, or else of finding; if they are to be `read`, with the texts of the
        judge of reading.
        """
        objects, reader = self._found(image), self.panel.of_kind(READING.name)
        if read and objects is not None and len(objects) and reader is not None:
            texts = self._answer(reader, image, objects)
            if isinstance(texts, Detections):
                return _with_texts(objects, texts)
        return objects

    def _found(self, image: torch.Tensor) -> Detections | None:
        """Return the objects of an image without their texts; None where no judge looks for any."""
        for wording in (RECOGNITION, FINDING):
            found = self._of_kind(wording.name, image)
            if isinstance(found, Detections):
                return found
        return None

    def _of_kind(self, kind: str, image: torch.Tensor) -> Answer | None:
        judge = self.panel.of_kind(kind)
        return None if judge is None else self._answer(judge, image, None)

    @torch.no_grad()
    def _answer(self, judge: Judge, image: torch.Tensor, places: Detections | None) -> Answer:
        """Return the answer of a judge to all questions of its kinds, shown places where there are any to show."""
        height, width = image.shape[-2:]
        objects = None if places is None else Objects(places.boxes, places.classes, (_UNREAD,) * len(places))
        truth = Truth(torch.full((height, width), IGNORE, dtype=torch.uint8), objects)
        shown = b"" if objects is None else objects.boxes.numpy().tobytes() + repr(objects.classes).encode()
        key = sha256(repr((judge.name, height, width)).encode() + image.cpu().numpy().tobytes() + shown).digest()

        def make() -> Answer:
            (answer,) = judge.answer(image[None], [truth])
            return answer.cpu() if isinstance(answer, torch.Tensor) else answer

        return self._known.get(key, make)


def _with_texts(objects: Detections, read: Detections) -> Detections:
    """Return objects with the texts that were read at their places."""
    places = Objects(objects.boxes, ("",) * len(objects), objects.texts)
    texts = list(objects.texts)
    for text, place in zip(read.texts, matches(read.boxes, ("",) * len(read), places), strict=True):
        if place is not None and text:
            texts[place] = text
    return replace(objects, texts=tuple(texts))


_SHARED: Recent[TaskNetworks] = Recent(8)


def task_networks(models: Models, name: str) -> TaskNetworks:
    """Return the task networks that the links of one process share: a memo, it changes no result.

    Args:
        models: networks, with the judges of the receivers.
        name: name of the link, for errors.

    Raises:
        ValueError: the models hold no judges.
    """
    panel = models.judges
    if panel is None:
        raise ValueError(
            f"{name!r} uses the task networks of receivers, but these models have none: give Models.judges, or name "
            "another link"
        )
    return _SHARED.get(id(panel), lambda: TaskNetworks(panel))  # the value keeps `panel` alive
