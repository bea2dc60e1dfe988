"""The answer from the prior alone: one image for all, of every size, worth subtracted from whatever is sent."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch

from taskwave.links.bitwise.ladder import restore
from taskwave.links.bitwise.source import CodecSource, codec_source, to_image
from taskwave.links.nothing import NothingLink, Prior
from taskwave.phy.radio import Radio
from taskwave.semantic.codec.placement import tiles
from taskwave.semantic.codec.windows import ANYTHING, SIGNS
from taskwave.semantic.judges.segmentation import Segmenter
from taskwave.semantic.metrics import confusion_matrix, mean_iou
from taskwave.semantic.tasks.segmentation import Segmentation
from taskwave.semantic.weights import Models, load_models


def test_it_is_the_mean_of_windows_of_anything_over_the_whole_image(colour_models: Models) -> None:
    """Which is what a code that has not learned yet decodes from nothing received; signs are something else."""
    code = deepcopy(colour_models.windows)
    code.mean[SIGNS] = 0
    prior = Prior(replace(colour_models, windows=code))
    shown = prior.image(96, 128)
    (window,) = tiles(96, 128, 1, 1)
    mean = code._pixels(code.mean[ANYTHING][None]).clamp(0, 1)
    assert float(mean.std()) > 0.02, "it is not flat"
    torch.testing.assert_close(window.cut(shown[None]), mean, atol=0.02, rtol=0)
    assert prior.image(96, 128) is shown, "computed once"


@pytest.mark.parametrize("size", [(96, 128), (80, 112), (91, 125), (48, 16)])
def test_every_size_has_one(colour_models: Models, size: tuple[int, int]) -> None:
    image = Prior(colour_models).image(*size)
    assert image.shape == (3, *size) and 0 <= float(image.min()) <= float(image.max()) <= 1


def test_nothing_is_sent_and_all_images_look_alike(
    colour_models: Models, clear_radio: Radio, street_images: torch.Tensor, interface
) -> None:
    link, air = NothingLink(colour_models, clear_radio), interface(clear_radio, 3)
    tasks = [Segmentation("cars", (8,)), Segmentation("road and pavement", (3, 4))]
    for delivery in link.run(street_images, tasks, 0, air):
        assert not bool(delivery.channel_uses.any() | delivery.airtime_slots.any() | delivery.outage.any())
        assert delivery.image is not None
        assert torch.equal(delivery.image, delivery.image[:1].expand(3, -1, -1, -1))
    (other,) = link.run(1 - street_images, tasks[:1], 5000, air)
    assert other.image is not None and torch.equal(other.image, delivery.image)


def test_a_rung_is_worth_what_it_adds(colour_models: Models, colours: Segmenter, street_images: torch.Tensor) -> None:
    image = street_images[0, :, ::2, ::2]
    source, clean = CodecSource("jpeg", colour_models), colours.predict(image[None])
    floor = mean_iou(confusion_matrix(colours.predict(Prior(colour_models).image(96, 128)[None]), clean))
    assert 0 < floor < 1
    offer = source.offers(image)(100_000)
    assert offer is not None
    decoded = to_image(restore(source.codec, offer.payload, 96, 128))
    agreement = mean_iou(confusion_matrix(colours.predict(decoded[None]), clean))
    assert offer.worth == pytest.approx(agreement - floor)


def test_links_share_what_they_have_decoded(colour_models: Models, tiny_models: Models) -> None:
    assert codec_source("avif", colour_models) is codec_source("avif", colour_models)
    assert codec_source("avif", colour_models) is not codec_source("webp", colour_models)
    assert codec_source("avif", colour_models) is not codec_source("avif", tiny_models)


def test_the_bundled_prior_knows_streets() -> None:
    """Nothing received, the bundled receiver still expects a bright sky above a darker road."""
    shown = Prior(load_models()).image(192, 256)
    sky, road = shown[:, :40].mean(), shown[:, -40:].mean()
    assert float(sky - road) > 0.1
