"""Type I single-panel codebook of NR: precoders that a receiver names by a few bits (TS 38.214 clause 5.2.2.2.1)."""

import math

import torch

from taskwave.phy.precoding.config import CODEBOOK_PORTS

_OVERSAMPLING = 4
"""O1 of table 5.2.2.2.1-2 for N2 = 1."""


def type1_codebook(num_ports: int, num_layers: int) -> torch.Tensor:
    """All precoders [N, num_ports, num_layers] complex64 for one wideband PMI, columns of unit norm.

    Ports are those of one polarisation along the row, then those of the other. Two ports: table 5.2.2.2.1-1; more:
    tables 5.2.2.2.1-5 to -8 (codebookMode 1).

    Raises:
        ValueError: no codebook of so many ports or layers.
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


def _two_ports(num_layers: int) -> torch.Tensor:
    if num_layers == 1:
        columns = [[1, 1], [1, 1j], [1, -1], [1, -1j]]
        return torch.tensor(columns, dtype=torch.complex64)[..., None] / math.sqrt(2)
    pairs = [[[1, 1], [1, -1]], [[1, 1], [1j, -1j]]]
    return torch.tensor(pairs, dtype=torch.complex64) / math.sqrt(2)


def _precoder(v: torch.Tensor, other: torch.Tensor, phase: complex, num_layers: int) -> torch.Tensor:
    """[ports, layers]: beams of the layers, and the phase between polarisations, opposite for the later ones."""
    beams, signs = {
        1: ((v,), (1,)),
        2: ((v, other), (1, -1)),
        3: ((v, other, v), (1, 1, -1)),
        4: ((v, other, v, other), (1, 1, -1, -1)),
    }[num_layers]
    columns = [torch.cat((beam, sign * phase * beam)) for beam, sign in zip(beams, signs, strict=True)]
    return torch.stack(columns, dim=-1).to(torch.complex64)
