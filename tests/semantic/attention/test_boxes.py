"""Boxes of what a prompt names: one for each thing, from what every token says of it, or around parts of a mask."""

import pytest
import torch

from taskwave.semantic.attention.boxes import COVERED, FOUND, boxes_around, boxes_of, boxes_of_parts
from taskwave.semantic.attention.locator import Locator
from taskwave.semantic.codec.placement import Box
from taskwave.semantic.data import open_images
from taskwave.semantic.data.objects import overlaps
from taskwave.semantic.training.edges import edge_loss, token_edges
from taskwave.semantic.weights import load_models

UPPER, LOWER = (16.0, 8.0, 40.0, 32.0), (16.0, 33.0, 40.0, 57.0)


def seen(boxes: list[Box], size: tuple[int, int] = (64, 64)) -> tuple[torch.Tensor, torch.Tensor]:
    """Return relevance and edges of tokens that see boxes perfectly."""
    edges = token_edges(torch.tensor(boxes), size)
    shown = edges[0].isfinite()
    return shown.float(), torch.where(shown, edges, 0.0)


@pytest.mark.parametrize("boxes", [[UPPER], [UPPER, LOWER], [(2.0, 3.0, 19.0, 21.0), (30.0, 28.0, 60.0, 58.0)]])
def test_every_thing_has_its_box(boxes: list[Box]) -> None:
    """Two signs on one pole, which touch, are two things."""
    found = boxes_of(*seen(boxes))
    assert sorted(found) == [pytest.approx(box) for box in sorted(boxes)]


def test_boxes_are_averaged_by_relevance() -> None:
    relevance, edges = seen([UPPER])
    tokens = relevance.nonzero()
    row, column = tokens[0].tolist()
    edges[0, row, column] = 12.0  # one token sees the left edge four pixels too far out
    (plain,) = boxes_of(relevance, edges)
    relevance[row, column] = FOUND
    (less,) = boxes_of(relevance, edges)
    assert 12 < plain[0] < less[0] < 16


def test_the_surest_thing_comes_first_and_unsure_tokens_show_nothing() -> None:
    relevance, edges = seen([UPPER, LOWER])
    relevance[:4] *= 0.8
    assert boxes_of(relevance, edges)[0] == pytest.approx(LOWER)
    relevance[:4] = FOUND - 0.01
    assert boxes_of(relevance, edges) == [pytest.approx(LOWER)]
    assert boxes_of(torch.zeros(8, 8), torch.zeros(4, 8, 8)) == []


def test_a_large_box_that_one_token_speaks_for_is_nothing() -> None:
    relevance, edges = torch.zeros(8, 8), torch.zeros(4, 8, 8)
    relevance[4, 4] = 1
    for side, things in ((8 / COVERED**0.5 - 1, 1), (8 / COVERED**0.5 + 1, 0)):
        edges[:, 4, 4] = torch.tensor([36 - side / 2, 36 - side / 2, 36 + side / 2, 36 + side / 2])
        assert len(boxes_of(relevance, edges)) == things


def test_parts_of_masks_have_boxes_the_largest_first() -> None:
    mask = torch.zeros(32, 48, dtype=torch.bool)
    mask[2:5, 3:9] = True
    mask[10:30, 20:40] = mask[30, 40] = True  # corners touch
    assert boxes_around(mask) == [(20, 10, 41, 31), (3, 2, 9, 5)]
    relevance = torch.zeros(4, 6)
    relevance[1, 2:4] = 1
    assert boxes_of_parts(relevance) == [(16, 8, 32, 16)]


def test_a_token_shows_the_smallest_thing_that_it_lies_in() -> None:
    edges = token_edges(torch.tensor([[0.0, 0, 48, 48], [8, 8, 24, 24], [30, 30, 34, 34]]), (48, 56))
    assert edges[:, 1, 1].tolist() == [8, 8, 24, 24] and edges[:, 4, 4].tolist() == [0, 0, 48, 48]
    assert edges[:, 3, 3].tolist() == [0, 0, 48, 48], "what is below six pixels does not count"
    assert not bool(edges[:, :, 6].isfinite().any())


def test_the_loss_of_edges_falls_towards_the_truth() -> None:
    true = torch.tensor([[8.0, 8, 24, 24]])
    losses = [float(edge_loss(true + shift, true)) for shift in (40.0, 20.0, 8.0, 2.0, 0.0)]
    assert losses == sorted(losses, reverse=True) and losses[-1] == pytest.approx(0, abs=1e-5)
    assert losses[0] > 1, "boxes apart are pulled together"


def test_edges_are_those_of_the_token_where_the_network_says_nothing() -> None:
    edges = Locator.placed(torch.zeros(1, 4, 3, 5))
    assert edges[0, :, 1, 3].tolist() == [20, 4, 36, 20], "sixteen pixels about the middle of the token"
    moved = torch.zeros(1, 4, 3, 5)
    moved[0, 0, 1, 3], moved[0, 3, 1, 3] = 1, 1
    assert Locator.placed(moved)[0, :, 1, 3].tolist() == [28, -4, 44, 28]


@pytest.mark.data
def test_signs_of_photographs_have_their_boxes() -> None:
    models, images = load_models(), open_images("gtsdb", "val")
    prompt, best, number = models.text_encoder.embed(["signs"])[None], list[float](), 0
    for i in range(0, 60, 4):
        sample = images[i]
        assert sample.objects is not None
        relevance, edges = models.locator.locate(sample.image[None].float() / 255, prompt)
        boxes = torch.tensor(boxes_of(relevance[0, 0], edges[0])).reshape(-1, 4)
        number += len(boxes)
        if len(boxes):
            best += overlaps(sample.objects.boxes, boxes).amax(1).tolist()
    assert sum(overlap >= 0.7 for overlap in best) >= 0.9 * len(best) and number <= 1.5 * len(best)
