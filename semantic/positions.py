"""Which cells of a picture are sent: orders, choices, and their names in a few bits."""

import math

import torch


def best_cells(scores: torch.Tensor, count: int) -> torch.Tensor:
    """The `count` cells of highest score, [B, G] to [B, count], ascending indices."""
    return scores.topk(count, dim=1).indices.sort(dim=1).values


def spread_order(rows: int, columns: int) -> torch.Tensor:
    """All cells of a grid in an order of which every beginning is spread evenly (R2 sequence, Roberts 2018)."""
    plastic = 1.324717957244746
    index = torch.arange(8 * rows * columns, dtype=torch.float64)
    row = ((0.5 + index / plastic) % 1 * rows).long()
    column = ((0.5 + index / plastic**2) % 1 * columns).long()
    first = dict.fromkeys((row * columns + column).tolist())
    rest = dict.fromkeys(range(rows * columns))
    return torch.tensor(list(first | rest))


def position_bits(cells: int, count: int) -> int:
    """Bits that name `count` of `cells` cells: none where there is no choice."""
    return (math.comb(cells, count) - 1).bit_length()


def encode_positions(chosen: list[int], cells: int) -> list[int]:
    """Ascending cell indices as bits, most significant first (combinatorial number system, Knuth 7.2.1.3)."""
    rank = sum(math.comb(c, i + 1) for i, c in enumerate(chosen))
    size = position_bits(cells, len(chosen))
    return [rank >> (size - 1 - i) & 1 for i in range(size)]


def decode_positions(bits: list[int], cells: int, count: int) -> list[int] | None:
    """Inverse of `encode_positions`; None for bits that name no choice (an undetected error)."""
    rank = int("0" + "".join(map(str, bits)), 2)
    if rank >= math.comb(cells, count):
        return None
    chosen = []
    candidate = cells - 1
    for i in range(count, 0, -1):
        while math.comb(candidate, i) > rank:
            candidate -= 1
        chosen.append(candidate)
        rank -= math.comb(candidate, i)
    return chosen[::-1]
