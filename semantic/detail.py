"""Detail: groups of latent tokens chosen, named in a few bits, and carried as complex symbols.

A group is 2x2 tokens (16x16 pixels). Of each token the first `numbers` channels are sent, two to a symbol.
"""

import math
from dataclasses import dataclass

import torch
from torch.nn import functional

GROUP = 2
"""Tokens per side of a group."""


def group_mean(score: torch.Tensor) -> torch.Tensor:
    """Token scores [B, h, w] to group scores [B, G], row by row."""
    return functional.avg_pool2d(score, GROUP).flatten(1)


def group_mask(groups: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Chosen groups [B, K] (indices) to a token mask [B, height, width]."""
    mask = torch.zeros(len(groups), (height // GROUP) * (width // GROUP), dtype=torch.bool, device=groups.device)
    mask.scatter_(1, groups, True)
    coarse: torch.Tensor = mask.unflatten(1, (height // GROUP, width // GROUP))
    return coarse.repeat_interleave(GROUP, 1).repeat_interleave(GROUP, 2)


def best_groups(scores: torch.Tensor, count: int) -> torch.Tensor:
    """The `count` groups of highest score, [B, G] to [B, count], ascending indices."""
    return scores.topk(count, dim=1).indices.sort(dim=1).values


def spread_order(rows: int, columns: int) -> torch.Tensor:
    """All groups of a grid in an order of which every beginning is spread evenly (R2 sequence, Roberts 2018)."""
    plastic = 1.324717957244746
    index = torch.arange(8 * rows * columns, dtype=torch.float64)
    row = ((0.5 + index / plastic) % 1 * rows).long()
    column = ((0.5 + index / plastic**2) % 1 * columns).long()
    first = dict.fromkeys((row * columns + column).tolist())
    rest = dict.fromkeys(range(rows * columns))
    return torch.tensor(list(first | rest))


def position_bits(groups: int, count: int) -> int:
    """Bits that name `count` of `groups` groups."""
    return max(1, (math.comb(groups, count) - 1).bit_length())


def encode_positions(chosen: list[int], groups: int) -> list[int]:
    """Ascending group indices as bits, most significant first (combinatorial number system, Knuth 7.2.1.3)."""
    rank = sum(math.comb(c, i + 1) for i, c in enumerate(chosen))
    size = position_bits(groups, len(chosen))
    return [rank >> (size - 1 - i) & 1 for i in range(size)]


def decode_positions(bits: list[int], groups: int, count: int) -> list[int] | None:
    """Inverse of `encode_positions`; None for bits that name no choice (an undetected error)."""
    rank = int("".join(map(str, bits)), 2)
    if rank >= math.comb(groups, count):
        return None
    chosen = []
    candidate = groups - 1
    for i in range(count, 0, -1):
        while math.comb(candidate, i) > rank:
            candidate -= 1
        chosen.append(candidate)
        rank -= math.comb(candidate, i)
    return chosen[::-1]


@dataclass(frozen=True)
class GainCode:
    """The power of one image's detail as a few header bits, rounded up so that power one is never exceeded."""

    bits: int = 7
    step_db: float = 0.125
    lowest_db: float = -6.0

    def encode(self, power: torch.Tensor) -> torch.Tensor:
        """Mean power of the detail [B] to indices [B]."""
        index = ((10 * power.clamp_min(1e-6).log10() - self.lowest_db) / self.step_db).ceil().long()
        return index.clamp(0, 2**self.bits - 1)

    def power(self, index: torch.Tensor) -> torch.Tensor:
        """Indices [B] to the powers [B] they stand for."""
        return 10 ** ((self.lowest_db + self.step_db * index) / 10)


class DetailCode:
    """Tokens of chosen groups to symbols and back.

    Args: `numbers`: channels of each token that are sent (even); `slope_db`: power of the last channel sent relative
    to the first, in dB, linear between (unequal error protection).
    """

    def __init__(self, numbers: int, slope_db: float) -> None:
        if numbers < 2 or numbers % 2:
            raise ValueError(f"numbers is {numbers}; two numbers share a symbol, so it must be even and positive")
        self.numbers = numbers
        power = 10 ** (torch.linspace(0, slope_db, numbers) / 10)
        self.amplitude = (power / power.mean()).sqrt()

    def num_symbols(self, groups: int) -> int:
        """Symbols of `groups` groups."""
        return groups * GROUP**2 * self.numbers // 2

    def pack(self, latents: torch.Tensor, groups: torch.Tensor) -> torch.Tensor:
        """Latents [B, C, h, w] and chosen groups [B, K] to complex symbols [B, num_symbols(K)], power not yet one.

        Channel pairs come first and tokens second, so that the symbols of one token lie far apart in frequency.
        """
        tokens = self._gather(latents[:, : self.numbers], groups)
        pairs = (tokens * self.amplitude.to(tokens).reshape(1, -1, 1)).unflatten(1, (-1, 2))
        return torch.complex(pairs[:, :, 0], pairs[:, :, 1]).flatten(1) / math.sqrt(2)

    def unpack(
        self,
        symbols: torch.Tensor,
        noise_variance: torch.Tensor,
        groups: torch.Tensor,
        power: torch.Tensor,
        shape: torch.Size,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Received symbols and noise variances [B, n], for detail of `power` [B], to latents of `shape` [B, C, h, w].

        Returns the latents and the noise variance of each number, inf where nothing was sent.
        """
        amplitude = self.amplitude.to(symbols.device).reshape(1, -1, 1)
        pairs = (symbols * (2 * power[:, None]).sqrt()).unflatten(1, (self.numbers // 2, -1))
        tokens = torch.stack([pairs.real, pairs.imag], dim=2).flatten(1, 2) / amplitude
        variances = (noise_variance * power[:, None]).unflatten(1, (self.numbers // 2, -1))
        variances = variances.repeat_interleave(2, dim=1) / amplitude.square()
        latents = torch.zeros(shape, device=symbols.device)
        spread = torch.full(shape, torch.inf, device=symbols.device)
        self._scatter(latents[:, : self.numbers], groups, tokens)
        self._scatter(spread[:, : self.numbers], groups, variances)
        return latents, spread

    @staticmethod
    def _index(groups: torch.Tensor, width: int) -> torch.Tensor:
        """Flat token indices [B, 4K] of groups [B, K] on a grid `width` tokens wide."""
        columns = width // GROUP
        corner = groups // columns * (GROUP * width) + groups % columns * GROUP
        offsets = torch.tensor([0, 1, width, width + 1], device=groups.device)
        return (corner[:, :, None] + offsets).flatten(1)

    def _gather(self, latents: torch.Tensor, groups: torch.Tensor) -> torch.Tensor:
        index = self._index(groups, latents.shape[-1])[:, None].expand(-1, latents.shape[1], -1)
        return latents.flatten(2).gather(2, index)

    def _scatter(self, target: torch.Tensor, groups: torch.Tensor, tokens: torch.Tensor) -> None:
        index = self._index(groups, target.shape[-1])[:, None].expand(-1, target.shape[1], -1)
        rows, columns = index // target.shape[-1], index % target.shape[-1]
        batch = torch.arange(len(target), device=target.device)[:, None, None]
        channel = torch.arange(target.shape[1], device=target.device)[None, :, None]
        target[batch, channel, rows, columns] = tokens.to(target)
