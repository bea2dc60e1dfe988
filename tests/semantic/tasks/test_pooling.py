"""What answers on several samples say together."""

import pytest
import torch

from taskwave.semantic.tasks.base import Detections
from taskwave.semantic.tasks.pooling import pooled


def seen(*objects: tuple[tuple[float, float, float, float], str, float, str]) -> Detections:
    boxes = torch.tensor([box for box, *_ in objects]).reshape(-1, 4)
    names, texts = tuple(each[1] for each in objects), tuple(each[3] for each in objects)
    return Detections(boxes, names, torch.tensor([each[2] for each in objects]), texts)


HERE, NEAR, THERE = (10.0, 10.0, 30.0, 30.0), (12.0, 10.0, 32.0, 30.0), (60.0, 10.0, 80.0, 30.0)


def test_an_object_that_half_of_the_answers_show_is_there_with_the_mean_of_their_confidence() -> None:
    stop = (HERE, "stop", 0.8, "")
    found = pooled([seen(stop), seen((NEAR, "stop", 0.6, "")), seen(), seen((THERE, "yield", 0.9, ""))])
    assert isinstance(found, Detections)
    assert found.classes == ("stop",) and float(found.confidence[0]) == pytest.approx((0.8 + 0.6) / 4)
    assert 10 < float(found.boxes[0, 0]) < 12, "the surer box weighs more"
    assert float(found.boxes[0, 0]) == pytest.approx((0.8 * 10 + 0.6 * 12) / 1.4)


def test_the_class_is_that_of_most_confidence_and_others_at_its_place_are_gone() -> None:
    answers = [seen((HERE, "30", 0.9, "")), seen((HERE, "80", 0.5, "")), seen((NEAR, "80", 0.5, ""))]
    found = pooled(answers)
    assert isinstance(found, Detections) and found.classes == ("80",)
    assert float(found.confidence[0]) == pytest.approx(1 / 3)


def test_an_answer_counts_once_at_a_place() -> None:
    twice = seen((HERE, "stop", 0.9, ""), (NEAR, "stop", 0.8, ""))
    found = pooled([twice, seen(), seen()])
    assert isinstance(found, Detections) and len(found) == 0


def test_two_objects_stay_two_and_the_surer_is_first() -> None:
    one, two = (HERE, "stop", 0.5, ""), (THERE, "yield", 0.9, "")
    found = pooled([seen(one, two), seen(two, one)])
    assert isinstance(found, Detections) and found.classes == ("yield", "stop")


def test_the_text_is_what_most_read_and_an_empty_one_reads_nothing() -> None:
    texts = [seen((HERE, "sign", 1.0, text)) for text in ("30", "", "80", "30")]
    found = pooled(texts)
    assert isinstance(found, Detections) and found.texts == ("30",)


def test_of_maps_and_words_it_is_what_most_say() -> None:
    maps = [torch.tensor([[1, 2]]), torch.tensor([[1, 3]]), torch.tensor([[4, 3]])]
    assert pooled(maps).tolist() == [[1, 3]]
    assert pooled(["cat", "dog", "dog"]) == "dog"


def test_nothing_and_answers_of_several_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match="no answers to pool"):
        pooled([])
    with pytest.raises(ValueError, match=r"several kinds \(Detections, str\)"):
        pooled(["cat", seen()])
