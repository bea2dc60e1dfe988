"""Demands of the receiver, on logits whose uncertainty is known."""

import math

import pytest
import torch

from taskwave.semantic.classes import NAMES
from taskwave.semantic.language.lexicon import Meaning, parse
from taskwave.semantic.tasks.demand import class_uncertainty, demand

CAR, PEDESTRIAN, BICYCLIST, ROAD, TREE, BUILDING = (
    NAMES.index(n) for n in ("car", "pedestrian", "bicyclist", "road", "tree", "building")
)


def certain(batch: int = 1, height: int = 6, width: int = 9) -> torch.Tensor:
    """Return logits of a task that answers road everywhere."""
    logits = torch.full((batch, 11, height, width), -20.0)
    logits[:, ROAD] = 20.0
    return logits


def doubt(logits: torch.Tensor, columns: slice, *classes: int) -> None:
    """Make `classes` equally likely in `columns` of `logits`, in place."""
    logits[..., columns] = -20.0
    logits[:, list(classes), :, columns] = 20.0


def test_uncertainty_has_its_closed_form() -> None:
    logits = certain()
    doubt(logits, slice(0, 3), CAR, TREE)
    doubt(logits, slice(3, 6), CAR, PEDESTRIAN)
    doubt(logits, slice(6, 9), TREE, BUILDING)
    one = class_uncertainty(logits, (CAR,)).sum(1)[0, 0]
    assert torch.allclose(one, torch.tensor([0.5] * 6 + [0.0] * 3), atol=1e-5)
    two = class_uncertainty(logits, (CAR, PEDESTRIAN)).sum(1)[0, 0]
    bit = math.log(2) / math.log(3)
    assert torch.allclose(two, torch.tensor([bit / 2] * 3 + [bit] * 3 + [0.0] * 3), atol=1e-5)
    flat = class_uncertainty(torch.zeros(2, 11, 4, 4), tuple(range(11))).sum(1)
    assert flat.shape == (2, 4, 4)
    assert torch.allclose(flat, torch.ones(2, 4, 4))


def test_asks_where_the_doubt_is() -> None:
    logits = certain(3)
    doubt(logits[:1], slice(0, 3), CAR, TREE)
    doubt(logits[1:2], slice(6, 9), PEDESTRIAN, BICYCLIST)
    doubt(logits[2:], slice(3, 9), PEDESTRIAN, BUILDING)
    assert demand(logits, (CAR, PEDESTRIAN, BICYCLIST)) == [
        "cars on the left",
        "pedestrians and bicyclists on the right",
        "pedestrians in the centre and on the right",
    ]


def test_doubt_everywhere_names_no_column() -> None:
    logits = certain()
    doubt(logits, slice(0, 9), CAR, TREE)
    assert demand(logits, (CAR, PEDESTRIAN)) == ["cars"]


def test_a_sure_task_asks_for_all_its_classes() -> None:
    assert demand(certain(2), (CAR, PEDESTRIAN)) == ["cars and pedestrians"] * 2
    assert demand(certain(), (ROAD,)) == ["road"]
    assert demand(certain(), tuple(range(11))) == ["everything"]


def test_doubt_about_other_classes_is_not_asked_for() -> None:
    logits = certain()
    doubt(logits, slice(0, 6), TREE, BUILDING)
    doubt(logits, slice(6, 9), CAR, BUILDING)
    assert demand(logits, (CAR,)) == ["cars on the right"]


def test_a_minor_class_is_left_out_and_equal_ones_stay() -> None:
    logits = certain()
    doubt(logits, slice(0, 8), CAR, TREE)
    doubt(logits, slice(8, 9), PEDESTRIAN, TREE)
    assert parse(demand(logits, (CAR, PEDESTRIAN))[0]).classes == (CAR,)
    assert demand(torch.zeros(1, 11, 6, 9), tuple(range(11))) == ["everything"]


def test_a_prompt_of_few_classes_names_those_of_most_doubt() -> None:
    logits = certain()
    doubt(logits, slice(0, 6), PEDESTRIAN, TREE)
    doubt(logits, slice(6, 9), CAR, BICYCLIST)
    assert parse(demand(logits, (CAR, PEDESTRIAN, BICYCLIST, TREE), 2)[0]).classes == tuple(sorted((PEDESTRIAN, TREE)))
    assert len(parse(demand(certain(), tuple(range(11)), 3)[0]).classes) == 3


def test_demands_on_random_logits_stay_within_the_task_and_repeat() -> None:
    logits = 4 * torch.randn(40, 11, 4, 9, generator=torch.Generator().manual_seed(0))
    for classes in ((CAR,), (ROAD, PEDESTRIAN), (BICYCLIST, CAR, TREE, ROAD, BUILDING)):
        asked = demand(logits, classes)
        assert asked == demand(logits, classes)
        for text in asked:
            meaning = parse(text)
            assert isinstance(meaning, Meaning)
            assert set(meaning.classes) <= set(classes)


@pytest.mark.parametrize(
    ("logits", "classes", "reason"),
    [
        (torch.zeros(1, 10, 4, 6), (0,), "need .B, 11, H, W"),
        (torch.zeros(11, 4, 6), (0,), "need .B, 11, H, W"),
        (torch.zeros(1, 11, 4, 6), (), "at least one"),
        (torch.zeros(1, 11, 4, 6), (3, 3), "different ids"),
        (torch.zeros(1, 11, 4, 6), (11,), "different ids"),
        (torch.full((1, 11, 4, 6), math.nan), (0,), "NaN"),
        (torch.zeros(1, 11, 4, 2), (0,), "2 pixels wide"),
    ],
)
def test_bad_input_is_refused(logits: torch.Tensor, classes: tuple[int, ...], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        demand(logits, classes)
