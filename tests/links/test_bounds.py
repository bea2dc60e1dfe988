"""Limits of codes that know the mean SNR only, against closed forms and against real schemes."""

import math

import pytest
import torch

from taskwave.links.bounds import IdealLink, Limit, information
from taskwave.links.transport.rate import CodedTransport
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.links.symbol import SymbolLink
from taskwave.phy.radio import Radio
from taskwave.semantic.tasks.segmentation import Segmentation
from taskwave.semantic.weights import Models

CARS = Segmentation("cars", (8,))


def air_at(radio: Radio, es_n0_db: float, batch: int = 3) -> AirInterface:
    return AirInterface(radio.config, radio.draw(batch, 1, seed=1), es_n0_db, seed=2)


def test_outage_of_rayleigh_is_the_closed_form() -> None:
    """P(log2(1 + g SNR) >= R) = exp(-(2^R - 1) / SNR) of one exponential g."""
    radio = Radio(RadioConfig(channel="rayleigh", num_tx_ant=1, num_rx_ant=1, num_layers=1))
    outage, draws, symbols, rate = Limit(radio, "outage"), 4000, 108, 2.0
    air = AirInterface(radio.config, radio.draw(draws, 1, 4), 8.0, 4).forward(0)
    size = torch.full((draws,), int(symbols * rate / 8))
    arrived = int(outage.arrives(size, symbols, air).sum())
    chance = math.exp(-(2**rate - 1) / 10**0.8)
    assert abs(arrived - draws * chance) <= 5 * math.sqrt(draws * chance * (1 - chance)) + 1
    assert float(outage.success(size[:1], symbols, 8.0)) == pytest.approx(chance, abs=0.2)


def test_finite_blocks_in_awgn_are_the_normal_approximation() -> None:
    """n C - sqrt(n V) Q^-1(1e-3) + log2(2 n) / 2 bits arrive but for one in a thousand (Polyanskiy et al. 2010)."""
    radio = Radio(RadioConfig(channel="awgn", num_tx_ant=1, num_rx_ant=1, num_layers=1))
    finite, air = Limit(radio, "finite"), air_at(radio, 0.0).forward(0)
    n = finite.link.capacity(300)
    capacity, dispersion = information(finite.link, n, air)
    assert float(capacity[0]) == pytest.approx(n, rel=1e-5)
    assert float(dispersion[0]) == pytest.approx(n * 0.75 / math.log(2) ** 2, rel=1e-5)
    bits = n - math.sqrt(n * 0.75) / math.log(2) * 3.0902 + math.log2(2 * n) / 2
    sizes = torch.tensor([bits / 8])
    assert float(finite.success(sizes, n, 0.0)) == pytest.approx(0.999, abs=2e-6)
    assert bool(finite.arrives(torch.full((3,), bits / 16), n, air).all())
    assert not bool(finite.arrives(torch.full((3,), bits / 4), n, air).any())


def test_bounds_are_ordered(tiny_models: Models, street_images: torch.Tensor) -> None:
    """A code of finite length is no better than an infinite one, and real MCS no better than that."""
    rayleigh, images = Radio(RadioConfig(channel="rayleigh", num_layers=2)), street_images[..., ::2, ::2]
    outage, finite = Limit(rayleigh, "outage"), Limit(rayleigh, "finite")
    real = CodedTransport(rayleigh)
    symbols = SymbolLink(rayleigh).capacity(900)
    for option in real.options(900, air_at(rayleigh, 5.0)):
        size = torch.tensor([option.payload_bytes])
        assert float(finite.success(size, symbols, 5.0)) > option.success - 0.02
        assert float(outage.success(size, symbols, 5.0)) > float(finite.success(size, symbols, 5.0)) - 0.05
    for code in ("outage", "finite"):
        (delivery,) = IdealLink(tiny_models, rayleigh, "webp", code).run(images, [CARS], 900, air_at(rayleigh, 25.0))
        assert not bool(delivery.outage.any())
