"""Segmentation: which pixels show the classes that the question names."""

from dataclasses import dataclass, replace

import torch

from taskwave.semantic.classes import NAMES
from taskwave.semantic.language import lexicon
from taskwave.semantic.metrics import iou_counts
from taskwave.semantic.tasks.base import Answer, Score, Truth, Wording, wrong_kind

WORDING = Wording("segmentation", ("cars", "where are the cars?", "road and pavement"))


@dataclass(frozen=True)
class Segmentation:
    """Asks which pixels show some street classes; the answer is a map of class ids.

    Intersection and union are counted over the classes: confusing one for another is an error of both.
    """

    prompt: str
    """Wording of the question."""
    classes: tuple[int, ...]
    """Ids of the classes, see `taskwave.semantic.classes`."""
    kind: str = WORDING.name

    @property
    def name(self) -> str:
        """Names of the classes in the order of their ids, joined by `+`."""
        return "+".join(NAMES[c] for c in sorted(self.classes))

    @property
    def street_classes(self) -> tuple[int, ...]:
        """Ids of the classes."""
        return self.classes

    def score(self, answer: Answer, truth: Truth) -> Score:
        """Count the pixels of intersection and union."""
        if not isinstance(answer, torch.Tensor):
            raise wrong_kind(self, answer)
        intersection, union = iou_counts(answer[None], truth.label[None], self.classes)
        return Score(int(intersection), int(union))

    def as_truth(self, answer: Answer, like: Truth) -> Truth:
        """Return a map of class ids as labels."""
        if not isinstance(answer, torch.Tensor):
            raise wrong_kind(self, answer)
        return replace(like, label=answer)


def read(prompt: str) -> Segmentation:
    """Return the question of a wording that names street classes.

    Raises:
        ValueError: unknown words, or a part of the image is named.
    """
    meaning = lexicon.parse(prompt)
    if meaning.columns != lexicon.COLUMNS:
        raise ValueError("a task is scored on the whole image: name classes only, without left, centre or right")
    unknown = lexicon.unknown_words(prompt)
    if unknown:
        hints = (f"{word!r}" + (f" (near: {', '.join(near)})" if near else "") for word, near in unknown.items())
        raise ValueError(f"unknown words in a task: {', '.join(hints)}; reword it with known ones")
    return Segmentation(prompt, meaning.classes)
