"""Detail at the receiver: what arrived goes where its header says, or where both ends agreed before.

Functions here take what came off the air and what the receiver knows by itself, and nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from taskwave.links.task_adaptive.plan import GAIN, DetailOption, DetailPlan, says_reported
from taskwave.semantic.codec.detail import Holding, place


@dataclass(frozen=True)
class ArrivedDetail:
    """Holds what a receiver got off the air of the detail of one image."""

    header: list[int] | None
    """Bits of the header; None where it was lost, or where there is none."""
    symbols: torch.Tensor
    """[1, n] complex64, symbols after equalisation."""
    noise: torch.Tensor
    """[1, n] float32, variances of their noise."""


@dataclass(frozen=True)
class OwnPlans:
    """Holds the two plans that a receiver can think of, as it does not know whether its report was heard."""

    nominal: DetailPlan
    """Plan for the SNR that both ends expect."""
    reported: DetailPlan
    """Plan for the SNR that the receiver reported."""


def receive(holding: Holding, arrived: ArrivedDetail, plans: OwnPlans, code_layers: tuple[int, ...]) -> Holding:
    """Put detail that a header names into what is held of one image; what cannot be placed changes nothing.

    The receiver looks for headers of both lengths, as a terminal does for its control channel (TS 38.213 clause 10.1);
    one of the other length fails its CRC. The first bit says which plan a header belongs to.
    """
    if arrived.header is None:
        return holding
    plan = plans.reported if says_reported(arrived.header) else plans.nominal
    header = plan.decode(arrived.header) if plan.header_bits == len(arrived.header) else None
    # Wrong bits that pass the CRC may name other formats, for which other symbols would have come.
    if header is None or symbols_of(plan.options[header.index], code_layers) != arrived.symbols.shape[1]:
        return holding
    power = GAIN.power(torch.tensor(header.gain))
    values, noise = arrived.symbols * power.sqrt(), arrived.noise * power
    return combine(holding, plan.options[header.index], (values, noise), header.cells, code_layers)


def receive_agreed(
    holding: Holding, arrived: ArrivedDetail, option: DetailOption, cells: list[list[int]], code_layers: tuple[int, ...]
) -> Holding:
    """Put detail of which both ends know formats and cells into what is held of one image.

    Its power is taken for one, the mean of all images.
    """
    return combine(holding, option, (arrived.symbols, arrived.noise), cells, code_layers)


def symbols_of(option: DetailOption, code_layers: tuple[int, ...]) -> int:
    """Count the complex symbols of an option."""
    return sum(tier.count * tier.form.symbols_per_cell(code_layers) for tier in option)


def combine(
    holding: Holding,
    option: DetailOption,
    message: tuple[torch.Tensor, torch.Tensor],
    chosen: Sequence[list[int]],
    code_layers: tuple[int, ...],
) -> Holding:
    """Combine the holding of one image with a message: values and noise variances [1, n], and cells of each tier."""
    grid = (holding.symbols.shape[2], holding.symbols.shape[3])
    sizes = [tier.count * tier.form.symbols_per_cell(code_layers) for tier in option]
    parts = zip(option, chosen, message[0].split(sizes, 1), message[1].split(sizes, 1), strict=True)
    for tier, cells, value, variance in parts:
        at = torch.tensor([cells])
        here, spread = place(value, at, grid, 0), place(variance, at, grid, torch.inf)
        holding = tier.form.combine(holding, here, spread, code_layers)
    return holding
