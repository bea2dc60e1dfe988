"""The answer from the prior alone: one image for all, of every size, worth subtracted from whatever is sent."""

import pytest
import torch

from taskwave.links.bitwise.ladder import restore
from taskwave.links.bitwise.source import CodecSource, codec_source, to_image
from taskwave.links.nothing import NothingLink, Prior
from taskwave.phy.radio import Radio
from taskwave.semantic.codec.detail import Holding
from taskwave.semantic.metrics import confusion_matrix, mean_iou
from taskwave.semantic.tasks.segmentation import Segmentation
from taskwave.semantic.weights import Models, load_models


def test_it_is_what_the_receiver_regenerates_from_an_empty_holding(colour_models: Models) -> None:
    prior = Prior(colour_models)
    shown = prior.image(96, 128)
    symbols = torch.zeros(1, sum(colour_models.general.code_layers), 3, 4, dtype=torch.complex64)
    latents = colour_models.regenerate(Holding.empty(symbols, torch.zeros(1, 16, 12, 16)))
    image = colour_models.codec.decode(latents)
    assert torch.equal(shown, image[0])
    assert prior.image(96, 128) is shown, "computed once"


@pytest.mark.parametrize("size", [(96, 128), (80, 112), (48, 16)])
def test_every_size_has_one(colour_models: Models, size: tuple[int, int]) -> None:
    assert Prior(colour_models).image(*size).shape == (3, *size)


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


def test_a_rung_is_worth_what_it_adds(colour_models: Models, street_images: torch.Tensor) -> None:
    image = street_images[0, :, ::2, ::2]
    source, clean = CodecSource("jpeg", colour_models), colour_models.segmentation.predict(image[None])
    labels = colour_models.segmentation.predict(Prior(colour_models).image(96, 128)[None])
    floor = mean_iou(confusion_matrix(labels, clean))
    assert 0 < floor < 1
    offer = source.offers(image)(100_000)
    assert offer is not None
    decoded = to_image(restore(source.codec, offer.payload, 96, 128))
    agreement = mean_iou(confusion_matrix(colour_models.segmentation.predict(decoded[None]), clean))
    assert offer.worth == pytest.approx(agreement - floor)


def test_links_share_what_they_have_decoded(colour_models: Models, tiny_models: Models) -> None:
    assert codec_source("avif", colour_models) is codec_source("avif", colour_models)
    assert codec_source("avif", colour_models) is not codec_source("webp", colour_models)
    assert codec_source("avif", colour_models) is not codec_source("avif", tiny_models)


def test_the_bundled_prior_knows_streets() -> None:
    """Nothing received, the bundled receiver still sees sky above and road below."""
    models = load_models("streets")
    labels = models.segmentation.predict(Prior(models).image(192, 256)[None])[0]
    assert int(labels[:20].mode().values.mode().values) == 0
    assert int(labels[-20:].mode().values.mode().values) == 3
