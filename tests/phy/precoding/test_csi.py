"""Precoded messages: effective channel, energy, what the transmitter knows, how old it is and what it costs."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from taskwave.links.bounds import information
from taskwave.phy.channel.air import Air, AirInterface
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.grid.allocation import Allocator
from taskwave.phy.links.open_loop import OpenLoopLink
from taskwave.phy.links.slot import SlotTransceiver
from taskwave.phy.links.symbol import SymbolLink
from taskwave.phy.links.uci import UciLink
from taskwave.phy.precoding.csi import REPORT_ES_N0_DB, TransmitterCsi
from taskwave.phy.precoding.precoders import best_precoder, choose_precoder, type1_codebook
from taskwave.phy.radio import Radio

KINDS = ("svd", "rzf", "codebook")


def radio_of(kind: str | None, age: int = 4, **change: Any) -> Radio:
    table = {} if kind is None else {"precoding": {"kind": kind, "csi_age_slots": age}}
    return Radio(RadioConfig.model_validate({"channel": "cdl-c", "num_tx_ant": 4, **table, **change}))


def gaussian(batch: int, count: int) -> torch.Tensor:
    return torch.randn((batch, count), generator=torch.Generator().manual_seed(1), dtype=torch.complex64)


def antennas(air: Air, num_subcarriers: int, age_s: float = 0.0) -> torch.Tensor:
    """Return the true channel of all antennas, [B, F, rx, tx], `age_s` before the transmission starts."""
    plain = replace(air, precoder=None)
    h = plain.frequency_response_at(torch.tensor([-age_s]), air.config.num_tx_ant, num_subcarriers)
    return h[..., 0, :].permute(0, 3, 1, 2)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("impairments", [None, {}])
def test_what_arrives_is_the_channel_times_the_precoder(
    interface, kind: str, impairments: dict[str, Any] | None
) -> None:
    """The receiver's true channel is H W; columns of W have unit norm, so that the energy sent stays one."""
    radio = radio_of(kind, speed_mps=0.0, csi="perfect", impairments=impairments)
    link, air, signals = SymbolLink(radio), interface(radio, 3, 30.0).forward(0), {}
    radio.tap = signals.__setitem__
    link.send(gaussian(3, 300), air)
    w = link.precoded(air, 300).precoder
    assert w is not None and w.shape == (3, 4, 2)
    torch.testing.assert_close(w.abs().square().sum(1), torch.ones(3, 2))
    (allocation,) = link.allocator.allocate(300)
    expected = antennas(air, allocation.num_subcarriers) @ w[:, None] / math.sqrt(2)
    found = signals["h"][..., 0, :].permute(0, 3, 1, 2)
    if impairments is None:
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)
    else:
        # Windows start early: the phase of each subcarrier is another.
        torch.testing.assert_close(found.abs(), expected.abs(), atol=0.02, rtol=0)


@pytest.mark.parametrize("kind", [None, *KINDS])
def test_sent_energy_is_one(interface, kind: str | None) -> None:
    """Over independent antennas any fixed precoder delivers an energy of one: that of other channels is no gain."""
    radio = radio_of(kind, channel="rayleigh", csi="perfect")
    air = interface(radio, 3000, 60.0).forward(0)
    w = SymbolLink(radio).precoded(air, 50).precoder
    stranger = torch.roll(w, 1, 0) if w is not None else torch.eye(4, 2, dtype=torch.complex64).expand(3000, 4, 2)
    energy = (antennas(air, 1) @ stranger[:, None] / math.sqrt(2)).abs().square().sum((1, 3)).mean(1)
    assert abs(float(energy.mean()) - 1) <= 5 * float(energy.std()) / math.sqrt(3000)


def test_svd_with_perfect_knowledge_reaches_the_singular_values(interface) -> None:
    """A flat channel that is known and does not age: layer k has the SNR s_k^2 / (2 no)."""
    radio = radio_of("svd", 0, channel="rayleigh", csi="perfect")
    air = interface(radio, 50, 10.0).forward(0)
    received = SymbolLink(radio).send(gaussian(50, 100), air)
    singular = torch.linalg.svdvals(antennas(air, 1)[:, 0])
    measured = 1 / received.noise_variance.view(50, 50, 2)
    torch.testing.assert_close(measured, (10 * singular.square() / 2)[:, None].expand(-1, 50, -1), rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("occasion", [0, 1])
def test_knowledge_is_as_old_as_it_is_said_to_be(interface, kind: str, occasion: int) -> None:
    """The precoder follows from the channel so many slots before the message, and from no other moment."""
    radio = radio_of(kind, 20, csi="perfect", speed_mps=10.0)
    assert radio.config.precoding is not None
    air = interface(radio, 40, 15.0, occasions=2).forward(occasion)
    link = SymbolLink(radio)
    width = link.allocator.allocate(1000)[0].num_subcarriers
    w, agreement = link.precoded(air, 1000).precoder, {}
    assert w is not None
    for slots in (16, 20, 24):
        h = antennas(air, width, slots * radio.config.slot_seconds).permute(0, 2, 3, 1)
        expected = choose_precoder(radio.config.precoding, h, 10**-1.5, 2)
        # One if the columns are the same up to their phases.
        match = (expected.conj() * w).sum(1).abs()
        agreement[slots] = float((match > 0.999).float().mean())
    assert agreement[20] > 0.95
    assert agreement[20] > max(agreement[16], agreement[24]) + 0.05


def test_blocks_do_not_age(interface) -> None:
    """Where a transmission is one block, what is measured is what is used."""
    new, old = (radio_of("svd", age, channel="rayleigh", csi="perfect") for age in (0, 20))
    w = [SymbolLink(radio).precoded(interface(radio, 4).forward(0), 50).precoder for radio in (new, old)]
    assert w[0] is not None and w[1] is not None
    assert torch.equal(w[0], w[1])


def test_a_wrong_report_is_believed(interface) -> None:
    """Where the reverse link is too bad for reports, some precoders are not those that the receiver chose."""
    chosen = {}
    for offset_db in (20.0, -30.0):
        radio = radio_of("codebook", 0, csi="perfect", feedback_es_n0_offset_db=offset_db)
        air = interface(radio, 60, 10.0).forward(0)
        link = SymbolLink(radio)
        w, width = link.precoded(air, 1000).precoder, link.allocator.allocate(1000)[0].num_subcarriers
        assert w is not None
        book = type1_codebook(4, 2)
        best = book[best_precoder(antennas(air, width)[:, 6::12], 0.1, book)]
        chosen[offset_db] = float((w - best).abs().amax((1, 2)).lt(1e-6).float().mean())
        assert bool((w[:, None] - book).abs().amax((2, 3)).lt(1e-6).any(1).all()), "it is one of the codebook"
    assert chosen[20.0] > 0.9
    assert chosen[-30.0] < 0.5


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [1, 500, 5000, 30000])
def test_knowledge_is_paid_for(interface, kind: str, count: int) -> None:
    radio = radio_of(kind, csi="perfect")
    link, plain = SymbolLink(radio), SymbolLink(radio_of(None))
    allocations = link.allocator.allocate(count)
    prb = allocations[0].num_prb
    # CSI-RS: an RE in a PRB and antenna; sounding: three, of two antennas. A report has six bits at most.
    pilots, report = (4 * prb, UciLink(radio, 0.0).channel_uses(5)) if kind == "codebook" else (6 * prb, 0)
    assert link.channel_uses(count) == sum(a.channel_uses for a in allocations) + pilots + report
    assert link.channel_uses(count) > plain.channel_uses(count)
    assert OpenLoopLink(radio, radio.config.num_layers, "control").channel_uses(1) == plain.channel_uses(1)
    received = link.send(gaussian(1, count), interface(radio, 1).forward(0)) if count == 500 else None
    assert received is None or received.channel_uses == link.channel_uses(count)


@pytest.mark.parametrize("pilots", [0, 6, 24])
def test_no_message_exceeds_its_budget(pilots: int) -> None:
    allocator = Allocator(2, 6, 3, 1, 24 if pilots else 0, pilots)
    last = 0
    for budget in range(0, 4000, 11):
        capacity = allocator.capacity(budget)
        assert capacity >= last
        assert allocator.channel_uses(capacity) <= budget
        assert capacity in (0, allocator.capacity(10**6)) or allocator.channel_uses(capacity + 1) > budget
        last = capacity
    for count in range(1, allocator.capacity(10**6), 37):
        assert allocator.capacity(allocator.channel_uses(count)) >= count


@pytest.mark.parametrize("kind", KINDS)
def test_images_do_not_depend_on_the_batch(interface, kind: str) -> None:
    radio, sent = radio_of(kind), gaussian(6, 100)
    link, air = SymbolLink(radio), interface(radio, 6)
    whole = link.send(sent, air.forward(0))
    some = torch.tensor([4, 1])
    part = link.send(sent[some], air.select(some).forward(0))
    assert torch.allclose(part.symbols, whole.symbols[some], atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("es_n0_db", [0.0, 15.0])
def test_reported_noise_variance_is_true(interface, kind: str, es_n0_db: float) -> None:
    """After precoding as without, and layers have other energies than antennas."""
    radio = radio_of(kind)
    received = SymbolLink(radio).send(gaussian(200, 300), interface(radio, 200, es_n0_db).forward(0))
    ratio = (received.symbols - gaussian(200, 300)).abs().square() / received.noise_variance
    per_image = ratio.mean(1)
    assert abs(float(per_image.mean()) - 1) <= 5 * float(per_image.std()) / math.sqrt(200)
    csi = TransmitterCsi(radio, 2, UciLink(radio, REPORT_ES_N0_DB))
    energy = csi.expected(es_n0_db, 6).layer_energy
    assert float(energy.max()) > 1.2 and float(energy.sum()) < 2 * 4


def test_estimation_expects_the_energy_of_each_layer() -> None:
    """Layers have four times and a quarter of the energy of an antenna, which estimation must expect."""
    radio = Radio(RadioConfig(channel="tdl-c"))
    slot = SlotTransceiver(radio, radio.allocator(2).allocate(400)[0])
    air, energy = AirInterface(radio.config, radio.draw(400, 1, 3), 0.0, 3).forward(0), torch.tensor([4.0, 0.25])
    grid = slot.transmit(gaussian(400, slot.allocation.num_data_symbols)) * energy.sqrt()[:, None, None]
    (signal,) = radio.medium.carry([slot.allocation], [grid], air, "data")
    assert signal.h is not None
    data = list(slot.allocation.data_ofdm_symbols)
    truth = (signal.h * energy.sqrt()[:, None, None])[..., data, :].permute(0, 3, 4, 1, 2) / math.sqrt(2)
    found, blind = slot.observe(signal, layer_energy=energy), slot.observe(signal)
    actual = 2 * (found.h - truth).abs().square().mean((0, 1, 2, 3)).mean()
    assert float((found.no - signal.no).mean()) == pytest.approx(float(actual), rel=0.1)
    assert float(actual) < 0.95 * float(2 * (blind.h - truth).abs().square().mean((0, 1, 2, 3)).mean())


@pytest.mark.parametrize("kind", KINDS)
def test_knowledge_is_a_gain(interface, kind: str) -> None:
    """More bits over the same channel uses than open loop, as the limits of links see them too."""
    rates = []
    for radio in (radio_of(kind, csi="ls"), radio_of(None, csi="ls")):
        link, air = SymbolLink(radio), interface(radio, 60, 5.0).forward(0)
        count = link.capacity(1000)
        received = link.send(gaussian(60, count), air)
        rates.append(float((1 + 1 / received.noise_variance).log2().sum(1).mean()))
        rates.append(float(information(link, count, air)[0].mean()))
    assert rates[0] > 1.2 * rates[2]
    assert rates[1] > 1.2 * rates[3]


def test_reverse_and_control_messages_are_open_loop(interface) -> None:
    radio, plain = radio_of("svd", 0, csi="perfect"), radio_of(None, csi="perfect")
    sent = gaussian(2, 60)
    for stream, way in (("control", "forward"), ("control", "reverse"), ("data", "reverse")):
        found = [
            (SymbolLink(r, num_layers=1) if stream == "data" else OpenLoopLink(r, 1, "control"))
            .send(sent, getattr(interface(r, 2), way)(0))
            .symbols
            for r in (radio, plain)
        ]
        torch.testing.assert_close(found[0], found[1])


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_reach_the_symbols(interface, kind: str) -> None:
    radio = radio_of(kind)
    sent = gaussian(2, 60).requires_grad_()
    SymbolLink(radio).send(sent, interface(radio, 2).forward(0)).symbols.abs().sum().backward()
    assert sent.grad is not None
    assert bool((sent.grad.abs() > 0).all())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"precoding": {"kind": "dpc"}}, "kind"),
        ({"precoding": {"csi_age_slots": -1}}, "csi_age_slots"),
        ({"precoding": {"kind": "svd"}, "flowgraph": {}}, "neither a flowgraph nor estimated synchronisation"),
        ({"precoding": {}, "impairments": {"synchronisation": "estimated"}}, "neither a flowgraph nor estimated"),
        ({"precoding": {"kind": "codebook"}, "num_tx_ant": 3}, "no precoders for num_tx_ant 3: use 2 or 4"),
        ({"precoding": {"kind": "svd"}, "num_rx_ant": 5}, "cannot sound num_rx_ant 5"),
    ],
)
def test_impossible_precoding_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        RadioConfig.model_validate({"channel": "cdl-c", **change})


@pytest.mark.parametrize("kind", [None, *KINDS])
@pytest.mark.parametrize("es_n0_db", [5.0, 25.0])
def test_transmitters_expect_the_mean_snr_that_precoding_brings(interface, kind: str | None, es_n0_db: float) -> None:
    """Within 1.2 dB: 96 channels here, 128 there, and estimation errors. At low SNR LMMSE does better than expected."""
    radio = radio_of(kind)
    link, air = SymbolLink(radio), interface(radio, 96, es_n0_db).forward(0)
    measured = (1 / link.send(gaussian(96, 384), air).noise_variance).mean()
    lead_db = 10 * math.log10(float(measured) * link.nominal_noise(air, 384))
    assert -1.2 <= lead_db <= (1.2 if es_n0_db == 25 else 2)


def test_open_loop_layers_leave_a_cross_polarised_pair(interface) -> None:
    """Whose paths fade apart, as those of neighbours of one polarisation do not."""
    radio = radio_of(None)
    air = interface(radio, 200).forward(0)
    h = air.frequency_response_at(torch.zeros(1), 4, 12)[:, 0, :, 0, 0]

    def correlation(one: torch.Tensor, other: torch.Tensor) -> float:
        return abs(complex((one * other.conj()).mean())) / float((one * other).abs().mean())

    layers = air.frequency_response_at(torch.zeros(1), 2, 12)[:, 0, :, 0, 0]
    assert torch.equal(layers, h[:, [0, 2]])
    assert correlation(h[:, 0], h[:, 1]) > 2 * correlation(layers[:, 0], layers[:, 1])


@pytest.mark.parametrize("kind", KINDS)
def test_the_tap_of_a_radio_hears_messages_only(interface, kind: str) -> None:
    """Not what is exchanged for their sake."""
    radio, tapped = radio_of(kind), []
    radio.tap = lambda name, value: tapped.append((name, len(value)))
    SymbolLink(radio).send(gaussian(3, 300), interface(radio, 3).forward(0))
    assert tapped == [(name, 3) for name in ("h", "h_hat", "received", "constellation", "noise_variance")]
