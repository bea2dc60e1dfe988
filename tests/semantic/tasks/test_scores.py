"""Scores are counts that pool, as each kind of task defines them."""

import pytest
import torch

from taskwave.semantic.data.objects import Objects
from taskwave.semantic.tasks import questions
from taskwave.semantic.tasks.base import Detections, Score, Truth

UNKNOWN = torch.full((100, 100), 255, dtype=torch.uint8)
LEFT, RIGHT, AWAY = (10.0, 10.0, 30.0, 30.0), (60.0, 10.0, 80.0, 30.0), (10.0, 60.0, 30.0, 80.0)
TRUTH = Truth(UNKNOWN, Objects.of([(LEFT, "speed_limit_30", "30"), (RIGHT, "give_way", "")]))


def answer(*named: tuple[tuple[float, float, float, float], str, str]) -> Detections:
    boxes = torch.tensor([list(box) for box, _, _ in named]).reshape(-1, 4)
    return Detections(boxes, tuple(n for _, n, _ in named), torch.ones(len(named)), tuple(t for _, _, t in named))


@pytest.mark.parametrize(
    ("wording", "given", "score"),
    [
        ("which traffic signs are there?", answer((LEFT, "speed_limit_30", ""), (RIGHT, "give_way", "")), (4, 4)),
        ("which traffic signs are there?", answer((LEFT, "speed_limit_50", "")), (0, 3)),
        ("which traffic signs are there?", answer((AWAY, "give_way", "")), (0, 3)),
        ("which traffic signs are there?", answer((RIGHT, "give_way", ""), (RIGHT, "give_way", "")), (2, 4)),
        ("which traffic signs are there?", answer(), (0, 2)),
        ("find the traffic signs", answer((LEFT, "speed_limit_50", "")), (2, 3)),
        ("must I give way?", answer((LEFT, "speed_limit_30", ""), (RIGHT, "give_way", "")), (2, 2)),
        ("what is the speed limit?", answer((LEFT, "speed_limit_50", "30")), (1, 1)),
        ("what is the speed limit?", answer((LEFT, "speed_limit_50", "50")), (0, 1)),
        ("what is the speed limit?", answer((AWAY, "speed_limit_30", "30")), (0, 1)),
        ("how many traffic signs are there?", answer((AWAY, "stop", ""), (LEFT, "stop", "")), (1, 1)),
        ("is there a stop sign?", answer(), (1, 1)),
        ("is there a stop sign?", answer((AWAY, "stop", "")), (0, 1)),
        ("find the vehicles", answer(), (0, 0)),
    ],
)
def test_objects(wording: str, given: Detections, score: tuple[int, int]) -> None:
    task = questions.read(wording, "objects")
    assert task.score(given, TRUTH) == Score(*score)
    assert task.score(given, Truth(UNKNOWN)) == Score(0, 0), "nobody looked for objects"


@pytest.mark.parametrize(
    ("wording", "given", "score"),
    [
        ("what is the light showing?", answer((LEFT, "traffic_light_red", "")), (2, 2)),
        ("what is the light showing?", answer((LEFT, "traffic_light_green", "")), (0, 2)),
        ("is the light red?", answer((LEFT, "traffic_light_red", "")), (1, 1)),
        ("is the light red?", answer((LEFT, "traffic_light_green", "")), (0, 1)),
        ("is the light green?", answer((LEFT, "traffic_light_green", "")), (0, 1)),
        ("how many vehicles are there?", answer((RIGHT, "car", ""), (AWAY, "van", "")), (1, 1)),
        ("how many cars are there?", answer((RIGHT, "car", ""), (AWAY, "car", "")), (0, 1)),
        ("how many buses are there?", answer(), (0, 1)),
        ("what does the shop sign say?", answer((AWAY, "shop_sign", "MUTA")), (1, 1)),
        ("what does the shop sign say?", answer((AWAY, "shop_sign", "MUTO")), (0, 1)),
        ("what does the number plate say?", answer((AWAY, "shop_sign", "MUTA")), (0, 0)),
    ],
)
def test_a_street(wording: str, given: Detections, score: tuple[int, int]) -> None:
    street = [(LEFT, "traffic_light_red", ""), (RIGHT, "car", ""), (RIGHT, "bus", ""), (AWAY, "shop_sign", "MUTA")]
    assert questions.read(wording).score(given, Truth(UNKNOWN, Objects.of(street))) == Score(*score)


def test_classes_and_pixels() -> None:
    what = questions.read("what is this?")
    assert what.score("cat", Truth(UNKNOWN, None, "cat")) == Score(1, 1)
    assert what.score("dog", Truth(UNKNOWN, None, "cat")) == Score(0, 1)
    assert what.score("dog", Truth(UNKNOWN)) == Score(0, 0)
    label = torch.tensor([[8, 8, 3, 255]], dtype=torch.uint8)
    assert questions.read("cars").score(torch.tensor([[8, 3, 8, 8]], dtype=torch.uint8), Truth(label)) == Score(1, 3)


@pytest.mark.parametrize("wording", ["what is this?", "cars", "which traffic signs are there?"])
def test_answers_of_another_kind_are_refused(wording: str) -> None:
    task = questions.read(wording, "objects")
    wrong = "word" if task.kind != "classification" else UNKNOWN
    with pytest.raises(TypeError, match="does not answer"):
        task.score(wrong, TRUTH)


def test_an_answer_agrees_with_itself() -> None:
    for wording, given in (
        ("which traffic signs are there?", answer((LEFT, "stop", ""), (RIGHT, "danger", ""))),
        ("cars", torch.full((100, 100), 8, dtype=torch.uint8)),
        ("what is this?", "cat"),
    ):
        task = questions.read(wording, "objects")
        score = task.score(given, task.as_truth(given, Truth(UNKNOWN)))
        assert score.numerator == score.denominator > 0
