"""Channel quality: what a probe measures and costs, the CQI table, and where the outer loop settles."""

import math
from itertools import pairwise
from typing import Any

import pytest
import torch

from taskwave.phy.coding.mcs import OuterLoop, cqi_table, mcs_table
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.links.symbol import SymbolLink
from taskwave.phy.precoding.sounding import ChannelProbe, ChannelSounding
from taskwave.phy.radio import Radio


def test_cqi_table_is_that_of_the_standard() -> None:
    """TS 38.214 table 5.2.2.1-3: efficiencies rise from 0.1523 to 7.4063, all but the first are those of an MCS."""
    table = cqi_table()
    efficiencies = [c.modulation_order * c.code_rate for c in table]
    assert [c.index for c in table] == list(range(1, 16))
    assert all(low < high for low, high in pairwise(efficiencies))
    assert efficiencies[0] == pytest.approx(0.1523, abs=5e-5)
    assert efficiencies[-1] == pytest.approx(7.4063, abs=5e-5)
    schemes = {(m.modulation_order, m.code_rate) for m in mcs_table("qam256")}
    assert all((c.modulation_order, c.code_rate) in schemes for c in table[1:])


def test_a_probe_measures_what_data_will_see(interface) -> None:
    radio = Radio(RadioConfig(channel="tdl-c", csi="perfect", speed_mps=0.0))
    air, link, probe = interface(radio, 20, 6.0, occasions=2), SymbolLink(radio), ChannelProbe(radio, 11)
    measured = 10 * probe.measure(air.forward(0)).log10().mean(1)
    symbols = link.capacity(1000)
    assert {a.num_prb for a in link.allocator.allocate(symbols)} == {11}
    noise = link.send(torch.ones(20, symbols, dtype=torch.complex64), air.forward(1)).noise_variance
    torch.testing.assert_close(measured, -10 * noise.log10().mean(1), atol=0.02, rtol=0)


@pytest.mark.parametrize("csi", ["ls", "lmmse"])
def test_an_estimated_probe_is_noisy_and_knows_it(interface, csi: str) -> None:
    radio = Radio(RadioConfig.model_validate({"channel": "tdl-c", "csi": csi, "speed_mps": 0.0}))
    truth = Radio(RadioConfig(channel="tdl-c", csi="perfect", speed_mps=0.0))
    means = []
    for one in (radio, truth):
        measured = 10 * ChannelProbe(one, 6).measure(interface(one, 100, 6.0, occasions=2).forward(0)).log10()
        means.append(measured.mean(1))
    assert torch.corrcoef(torch.stack(means))[0, 1] > 0.8
    assert -4.0 < float((means[0] - means[1]).mean()) < 0.0, "an estimate promises less than the truth"


@pytest.mark.parametrize(("layers", "num_prb"), [(1, 1), (2, 6), (4, 52)])
def test_a_probe_costs_one_re_per_prb_and_layer(interface, layers: int, num_prb: int) -> None:
    radio = Radio(RadioConfig(channel="tdl-a", num_tx_ant=layers, num_rx_ant=layers, num_layers=layers))
    probe = ChannelProbe(radio, num_prb)
    assert probe.channel_uses == layers * num_prb
    assert probe.measure(interface(radio, 2, 5.0, occasions=2).forward(0)).shape == (2, 12 * num_prb * layers)


def precoding_radio(kind: str, **change: Any) -> Radio:
    """Make a radio that sends from four antennas with fresh knowledge of a channel at rest."""
    base = {"channel": "cdl-c", "num_tx_ant": 4, "speed_mps": 0.0, "precoding": {"kind": kind, "csi_age_slots": 0}}
    return Radio(RadioConfig.model_validate({**base, **change}))


@pytest.mark.parametrize("kind", ["svd", "rzf", "codebook"])
def test_a_probe_expects_the_precoder(interface, kind: str) -> None:
    """Four antennas sound, and the SINR is that of data, precoded by what the probe says: above that of open loop."""
    radio = precoding_radio(kind, csi="perfect")
    air = interface(radio, 40, 10.0).forward(0)
    (allocation,) = SymbolLink(radio).allocator.allocate(500)
    probe = ChannelProbe(radio, allocation.num_prb)
    assert probe.channel_uses == 4 * allocation.num_prb
    expected = 10 * probe.measure(air).log10().mean(1)
    noise = SymbolLink(radio).send(torch.ones(40, 500, dtype=torch.complex64), air).noise_variance
    difference = expected + 10 * noise.log10().mean(1)
    assert float(difference.median()) == pytest.approx(0, abs=0.1)


def test_sparse_pilots_measure_the_noise_of_the_time_domain(interface) -> None:
    """Subcarriers between them are empty and say nothing: the error that is reported is that there is."""
    radio = precoding_radio("svd", impairments={})
    air = interface(radio, 24, 10.0).forward(0)
    h_hat, error, no = ChannelSounding(radio, 12, 4).measure(air)
    assert float(no.mean()) == pytest.approx(0.1, rel=0.3)
    truth = precoding_radio("svd", csi="perfect", impairments={})
    h, *_ = ChannelSounding(truth, 12, 4).measure(interface(truth, 24, 10.0).forward(0))
    assert float((h - h_hat).abs().square().mean()) == pytest.approx(float(error.mean()), rel=0.3)


def success(snr_db: float, threshold_db: float) -> float:
    return 0.5 * math.erfc((threshold_db - snr_db) / math.sqrt(2))


@pytest.mark.parametrize("bias_db", [-4.0, 0.0, 4.0])
@pytest.mark.parametrize("correlation", [0.999, 0.9])
def test_the_outer_loop_settles_at_its_target(bias_db: float, correlation: float) -> None:
    """An aged, biased, quantised report of a fading channel (Gauss-Markov, 4 dB deviation): one NACK in ten after all.

    After n updates the share of NACKs is exactly (up - offset / n) / (up + down): nothing but the drift of the offset
    keeps it from the target.
    """
    seed, loop, snr, nacks, n = torch.Generator().manual_seed(1), OuterLoop(), 0.0, 0, 4000
    draws = torch.randn(n, generator=seed).tolist()
    luck = torch.rand(n, generator=seed).tolist()
    for innovation, chance in zip(draws, luck, strict=True):
        reported = 2.0 * round((snr + bias_db) / 2.0)
        snr = correlation * snr + 4.0 * math.sqrt(1 - correlation**2) * innovation
        acknowledged = chance < success(snr, reported + loop.offset_db)
        nacks += not acknowledged
        loop.update(acknowledged)
    assert nacks / n == pytest.approx((0.05 - loop.offset_db / n) / (0.05 + 0.45), abs=1e-9)
    assert nacks / n == pytest.approx(0.1, abs=0.01)


def test_the_outer_loop_corrects_the_bias() -> None:
    """Reports that are 6 dB apart end in offsets that are 6 dB apart."""
    settled = []
    for bias_db in (0.0, 6.0):
        seed, loop, offsets = torch.Generator().manual_seed(2), OuterLoop(), []
        for chance in torch.rand(8000, generator=seed).tolist():
            loop.update(chance < success(0.0, bias_db + loop.offset_db))
            offsets.append(loop.offset_db)
        settled.append(sum(offsets[4000:]) / 4000)
    assert settled[0] - settled[1] == pytest.approx(6.0, abs=0.3)
    # Where one block in ten is lost: 1.28 deviations below the threshold.
    assert settled[0] == pytest.approx(-1.28, abs=0.15)


@pytest.mark.parametrize(
    "change", [{"flowgraph": {}}, {"impairments": {"synchronisation": "estimated"}}, {"sync_symbols": True}]
)
def test_receivers_that_synchronise_find_no_probe(change: dict[str, Any]) -> None:
    radio = Radio(RadioConfig.model_validate({"channel": "tdl-a", "num_layers": 1, **change}))
    with pytest.raises(ValueError, match=r"a channel probe has no data"):
        ChannelProbe(radio, 6)
