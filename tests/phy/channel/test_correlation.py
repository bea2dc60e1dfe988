"""Tests of spatial correlation against TS 38.101-4 annex B.2.3.1: the matrices and realisations of channels."""

import numpy as np
import pytest
import torch

from taskwave.phy.channel.link_level import correlation_matrix
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.radio import Radio


def test_matrices_are_those_of_the_standard() -> None:
    assert torch.equal(correlation_matrix(0.0, 4), torch.eye(4, dtype=torch.float64))
    assert torch.allclose(correlation_matrix(0.3, 2), torch.tensor([[1.0, 0.3], [0.3, 1.0]]).double())
    first = [1.0, 0.9 ** (1 / 9), 0.9 ** (4 / 9), 0.9]
    assert correlation_matrix(0.9, 4)[0].tolist() == pytest.approx(first, abs=2e-4)


@pytest.mark.parametrize("channel", ["rayleigh", "tdl-a"])
@pytest.mark.parametrize(("level", "alpha", "beta"), [("medium", 0.3, 0.9), ("high", 0.9, 0.9), ("low", 0.0, 0.0)])
def test_realisations_have_the_correlation(channel: str, level: str, alpha: float, beta: float) -> None:
    radio = Radio(RadioConfig.model_validate({"channel": channel, "spatial_correlation": level}))
    a = radio.draw(1000, 1, 1).a[..., 0]
    h = a.sum(dim=3).flatten(1)  # [images, receive antennas x transmit antennas]
    measured = (h[:, :, None] * h.conj()[:, None, :]).mean(0)
    expected = np.kron(np.array([[1, beta], [beta, 1]]), np.array([[1, alpha], [alpha, 1]]))
    # The standard deviation of a sample covariance of unit variances is at most 1 / sqrt(n).
    assert float((measured - torch.from_numpy(expected)).abs().max()) <= 5 / np.sqrt(1000)


def test_many_antennas_stay_positive_definite() -> None:
    wide = {"num_tx_ant": 8, "num_rx_ant": 8, "num_layers": 4, "channel": "rayleigh", "spatial_correlation": "high"}
    a = Radio(RadioConfig.model_validate(wide)).draw(400, 1, 1).a
    assert float(a.abs().square().mean()) == pytest.approx(1, abs=0.25)


def test_spacing_decides_the_correlation_of_a_geometry() -> None:
    def correlation(spacing: float) -> float:
        row = RadioConfig(channel="cdl-b", num_tx_ant=1, num_rx_ant=3, num_layers=1, antenna_spacing=spacing)
        h = Radio(row).draw(300, 1, 1).a[..., 0].sum(dim=3)[:, :, 0]
        return abs(complex((h[:, 0] * h[:, 1].conj()).mean() / h.abs().square().mean()))

    assert correlation(0.1) > 0.8 > correlation(5.0) + 0.2
