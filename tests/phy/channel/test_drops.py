"""Tests of UMi, UMa and RMa (path loss, line of sight, delay spread and energy of TR 38.901) and of link budgets."""

import math
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from taskwave.phy.channel.air import AirInterface
from taskwave.phy.channel.drops import Drops
from taskwave.phy.channel.link_budget import (
    BS_HEIGHT_M,
    break_point_m,
    es_n0_db,
    los_probability,
    losses,
    mean_loss_db,
    path_loss_db,
)
from taskwave.phy.channel.link_level import panel
from taskwave.phy.config.channel import DROP_CHANNELS, DropChannel, DropConfig, LinkBudgetConfig
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.grid.allocation import Allocation
from taskwave.phy.radio import Radio


def config(**drop: Any) -> RadioConfig:
    channel = drop.pop("channel", "umi")
    return RadioConfig(channel=channel, speed_mps=0.0, drop=DropConfig(**drop))


@pytest.mark.parametrize(
    ("channel", "distance_m", "los", "expected"),
    [
        # The values are by hand from table 7.4.1-1 at 3.5 GHz for receivers at 1.5 m.
        ("umi", 100.0, True, 32.4 + 21 * math.log10(math.hypot(100, 8.5)) + 20 * math.log10(3.5)),
        ("umi", 300.0, False, 35.3 * math.log10(math.hypot(300, 8.5)) + 22.4 + 21.3 * math.log10(3.5)),
        ("uma", 200.0, True, 28 + 22 * math.log10(math.hypot(200, 23.5)) + 20 * math.log10(3.5)),
        ("uma", 500.0, False, 13.54 + 39.08 * math.log10(math.hypot(500, 23.5)) + 20 * math.log10(3.5)),
    ],
)
def test_path_loss_is_that_of_the_table(channel: DropChannel, distance_m: float, los: bool, expected: float) -> None:
    assert path_loss_db(channel, distance_m, 3.5, 1.5, los) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("channel", DROP_CHANNELS)
def test_path_loss_and_line_of_sight_agree_with_sionna(channel: DropChannel) -> None:
    from sionna.phy.channel import tr38901  # noqa: PLC0415 - slow to import

    distances = [12.0, 40.0, 150.0, 600.0, 2500.0, 4900.0]
    for carrier_ghz in (0.7, 3.5, 28.0):
        for los in (True, False):
            arrays = {name: panel(1, carrier_ghz * 1e9, 0.5) for name in ("ut_array", "bs_array")}
            o2i = {} if channel == "rma" else {"o2i_model": "low"}
            kind = {"umi": tr38901.UMi, "uma": tr38901.UMa, "rma": tr38901.RMa}[channel]
            model = kind(carrier_frequency=carrier_ghz * 1e9, direction="downlink", device="cpu", **arrays, **o2i)
            n = len(distances)
            receivers = torch.tensor([[d, 0.0, 1.5] for d in distances])[None]
            station = torch.tensor([[[0.0, 0.0, BS_HEIGHT_M[channel]]]])
            zero = torch.zeros(1, n, 3)
            model.set_topology(receivers, station, zero, zero[:, :1], zero, torch.zeros(1, n, dtype=torch.bool), los)
            theirs = model._scenario.basic_pathloss[0, 0]
            ours = [path_loss_db(channel, d, carrier_ghz, 1.5, los) for d in distances]
            assert theirs.tolist() == pytest.approx(ours, abs=2e-3)
    theirs = model._scenario.los_probability[0, 0].tolist()
    assert theirs == pytest.approx([los_probability(channel, d) for d in distances], abs=1e-5)


def test_path_loss_is_continuous_at_the_break_point() -> None:
    for channel in DROP_CHANNELS:
        there = break_point_m(channel, 3.5, 1.5)
        before, after = (path_loss_db(channel, there * f, 3.5, 1.5, True) for f in (0.9999, 1.0001))
        assert after == pytest.approx(before, abs=0.1)


@pytest.mark.parametrize("channel", DROP_CHANNELS)
@pytest.mark.parametrize("indoor", [False, True])
def test_losses_are_a_distribution(channel: DropChannel, indoor: bool) -> None:
    drop = DropConfig(distance_m=(30.0, 300.0), indoor=indoor)
    parts = list(losses(channel, drop, 3.5))
    assert sum(part.share for part in parts) == pytest.approx(1)
    generator = torch.Generator().manual_seed(1)
    chosen = torch.multinomial(torch.tensor([p.share for p in parts]), 400_000, replacement=True, generator=generator)
    mean, deviation = torch.tensor([(p.mean_db, p.deviation_db) for p in parts])[chosen].T
    drawn_db = mean + deviation * torch.randn(len(mean), generator=generator)
    assert mean_loss_db(channel, drop, 3.5) == pytest.approx(float(drawn_db.mean()), abs=0.2)
    on_top = drop.model_copy(update={"large_scale_fading": True})
    power_db = -10 * math.log10(float((10 ** (-drawn_db.double() / 10)).mean()))
    assert mean_loss_db(channel, on_top, 3.5) == pytest.approx(power_db, abs=0.5)


# Medians of the delay spread are 10^mu of table 7.5-6 at 3.5 GHz (UMa: at 6 GHz, its lowest frequency), in ns.
@pytest.mark.parametrize(
    ("channel", "los", "median_ns"), [("umi", "always", 40), ("umi", "never", 97), ("uma", "always", 74)]
)
def test_delay_spreads_are_roughly_those_of_the_table(channel: str, los: str, median_ns: float) -> None:
    fading = Radio(config(channel=channel, los=los)).draw(256, 1, 1)
    powers = fading.a[..., 0].abs().square().mean(dim=(1, 2))
    powers = powers / powers.sum(1, keepdim=True)
    mean = (powers * fading.tau).sum(1, keepdim=True)
    spread = (powers * (fading.tau - mean).square()).sum(1).sqrt()
    assert 0.67 * median_ns < float(spread.median()) * 1e9 < 1.5 * median_ns


@pytest.mark.parametrize("los", ["always", "never"])
def test_drops_of_either_kind_have_energy_one(los: str) -> None:
    a = Radio(config(los=los)).draw(256, 1, 3).a[..., 0]
    energy = a.abs().square().sum(dim=3).mean(dim=(1, 2))
    assert abs(float(energy.mean()) - 1) <= 5 * float(energy.std()) * math.sqrt(1 / 256 + 1 / 512)


def test_large_scale_fading_is_on_top_of_a_mean_of_one() -> None:
    a = Radio(config(large_scale_fading=True, los="never", distance_m=200.0)).draw(512, 1, 3).a[..., 0]
    energy = a.abs().square().sum(dim=3).mean(dim=(1, 2))
    assert abs(float(energy.mean()) - 1) <= 5 * float(energy.std()) / math.sqrt(512)
    # Shadow fading of 7.82 dB and small-scale fading add up.
    assert 6.5 < float((10 * energy.log10()).std()) < 10


def test_receivers_have_delays_of_their_own() -> None:
    fading = Radio(config()).draw(20, 1, 3)
    assert fading.tau.shape[0] == 20 and not torch.equal(fading.tau[0], fading.tau[1])
    few = Radio(config()).draw(3, 1, 3)
    assert torch.equal(few.tau, fading.tau[:3]) and torch.equal(few.a, fading.a[:3])
    # Clusters that do not exist have no meaningless delays.
    assert float(fading.tau.max()) < 1e-4


def test_every_image_arrives_over_its_own_delays() -> None:
    radio = Radio(config())
    fading, rows = radio.draw(5, 1, 3), torch.tensor([4, 1])
    allocation = Allocation(52, 2, 2, (0,))
    air = AirInterface(radio.config, fading, 10.0, 1).select(rows).forward(0)
    frequencies = (torch.arange(12 * 52) - 6 * 52).double() * 30e3
    for row, h in zip(rows.tolist(), air.frequency_response(allocation, 0)[..., 0, :], strict=True):
        turns = torch.exp(-2j * torch.pi * fading.tau[row].double()[:, None] * frequencies)
        expected = fading.a[row, ..., 0].to(torch.complex128) @ turns
        assert torch.allclose(h.to(torch.complex128), expected, atol=1e-3)


def test_energy_beyond_the_prefix_is_counted() -> None:
    wide, narrow = (
        Radio(RadioConfig(channel="uma", subcarrier_spacing_khz=scs, drop=DropConfig(los="never"))) for scs in (15, 60)
    )
    assert 0 < wide.channel.beyond_prefix < 0.02 < narrow.channel.beyond_prefix < 0.5
    assert Radio(RadioConfig(channel="tdl-a")).channel.beyond_prefix == 0


def test_receivers_expect_few_paths_with_all_the_power() -> None:
    channel = Radio(config()).channel
    assert len(channel.delays) == len(channel.powers) < 300
    assert float(channel.powers.sum()) == pytest.approx(1, abs=1e-5)


def test_link_budget_adds_up() -> None:
    radio = RadioConfig(
        channel="umi",
        drop=DropConfig(distance_m=100.0, los="always"),
        link_budget=LinkBudgetConfig(tx_power_dbm=30, tx_gain_dbi=5, rx_gain_dbi=2, noise_figure_db=7),
    )
    loss = 32.4 + 21 * math.log10(math.hypot(100, 8.5)) + 20 * math.log10(3.5)
    expected = (30 - 10 * math.log10(12 * 52)) + 5 + 2 - loss - (-174 + 7 + 10 * math.log10(30e3))
    assert es_n0_db(radio) == pytest.approx(expected, abs=1e-9)
    assert es_n0_db(radio.at_distance(200.0)) < expected - 6


def test_link_budget_needs_a_path_loss() -> None:
    radio = RadioConfig(channel="cdl-c", link_budget=LinkBudgetConfig(tx_power_dbm=23))
    with pytest.raises(ValueError, match=r"cdl-c has no path loss of its own.*umi, uma, rma"):
        es_n0_db(radio)
    with pytest.raises(ValueError, match=r"add \[radio.link_budget\]"):
        es_n0_db(RadioConfig(channel="umi"))
    lent = LinkBudgetConfig(tx_power_dbm=23, path_loss="uma")
    assert math.isfinite(es_n0_db(RadioConfig(channel="cdl-c", link_budget=lent)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"drop": {"distance_m": 5.0}}, "greater than or equal to 10"),
        ({"drop": {"distance_m": [300.0, 100.0]}}, "runs backwards"),
        ({"drop": {"ut_height_m": 20.0}}, "less than 13"),
        ({"channel": "rma", "drop": {"ut_height_m": 12.0}}, "ut_height_m 12 is above the 10 m"),
        ({"drop": {"los": "maybe"}}, "los"),
        ({"channel": "umi", "speed_mps": 199.0}, "Doppler shift of 2323 Hz"),
        ({"link_budget": {"tx_power": 3}}, "tx_power"),
        ({"channel": "recorded"}, r"\[radio.recorded\] missing"),
        ({"channel": "awgn", "recorded": {"file": "x"}}, r"\[radio.recorded\] given"),
        ({"channel": "cdl-c", "spatial_correlation": "high"}, "spatial_correlation is for channels rayleigh, tdl-a"),
    ],
)
def test_impossible_channels_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        RadioConfig.model_validate(change)


@pytest.mark.parametrize(
    ("channel", "indoor", "carrier_ghz"),
    [("umi", False, 3.5), ("umi", True, 3.5), ("uma", True, 28.0), ("rma", False, 3.5), ("rma", True, 3.5)],
)
def test_large_scale_losses_are_those_that_are_drawn(channel: str, indoor: bool, carrier_ghz: float) -> None:
    drop = {"indoor": indoor, "large_scale_fading": True, "distance_m": 150.0}
    radio = RadioConfig.model_validate({"channel": channel, "carrier_ghz": carrier_ghz, "speed_mps": 0.0, "drop": drop})
    drops, num = Drops(radio), 1000
    drops._sample(drops._model, num, 1, 1.0, torch.Generator().manual_seed(1))
    drawn = drops._model._lsp
    loss_db = (drawn.pathloss - 10 * drawn.sf.log10()).flatten()
    parts = list(losses(channel, radio.drop, carrier_ghz))
    mean = sum(part.share * part.mean_db for part in parts)
    variance = sum(part.share * (part.deviation_db**2 + (part.mean_db - mean) ** 2) for part in parts)
    assert abs(float(loss_db.mean()) - mean) < 5 * math.sqrt(variance / num)
    assert float(loss_db.std()) == pytest.approx(math.sqrt(variance), rel=0.12)
