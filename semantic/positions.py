"""Which cells of a picture are sent: orders, choices, and their numbers."""

import math
from collections.abc import Sequence

import torch


def best_cells(scores: torch.Tensor, counts: Sequence[int]) -> list[torch.Tensor]:
    """The cells of highest score of [B, G], so many of `counts`, then the next best: each [B, count], ascending."""
    ranked = scores.argsort(dim=1, descending=True, stable=True)[:, : sum(counts)]
    return [part.sort(dim=1).values for part in ranked.split(list(counts), dim=1)]


def spread_order(rows: int, columns: int) -> torch.Tensor:
    """All cells of a grid in an order of which every beginning is spread evenly (R2 sequence, Roberts 2018)."""
    plastic = 1.324717957244746
    index = torch.arange(8 * rows * columns, dtype=torch.float64)
    row = ((0.5 + index / plastic) % 1 * rows).long()
    column = ((0.5 + index / plastic**2) % 1 * columns).long()
    first = dict.fromkeys((row * columns + column).tolist())
    rest = dict.fromkeys(range(rows * columns))
    return torch.tensor(list(first | rest))


def rank_of(chosen: list[int]) -> int:
    """Number of a choice of cells (ascending) among all of its size (combinatorial number system, Knuth 7.2.1.3)."""
    return sum(math.comb(c, i + 1) for i, c in enumerate(chosen))


def choice_of(rank: int, cells: int, count: int) -> list[int]:
    """Inverse of `rank_of` for `count` of `cells` cells. Raises `ValueError` for a number that names no choice."""
    if not 0 <= rank < math.comb(cells, count):
        raise ValueError(f"rank {rank}: {count} of {cells} cells have the numbers 0 to {math.comb(cells, count) - 1}.")
    chosen = []
    candidate = cells - 1
    for i in range(count, 0, -1):
        while math.comb(candidate, i) > rank:
            candidate -= 1
        chosen.append(candidate)
        rank -= math.comb(candidate, i)
    return chosen[::-1]
