"""Images without labels are scored by what was received of them, and nothing is scored that cannot be."""

import math

import pytest
import torch

from taskwave.links.base import Delivery
from taskwave.scenarios.sweep.fidelity import image_scores, unlabelled_scores
from taskwave.semantic.metrics import ms_ssim
from taskwave.semantic.tasks.base import Score

IMAGES = torch.rand(2, 3, 176, 192, generator=torch.Generator().manual_seed(0))


def delivery(image: torch.Tensor | None) -> Delivery:
    none = torch.zeros(2, dtype=torch.int64)
    return Delivery(none, none, none, outage=torch.zeros(2, dtype=torch.bool), image=image)


def test_scores_are_those_of_their_definitions() -> None:
    got = delivery((IMAGES + 0.1).clamp(0, 1.1))
    assert image_scores(got, IMAGES) == pytest.approx([20.0, 20.0], abs=1e-3)
    scores = unlabelled_scores(got, IMAGES, [Score(4, 4), Score(2, 4)])
    assert [score["agreement"] for score in scores] == [1.0, 0.5]
    assert all(0.9 < (score["ms_ssim"] or 0) < 1 for score in scores)


def test_what_cannot_be_scored_is_none() -> None:
    got = delivery(None)
    assert image_scores(got, IMAGES) == [None, None]
    assert unlabelled_scores(got, IMAGES, [Score(0, 0)] * 2) == [{"ms_ssim": None, "agreement": None}] * 2
    assert all(map(math.isnan, ms_ssim(IMAGES[..., :175], IMAGES[..., :175]).tolist()))
    torch.testing.assert_close(ms_ssim(IMAGES, IMAGES), torch.ones(2))
