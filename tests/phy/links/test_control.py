"""Control and feedback messages: polar code, CRC, cost, and honesty about errors."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch

from taskwave.phy.channel.air import Air
from taskwave.phy.channel.medium import FrequencyDomain, SlotSignal, Stream
from taskwave.phy.coding.mcs import mcs
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.grid.allocation import Allocation
from taskwave.phy.links.control import ControlLink, FeedbackLink
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
        least = (count + 11) / rate / 2
        # QPSK symbols, DMRS in one symbol of at most 14 and at least 2, rounding to the grid.
        assert least <= link.channel_uses(count, way) <= 1.5 * least + 100


def test_rate_follows_the_mean_snr_unless_it_is_given(interface) -> None:
    radio = Radio(RadioConfig(channel="cdl-c"))
    link = ControlLink(radio)
    rates = [link.code_rate(interface(radio, 1, db).forward(0)) for db in (-20, -5, 0, 4, 8, 30)]
    assert rates == [0.125, 0.125, 0.25, 0.5, 0.75, 0.75]
    costs = [link.channel_uses(40, interface(radio, 1, db).forward(0)) for db in (-5, 0, 4, 8)]
    assert costs == sorted(costs, reverse=True) and costs[-1] < costs[0] / 3


@pytest.mark.slow
@pytest.mark.parametrize("es_n0_db", [0, 3, 6.5])
def test_chosen_rates_lose_few_messages(interface, es_n0_db: float) -> None:
    """At the least SNR of each rate about one message in twenty is lost: 5 sigma above 6 % of 400."""
    radio = Radio(RadioConfig(channel="cdl-c"))
    reception = ControlLink(radio).send(bits(400, 40), interface(radio, 400, es_n0_db).forward(0))
    assert int((~reception.ok).sum()) <= 24 + 5 * (400 * 0.06 * 0.94) ** 0.5 + 1


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.25, 0.75])
def test_losses_of_a_configured_rate_are_expected(interface, rate: float) -> None:
    """Within 0.08 and 4.5 standard deviations of 256."""
    radio = Radio(RadioConfig(channel="cdl-c", control_code_rate=rate))
    link = ControlLink(radio)
    for es_n0_db in (-10, -5, 0, 10):
        air = interface(radio, 256, es_n0_db).forward(0)
        lost, expected = float((~link.send(bits(256, 40), air).ok).float().mean()), link.expected_loss(air)
        assert abs(lost - expected) <= 0.08 + 4.5 * (expected * (1 - expected) / 256) ** 0.5


def test_control_uses_one_layer_and_all_antennas(interface) -> None:
    # 1 x 4 in AWGN at -10 dB: rate 1/4 QPSK needs the 6 dB of the array.
    radio = Radio(
        RadioConfig(channel="awgn", num_tx_ant=2, num_rx_ant=4, num_layers=2, csi="perfect", control_code_rate=0.25)
    )
    reception = ControlLink(radio).send(bits(100, 60), interface(radio, 100, -7.0).forward(0))
    assert int(reception.ok.sum()) == 100


def test_errors_are_reported_and_not_mended(interface, radio: Radio) -> None:
    sent = bits(600, 40)
    reception = ControlLink(radio).send(sent, interface(radio, 600, -8.0).forward(0))
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
