"""Answers are drawn with what is found, missed and false apart, for every kind of task."""

import torch
from PIL import ImageColor

from taskwave.scenarios.figures.answers import FALSE, HIT, MISSED, answer_pixels, draw_answer, score_text, true_answer
from taskwave.semantic.data.objects import Objects
from taskwave.semantic.tasks import questions
from taskwave.semantic.tasks.base import Detections, Truth


def test_pixels_are_found_missed_and_false() -> None:
    label = torch.tensor([[8, 8, 3, 255]], dtype=torch.uint8)
    answer = torch.tensor([[8, 3, 8, 8]], dtype=torch.uint8)
    colours = [f"#{bytes(pixel).hex().upper()}" for pixel in answer_pixels(answer, label, (8,))[0].tolist()]
    assert colours == [HIT, MISSED, FALSE, "#E1E1E1"]


def test_boxes_are_found_missed_and_false() -> None:
    rows = [((10.0, 10.0, 30.0, 30.0), "stop", ""), ((60.0, 10.0, 80.0, 30.0), "give_way", "")]
    truth = Truth(torch.full((100, 100), 255, dtype=torch.uint8), Objects.of(rows))
    task = questions.read("which traffic signs are there?", "objects")
    boxes = torch.tensor([[10.0, 10, 30, 30], [10, 60, 30, 80]])
    answer = Detections(boxes, ("stop", "danger"), torch.ones(2), ("", ""))
    pixels = draw_answer(task, answer, truth, torch.zeros(3, 100, 100))
    edges = [tuple(pixels[y, x]) for x, y in ((10, 20), (60, 20), (10, 70))]
    assert edges == [ImageColor.getrgb(colour) for colour in (HIT, MISSED, FALSE)]
    assert score_text(task, answer, truth) == "F1 0.50"
    assert score_text(task, true_answer(task, truth), truth) == "F1 1.00"


def test_words_are_right_or_wrong() -> None:
    task, truth = questions.read("what is this?"), Truth(torch.full((32, 32), 255, dtype=torch.uint8), None, "cat")
    assert [score_text(task, answer, truth) for answer in ("cat", "dog")] == ["right", "wrong"]
    assert draw_answer(task, "dog", truth, None).shape == (32, 32, 3)
