"""Surrogates see what survives: all of the original, less of worse images, and small things where they are."""

from dataclasses import replace
from itertools import pairwise
from typing import get_args

import pytest
import torch
from torch.nn import functional

from taskwave.links.bitwise.source import CodecSource, WeighedRungs
from taskwave.links.nothing import Prior
from taskwave.semantic.judges.reader import PatchNet
from taskwave.semantic.judges.segmentation import Segmenter
from taskwave.semantic.surrogates.base import Agreement, FidelitySurrogate, Surrogate, SurrogateName
from taskwave.semantic.surrogates.networks import SegmentationSurrogate, SignSurrogate, boxes_at_peaks
from taskwave.semantic.weights import Models, load_models


class Corner:
    """Finds what it looks for in the upper left corner alone."""

    def __call__(self, images: torch.Tensor, prompts: torch.Tensor) -> torch.Tensor:
        relevance = torch.zeros(len(images), 1, images.shape[2] // 8, images.shape[3] // 8)
        relevance[:, :, 1:4, 1:4] = 0.8
        return relevance


@pytest.fixture(params=["psnr", "segmentation", "signs"])
def surrogate(request: pytest.FixtureRequest, colours: Segmenter) -> Surrogate:
    torch.manual_seed(0)
    return {
        "psnr": FidelitySurrogate(),
        "segmentation": SegmentationSurrogate(colours, ""),
        "signs": SignSurrogate(Corner(), torch.zeros(128), PatchNet(classes=("a", "b", "c")).eval(), ""),  # type: ignore[arg-type]
    }[request.param]


def test_the_original_agrees_wholly_and_coarser_images_less_and_less(
    surrogate: Surrogate, street_images: torch.Tensor
) -> None:
    image, agreement = street_images[0], surrogate.look(street_images[0])
    small = [functional.interpolate(image[None], scale_factor=1 / n, mode="area") for n in (2, 8, 64)]
    seen = [1.0, *(agreement(functional.interpolate(x, image.shape[-2:])[0]) for x in small)]
    assert agreement(image) == pytest.approx(1.0)
    assert all(fine > coarse for fine, coarse in pairwise(seen[:3])) and 0 <= seen[3] < 0.9


def test_places_of_signs_count_more_than_the_rest(street_images: torch.Tensor) -> None:

    def tells_colours(patches: torch.Tensor) -> torch.Tensor:
        return 20 * patches.mean((2, 3))

    image = street_images[0]
    agreement = SignSurrogate(Corner(), torch.zeros(128), tells_colours, "").look(image)  # type: ignore[arg-type]
    inside, outside = image.clone(), image.clone()
    inside[:, 8:32, 8:32] = outside[:, 40:64, 40:64] = torch.tensor([1.0, 0.0, 0.0])[:, None, None]
    assert agreement(inside) < agreement(outside) - 0.05


def test_boxes_surround_the_high_places() -> None:
    relevance = torch.zeros(10, 12)
    relevance[1, 2] = relevance[2, 3] = 0.5
    relevance[7:9, 8] = 0.9
    assert boxes_at_peaks(relevance).tolist() == [[64, 56, 72, 72], [16, 8, 32, 24]]
    assert boxes_at_peaks(0.3 * relevance).shape == (0, 4)


def test_the_rung_is_the_candidate_that_agrees_most(street_images: torch.Tensor) -> None:
    ladder = CodecSource("webp", load_models()).ladder(street_images[0])
    candidates = ladder.candidates(600)
    assert len(candidates) == 3 and all(len(rung.payload) <= 600 for rung in candidates)
    assert candidates[0] == ladder.best(600) and {r.scale - candidates[0].scale for r in candidates} == {0, -1, 1}

    def agreement(image: torch.Tensor) -> float:
        return float(image)

    for wanted in candidates:
        values = {rung.payload: 1.0 * (rung == wanted) for rung in candidates}
        rungs = WeighedRungs(ladder, agreement, lambda payload, v=values: torch.tensor(v[payload]))  # type: ignore[misc]
        assert rungs.best(600) == wanted
        offer = rungs.offers(0.25)(600)
        assert offer is not None and (offer.payload, offer.worth) == (wanted.payload, 0.75)
    assert rungs.best(1) is None and rungs.offers(0.0)(1) is None


def test_what_an_outage_leaves_is_weighed_once_an_image(colour_models: Models, street_images: torch.Tensor) -> None:
    asked: list[torch.Tensor] = []

    class Counting(FidelitySurrogate):
        def look(self, original: torch.Tensor) -> Agreement:
            agreement = super().look(original)
            return lambda image: asked.append(image) or agreement(image)  # type: ignore[func-returns-value]

    source = CodecSource("webp", replace(colour_models, surrogate=Counting()))
    first, again = source.offers(street_images[0])(500), source.offers(street_images[0])(500)
    prior = Prior(colour_models).image(*street_images.shape[-2:])
    assert first == again and sum(torch.equal(image, prior) for image in asked) == 1


def test_by_psnr_the_rung_is_the_one_of_the_highest_psnr(colour_models: Models, street_images: torch.Tensor) -> None:
    source = CodecSource("webp", replace(colour_models, surrogate=FidelitySurrogate()))
    for limit in (200, 800, 3000):
        rung, best = source.rungs(street_images[1]).best(limit), source.ladder(street_images[1]).best(limit)
        assert rung is not None and best is not None and rung.psnr == pytest.approx(best.psnr, abs=1e-4)


def test_every_surrogate_is_loaded_by_name_and_has_a_digest_of_its_own() -> None:
    names = get_args(SurrogateName)
    assert set(names) == {"psnr", "signs", "streets", "camvid"}
    assert len({load_models(surrogate=name).digests["surrogate"] for name in names}) == 4
