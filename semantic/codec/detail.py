"""Detail: what more can be sent of chosen cells, as complex symbols, and what an end holds of a picture.

A cell is 4x4 latent tokens (32x32 pixels). Its detail is layers of the analog code, each once or several times (the
first one again, where noise is what hurts), and the latent tokens themselves (where it is not).
"""

from dataclasses import dataclass

import torch
from torch.nn import functional

from taskwave.semantic.codec.analog import CELL


@dataclass
class Holding:
    """What one end holds of B pictures; noise variances are inf where it holds nothing."""

    symbols: torch.Tensor
    """[B, S, h/4, w/4] complex64, of the analog code."""
    symbol_noise: torch.Tensor
    """[B, S, h/4, w/4], variance of their complex noise."""
    latents: torch.Tensor
    """[B, C, h, w]."""
    latent_noise: torch.Tensor
    """[B, C, h, w], variance of the noise of each real number."""

    @classmethod
    def empty(cls, symbols: torch.Tensor, latents: torch.Tensor) -> "Holding":
        """Nothing yet of pictures whose symbols and latents are shaped like these."""
        nothing = torch.full(symbols.shape, torch.inf, device=symbols.device)
        return cls(torch.zeros_like(symbols), nothing, torch.zeros_like(latents), torch.full_like(latents, torch.inf))

    def copy(self) -> "Holding":
        """One that can be changed without changing this one."""
        return Holding(*(x.clone() for x in (self.symbols, self.symbol_noise, self.latents, self.latent_noise)))


TOKEN_SLOPE_DB = -6.0
"""Power of the last channel of a token that is sent relative to the first, linear in dB between."""


@dataclass(frozen=True)
class DetailFormat:
    """One way to send a cell: every layer of the analog code so many times, and the first channels of its tokens.

    `copies` counts transmissions of each layer, the general one included: what the receiver has already counts for one
    more, and all are combined. `numbers` channels of every token follow, two to a symbol, the first ones with more
    power (`TOKEN_SLOPE_DB`, unequal error protection).

    Raises `ValueError` for an odd or negative count of numbers, and for a format that sends nothing.
    """

    copies: tuple[int, ...]
    numbers: int = 0

    def __post_init__(self) -> None:
        if self.numbers < 0 or self.numbers % 2:
            raise ValueError(f"numbers is {self.numbers}; two numbers share a symbol, so it must be even, 0 or more")
        if not self.numbers and not any(self.copies):
            raise ValueError(f"copies is {self.copies} and numbers is 0: a format must send something")

    def symbols_per_cell(self, layers: tuple[int, ...]) -> int:
        """Complex symbols a cell takes, given the `layers` of the analog code."""
        return sum(self._sizes(layers))

    def pack(self, symbols: torch.Tensor, latents: torch.Tensor, layers: tuple[int, ...]) -> torch.Tensor:
        """Code symbols [B, S, r, c] and latents [B, C, h, w] to the complex symbols of every cell, [B, n, r, c].

        The symbols of one layer or token lie far apart, so that they do not fade together.
        """
        parts = [part.repeat(1, n, 1, 1) for part, n in zip(symbols.split(layers, 1), self.copies, strict=True)]
        if self.numbers:
            pairs = (latents[:, : self.numbers] * self._amplitude(latents)).float().unflatten(1, (-1, 2)) / 2**0.5
            parts.append(functional.pixel_unshuffle(torch.complex(pairs[:, :, 0], pairs[:, :, 1]), CELL))
        return torch.cat(parts, dim=1)

    def keep(self, holding: Holding, values: torch.Tensor, noise: torch.Tensor, layers: tuple[int, ...]) -> None:
        """Combine received symbols [B, n, r, c] and their noise variances (inf: not received) with `holding`."""
        sizes = self._sizes(layers)
        parts = list(zip(values.split(sizes, 1), noise.split(sizes, 1), strict=True))
        held = zip(holding.symbols.split(layers, 1), holding.symbol_noise.split(layers, 1), strict=True)
        for (layer, layer_noise), (copies, copies_noise), count in zip(held, parts, self.copies, strict=False):
            for part in range(count):
                these = slice(part * layer.shape[1], (part + 1) * layer.shape[1])
                _combine(layer, layer_noise, copies[:, these], copies_noise[:, these])
        if self.numbers:
            amplitude = self._amplitude(holding.latents)
            pairs = functional.pixel_shuffle(parts[-1][0], CELL) * 2**0.5
            tokens = torch.stack([pairs.real, pairs.imag], dim=2).flatten(1, 2) / amplitude
            variances = functional.pixel_shuffle(parts[-1][1], CELL).repeat_interleave(2, dim=1) / amplitude.square()
            first = slice(0, self.numbers)
            _combine(holding.latents[:, first], holding.latent_noise[:, first], tokens, variances)

    def _sizes(self, layers: tuple[int, ...]) -> list[int]:
        of_layers = [n * size for n, size in zip(self.copies, layers, strict=True)]
        return [*of_layers, CELL**2 * self.numbers // 2]

    def _amplitude(self, like: torch.Tensor) -> torch.Tensor:
        power = 10 ** (torch.linspace(0, TOKEN_SLOPE_DB, self.numbers, device=like.device) / 10)
        return (power / power.mean()).sqrt().reshape(1, -1, 1, 1)


FORMATS: tuple[DetailFormat, ...] = (
    DetailFormat((1, 0, 0)),
    DetailFormat((3, 0, 0)),
    DetailFormat((7, 0, 0)),
    DetailFormat((0, 1, 0)),
    DetailFormat((1, 1, 0)),
    DetailFormat((3, 2, 0)),
    DetailFormat((1, 2, 1)),
    DetailFormat((4, 4, 2)),
    DetailFormat((7, 6, 3)),
    DetailFormat((15, 14, 7)),
    DetailFormat((0, 1, 0), 8),
    DetailFormat((2, 3, 2), 8),
    DetailFormat((4, 4, 3), 8),
)
"""Ways to send detail that a plan chooses from, for codes of three layers."""


def _combine(values: torch.Tensor, noise: torch.Tensor, new: torch.Tensor, new_noise: torch.Tensor) -> None:
    """Combine, in place, what was held with what was received (maximum-ratio: weights inverse to the noise)."""
    total = 1 / noise + 1 / new_noise
    got = new_noise.isfinite()
    values[got] = ((values / noise + new / new_noise) / total)[got].to(values.dtype)
    noise[got] = (1 / total)[got]


def take(grid: torch.Tensor, cells: torch.Tensor) -> torch.Tensor:
    """Symbols [B, n, r, c] of `cells` [B, K] (row by row), [B, n * K]."""
    return grid.flatten(2).gather(2, cells[:, None].expand(-1, grid.shape[1], -1)).flatten(1)


def place(values: torch.Tensor, cells: torch.Tensor, grid: tuple[int, int], fill: float) -> torch.Tensor:
    """Inverse of `take`: [B, n * K] to [B, n, r, c], `fill` in all other cells."""
    per_cell = values.unflatten(1, (-1, cells.shape[1]))
    out = torch.full((*per_cell.shape[:2], grid[0] * grid[1]), fill, dtype=values.dtype, device=values.device)
    placed = out.scatter(2, cells[:, None].expand_as(per_cell), per_cell)
    return placed.reshape(*per_cell.shape[:2], *grid)


@dataclass(frozen=True)
class GainCode:
    """The power of one image's detail as a few header bits, rounded up so that power one is never exceeded."""

    bits: int = 7
    step_db: float = 0.25
    lowest_db: float = -16.0

    def encode(self, power: torch.Tensor) -> torch.Tensor:
        """Mean power of the detail [B] to indices [B]."""
        index = ((10 * power.clamp_min(1e-6).log10() - self.lowest_db) / self.step_db).ceil().long()
        return index.clamp(0, 2**self.bits - 1)

    def power(self, index: torch.Tensor) -> torch.Tensor:
        """Indices [B] to the powers [B] they stand for."""
        return 10 ** ((self.lowest_db + self.step_db * index) / 10)
