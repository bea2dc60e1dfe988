"""An ordinary codec after a prompt, and the same told the true places."""

import pytest
import torch

from taskwave.links.base import InformedLink
from taskwave.links.rivals.prompted import OracleCodecLink, PromptedCodecLink
from taskwave.phy.radio import Radio
from taskwave.semantic.data.objects import Objects
from taskwave.semantic.tasks import questions
from taskwave.semantic.tasks.base import Truth
from taskwave.semantic.tasks.places import places
from taskwave.semantic.weights import Models

SIGNS, CARS = questions.read("which traffic signs are there?"), questions.read("cars", "label")


def truth_with(box: tuple[float, float, float, float], kind: str = "stop") -> Truth:
    return Truth(torch.full((192, 256), 8, dtype=torch.uint8), Objects.of([(box, kind, "")]))


def test_places_are_boxes_of_the_concept_or_pixels_of_its_classes() -> None:
    held = places(SIGNS, truth_with((40.5, 16.0, 60.2, 29.3)))
    assert held.sum() == 14 * 21 and bool(held[16:30, 40:61].all())
    assert not places(SIGNS, truth_with((40, 16, 60, 30), "car")).any()
    label = torch.zeros(8, 8, dtype=torch.uint8)
    label[2:4] = 8
    assert torch.equal(places(CARS, Truth(label)), label == 8)


def test_the_oracle_sends_the_true_places_and_nothing_else(
    colour_models: Models, clear_radio: Radio, street_images: torch.Tensor, interface
) -> None:
    link, air = OracleCodecLink(colour_models, clear_radio, "webp"), interface(clear_radio, 3, 20.0, 2)
    assert isinstance(link, InformedLink) and not isinstance(PromptedCodecLink, InformedLink)
    with pytest.raises(ValueError, match="annotations"):
        link.run(street_images, [SIGNS], 4000, air)
    boxes = [(40.0, 16.0, 72.0, 48.0), (160.0, 96.0, 200.0, 120.0), (64.0, 72.0, 144.0, 136.0)]
    (delivery,) = link.informed_by([truth_with(box) for box in boxes]).run(street_images, [SIGNS], 600, air)
    coarse = delivery.stages["coarse"]
    assert delivery.image is not None
    for i, (x0, y0, x1, y1) in enumerate((int(v) for v in box) for box in boxes):
        changed = (delivery.image[i] != coarse[i]).any(0)
        assert bool(changed[y0:y1, x0:x1].any())
        changed[max(0, y0 - 8) : y1 + 8, max(0, x0 - 8) : x1 + 8] = False
        assert not bool(changed.any()), "nothing outside the box and its margin of a token"


def test_what_regions_do_not_need_is_for_the_whole_picture(
    colour_models: Models, clear_radio: Radio, street_images: torch.Tensor, interface
) -> None:
    link, air = OracleCodecLink(colour_models, clear_radio, "webp"), interface(clear_radio, 3, 20.0, 2)
    boxes = [(40.0, 16.0, 72.0, 48.0), (160.0, 96.0, 200.0, 120.0), (8.0, 8.0, 24.0, 24.0)]
    (delivery,) = link.informed_by([truth_with(box) for box in boxes]).run(street_images, [SIGNS], 12000, air)
    assert delivery.image is not None and int(delivery.channel_uses.max()) <= 12000
    for i, (x0, y0, x1, y1) in enumerate((int(v) for v in box) for box in boxes):
        away = torch.ones(street_images.shape[-2:], dtype=torch.bool)
        away[max(0, y0 - 8) : y1 + 8, max(0, x0 - 8) : x1 + 8] = False
        now, before = (
            (x[i] - street_images[i]).square()[:, away].mean() for x in (delivery.image, delivery.stages["coarse"])
        )
        assert float(now) < 0.5 * float(before)


def test_regions_are_better_than_the_coarse_picture_where_it_matters(
    colour_models: Models, clear_radio: Radio, street_images: torch.Tensor, interface
) -> None:
    link, air = OracleCodecLink(colour_models, clear_radio, "webp"), interface(clear_radio, 3, 20.0, 2)
    box = (96.0, 64.0, 160.0, 112.0)
    (delivery,) = link.informed_by([truth_with(box)] * 3).run(street_images, [SIGNS], 3000, air)
    at = (slice(None), slice(None), slice(64, 112), slice(96, 160))
    error = [(x[at] - street_images[at]).square().mean() for x in (delivery.image, delivery.stages["coarse"])]  # type: ignore[index]
    assert float(error[0]) < 0.5 * float(error[1])
