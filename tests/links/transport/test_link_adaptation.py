"""Link adaptation of the bit-wise links: predictions that hold, reports that are believed as far as they deserve."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from taskwave.links.base import BudgetError
from taskwave.links.transport.arrival import ArrivalPrediction, Calibration, Transmission
from taskwave.links.transport.quality import QualityReport, ReportedQuality, reported_db, threshold_db
from taskwave.links.transport.rate import CodedTransport, Offer
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.coding.mcs import cqi_table, mcs_ladder, mcs_table
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.links.calibration import calibrated_sinr_db
from taskwave.phy.links.harq import HarqLink
from taskwave.phy.links.open_loop import SymbolReception
from taskwave.phy.links.symbol import SymbolLink
from taskwave.phy.radio import Radio

COUNT = 48
SEVERAL = Calibration(draws=256, occasions=4)


@pytest.fixture(scope="module")
def radio() -> Radio:
    return Radio(RadioConfig(channel="tdl-c"))


@pytest.fixture(scope="module")
def air(radio: Radio) -> AirInterface:
    return AirInterface(radio.config, radio.draw(COUNT, 3, seed=5), 6.0, seed=6)


@pytest.fixture(scope="module")
def report(radio: Radio) -> QualityReport:
    return QualityReport(radio, 11, 1400)


def random_offer(limit: int) -> Offer:
    """As many bytes as fit, worth the more the more there are."""
    return Offer(np.random.default_rng(limit).bytes(limit), limit / (limit + 200))


def test_predicted_success_is_what_the_decoder_achieves_with_each_transmission(radio: Radio, air: AirInterface) -> None:
    prediction, lengths, seen = ArrivalPrediction(radio, 6.0, SEVERAL), (400, 200, 200), []
    for scheme in mcs_table()[6:13:4]:
        link = HarqLink(radio, scheme)
        sizes = [link.symbol_link.capacity(length) for length in lengths]
        size = link.payload_bytes(lengths[0])
        expected = [
            float(p.mean())
            for p in prediction.arrivals(scheme, size, [Transmission(i, n) for i, n in enumerate(sizes)])
        ]
        payloads = [np.random.default_rng(i).bytes(size) for i in range(COUNT)]
        assert all(one <= other for one, other in pairwise(expected))
        got = link.send(payloads, lengths, air)
        whole = torch.tensor([p is not None for p in got.payloads])
        for upto, predicted in enumerate(expected, start=1):
            # An ACK in a hundred is taken for a NACK: within the tolerance.
            arrived = float((whole & (got.transmissions <= upto)).float().mean())
            deviation = (predicted * (1 - predicted) * (1 / COUNT + 1 / 256)) ** 0.5
            assert abs(arrived - predicted) < 4 * deviation + 0.06, (scheme.index, upto)
            seen.append(predicted)
    assert max(seen) - min(seen) > 0.5


def test_a_report_says_how_good_the_channel_is(radio: Radio, air: AirInterface, report: QualityReport) -> None:
    heard, link = report.send(air), SymbolLink(radio)
    noise = link.send(torch.ones(COUNT, 1400, dtype=torch.complex64), air.forward(1)).noise_variance
    quality = -10 * noise.log10().mean(1)
    assert len(heard.unique()) > 2
    assert torch.corrcoef(torch.stack([heard.float(), quality]))[0, 1] > 0.6
    # Probe and report, nothing else: 22 REs of pilots, and 4 bits.
    assert report.channel_uses(air)[0] == 22


def test_a_report_changes_what_is_expected(radio: Radio, report: QualityReport) -> None:
    prediction, scheme = ArrivalPrediction(radio, 6.0, SEVERAL), mcs_table()[4]
    quality = ReportedQuality(prediction, report)
    size = HarqLink(radio, scheme).payload_bytes(1000)
    (arrival,) = prediction.arrivals(scheme, size, [Transmission(1, 1400)])
    chances = [float(arrival[quality.alike(cqi)].mean()) for cqi in (2, 3, 4)]
    assert chances[0] + 0.1 < chances[1] < chances[2] - 0.1


def test_thresholds_rise_and_a_cqi_stands_for_its_own(radio: Radio) -> None:
    thresholds = [threshold_db(m.modulation_order, m.code_rate) for m in mcs_ladder()]
    assert all(low < high for low, high in pairwise(thresholds))
    assert all(reported_db(c) < reported_db(c + 1) for c in range(15))
    assert reported_db(3) == threshold_db(cqi_table()[2].modulation_order, cqi_table()[2].code_rate)


@pytest.mark.parametrize("es_n0_db", [0.0, pytest.param(10.0, marks=pytest.mark.slow)])
def test_the_outer_loop_holds_one_block_in_ten(radio: Radio, es_n0_db: float) -> None:
    """The MCS that it affords, sent over channels it never saw: a tenth of first transmissions fail, 5 sigma of 128."""
    transport, count = CodedTransport(radio, "olla"), 128
    one_shot = CodedTransport(radio, "olla")
    one_shot.protocol = replace(transport.protocol, shares=(1.0,))
    air = AirInterface(radio.config, radio.draw(count, 2, seed=9), es_n0_db, seed=10)
    arrived = one_shot.run([random_offer] * count, 1, 700, air, "x").payloads
    failed = sum(p is None for p in arrived)
    assert abs(failed - 0.1 * count) <= 5 * (count * 0.09) ** 0.5 + 1
    assert failed > 0


@pytest.mark.slow
def test_reports_and_retransmissions_are_worth_their_cost(radio: Radio) -> None:
    """Worth that arrives, for the same budget: a report brings more of it, HARQ needs less of the budget."""
    air = AirInterface(radio.config, radio.draw(COUNT, 3, seed=11), 10.0, seed=12)
    worth, spent = {}, {}
    for adaptation in ("cqi", "harq", "nr"):
        got = CodedTransport(radio, adaptation).run([random_offer] * COUNT, 1, 1500, air, "x")  # type: ignore[arg-type]
        assert int(got.channel_uses.max()) <= 1500
        worth[adaptation] = sum(len(p) / (len(p) + 200) for p in got.payloads if p is not None) / COUNT
        spent[adaptation] = float(got.channel_uses.float().mean())
    assert worth["cqi"] > worth["harq"]
    assert spent["harq"] < 0.9 * spent["cqi"]
    assert spent["nr"] < spent["cqi"]


def test_a_transmission_without_anything_to_send_is_charged(radio: Radio, air: AirInterface) -> None:
    """As where something was sent and never arrived: all transmissions and all answers."""
    hopeless = replace(air, es_n0_db=-25.0)
    for scheme in ("harq", "nr"):
        idle, lost = (
            CodedTransport(radio, scheme).run([offer] * COUNT, 1, 1500, hopeless, "x")
            for offer in (lambda limit: None, random_offer)
        )
        assert idle.payloads == lost.payloads == [None] * COUNT
        # A NACK may be taken for an ACK, which ends it.
        assert set(idle.channel_uses.tolist()) == {int(lost.channel_uses.max())}
        assert set(idle.feedback_uses.tolist()) == {int(lost.feedback_uses.max())}


def test_a_budget_that_is_said_to_be_enough_is(radio: Radio, air: AirInterface) -> None:
    transport = CodedTransport(radio, "nr")
    with pytest.raises(
        BudgetError, match=r"x: a budget of 60 channel uses carries .* message takes 40; \d+ channel uses are"
    ) as caught:
        transport.run([random_offer] * COUNT, 40, 60, air, "x")
    enough = int(str(caught.value).split("takes 40; ")[1].split()[0])
    assert transport.run([random_offer] * COUNT, 40, enough, air, "x").channel_uses.max() <= enough


def test_amplifiers_are_rehearsed_with_symbols_like_those_that_come() -> None:
    """Six decibels of back-off cost little; a constant message would be one peak and cost nine."""
    config = {"channel": "cdl-c", "max_prb": 24}
    amplifier = {"amplifier": {"model": "rapp", "input_backoff_db": 6}}
    found = [
        ArrivalPrediction(Radio(RadioConfig.model_validate({**config, **change})), 15.0, SEVERAL)
        .sinr_db(Transmission(0, 1000))
        .mean()
        for change in ({}, {"impairments": amplifier})
    ]
    assert abs(float(found[0] - found[1])) < 1.5


def test_no_budget_is_said_to_be_enough_where_none_is() -> None:
    small = Radio(RadioConfig(max_prb=4, max_slots=1))
    air = AirInterface(small.config, small.draw(1, 3, seed=5), 6.0, seed=6)
    for scheme in ("harq", "cqi", "nr"):
        with pytest.raises(BudgetError, match="takes 2000; no budget is enough: raise max_slots or max_prb"):
            CodedTransport(small, scheme).run([random_offer], 2000, 500, air, "x")


def test_bursts_that_nobody_detects_are_hopeless_and_say_nothing_of_the_others() -> None:
    sent = torch.ones(3, 4, dtype=torch.complex64)
    noisy, variance = sent + 0.5, torch.full((3, 4), 0.5)
    noisy[2], variance[2] = 0, 1e6
    found = calibrated_sinr_db(SymbolReception(noisy, variance, 0, 0, torch.tensor([False, False, True])), sent)
    assert torch.allclose(found[:2], torch.tensor(10 * 0.60206)) and float(found[2].max()) < -50
