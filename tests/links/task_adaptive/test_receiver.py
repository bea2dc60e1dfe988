"""What a receiver is unsure of: windows without a sure object, and for readers without a number that is read alike."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
import torch

from taskwave.links.answers.networks import TaskNetworks
from taskwave.links.task_adaptive.receiver import SURE, Receiver
from taskwave.semantic.codec.placement import Window
from taskwave.semantic.judges.panel import Panel
from taskwave.semantic.tasks import questions
from taskwave.semantic.tasks.base import Answer, Detections, Truth

PICTURE = torch.zeros(1, 3, 96, 128)
WINDOWS = (Window(2, 2, 8, 8), Window(2, 16, 8, 8), Window(12, 2, 8, 8))
PLACES = ((12.0, 12.0, 36.0, 36.0), (70.0, 12.0, 94.0, 36.0), (12.0, 52.0, 36.0, 76.0))
"""An object within each of the windows."""
SIGNS = questions.read("which traffic signs are there?")
LIMIT = questions.read("what is the speed limit?")


def truth_is_hidden(truth: Truth) -> bool:
    return bool((truth.label == 255).all()) and truth.category is None


@dataclass(frozen=True)
class Finder:
    """A judge that finds the same objects in every picture: (place, class, confidence)."""

    objects: tuple[tuple[tuple[float, float, float, float], str, float], ...]
    name: str = "finder"
    digest: str = "1"
    kinds: tuple[str, ...] = ("finding", "recognition")

    def answer(self, images: torch.Tensor, truths: Sequence[Truth]) -> list[Answer]:
        assert all(truth_is_hidden(truth) and truth.objects is None for truth in truths), "nobody tells what is true"
        boxes = torch.tensor([box for box, _, _ in self.objects]).reshape(-1, 4)
        names, sure = tuple(name for _, name, _ in self.objects), torch.tensor([each for _, _, each in self.objects])
        return [Detections(boxes, names, sure, ("",) * len(names)) for _ in images]


@dataclass(frozen=True)
class Reader:
    """A judge that reads the same texts in every picture, one at each place that it is shown."""

    texts: tuple[str, ...]
    name: str = "reader"
    digest: str = "2"
    kinds: tuple[str, ...] = ("reading",)

    def answer(self, images: torch.Tensor, truths: Sequence[Truth]) -> list[Answer]:
        return [self._read(truth) for truth in truths]

    def _read(self, truth: Truth) -> Detections:
        asked = truth.objects
        assert truth_is_hidden(truth) and asked is not None and not set(asked.texts) & set(self.texts)
        return Detections(asked.boxes, asked.classes, torch.ones(len(asked)), self.texts)


def unsure(found: list[tuple[int, str, float]], texts: tuple[str, ...] | None = None, task=SIGNS) -> list[int]:
    """Windows of which a receiver is unsure that finds objects in windows, as (window, class, confidence)."""
    finder = Finder(tuple((PLACES[row], name, confidence) for row, name, confidence in found))
    judges = [finder] if texts is None else [finder, Reader(texts)]
    return Receiver(TaskNetworks(Panel(judges))).unsure(PICTURE, task, WINDOWS)


def test_windows_without_a_sure_object_are_named() -> None:
    assert unsure([(0, "stop", 0.9), (1, "stop", SURE), (2, "stop", 0.95)]) == []
    assert unsure([(0, "stop", 0.9), (1, "stop", SURE - 0.01)]) == [1, 2]
    assert unsure([(2, "stop", 0.2), (2, "yield", 0.9)]) == [0, 1], "one sure object does"
    assert unsure([]) == [0, 1, 2]


def test_an_object_lies_where_its_middle_lies() -> None:
    wide = Finder((((36.0, 12.0, 66.0, 36.0), "stop", 0.9), ((120.0, 80.0, 127.0, 90.0), "stop", 0.9)))
    receiver = Receiver(TaskNetworks(Panel([wide])))
    assert receiver.unsure(PICTURE, SIGNS, WINDOWS) == [0, 1, 2], "between two windows, and far away"
    assert receiver.unsure(PICTURE, SIGNS, ()) == []


def test_numbers_must_be_read_as_they_were_recognised() -> None:
    found = [(0, "speed_limit_30", 0.9), (1, "speed_limit_70", 0.9), (2, "speed_limit_50", 0.9)]
    assert unsure(found, ("30", "70", "50"), LIMIT) == []
    assert unsure(found, ("30", "10", ""), LIMIT) == [1, 2]
    assert unsure([(0, "speed_limit_30", 0.5), *found[1:]], ("30", "70", "50"), LIMIT) == [0], "it must be sure as well"


def test_signs_whose_class_has_no_number_need_a_text_and_others_nothing() -> None:
    found = [(0, "speedlimit", 0.9), (1, "speedlimit", 0.9), (2, "stop", 0.9)]
    assert unsure(found, ("40", "", ""), LIMIT) == [1], "a stop sign is not what is to be read"


def test_what_is_read_counts_for_tasks_that_read_only() -> None:
    found = [(0, "speed_limit_30", 0.9), (1, "speed_limit_70", 0.9), (2, "speed_limit_50", 0.9)]
    for prompt in ("which traffic signs are there?", "how many traffic signs are there?", "find the speed limits"):
        assert unsure(found, ("", "", ""), questions.read(prompt)) == []
    assert unsure(found, None, LIMIT) == [], "a receiver that cannot read trusts what it recognised"


@pytest.mark.parametrize(
    ("prompt", "can"),
    [
        ("which traffic signs are there?", True),
        ("what is the speed limit?", True),
        ("how many cars are there?", True),
        ("cars", False),
        ("road and pavement", False),
    ],
)
def test_questions_about_objects_can_be_told(prompt: str, can: bool) -> None:
    assert Receiver(TaskNetworks(Panel([Finder(())]))).can_tell(questions.read(prompt)) == can
    assert not Receiver(TaskNetworks(Panel([Reader(())]))).can_tell(questions.read(prompt)), "it must recognise objects"
