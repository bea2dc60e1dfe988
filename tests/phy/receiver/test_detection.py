"""Detectors against exhaustive search, against each other, and in the coded link."""

import itertools
import math

import pytest
import torch

from taskwave.phy.channel.air import AirInterface
from taskwave.phy.coding.mcs import mcs
from taskwave.phy.coding.modulation import Modulation
from taskwave.phy.config.hardware import ImpairmentsConfig
from taskwave.phy.config.radio import Detector as DetectorName
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.links.transport import TransportLink
from taskwave.phy.radio import Radio
from taskwave.phy.receiver.detection import KBest, Observation, SuccessiveCancellation, detector
from taskwave.phy.receiver.equalization import lmmse_equalize


def observation(layers: int, antennas: int, no: float, order: int, res: int = 400) -> tuple[Observation, torch.Tensor]:
    """REs of independent Rayleigh channels, and the bits [1, res * layers * order] that were sent."""
    draw = torch.Generator().manual_seed(5)
    bits = torch.randint(2, (1, res * layers * order), generator=draw)
    x = Modulation(order).map(bits).view(1, 1, res, layers) / math.sqrt(layers)
    h = torch.randn(1, 1, res, antennas, layers, dtype=torch.complex64, generator=draw)
    noise = torch.randn(1, 1, res, antennas, dtype=torch.complex64, generator=draw) * math.sqrt(no)
    y = (h @ x[..., None])[..., 0] + noise
    return Observation(y, h / math.sqrt(layers), torch.full((1, 1, 1), no)), bits


def lmmse_llr(seen: Observation, order: int) -> torch.Tensor:
    x_hat, no_eff = lmmse_equalize(seen.y, seen.h, seen.no)
    return Modulation(order).llr(x_hat.flatten(1), no_eff.flatten(1))


def test_k_best_with_all_candidates_is_maximum_likelihood() -> None:
    order, layers = 2, 2
    seen, _ = observation(layers, 2, 2.0, order, res=100)
    labels = torch.tensor(list(itertools.product((0, 1), repeat=order * layers)))
    candidates = Modulation(order).map(labels)  # [16, layers]
    distance = (seen.y[..., None, :] - candidates @ seen.h.mT).abs().square().sum(-1) / seen.no[..., None]
    expected = torch.stack(
        [
            distance[..., labels[:, bit] == 0].amin(-1) - distance[..., labels[:, bit] == 1].amin(-1)
            for bit in range(order * layers)
        ],
        dim=-1,
    ).flatten(1)
    found = KBest(Modulation(order), layers, 16).llr(seen).flatten(1)
    # Magnitudes are limited.
    assert torch.allclose(found, expected.clamp(-5, 5), atol=1e-3)
    assert float((expected.abs() < 5).float().mean()) > 0.5


@pytest.mark.parametrize("name", ["k-best", "sic"])
def test_fewer_bits_are_wrong_than_with_lmmse(name: DetectorName) -> None:
    """Four layers on four antennas: linear detection has no diversity left."""
    seen, bits = observation(4, 4, 0.03, 2, res=4000)
    config = RadioConfig(num_tx_ant=4, num_rx_ant=4, num_layers=4, detector=name)
    found = detector(config, Modulation(2), 4)
    assert found is not None
    wrong, wrong_lmmse = (
        int(((llr > 0) != bits.bool()).sum()) for llr in (found.llr(seen).flatten(1), lmmse_llr(seen, 2))
    )
    assert wrong_lmmse > 500
    assert wrong < 0.7 * wrong_lmmse


def test_cancellation_leaves_orthogonal_layers_alone() -> None:
    seen, _ = observation(2, 4, 0.2, 4)
    q, _ = torch.linalg.qr(seen.h)
    seen = Observation(seen.y, q, seen.no)
    assert torch.allclose(
        SuccessiveCancellation(Modulation(4)).llr(seen).flatten(1), lmmse_llr(seen, 4), rtol=1e-3, atol=1e-3
    )


def test_soft_decisions_have_the_moments_of_the_posterior() -> None:
    modulation, no = Modulation(4), 0.3
    points = modulation.map(torch.tensor(list(itertools.product((0, 1), repeat=4)))).flatten()
    z = torch.randn(50, dtype=torch.complex64, generator=torch.Generator().manual_seed(1))
    chance = (-(z[:, None] - points).abs().square() / no).softmax(-1)
    mean = (chance * points).sum(-1)
    variance = (chance * (points - mean[:, None]).abs().square()).sum(-1)
    found = modulation.moments(z, torch.full((50,), no))
    assert torch.allclose(found[0], mean, atol=1e-5)
    assert torch.allclose(found[1], variance, atol=1e-5)


@pytest.mark.parametrize("name", ["k-best", "sic"])
def test_coded_link_of_padded_and_interleaved_messages(name: DetectorName) -> None:
    spread = ImpairmentsConfig(interleaving=True)
    config = RadioConfig(channel="rayleigh", csi="lmmse", detector=name, k_best_paths=16, impairments=spread)
    radio = Radio(config)
    link = TransportLink(radio, mcs(5))
    payload = bytes(range(link.payload_bytes(300)))
    air = AirInterface(radio.config, radio.draw(4, 1, 3), 25.0, 3).forward(0)
    assert link.send([payload] * 4, 300, air).payloads == [payload] * 4


def test_one_layer_needs_no_detector() -> None:
    assert detector(RadioConfig(detector="k-best"), Modulation(2), 1) is None
    assert detector(RadioConfig(), Modulation(2), 2) is None
