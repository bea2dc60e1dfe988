"""Precoders from channel knowledge at the transmitter. H [..., F, R, T] complex, at F subcarriers; W [..., T, L]."""

import math

import torch

_FAINT = 1e-5
"""Of the energy of layers: what is added so that a matrix of one layer too few has an inverse."""


def svd_precoder(h: torch.Tensor, num_layers: int) -> torch.Tensor:
    """The strongest eigenmodes of the channel over all its subcarriers: columns [..., T, L] of unit norm.

    Eigenvectors of the mean of H^H H: right singular vectors where there is one subcarrier (Telatar 1999).
    """
    gram = (h.mH @ h).mean(dim=-3)
    _, vectors = torch.linalg.eigh(gram)
    strongest: torch.Tensor = vectors.flip(-1)[..., :num_layers]
    return strongest


def rzf_precoder(h: torch.Tensor, no: float, num_layers: int) -> torch.Tensor:
    """Regularised zero forcing: each layer to a receive antenna of its own, [..., T, L], columns of unit norm.

    W = H^H (H H^H + L no I)^-1 on the mean over subcarriers, of the first L receive antennas (Peel, Hochwald and
    Swindlehurst 2005).
    """
    mean = h.mean(dim=-3)[..., :num_layers, :]
    loaded = mean @ mean.mH + num_layers * no * torch.eye(num_layers, dtype=h.dtype)
    columns = torch.linalg.solve(loaded, mean).mH
    unit: torch.Tensor = columns / columns.norm(dim=-2, keepdim=True).clamp_min(1e-30)
    return unit


def best_precoder(h: torch.Tensor, no: float, codebook: torch.Tensor) -> torch.Tensor:
    """Index [B] of the precoder of `codebook` [N, T, L] with the largest mutual information over `h` [B, F, R, T].

    log2 det(I + W^H H^H H W / (L no)), summed over subcarriers: the receiver's choice of a PMI.
    """
    layers = codebook.shape[-1]
    effective = h[:, None] @ codebook[:, None]  # [B, N, F, R, L]
    gram = effective.mH @ effective / (layers * no) + torch.eye(layers)
    information: torch.Tensor = torch.linalg.slogdet(gram).logabsdet.sum(-1)
    return information.argmax(-1)


def layer_gains(h: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    """Mean energy [L] of each precoded layer on a receive antenna, over everything else, in units of an antenna's."""
    return (h @ w[..., None, :, :]).abs().square().mean(dim=tuple(range(h.ndim - 1)))


def zero_forcing_gain(h: torch.Tensor, w: torch.Tensor) -> float:
    """Mean energy of a precoded layer after zero forcing of the others, in units of a transmit antenna's.

    1 / [(W^H H^H H W)^-1]_ll, mean over layers, subcarriers and everything else; next to nothing where layers cannot be
    told apart.
    """
    effective = h @ w[..., None, :, :]
    gram = effective.mH @ effective
    energy = gram.diagonal(dim1=-2, dim2=-1).real.mean(-1)
    inverse = torch.linalg.inv(gram + _FAINT * energy[..., None, None] * torch.eye(gram.shape[-1]))
    return float((1 / inverse.diagonal(dim1=-2, dim2=-1).real).mean())


def pmi_bits(codebook: torch.Tensor) -> int:
    """Bits of a report that names one of `codebook`."""
    return max(1, math.ceil(math.log2(len(codebook))))
