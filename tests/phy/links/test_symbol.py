"""Symbols over the air: what comes back is the sent symbol plus noise of the reported variance, at the counted cost."""

import math
from typing import Any, get_args

import pytest
import torch

from taskwave.phy.channel.air import AirInterface
from taskwave.phy.config.radio import Channel, RadioConfig
from taskwave.phy.links.open_loop import OpenLoopLink
from taskwave.phy.links.symbol import SymbolLink
from taskwave.phy.radio import Radio


def radio_of(**change: Any) -> Radio:
    return Radio(RadioConfig.model_validate({"channel": "tdl-c", **change}))


def gaussian(batch: int, count: int, seed: int = 1) -> torch.Tensor:
    return torch.randn((batch, count), generator=torch.Generator().manual_seed(seed), dtype=torch.complex64)


@pytest.mark.parametrize("channel", get_args(Channel))
def test_every_channel_runs_both_ways(interface, channel: Channel) -> None:
    kind = {"recorded": {"file": "street-canyon"}} if channel == "recorded" else {"num_tx_ant": 4}
    radio = radio_of(channel=channel, num_layers=2, **kind)
    link, air, sent = SymbolLink(radio), interface(radio, 3, 40.0), gaussian(3, 50)
    for way in (air.forward(0), air.reverse(0)):
        reception = link.send(sent, way)
        assert reception.symbols.shape == reception.noise_variance.shape == (3, 50)
        assert reception.channel_uses == link.channel_uses(50)
        assert float((reception.symbols - sent).abs().square().median()) < 0.05


@pytest.mark.parametrize("antennas", [1, 2, 3, 4])
@pytest.mark.parametrize("csi", ["perfect", "ls", "lmmse"])
@pytest.mark.parametrize("count", [1, 300])
def test_antennas_knowledge_and_the_smallest_allocations(interface, antennas: int, csi: str, count: int) -> None:
    radio = radio_of(num_tx_ant=antennas, num_rx_ant=antennas, num_layers=antennas, csi=csi)
    sent = torch.ones(2, count, dtype=torch.complex64)
    reception = SymbolLink(radio).send(sent, interface(radio, 2, 60.0).forward(0))
    assert bool((reception.noise_variance > 0).all())
    assert float((reception.symbols - sent).abs().median()) < 0.1


@pytest.mark.parametrize("es_n0_db", [-5.0, 5.0, 20.0])
@pytest.mark.parametrize("csi", ["perfect", "lmmse"])
def test_reported_noise_variance_is_true(interface, csi: str, es_n0_db: float) -> None:
    radio = radio_of(csi=csi, num_rx_ant=3)
    sent = gaussian(200, 300)
    reception = SymbolLink(radio).send(sent, interface(radio, 200, es_n0_db).forward(0))
    error = (reception.symbols - sent).abs().square() / reception.noise_variance
    # Errors of one image share its channel estimate: the images are the independent trials.
    per_image = error.mean(dim=1)
    assert abs(float(per_image.mean()) - 1) <= 5 * float(per_image.std()) / math.sqrt(200)
    assert float(per_image.std()) < 0.5, "the bound above must be able to fail"


def test_perfect_knowledge_reports_no_itself_in_awgn(interface) -> None:
    radio = radio_of(channel="awgn", csi="perfect")
    reception = SymbolLink(radio).send(gaussian(1, 100), interface(radio, 1, 7.0).forward(0))
    # Two layers share the energy and arrive at two antennas: each has the SNR of one.
    assert torch.allclose(reception.noise_variance, torch.tensor(10**-0.7), rtol=1e-4)


def test_transmitter_sends_the_symbols_as_they_are() -> None:
    """No channel knowledge at the transmitter: what left the antennas does not depend on the fading."""
    radio, sent = radio_of(csi="perfect"), gaussian(4, 240)
    link = SymbolLink(radio)
    for seed in (1, 2):
        signals: dict[str, torch.Tensor] = {}
        air = AirInterface(radio.config, radio.draw(4, 1, seed), 90.0, 1)
        radio.tap = signals.__setitem__
        link.send(sent, air.forward(0))
        h = signals["h"].permute(0, 3, 4, 1, 2)
        left = torch.linalg.lstsq(h, signals["received"].permute(0, 2, 3, 1).unsqueeze(-1)).solution
        assert torch.allclose(left.reshape(4, -1)[:, :240], sent, atol=0.02)


def test_energy_per_resource_element_is_shared_by_the_layers(interface) -> None:
    for layers in (1, 2):
        radio = radio_of(num_layers=layers, channel="rayleigh")
        signals: dict[str, torch.Tensor] = {}
        radio.tap = signals.__setitem__
        SymbolLink(radio).send(gaussian(2000, 12), interface(radio, 2000, 0.0).forward(0))
        per_image = signals["received"].abs().square().mean(dim=(1, 2, 3))
        # Signal 1 and noise 1 at 0 dB.
        assert abs(float(per_image.mean()) - 2) <= 5 * float(per_image.std()) / math.sqrt(2000)


def test_image_results_do_not_depend_on_the_batch(interface) -> None:
    radio, sent = radio_of(), gaussian(6, 100)
    link, air = SymbolLink(radio), interface(radio, 6)
    whole = link.send(sent, air.forward(0))
    again = link.send(sent, air.forward(0))
    assert torch.equal(whole.symbols, again.symbols)
    chosen = torch.tensor([4, 1])
    part = link.send(sent[chosen], air.select(chosen).forward(0))
    assert torch.allclose(part.symbols, whole.symbols[chosen], atol=1e-4)
    mask = torch.tensor([False, True, False, False, True, True])
    part = link.send(sent[4:5], air.select(mask).select(slice(1, 2)).forward(0))
    assert torch.allclose(part.symbols, whole.symbols[4:5], atol=1e-4)


def noise_of(air: AirInterface, link: OpenLoopLink, sent: torch.Tensor, occasion: int, reverse: bool) -> torch.Tensor:
    way = air.reverse(occasion) if reverse else air.forward(occasion)
    return (link.send(sent, way).symbols - sent).flatten()


def test_occasions_directions_streams_and_seeds_have_noise_of_their_own(interface) -> None:
    radio, sent = radio_of(channel="awgn", csi="perfect"), gaussian(2, 400)
    air, link = interface(radio, 2, occasions=2), SymbolLink(radio)
    noises = [noise_of(air, link, sent, occasion, reverse) for occasion in (0, 1) for reverse in (False, True)]
    noises.append(noise_of(air, OpenLoopLink(radio, radio.config.num_layers, "control"), sent, 0, False))
    noises.append(noise_of(AirInterface(radio.config, air.fading, 10.0, 7), link, sent, 0, False))
    correlation = torch.corrcoef(torch.stack(noises)).abs() - torch.eye(len(noises))
    assert float(correlation.max()) < 5 / math.sqrt(800)


def test_fading_and_noise_are_common_to_all_snrs() -> None:
    radio, sent = radio_of(channel="awgn", csi="perfect"), gaussian(2, 50)
    fading, link = radio.draw(2, 1, 1), SymbolLink(radio)
    weak, strong = (
        (link.send(sent, AirInterface(radio.config, fading, s, 1).forward(0)).symbols - sent) for s in (0.0, 20.0)
    )
    assert torch.allclose(weak, 10 * strong, atol=1e-4)


def test_feedback_has_its_own_snr(interface) -> None:
    radio = radio_of(channel="awgn", csi="perfect", feedback_es_n0_offset_db=-6.0)
    air, link = interface(radio, 1, 10.0), SymbolLink(radio)
    forward, reverse = (link.send(gaussian(1, 9), way).noise_variance for way in (air.forward(0), air.reverse(0)))
    assert torch.allclose(reverse, forward * 10**0.6)


def test_reverse_link_swaps_the_antennas(interface) -> None:
    radio = radio_of(channel="awgn", csi="perfect", num_tx_ant=1, num_rx_ant=4, num_layers=1)
    air, link = interface(radio, 1, 0.0), SymbolLink(radio)
    forward, reverse = (link.send(gaussian(1, 9), way).noise_variance for way in (air.forward(0), air.reverse(0)))
    assert torch.allclose(forward, torch.tensor(0.25))
    assert torch.allclose(reverse, torch.tensor(1.0))


@pytest.mark.parametrize(
    ("precoding", "before"),
    [
        (None, 0),
        ({"kind": "svd", "csi_age_slots": 0}, 1),
        ({"kind": "codebook", "csi_age_slots": 0}, 2),
        ({"kind": "codebook", "csi_age_slots": 6}, 6),
    ],
)
def test_messages_last_their_slots_and_what_precedes_them(
    interface, precoding: dict[str, object] | None, before: int
) -> None:
    radio = Radio(RadioConfig.model_validate({"num_layers": 1, "max_prb": 4, "precoding": precoding}))
    link = SymbolLink(radio)
    full = link.allocator.full_slot.num_data_symbols
    assert [link.slots(n) for n in (0, 1, full, full + 1, 2 * full + 1)] == [0, *(before + n for n in (1, 1, 2, 3))]
    sent = link.send(torch.ones(1, full + 1, dtype=torch.complex64), interface(radio, 1).forward(0))
    assert sent.slots == before + 2


def test_messages_of_several_slots_arrive_whole(interface) -> None:
    radio = radio_of(max_prb=2, max_slots=4)
    link = SymbolLink(radio)
    count = 3 * link.allocator.full_slot.num_data_symbols - 5
    sent = gaussian(2, count)
    reception = link.send(sent, interface(radio, 2, 50.0).forward(0))
    assert float((reception.symbols - sent).abs().median()) < 0.1
    assert reception.channel_uses == 3 * 2 * 12 * 14
    with pytest.raises(ValueError, match="at most 4 slots"):
        link.send(gaussian(2, 2 * count), interface(radio, 2).forward(0))


def test_gradients_reach_the_symbols(interface) -> None:
    radio = radio_of()
    sent = gaussian(2, 60).requires_grad_()
    SymbolLink(radio).send(sent, interface(radio, 2).forward(0)).symbols.abs().sum().backward()
    assert sent.grad is not None
    assert bool((sent.grad.abs() > 0).all())


@pytest.mark.parametrize(
    ("symbols", "message"),
    [
        (gaussian(2, 50), "must be \\[3, n\\]"),
        (gaussian(3, 50)[0], "must be \\[3, n\\]"),
        (gaussian(3, 50).to(torch.complex128), "complex64"),
        (gaussian(3, 50) * 2, "mean energy of"),
        (gaussian(3, 5000) * 1.1, "mean energy of"),
        (gaussian(3, 50) * torch.nan, "mean energy of nan"),
        (gaussian(3, 50)[:, :0], "mean energy of nan|at least one"),
    ],
)
def test_impossible_symbols_are_refused(interface, symbols: torch.Tensor, message: str) -> None:
    radio = radio_of(channel="awgn")
    with pytest.raises(ValueError, match=message):
        SymbolLink(radio).send(symbols, interface(radio, 3).forward(0))
