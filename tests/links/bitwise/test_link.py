"""Bit-wise and ideal-code links: what they send, what they promise, what they cost."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from taskwave.links.base import BudgetError
from taskwave.links.bitwise.image_codecs import image_codec
from taskwave.links.bitwise.ladder import restore
from taskwave.links.bitwise.link import BitwiseLink
from taskwave.links.bitwise.source import CodecSource, to_image
from taskwave.links.bounds import IdealLink, information
from taskwave.links.nothing import Prior
from taskwave.links.transport.arrival import ArrivalPrediction, Calibration, Transmission, at_sinr, bicm_information
from taskwave.links.transport.rate import CodedTransport, Offer, PayloadReception, RateOption, choose
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.coding.mcs import mcs, mcs_table
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.links.transport import TransportLink
from taskwave.phy.radio import Radio
from taskwave.semantic.tasks.segmentation import Segmentation
from taskwave.semantic.weights import Models

CARS, GROUND = Segmentation("cars", (8,)), Segmentation("road and pavement", (3, 4))


@pytest.fixture(scope="module")
def images(street_images: torch.Tensor) -> torch.Tensor:
    """[3, 3, 96, 128]."""
    return nn.functional.avg_pool2d(street_images, 2)


@pytest.fixture(scope="module")
def awgn() -> Radio:
    return Radio(RadioConfig(channel="awgn", num_layers=1, csi="perfect"))


@pytest.fixture(scope="module")
def rayleigh() -> Radio:
    return Radio(RadioConfig(channel="rayleigh", num_layers=2))


def test_a_payload_that_decodes_to_no_image_is_an_outage(images: torch.Tensor, colour_models: Models) -> None:
    """A CRC of 16 bits lets one wrong block in 65,536 pass."""
    source = CodecSource("avif", colour_models)
    payloads = [bytes(30), None, source.offers(images[2])(2000).payload]  # type: ignore[union-attr]
    none = torch.zeros(3, dtype=torch.int64)
    received = PayloadReception(payloads, torch.full((3,), 500), none, none)
    (delivery,) = source.deliver(received, images, 1)
    assert delivery.outage.tolist() == [True, True, False]
    prior = Prior(colour_models).image(96, 128)
    for lost in (0, 1):
        assert delivery.image is not None and torch.equal(delivery.image[lost], prior)


def at_mcs(link: BitwiseLink, index: int) -> BitwiseLink:
    """The link with one MCS to choose from."""
    link.transport.links = {mcs(index): link.transport.links[mcs(index)]}
    return link


def air_at(radio: Radio, es_n0_db: float, batch: int = 3) -> AirInterface:
    return AirInterface(radio.config, radio.draw(batch, 1, seed=1), es_n0_db, seed=2)


def test_the_picture_that_arrives_is_the_best_rung_of_the_budget(
    colour_models: Models, awgn: Radio, images: torch.Tensor
) -> None:
    link = at_mcs(BitwiseLink(colour_models, awgn, "jpeg"), 10)
    (delivery,) = link.run(images, [CARS], 1500, air_at(awgn, 30.0))
    transport = TransportLink(awgn, mcs(10))
    assert delivery.image is not None
    for image, got in zip(images, delivery.image, strict=True):
        rung = CodecSource("jpeg", colour_models).rungs(image).best(transport.payload_bytes(1500))
        assert rung is not None
        assert torch.equal(got, to_image(restore(image_codec("jpeg"), rung.payload, 96, 128)))
    assert not bool(delivery.outage.any())


def test_outage_below_the_code(colour_models: Models, awgn: Radio, images: torch.Tensor) -> None:
    link = at_mcs(BitwiseLink(colour_models, awgn, "webp"), 3)
    deliveries = link.run(images, [CARS, GROUND], 2000, air_at(awgn, -10.0))
    prior = Prior(colour_models).image(96, 128)
    for delivery in deliveries:
        assert bool(delivery.outage.all())
        assert delivery.image is not None
        assert torch.equal(delivery.image, prior.expand(3, -1, -1, -1))
        assert bool((delivery.channel_uses > 1900).all())


def test_the_choice_of_mcs_follows_the_snr(colour_models: Models, awgn: Radio, images: torch.Tensor) -> None:
    """More SNR, more bytes, a better picture, with no outage in between on a channel without fading."""
    link, previous = BitwiseLink(colour_models, awgn, "webp"), float("inf")
    for es_n0_db in (0.0, 8.0, 16.0):
        (delivery,) = link.run(images, [CARS], 1000, air_at(awgn, es_n0_db))
        assert not bool(delivery.outage.any())
        assert delivery.image is not None
        error = float((delivery.image - images).square().mean())
        assert error < 0.8 * previous
        previous = error


def test_choose_maximises_success_times_worth() -> None:
    safe, middle, bold = (RateOption(mcs(i), size, p) for i, size, p in ((0, 100, 1.0), (5, 200, 0.8), (9, 400, 0.3)))
    worths = {100: 0.4, 200: 0.7, 400: 0.9}
    asked: list[int] = []

    def offer(limit: int) -> Offer | None:
        asked.append(limit)
        return Offer(b"", worths[limit]) if worths[limit] else None

    found = choose([safe, middle, bold], offer)
    assert found is not None
    assert found[0] is middle
    assert asked == [100, 200], "0.3 of at most 1 cannot beat 0.56"
    worths.update({100: 0.0, 200: 0.0})
    found = choose([safe, middle, bold], offer)
    assert found is not None
    assert found[0] is bold
    worths[400] = 0.0
    assert choose([safe, middle, bold], offer) is None


def test_options_are_worth_considering_and_within_the_budget(rayleigh: Radio) -> None:
    options = CodedTransport(rayleigh).options(900, air_at(rayleigh, 5.0))
    assert len(options) > 5
    for one, other in pairwise(options):
        assert one.success > other.success
        assert one.payload_bytes < other.payload_bytes
    for option in options:
        assert option.payload_bytes == TransportLink(rayleigh, option.mcs).payload_bytes(900)


def test_worth_looks_at_answers_and_knows_no_label(colour_models: Models, images: torch.Tensor) -> None:
    offer = CodecSource("jpeg", colour_models).offers(images[0])
    few, many = offer(60), offer(20_000)
    assert few is not None
    assert many is not None
    assert 0 < few.worth < many.worth <= 1
    assert offer(2) is None


def test_no_block_that_arrived_carried_more_than_the_capacity(rayleigh: Radio) -> None:
    """The bound's payload is at least the real one on every realisation, hence its pictures are at least as good."""
    air, arrived = air_at(rayleigh, 10.0, 8).forward(0), 0
    for index in (2, 5, 10):
        link = TransportLink(rayleigh, mcs(index))
        size, symbols = link.payload_bytes(600), link.symbol_link.capacity(600)
        bits, _ = information(link.symbol_link, symbols, air)
        payloads = link.send([bytes([7]) * size] * 8, 600, air).payloads
        good = torch.tensor([p is not None for p in payloads])
        arrived += int(good.sum())
        assert bool((bits[good] > 8 * size).all())
    assert arrived > 8


def test_capacity_in_awgn_is_shannons(awgn: Radio) -> None:
    link = TransportLink(awgn, mcs(0)).symbol_link
    symbols = link.capacity(800)
    for es_n0_db in (-5.0, 10.0):
        bits, _ = information(link, symbols, air_at(awgn, es_n0_db).forward(0))
        # Two receive antennas combine.
        expected = symbols * torch.log2(torch.tensor(1 + 2 * 10 ** (es_n0_db / 10), dtype=torch.float64))
        torch.testing.assert_close(bits, expected.expand(3), rtol=1e-5, atol=0)


def test_ideal_link_uses_the_capacity(colour_models: Models, awgn: Radio, images: torch.Tensor) -> None:
    """At equal budget the bound's picture is better than that of any MCS, and has no outage."""
    (bound,) = IdealLink(colour_models, awgn, "webp").run(images, [CARS], 800, air_at(awgn, 3.0))
    (real,) = BitwiseLink(colour_models, awgn, "webp").run(images, [CARS], 800, air_at(awgn, 3.0))
    assert bound.image is not None
    assert real.image is not None
    assert not bool(bound.outage.any())
    error = [(d - images).square().mean((1, 2, 3)) for d in (bound.image, real.image)]
    assert bool((error[0] < error[1]).all())


@pytest.mark.parametrize(
    ("order", "es_n0_db", "bits"), [(2, 0.0, 0.9719), (2, 30.0, 2.0), (4, 30.0, 4.0), (8, 45.0, 8.0)]
)
def test_information_of_qam(order: int, es_n0_db: float, bits: float) -> None:
    """QPSK at 0 dB: twice the 0.486 bit of the binary-input AWGN channel at an SNR of one (Ungerboeck 1982)."""
    assert float(at_sinr(bicm_information(order), torch.tensor([es_n0_db]))) == pytest.approx(bits, abs=2e-3)


def test_predicted_success_is_what_the_decoder_achieves(rayleigh: Radio) -> None:
    prediction, count = ArrivalPrediction(rayleigh, 8.0, Calibration(128, 1)), 64
    air = AirInterface(rayleigh.config, rayleigh.draw(count, 1, seed=5), 8.0, seed=6).forward(0)
    outcomes = []
    for scheme in mcs_table()[1:9:4]:
        link = TransportLink(rayleigh, scheme)
        size = link.payload_bytes(500)
        predicted = float(
            prediction.arrivals(scheme, size, [Transmission(0, link.symbol_link.capacity(500))])[0].mean()
        )
        payloads = list(np.random.default_rng(0).integers(0, 256, (count, size), dtype=np.uint8))
        received = link.send([p.tobytes() for p in payloads], 500, air).payloads
        arrived = sum(p is not None for p in received) / count
        deviation = (predicted * (1 - predicted) * (1 / count + 1 / 128)) ** 0.5
        assert abs(arrived - predicted) < 4 * deviation + 0.05
        outcomes.append(predicted)
    assert outcomes == sorted(outcomes, reverse=True)
    assert outcomes[0] - outcomes[-1] > 0.2


def test_success_is_predicted_behind_amplifiers() -> None:
    """Symbols that are all alike would be one peak, and every code seem lost."""
    table = {"amplifier": {"model": "rapp", "input_backoff_db": 3.0}}
    base = {"channel": "awgn", "num_tx_ant": 1, "num_rx_ant": 1, "num_layers": 1, "impairments": table}
    radio = Radio(RadioConfig.model_validate(base))
    prediction = ArrivalPrediction(radio, 20.0, Calibration(128, 1))
    air = AirInterface(radio.config, radio.draw(16, 1, seed=5), 20.0, seed=6).forward(0)
    for index, arrives in ((11, True), (22, False)):
        link = TransportLink(radio, mcs_table()[index])
        size = link.payload_bytes(2000)
        predicted = float(
            prediction.arrivals(link.mcs, size, [Transmission(0, link.symbol_link.capacity(2000))])[0].mean()
        )
        payloads = list(np.random.default_rng(0).integers(0, 256, (16, size), dtype=np.uint8))
        received = link.send([p.tobytes() for p in payloads], 2000, air).payloads
        arrived = sum(p is not None for p in received) / 16
        assert (predicted > 0.95, arrived > 0.9) == (arrives, arrives)


def test_bad_values_are_named(colour_models: Models, awgn: Radio, images: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="'heic' is unknown"):
        BitwiseLink(colour_models, awgn, "heic")
    with pytest.raises(BudgetError, match=r"webp: a budget of 24 .* \d+ channel uses are enough") as caught:
        BitwiseLink(colour_models, awgn, "webp").run(images, [CARS], 24, air_at(awgn, 0.0))
    enough = int(str(caught.value).split("; ")[1].split()[0])
    assert len(BitwiseLink(colour_models, awgn, "webp").run(images, [CARS], enough, air_at(awgn, 0.0))) == 1
