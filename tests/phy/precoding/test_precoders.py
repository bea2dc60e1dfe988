"""Precoders against linear algebra and the tables of TS 38.214."""

import math

import pytest
import torch

from taskwave.phy.precoding.precoders import (
    best_precoder,
    layer_gains,
    rzf_precoder,
    svd_precoder,
    type1_codebook,
    zero_forcing_gain,
)


def rayleigh(*shape: int) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize(
    ("ports", "layers", "size"), [(2, 1, 4), (2, 2, 2), (4, 1, 32), (4, 2, 32), (4, 3, 16), (4, 4, 16)]
)
def test_codebook_has_the_size_of_the_standard_and_orthonormal_layers(ports: int, layers: int, size: int) -> None:
    codebook = type1_codebook(ports, layers)
    assert codebook.shape == (size, ports, layers)
    identity = torch.eye(layers, dtype=torch.complex64).expand(size, -1, -1)
    torch.testing.assert_close(codebook.mH @ codebook, identity, atol=1e-6, rtol=0)
    # Every antenna has the same share of the power.
    power = codebook.abs().square().sum(-1)
    torch.testing.assert_close(power, torch.full_like(power, layers / ports))
    distance = torch.cdist(*2 * (torch.view_as_real(codebook).flatten(1),)) + torch.eye(size)
    assert float(distance.min()) > 0.1


def test_codebook_entries_of_the_tables() -> None:
    """i_{1,1} = 1, i_2 = 3 of table 5.2.2.2.1-5, and rank 2 with i_{1,3} = 1 of table 5.2.2.2.1-6, four ports."""
    turn = complex(math.cos(math.pi / 4), math.sin(math.pi / 4))
    expected = torch.tensor([1, turn, -1j, -1j * turn]) / 2
    torch.testing.assert_close(type1_codebook(4, 1)[7, :, 0], expected)
    first, second = type1_codebook(4, 2)[2].mT
    torch.testing.assert_close(first, torch.ones(4, dtype=torch.complex64) / 2)
    torch.testing.assert_close(second, torch.tensor([1, -1, -1, 1], dtype=torch.complex64) / 2)


@pytest.mark.parametrize(("ports", "layers"), [(8, 1), (3, 1), (2, 3), (4, 0)])
def test_no_such_codebook(ports: int, layers: int) -> None:
    with pytest.raises(ValueError, match="there is no codebook"):
        type1_codebook(ports, layers)


def test_svd_makes_layers_orthogonal_and_strong() -> None:
    h = rayleigh(50, 1, 4, 4)
    w = svd_precoder(h, 2)
    effective = (h @ w[:, None])[:, 0]
    gram = effective.mH @ effective
    singular = torch.linalg.svdvals(h[:, 0])[:, :2]
    torch.testing.assert_close(gram.diagonal(dim1=1, dim2=2).real, singular.square(), rtol=1e-3, atol=1e-3)
    assert float((gram[:, 0, 1].abs() / gram[:, 0, 0].abs()).max()) < 1e-4


def test_zero_forcing_without_noise_separates_layers() -> None:
    h = rayleigh(50, 1, 3, 4)
    effective = (h @ rzf_precoder(h, 0.0, 3)[:, None])[:, 0]
    off_diagonal = effective - torch.diag_embed(effective.diagonal(dim1=1, dim2=2))
    assert float(off_diagonal.abs().max()) < 1e-3
    # Much noise: no inversion left, each layer a maximum-ratio transmission to its antenna.
    matched = rzf_precoder(h, 1e6, 3)
    expected = h[:, 0].mH / h[:, 0].mH.norm(dim=-2, keepdim=True)
    torch.testing.assert_close(matched, expected, rtol=1e-3, atol=1e-3)


def test_receiver_names_the_precoder_of_most_information() -> None:
    h, codebook = rayleigh(20, 6, 2, 4), type1_codebook(4, 2)
    found = best_precoder(h, 0.1, codebook)
    information = torch.stack(
        [torch.linalg.slogdet(torch.eye(2) + (h @ w) @ (h @ w).mH / 0.2).logabsdet.sum(-1) for w in codebook], dim=-1
    )
    assert torch.equal(found, information.argmax(-1))


def test_gain_of_one_layer_is_that_of_the_strongest_eigenmode() -> None:
    """Four antennas to one: four times the energy with the channel known, and the mean of two random ones as it is."""
    h = rayleigh(5000, 1, 1, 4)
    assert float(layer_gains(h, svd_precoder(h, 1))[0]) == pytest.approx(4, rel=0.05)
    fixed = torch.eye(4, dtype=torch.complex64)[:, :1].expand(5000, -1, -1)
    assert float(layer_gains(h, fixed)[0]) == pytest.approx(1, rel=0.05)


def test_zero_forcing_leaves_one_dimension_a_layer() -> None:
    """Zero forcing keeps a gain of R - L + 1 on average in Rayleigh fading, and hardly any on a channel of one path."""
    draw = torch.Generator().manual_seed(1)
    h = torch.randn((4000, 1, 3, 2), dtype=torch.complex64, generator=draw)
    one_path = h[:, :, :, :1] @ torch.randn((4000, 1, 1, 2), dtype=torch.complex64, generator=draw)
    w = torch.eye(2, dtype=torch.complex64).expand(4000, 2, 2)
    assert zero_forcing_gain(h, w) == pytest.approx(2, rel=0.05)
    assert 0 <= zero_forcing_gain(one_path, w) < 1e-3
