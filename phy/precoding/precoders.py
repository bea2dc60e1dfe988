"""Precoders: the Type I codebook of NR (TS 38.214 clause 5.2.2.2.1), SVD and zero forcing for a known channel.

Channels are H [..., F, R, T] complex at F subcarriers, precoders W [..., T, L].
"""

import math

import torch

from taskwave.phy.config.channel import CODEBOOK_PORTS, PrecodingConfig
from taskwave.phy.grid.allocation import NUM_SUBCARRIERS_PER_PRB

_OVERSAMPLING = 4
"""Oversampling of beams, O1 of table 5.2.2.2.1-2 for N2 = 1."""
_FAINT = 1e-5
"""Share of the energy of layers that is added so that the matrix of layers that coincide has an inverse."""


def _two_ports(num_layers: int) -> torch.Tensor:
    """Return the precoders of table 5.2.2.2.1-1, [N, 2, num_layers] complex64."""
    if num_layers == 1:
        columns = [[1, 1], [1, 1j], [1, -1], [1, -1j]]
        return torch.tensor(columns, dtype=torch.complex64)[..., None] / math.sqrt(2)
    pairs = [[[1, 1], [1, -1]], [[1, 1], [1j, -1j]]]
    return torch.tensor(pairs, dtype=torch.complex64) / math.sqrt(2)


def _precoder(v: torch.Tensor, other: torch.Tensor, phase: complex, num_layers: int) -> torch.Tensor:
    """Return [ports, layers]: beams of the layers with the phase between polarisations, opposite for later layers."""
    beams, signs = {
        1: ((v,), (1,)),
        2: ((v, other), (1, -1)),
        3: ((v, other, v), (1, 1, -1)),
        4: ((v, other, v, other), (1, 1, -1, -1)),
    }[num_layers]
    columns = [torch.cat((beam, sign * phase * beam)) for beam, sign in zip(beams, signs, strict=True)]
    return torch.stack(columns, dim=-1).to(torch.complex64)


def type1_codebook(num_ports: int, num_layers: int) -> torch.Tensor:
    """Return all precoders [N, num_ports, num_layers] complex64 for one wideband PMI, columns of unit norm.

    Ports are those of one polarisation along the row, then those of the other. Two ports: table 5.2.2.2.1-1; more:
    tables 5.2.2.2.1-5 to -8 (codebookMode 1).

    Raises:
        ValueError: there is no codebook of so many ports or layers.
    """
    if num_ports not in CODEBOOK_PORTS or not 1 <= num_layers <= min(4, num_ports):
        raise ValueError(
            f"there is no codebook of {num_ports} ports and {num_layers} layers: use "
            f"{' or '.join(map(str, CODEBOOK_PORTS))} transmit antennas and at most 4 layers, no more than antennas."
        )
    n1 = num_ports // 2
    if n1 == 1:
        return _two_ports(num_layers)
    beams = _OVERSAMPLING * n1
    steering = torch.polar(
        torch.ones(beams, n1), 2 * math.pi / beams * torch.outer(torch.arange(beams), torch.arange(n1)).float()
    )
    phases = range(4) if num_layers == 1 else range(2)
    # k1 by i_{1,3}, tables 5.2.2.2.1-3 and -4.
    offsets = {1: (0,), 2: (0, _OVERSAMPLING)}.get(num_layers, (_OVERSAMPLING,))
    precoders = []
    for first in range(beams):
        for offset in offsets:
            second = (first + offset) % beams
            for n in phases:
                precoders.append(_precoder(steering[first], steering[second], 1j**n, num_layers))
    return torch.stack(precoders) / math.sqrt(num_ports)


def svd_precoder(h: torch.Tensor, num_layers: int) -> torch.Tensor:
    """Return the strongest eigenmodes of the channel over all its subcarriers, columns [..., T, L] of unit norm.

    They are eigenvectors of the mean of H^H H: right singular vectors where there is one subcarrier (Telatar 1999).
    """
    gram = (h.mH @ h).mean(dim=-3)
    _, vectors = torch.linalg.eigh(gram)
    strongest: torch.Tensor = vectors.flip(-1)[..., :num_layers]
    return strongest


def rzf_precoder(h: torch.Tensor, no: float, num_layers: int) -> torch.Tensor:
    """Return regularised zero forcing, each layer to a receive antenna of its own: columns [..., T, L] of unit norm.

    W = H^H (H H^H + L no I)^-1 on the mean over subcarriers, of the first L receive antennas (Peel, Hochwald and
    Swindlehurst 2005).
    """
    mean = h.mean(dim=-3)[..., :num_layers, :]
    loaded = mean @ mean.mH + num_layers * no * torch.eye(num_layers, dtype=h.dtype)
    columns = torch.linalg.solve(loaded, mean).mH
    unit: torch.Tensor = columns / columns.norm(dim=-2, keepdim=True).clamp_min(1e-30)
    return unit


def best_precoder(h: torch.Tensor, no: float, codebook: torch.Tensor) -> torch.Tensor:
    """Return the index [B] of the precoder of largest mutual information over `h` [B, F, R, T].

    `codebook` is [N, T, L]. The information is log2 det(I + W^H H^H H W / (L no)), summed over subcarriers; a receiver
    chooses its PMI by it.
    """
    layers = codebook.shape[-1]
    effective = h[:, None] @ codebook[:, None]  # [B, N, F, R, L]
    gram = effective.mH @ effective / (layers * no) + torch.eye(layers)
    information: torch.Tensor = torch.linalg.slogdet(gram).logabsdet.sum(-1)
    return information.argmax(-1)


def layer_gains(h: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    """Return the mean energy [L] of each precoded layer at a receive antenna, in units of a transmit antenna's.

    The mean is over receive antennas, subcarriers and all leading dimensions.
    """
    return (h @ w[..., None, :, :]).abs().square().mean(dim=tuple(range(h.ndim - 1)))


def zero_forcing_gain(h: torch.Tensor, w: torch.Tensor) -> float:
    """Return the mean energy of a precoded layer after zero forcing of the others, in units of a transmit antenna's.

    It is 1 / [(W^H H^H H W)^-1]_ll, mean over layers, subcarriers and all leading dimensions; nearly zero where layers
    coincide.
    """
    effective = h @ w[..., None, :, :]
    gram = effective.mH @ effective
    energy = gram.diagonal(dim1=-2, dim2=-1).real.mean(-1)
    inverse = torch.linalg.inv(gram + _FAINT * energy[..., None, None] * torch.eye(gram.shape[-1]))
    return float((1 / inverse.diagonal(dim1=-2, dim2=-1).real).mean())


def pmi_bits(codebook: torch.Tensor) -> int:
    """Return the number of bits of a report of one precoder of `codebook`."""
    return max(1, math.ceil(math.log2(len(codebook))))


def precoder_index(channel: torch.Tensor, no: float, codebook: torch.Tensor) -> torch.Tensor:
    """Return `best_precoder` of one subcarrier of each PRB.

    Channels hardly change within a PRB: the choice is nearly the same, in a twelfth of the time.
    """
    return best_precoder(channel[:, NUM_SUBCARRIERS_PER_PRB // 2 :: NUM_SUBCARRIERS_PER_PRB], no, codebook)


def choose_precoder(config: PrecodingConfig, h: torch.Tensor, no: float, num_layers: int) -> torch.Tensor:
    """Return precoders [B, T, L] of the configured kind for the channel `h` [B, R, T, F] and noise variance `no`."""
    channel = h.permute(0, 3, 1, 2)
    if config.kind == "svd":
        return svd_precoder(channel, num_layers)
    if config.kind == "rzf":
        return rzf_precoder(channel, no, num_layers)
    codebook = type1_codebook(h.shape[2], num_layers)
    return codebook[precoder_index(channel, no, codebook)]
