"""Tests of channel realisations: energy, statistics, ageing, reciprocity, and independence of the batch."""

import math
from typing import get_args

import pytest
import torch
from scipy.special import j0

from taskwave.phy.channel.air import AirInterface
from taskwave.phy.config.radio import Channel, RadioConfig
from taskwave.phy.grid.allocation import Allocation
from taskwave.phy.radio import Radio
from taskwave.phy.seeds import generator

WIDE = Allocation(num_prb=52, num_ofdm_symbols=2, num_layers=1, dmrs=(0,))


def responses(radio: Radio, batch: int, allocation: Allocation = WIDE, seed: int = 1) -> torch.Tensor:
    return AirInterface(radio.config, radio.draw(batch, 1, seed), 10.0, 1).forward(0).frequency_response(allocation, 0)


@pytest.mark.parametrize("channel", [c for c in get_args(Channel) if c != "recorded"])
def test_channel_energy_is_one_in_expectation(channel: Channel) -> None:
    radio = Radio(RadioConfig(channel=channel))
    pairs = Allocation(52, 2, 2, (0,))
    energy = responses(radio, 256, pairs).abs().square().mean(dim=(1, 2, 3, 4))
    # Five standard errors of independent images and of the model's own normalisation (512 draws) are allowed.
    assert abs(float(energy.mean()) - 1) <= 5 * float(energy.std()) * math.sqrt(1 / 256 + 1 / 512) + 1e-5
    if channel != "awgn":
        assert energy.std() > 0.05, "fading must stay fading: no realisation is normalised"


def test_rayleigh_has_phase_and_circular_symmetry() -> None:
    h = responses(Radio(RadioConfig(channel="rayleigh", num_tx_ant=1, num_rx_ant=1, num_layers=1)), 2000)[:, 0, 0, 0, 0]
    bound = 5 / math.sqrt(2000)
    assert abs(complex(h.mean())) < bound
    assert abs(complex((h**2).mean())) < bound * math.sqrt(2)
    quadrants = torch.histc(h.angle(), bins=4, min=-math.pi, max=math.pi)
    assert float((quadrants - 500).abs().max()) <= 5 * math.sqrt(2000 * 0.25 * 0.75)
    # |h|^2 is exponential: P(|h|^2 < 0.1) = 1 - exp(-0.1).
    p = 1 - math.exp(-0.1)
    deep = int((h.abs().square() < 0.1).sum())
    assert abs(deep - 2000 * p) <= 5 * math.sqrt(2000 * p * (1 - p)) + 1


@pytest.mark.parametrize("channel", ["tdl-a", "rayleigh", "cdl-d", "uma"])
def test_image_realisations_do_not_depend_on_the_batch(channel: Channel) -> None:
    radio = Radio(RadioConfig(channel=channel))
    few, many = radio.draw(3, 2, 7).a, radio.draw(40, 2, 7).a
    assert torch.equal(few, many[:3])
    assert not torch.equal(many[:16], many[16:32])
    assert not torch.equal(few, radio.draw(3, 2, 8).a)
    assert torch.equal(few, Radio(RadioConfig(channel=channel)).draw(3, 2, 7).a)


def test_drawing_leaves_other_random_streams_alone() -> None:
    from sionna.phy import config as sionna_config  # noqa: PLC0415 - slow to import

    radio = Radio(RadioConfig(channel="tdl-a"))
    torch.manual_seed(0)
    before = sionna_config.torch_rng("cpu").get_state(), torch.get_rng_state()
    radio.draw(4, 1, 1)
    assert torch.equal(sionna_config.torch_rng("cpu").get_state(), before[0])
    assert torch.equal(torch.get_rng_state(), before[1])


def test_reverse_channel_is_reciprocal_and_aged() -> None:
    still = Radio(RadioConfig(channel="tdl-c", speed_mps=0.0))
    narrow = Allocation(2, 2, 2, (0,))
    air = AirInterface(still.config, still.draw(8, 2, 3), 10.0, 1)
    forward = air.forward(0).frequency_response(narrow, 0)
    assert torch.allclose(air.reverse(0).frequency_response(narrow, 0), forward.transpose(1, 2), atol=1e-5)
    assert torch.allclose(air.forward(1).frequency_response(narrow, 0), forward, atol=1e-5)
    moving = Radio(RadioConfig(channel="tdl-c", speed_mps=10.0))
    air = AirInterface(moving.config, moving.draw(8, 2, 3), 10.0, 1)
    assert not torch.allclose(
        air.forward(1).frequency_response(narrow, 0), air.forward(0).frequency_response(narrow, 0), atol=0.1
    )


def test_ageing_follows_jakes() -> None:
    config = RadioConfig(channel="tdl-a", speed_mps=5.0, num_tx_ant=1, num_rx_ant=1, num_layers=1)
    radio = Radio(config)
    air = AirInterface(radio.config, radio.draw(400, 2, 3), 10.0, 1)
    h0, h1 = (air.forward(o).frequency_response(WIDE, 0)[:, 0, 0, 0] for o in (0, 1))
    lag_s = 2 * config.turnaround_slots * config.slot_seconds
    expected = j0(2 * math.pi * config.max_doppler_hz * lag_s)
    products = (h1 * h0.conj()).real.mean(dim=-1)
    assert 0.1 < expected < 0.9
    assert abs(float(products.mean()) - expected) <= 5 * float(products.std()) / math.sqrt(400)


def test_interpolation_in_time_is_as_exact_as_documented() -> None:
    config = RadioConfig(channel="tdl-a", speed_mps=30.0, num_tx_ant=1, num_rx_ant=1, num_layers=1)
    fading = Radio(config).draw(64, 1, 3)
    assert fading.sample_s is not None
    # Interpolation between the neighbours of a sample has twice the spacing, so four times the error.
    a = fading.a
    error = (a[..., 1:-1] - (a[..., :-2] + a[..., 2:]) / 2).abs().square().sum(dim=3).mean()
    assert float(error) / 16 < 10**-5.4


@pytest.mark.parametrize("channel", ["rayleigh", "tdl-a"])
def test_more_occasions_leave_those_before_them(channel: Channel) -> None:
    radio = Radio(RadioConfig(channel=channel))
    few, many = (AirInterface(radio.config, radio.draw(3, n, 3), 10.0, 1).reverse(0) for n in (1, 3))
    assert torch.allclose(few.frequency_response(WIDE, 0), many.frequency_response(WIDE, 0), atol=1e-5)


def test_block_rayleigh_draws_every_transmission_anew() -> None:
    radio = Radio(RadioConfig(channel="rayleigh"))
    air = AirInterface(radio.config, radio.draw(500, 2, 3), 10.0, 1)
    blocks = [a.frequency_response(WIDE, 0)[:, 0, 0, 0, 0] for a in (air.forward(0), air.reverse(0), air.forward(1))]
    for i, one in enumerate(blocks):
        for other in blocks[:i]:
            assert abs(complex((one * other.conj()).mean())) < 5 / math.sqrt(500)


def test_awgn_layers_are_orthogonal_and_reach_all_antennas() -> None:
    for tx, rx, layers in [(1, 1, 1), (2, 2, 2), (4, 2, 2), (2, 4, 2), (4, 3, 3), (4, 3, 2), (8, 4, 3), (8, 3, 2)]:
        radio = Radio(RadioConfig(channel="awgn", num_tx_ant=tx, num_rx_ant=rx, num_layers=layers))
        h = responses(radio, 1, Allocation(1, 2, layers, (0,)))[0, :, :, 0, 0]
        assert torch.allclose(h.abs(), torch.ones(rx, layers))
        assert torch.allclose(h.mH @ h, rx * torch.eye(layers, dtype=h.dtype), atol=1e-5)


@pytest.mark.parametrize(("batch", "occasions"), [(0, 1), (1, 0)])
def test_empty_draws_are_refused(batch: int, occasions: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Radio(RadioConfig(channel="awgn")).draw(batch, occasions, 1)


def test_streams_of_shorter_and_longer_identities_are_apart() -> None:
    """Channels (seed, block) and noise (seed, image, message, slot) have unrelated draws from one seed."""
    draws = [torch.rand(4, generator=generator(*identity)) for identity in [(7, 3), (7, 3, 0), (7, 3, 0, 0), (7,)]]
    assert len({tuple(draw.tolist()) for draw in draws}) == len(draws)


def test_negative_seeds_are_refused() -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        Radio(RadioConfig(channel="rayleigh")).draw(1, 1, -1)


@pytest.mark.parametrize("es_n0_db", [math.nan, math.inf, -math.inf])
def test_air_refuses_numbers_that_are_no_snr(es_n0_db: float) -> None:
    radio = Radio(RadioConfig(channel="awgn"))
    with pytest.raises(ValueError, match="finite number of decibels"):
        AirInterface(radio.config, radio.draw(1, 1, 1), es_n0_db, 1)


def test_occasions_not_drawn_are_refused() -> None:
    radio = Radio(RadioConfig(channel="awgn"))
    air = AirInterface(radio.config, radio.draw(1, 2, 1), 0.0, 1)
    with pytest.raises(ValueError, match="occasion 2 was not drawn: the fading has occasions 0 to 1"):
        air.reverse(2)
