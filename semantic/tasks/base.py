"""What a task is: a question asked in text, the answers to it, what is true, and how answers are scored."""

from dataclasses import dataclass
from typing import Protocol

import torch

from taskwave.semantic.classes import IGNORE
from taskwave.semantic.data.base import Sample
from taskwave.semantic.data.objects import Objects


@dataclass(frozen=True)
class Detections:
    """Holds the N objects that an answer names, the surest first."""

    boxes: torch.Tensor
    """Edges [N, 4] float32: left, upper, right and lower one in pixels."""
    classes: tuple[str, ...]
    """Class of each object."""
    confidence: torch.Tensor
    """[N] float32 in [0, 1]."""
    texts: tuple[str, ...]
    """What is written on each object, empty where nothing is read."""

    def __len__(self) -> int:
        return len(self.classes)

    @classmethod
    def none(cls) -> "Detections":
        """Return an answer that names no object."""
        return cls(torch.zeros(0, 4), (), torch.zeros(0), ())

    def select(self, kept: list[int]) -> "Detections":
        """Return the objects of the given indices, in their order."""
        classes, texts = tuple(self.classes[i] for i in kept), tuple(self.texts[i] for i in kept)
        return Detections(self.boxes[kept], classes, self.confidence[kept], texts)


Answer = torch.Tensor | Detections | str
"""Answer to a question about one image: a map of class ids [H, W] uint8, objects, or a word."""


@dataclass(frozen=True)
class Truth:
    """Holds what is known of one image: its annotations, or for agreements the answer on the image that was sent."""

    label: torch.Tensor
    """Class ids [H, W] uint8, `IGNORE` where none is known."""
    objects: Objects | None = None
    """Objects; None where nobody looked for any."""
    category: str | None = None
    """Class of the whole image; None where it is not known."""

    @classmethod
    def of(cls, sample: Sample) -> "Truth":
        """Return the annotations of a sample."""
        return cls(sample.label, sample.objects, sample.category)

    @property
    def is_known(self) -> bool:
        """Whether anything was annotated."""
        known = self.objects is not None or self.category is not None
        return known or bool((self.label != IGNORE).any())


@dataclass(frozen=True)
class Score:
    """Holds the counts of one answer. Over many answers the accuracy is the quotient of their sums."""

    numerator: float
    """What was right: pixels of the intersection, twice the hits, or the number of right answers."""
    denominator: float
    """What could have been right: pixels of the union, hits and all objects, or the number of answers. Zero: the image
    says nothing about the task."""


class Task(Protocol):
    """Describes a question, which only the receiver knows. Tasks are immutable and compare equal by content."""

    @property
    def prompt(self) -> str:
        """Wording of the question."""

    @property
    def kind(self) -> str:
        """Kind of the question, such as `segmentation`: judges say which kinds they answer."""

    @property
    def name(self) -> str:
        """Name in records and figures, the same for all wordings of one question."""

    @property
    def street_classes(self) -> tuple[int, ...]:
        """Ids of the street classes (`taskwave.semantic.classes`) that hold the answer, for prompts that name them."""

    def score(self, answer: Answer, truth: Truth) -> Score:
        """Score the answer on one image.

        Raises:
            TypeError: an answer of another kind.
        """

    def as_truth(self, answer: Answer, like: Truth) -> Truth:
        """Return an answer as if it were true, for the agreement of two answers; `like` is of the same image."""


def wrong_kind(task: Task, answer: Answer) -> TypeError:
    """Return the error of an answer that does not answer a task."""
    return TypeError(f"{type(answer).__name__} does not answer {task.prompt!r}, a task of kind {task.kind}")


@dataclass(frozen=True)
class Wording:
    """Holds how one kind of task is recognised in free wording."""

    name: str
    """Name of the kind."""
    examples: tuple[str, ...]
    """Questions that show how it is asked."""
