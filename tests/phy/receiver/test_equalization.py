"""LMMSE equalisation against Sionna and against the textbook SINR, in double precision."""

import pytest
import torch
from sionna.phy.mimo import lmmse_equalizer

from taskwave.phy.receiver.equalization import lmmse_equalize


def channel(rx: int, layers: int, count: int = 200) -> torch.Tensor:
    seed = torch.Generator().manual_seed(rx * 10 + layers)
    return torch.randn((count, rx, layers), generator=seed, dtype=torch.complex128)


@pytest.mark.parametrize(("rx", "layers"), [(1, 1), (4, 1), (2, 2), (4, 2), (3, 3), (4, 4)])
def test_agrees_with_sionna(rx: int, layers: int) -> None:
    h = channel(rx, layers)
    y = torch.randn((200, rx), generator=torch.Generator().manual_seed(1), dtype=torch.complex128)
    no = torch.linspace(0.01, 2, 200, dtype=torch.float64)
    covariance = no[:, None, None] * torch.eye(rx, dtype=torch.complex128)
    x_hat, no_eff = lmmse_equalizer(y, h, covariance, precision="double")
    ours, variance = lmmse_equalize(y, h, no)
    assert torch.allclose(ours, x_hat, rtol=1e-9, atol=1e-9)
    assert torch.allclose(variance, no_eff, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("rx", "layers"), [(2, 1), (2, 2), (4, 3)])
def test_sinr_is_signal_over_interference_and_noise(rx: int, layers: int) -> None:
    h, no = channel(rx, layers), 0.3
    for k in range(layers):
        others = h[..., [i for i in range(layers) if i != k]]
        covariance = others @ others.mH + no * torch.eye(rx, dtype=h.dtype)
        wanted = h[..., k : k + 1]
        sinr = (wanted.mH @ torch.linalg.solve(covariance, wanted)).real.flatten()
        _, variance = lmmse_equalize(h[..., 0], h, torch.tensor(no, dtype=torch.float64))
        assert torch.allclose(1 / variance[:, k], sinr, rtol=1e-10)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_gain_of_every_layer_is_one(layers: int) -> None:
    h = channel(4, layers)
    for k in range(layers):
        # Sent alone and without noise, layer k arrives with gain one (times 1, not times 1 - E_kk).
        x_hat, _ = lmmse_equalize(h[..., k], h, torch.tensor(0.5, dtype=torch.float64))
        assert torch.allclose(x_hat[:, k], torch.ones(200, dtype=h.dtype))


def test_is_differentiable() -> None:
    h = channel(2, 2, 3).requires_grad_()
    y = channel(2, 1, 3)[..., 0].requires_grad_()
    no = torch.full((3,), 0.3, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda a, b: lmmse_equalize(a, b, no)[0], (y, h))


@pytest.mark.parametrize("layers", [2, 4])
@pytest.mark.parametrize("amplitude", [1e-8, 1e-4, 3e-2])
def test_single_precision_survives_hopeless_channels(layers: int, amplitude: float) -> None:
    """1 - E_kk is then a difference of nearly equal numbers; one layer is weaker still."""
    h = amplitude * channel(4, layers)
    h[..., 0] *= 1e-3
    no = torch.ones(200, dtype=torch.float64)
    expected, variance = lmmse_equalize(h[..., 1], h, no)
    found, reported = lmmse_equalize(h[..., 1].to(torch.complex64), h.to(torch.complex64), no.float())
    gram = h.mH @ h
    left = (gram @ torch.linalg.inv(torch.eye(layers) + gram)).diagonal(dim1=-2, dim2=-1).real
    assert torch.allclose(variance, 1 / left - 1, rtol=1e-6)
    assert torch.allclose(reported.double(), variance, rtol=1e-3)
    assert torch.allclose(found[:, 1], expected[:, 1].to(found.dtype), rtol=1e-3)
