"""Control and feedback messages: polar code, CRC, cost, and honesty about errors."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch

from taskwave.phy.channel.air import Air
from taskwave.phy.channel.medium import FrequencyDomain, SlotSignal, Stream
from taskwave.phy.coding.mcs import mcs
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.grid.allocation import Allocation
from taskwave.phy.links.control import ControlLink, FeedbackLink
from taskwave.phy.links.control_rate import MAX_LOSS, RATES, control_shape
from taskwave.phy.links.open_loop import OpenLoopLink
from taskwave.phy.links.symbol import SymbolLink
from taskwave.phy.links.transport import TransportLink
from taskwave.phy.radio import Radio


@pytest.fixture(scope="module")
def radio() -> Radio:
    return Radio(RadioConfig(channel="tdl-c", control_code_rate=0.25))


def bits(batch: int, count: int) -> torch.Tensor:
    return torch.randint(0, 2, (batch, count), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)


@pytest.mark.parametrize("count", [1, 8, 19, 20, 60, 199, 261, 262, 500, 1000])
def test_messages_arrive_in_both_directions(interface, radio: Radio, count: int) -> None:
    air, sent = interface(radio, 3, 30.0), bits(3, count)
    for link, way in ((ControlLink(radio), air.forward(0)), (FeedbackLink(radio), air.reverse(0))):
        reception = link.send(sent, way)
        assert torch.equal(reception.bits, sent)
        assert bool(reception.ok.all())
        assert reception.channel_uses == link.channel_uses(count, way) > 0


@pytest.mark.parametrize("rate", [0.125, 0.25, 0.75])
def test_cost_follows_the_code_rate(interface, rate: float) -> None:
    radio = Radio(RadioConfig(channel="awgn", control_code_rate=rate))
    link, way = ControlLink(radio), interface(radio, 1, 0.0).forward(0)
    for count in (20, 100, 400):
        least = (count + 24) / rate / 2
        # QPSK symbols, DMRS in one symbol of at most 14 and at least 2, rounding to the grid.
        assert least <= link.channel_uses(count, way) <= 1.5 * least + 100


def test_rate_follows_the_mean_snr_unless_it_is_given(interface) -> None:
    radio = Radio(RadioConfig(channel="cdl-c"))
    link = ControlLink(radio)
    rates = [link.code_rate(40, interface(radio, 1, db).forward(0)) for db in (-20, -5, 0, 4, 8, 30)]
    assert rates == sorted(rates) and rates[0] == RATES[-1] and rates[-1] == RATES[0] and len(set(rates)) >= 4
    costs = [link.channel_uses(40, interface(radio, 1, db).forward(0)) for db in (-5, 0, 4, 8)]
    assert costs == sorted(costs, reverse=True) and costs[-1] < costs[0] / 3
    given = Radio(RadioConfig(channel="cdl-c", control_code_rate=0.25))
    assert ControlLink(given).code_rate(40, interface(given, 1, 30.0).forward(0)) == 0.25


def test_rate_follows_the_radio_at_hand(interface) -> None:
    """Without fading a message of a single antenna needs far less redundancy than with it."""
    rates = {}
    for channel in ("awgn", "rayleigh"):
        radio = Radio(RadioConfig(channel=channel, num_tx_ant=1, num_rx_ant=1, num_layers=1))
        rates[channel] = ControlLink(radio).code_rate(40, interface(radio, 1, 5.0).forward(0))
    assert rates["awgn"] >= 0.625 and rates["rayleigh"] == RATES[-1]
    radio = Radio(RadioConfig(channel="awgn", num_tx_ant=1, num_rx_ant=1, num_layers=1))
    air = interface(radio, 1, 0.0)
    for link, way in ((ControlLink(radio), air.forward(0)), (FeedbackLink(radio), air.reverse(0))):
        assert link.code_rate(20, way) >= 0.25 and link.expected_loss(20, way) <= MAX_LOSS


def test_predictions_are_made_beforehand_and_leave_no_trace(interface) -> None:
    """They repeat themselves, do not look at the run's channels, and nobody taps their signals."""
    first, second = (Radio(RadioConfig(channel="cdl-c")) for _ in range(2))
    tapped: list[str] = []
    first.tap = lambda name, value: tapped.append(name)
    one = ControlLink(first).expected_loss(40, interface(first, 1, 2.0).forward(0))
    other = ControlLink(second).expected_loss(40, interface(second, 3, 2.0).forward(0))
    assert one == other and 0 < one <= MAX_LOSS and not tapped


def test_forward_messages_are_downlink_control_and_reverse_ones_uplink_control(interface, radio: Radio) -> None:
    """DCI: CRC of 24 bits and 12 to 140 bits; UCI: CRC of 11 bits from 20 bits on (TS 38.212 clauses 7.3, 6.3.1)."""
    air, link = interface(radio, 1, 10.0), OpenLoopLink(radio, 1, "control")
    for way, crc, least in ((air.forward(0), 24, 12), (air.reverse(0), 11, 20)):
        for count in (1, 60):
            shape = control_shape(link, way.direction, count, 0.25)
            assert shape.chain.crc_bits == crc and shape.size == max(count, least)
            assert (shape.size + crc) / 0.25 <= shape.coded <= 1.3 * (shape.size + crc) / 0.25 + 24
        assert control_shape(link, way.direction, 150, 0.25).segments == (2 if crc == 24 else 1)
    assert ControlLink(radio).channel_uses(60, air.forward(0)) > ControlLink(radio).channel_uses(60, air.reverse(0))


SISO = {"num_tx_ant": 1, "num_rx_ant": 1, "num_layers": 1}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("config", "es_n0_dbs"),
    [
        ({"channel": "awgn", **SISO}, (-7.0, 0.0, 4.5)),
        ({"channel": "rayleigh", **SISO, "num_rx_ant": 2}, (-5.0, 0.0, 8.0)),
        ({"channel": "cdl-c"}, (-5.0, 0.0, 6.0)),
        ({"channel": "cdl-c", "control_code_rate": 0.25}, (-6.0, -2.0, 2.0)),
        ({"channel": "cdl-c", "control_code_rate": 0.75}, (0.0, 4.0, 10.0)),
    ],
)
def test_losses_are_as_predicted(interface, config: dict[str, Any], es_n0_dbs: tuple[float, ...]) -> None:
    """Within five standard deviations of 400 messages and of the 256 channels of a prediction, and 0.02 for its fit."""
    radio, count = Radio(RadioConfig(**config)), 400
    for es_n0_db in es_n0_dbs:
        air = interface(radio, count, es_n0_db)
        for link, way in ((ControlLink(radio), air.forward(0)), (FeedbackLink(radio), air.reverse(0))):
            sent = bits(count, 40)
            reception, p = link.send(sent, way), link.expected_loss(40, way)
            lost = float((~reception.ok).float().mean())
            sigma = (p * (1 - p) * (1 / count + 1 / 256)) ** 0.5
            assert abs(lost - p) <= 0.02 + 5 * sigma


def test_control_uses_one_layer_and_all_antennas(interface) -> None:
    # 1 x 4 in AWGN at -10 dB: rate 1/4 QPSK needs the 6 dB of the array.
    radio = Radio(
        RadioConfig(channel="awgn", num_tx_ant=2, num_rx_ant=4, num_layers=2, csi="perfect", control_code_rate=0.25)
    )
    reception = ControlLink(radio).send(bits(100, 60), interface(radio, 100, -7.0).forward(0))
    assert int(reception.ok.sum()) == 100


def test_errors_are_reported_and_not_mended(interface, radio: Radio) -> None:
    sent = bits(600, 40)
    reception = FeedbackLink(radio).send(sent, interface(radio, 600, -8.0).reverse(0))
    right = (reception.bits == sent).all(dim=1)
    assert 100 < int(right.sum()) < 500
    assert not bool((right & ~reception.ok).any()), "what is right must pass its CRC"
    undetected = int((~right & reception.ok).sum())
    # CRC of 11 bits, the list of 8 chooses among eight: below 2**-8 of the failures, five standard deviations above.
    failures = int((~right).sum())
    expected = failures * 2**-8
    assert undetected <= expected + 5 * expected**0.5 + 1
    assert failures > 100


def test_image_results_do_not_depend_on_the_batch(interface, radio: Radio) -> None:
    sent, air, link = bits(20, 40), interface(radio, 20, -8.0), ControlLink(radio)
    whole = link.send(sent, air.forward(0))
    part = link.send(sent[7:9], air.select(slice(7, 9)).forward(0))
    assert torch.equal(part.ok, whole.ok[7:9])
    assert torch.equal(part.bits, whole.bits[7:9])


def test_header_and_data_of_one_occasion_have_noise_of_their_own(radio: Radio) -> None:
    assert ControlLink(radio).symbol_link.stream != SymbolLink(radio).stream


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (bits(2, 40), "must be \\[1, k\\] torch.uint8"),
        (bits(1, 40).float(), "torch.uint8"),
        (bits(1, 40) * 3, "hold the value 3: give bits"),
        (bits(1, 40)[:, :0], "0 bits cannot be sent"),
        (bits(1, 5000), "5000 bits cannot be sent: give 1 to 4096"),
    ],
)
def test_impossible_messages_are_refused(interface, radio: Radio, message: torch.Tensor, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        ControlLink(radio).send(message, interface(radio, 1, 10.0).forward(0))


def test_feedback_goes_backward_only(interface, radio: Radio) -> None:
    with pytest.raises(ValueError, match=r"use AirInterface.reverse"):
        FeedbackLink(radio).send(bits(1, 20), interface(radio, 1, 10.0).forward(0))


def test_a_burst_that_was_not_detected_brings_no_message(interface) -> None:
    """Out of nothing decoders make a word whose CRC may hold: it does for these lengths."""
    radio = Radio(RadioConfig(channel="awgn", control_code_rate=0.25))
    radio.medium = Deaf()
    air = interface(radio, 3, 30.0).forward(0)
    assert ControlLink(radio).send(bits(3, 300), air).ok.tolist() == [True, False, True]
    payloads = [bytes([i] * 20) for i in range(3)]
    received = TransportLink(radio, mcs(0)).send(payloads, 600, air).payloads
    assert [p is None for p in received] == [False, True, False]


class Deaf(FrequencyDomain):
    """Does not detect the second burst of three."""

    def carry(
        self, allocations: Sequence[Allocation], grids: Sequence[torch.Tensor], air: Air, stream: Stream
    ) -> list[SlotSignal]:
        signals = super().carry(allocations, grids, air, stream)
        return [replace(signal, lost=torch.tensor([False, True, False])) for signal in signals]
