"""The locator says where in an image a prompt's thing is, for images of any size."""

import pytest
import torch

from taskwave.semantic.attention.locator import Locator
from taskwave.semantic.data import open_images
from taskwave.semantic.training.locator import STREET_CLASS, box_shares, location_loss
from taskwave.semantic.weights import load_models


@pytest.mark.parametrize(("size", "tokens"), [((64, 96), (8, 12)), ((91, 125), (12, 16)), ((8, 8), (1, 1))])
def test_there_is_a_relevance_for_every_token(size: tuple[int, int], tokens: tuple[int, int]) -> None:
    net = Locator(embedding=4, width=8).eval()
    relevance = net(torch.rand(2, 3, *size), torch.nn.functional.normalize(torch.rand(2, 5, 4), dim=-1))
    assert relevance.shape == (2, 5, *tokens) and 0 <= float(relevance.min()) <= float(relevance.max()) <= 1


def test_shares_are_those_of_the_boxes() -> None:
    shares = box_shares(torch.tensor([[8.0, 8, 24, 12], [0, 0, 8, 8]]), (6, 8), (32, 32))
    assert shares[6, 1, 1] == shares[6, 1, 2] == 0.5 and float(shares[6].sum()) == 1
    assert shares[8, 0, 0] == 1 and float(shares.sum()) == 2
    assert STREET_CLASS["stop"] == 6 and STREET_CLASS["vehicle"] == 8 and STREET_CLASS["bike"] == 10


def test_the_loss_falls_towards_the_truth() -> None:
    target = torch.zeros(1, 1, 4, 4)
    target[..., :2] = 1
    losses = [float(location_loss(scale * (2 * target - 1), target)) for scale in (-4, 0, 4)]
    assert losses == sorted(losses, reverse=True)


@pytest.mark.data
def test_the_locator_finds_signs_and_little_else() -> None:
    models, images = load_models(), open_images("gtsdb", "val")
    prompt = models.text_encoder.embed(["traffic signs"])[None]
    inside, everywhere = [], []
    for i in range(0, 60, 4):
        sample = images[i]
        relevance = models.locator(sample.image[None].float() / 255, prompt)[0, 0]
        everywhere.append(float(relevance.mean()))
        for left, upper, right, lower in (sample.objects.boxes / 8).int().tolist() if sample.objects else []:
            inside.append(float(relevance[upper : lower + 1, left : right + 1].max()))
    assert sum(value > 0.5 for value in inside) >= 0.8 * len(inside)
    assert sum(everywhere) / len(everywhere) < 0.1
