"""Detail: what more can be sent of chosen cells, as complex symbols, and what an end holds of an image.

A cell is 4x4 latent tokens (32x32 pixels). Its detail is code layers, each once or several times (the first one again,
where noise is what hurts), and the latent tokens themselves (where it is not).
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import cast

import torch
from torch.nn import functional

from taskwave.semantic.codec.analog import CELL


@dataclass(frozen=True)
class Holding:
    """Holds what one end has of B images; noise variances are inf where it has nothing."""

    symbols: torch.Tensor
    """[B, S, h/4, w/4] complex64, symbols of the analog code."""
    symbol_noise: torch.Tensor
    """[B, S, h/4, w/4] float32, variances of their complex noise."""
    latents: torch.Tensor
    """[B, C, h, w] float32, latent tokens."""
    latent_noise: torch.Tensor
    """[B, C, h, w] float32, variances of the noise of each real number."""

    @classmethod
    def empty(cls, symbols: torch.Tensor, latents: torch.Tensor) -> "Holding":
        """Make the holding of an end that has nothing yet of images with `symbols` and `latents` of these shapes."""
        nothing = torch.full(symbols.shape, torch.inf, device=symbols.device)
        return cls(torch.zeros_like(symbols), nothing, torch.zeros_like(latents), torch.full_like(latents, torch.inf))

    def with_general(self, symbols: torch.Tensor, noise: torch.Tensor) -> "Holding":
        """Return the same with the first code layer, `symbols` and their `noise` variances, both [B, n, h/4, w/4]."""
        count = symbols.shape[1]
        return Holding(
            torch.cat([symbols, self.symbols[:, count:]], dim=1),
            torch.cat([noise, self.symbol_noise[:, count:]], dim=1),
            self.latents,
            self.latent_noise,
        )

    def select(self, row: int) -> "Holding":
        """Return the holding of image `row` alone."""
        one = slice(row, row + 1)
        return Holding(self.symbols[one], self.symbol_noise[one], self.latents[one], self.latent_noise[one])

    def replace(self, images: Mapping[int, "Holding"]) -> "Holding":
        """Return the same with some images, by row, as their own holdings have them."""
        if not images:
            return self
        rows = torch.tensor(list(images))

        def replaced(name: str) -> torch.Tensor:
            mine = getattr(self, name)
            return cast(torch.Tensor, mine.index_copy(0, rows, torch.cat([getattr(h, name) for h in images.values()])))

        return Holding(*(replaced(field.name) for field in fields(self)))


TOKEN_SLOPE_DB = -6.0
"""Power of the last channel of a token that is sent relative to the first, linear in dB between."""


@dataclass(frozen=True)
class DetailFormat:
    """Describes one way to send a cell: every code layer so many times, and the first channels of its tokens.

    `copies` counts transmissions of each code layer, the general one included: what the receiver has already counts for
    one more, and all are combined. `numbers` channels of every token follow, two to a symbol, the first ones with more
    power (`TOKEN_SLOPE_DB`, unequal error protection).

    Raises:
        ValueError: an odd or negative count of numbers, or a format that sends nothing.
    """

    copies: tuple[int, ...]
    numbers: int = 0

    def __post_init__(self) -> None:
        if self.numbers < 0 or self.numbers % 2:
            raise ValueError(f"numbers is {self.numbers}; two numbers share a symbol, so it must be even, 0 or more")
        if not self.numbers and not any(self.copies):
            raise ValueError(f"copies is {self.copies} and numbers is 0: a format must send something")

    def symbols_per_cell(self, code_layers: tuple[int, ...]) -> int:
        """Count the complex symbols that a cell takes, given the symbols of each code layer."""
        return sum(self._sizes(code_layers))

    def pack(self, symbols: torch.Tensor, latents: torch.Tensor, code_layers: tuple[int, ...]) -> torch.Tensor:
        """Turn code symbols [B, S, r, c] and latents [B, C, h, w] into the complex symbols of every cell, [B, n, r, c].

        The symbols of one code layer or token lie far apart, so that they do not fade together.
        """
        parts = [part.repeat(1, n, 1, 1) for part, n in zip(symbols.split(code_layers, 1), self.copies, strict=True)]
        if self.numbers:
            pairs = (latents[:, : self.numbers] * self._amplitude(latents)).float().unflatten(1, (-1, 2)) / 2**0.5
            parts.append(functional.pixel_unshuffle(torch.complex(pairs[:, :, 0], pairs[:, :, 1]), CELL))
        return torch.cat(parts, dim=1)

    def combine(
        self, holding: Holding, values: torch.Tensor, noise: torch.Tensor, code_layers: tuple[int, ...]
    ) -> Holding:
        """Combine `holding` with received symbols [B, n, r, c] and their noise variances (inf: not received).

        Everything is combined by its noise (maximum-ratio combining).
        """
        sizes = self._sizes(code_layers)
        parts = list(zip(values.split(sizes, 1), noise.split(sizes, 1), strict=True))
        held = zip(holding.symbols.split(code_layers, 1), holding.symbol_noise.split(code_layers, 1), strict=True)
        layers = []
        for known, (copies, copies_noise), count in zip(held, parts, self.copies, strict=False):
            size, layer = known[0].shape[1], known
            for part in range(count):
                these = slice(part * size, (part + 1) * size)
                layer = _combine(layer, (copies[:, these], copies_noise[:, these]))
            layers.append(layer)
        symbols, symbol_noise = (torch.cat(part, dim=1) for part in zip(*layers, strict=True))
        latents, latent_noise = holding.latents, holding.latent_noise
        if self.numbers:
            amplitude, count = self._amplitude(latents), self.numbers
            pairs = functional.pixel_shuffle(parts[-1][0], CELL) * 2**0.5
            tokens = torch.stack([pairs.real, pairs.imag], dim=2).flatten(1, 2) / amplitude
            variances = functional.pixel_shuffle(parts[-1][1], CELL).repeat_interleave(2, dim=1) / amplitude.square()
            first = _combine((latents[:, :count], latent_noise[:, :count]), (tokens, variances))
            latents = torch.cat([first[0], latents[:, count:]], dim=1)
            latent_noise = torch.cat([first[1], latent_noise[:, count:]], dim=1)
        return Holding(symbols, symbol_noise, latents, latent_noise)

    def _sizes(self, code_layers: tuple[int, ...]) -> list[int]:
        of_code_layers = [n * size for n, size in zip(self.copies, code_layers, strict=True)]
        return [*of_code_layers, CELL**2 * self.numbers // 2]

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
"""Formats of detail that a plan chooses from, for codes of three layers."""


def _combine(
    held: tuple[torch.Tensor, torch.Tensor], new: tuple[torch.Tensor, torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Combine values and noise variances that were held with those that were received, weights inverse to the noise."""
    (values, noise), (new_values, new_noise) = held, new
    total = 1 / noise + 1 / new_noise
    got = new_noise.isfinite()
    combined = ((values / noise + new_values / new_noise) / total).to(values.dtype)
    return torch.where(got, combined, values), torch.where(got, 1 / total, noise)


def take(grid: torch.Tensor, cells: torch.Tensor) -> torch.Tensor:
    """Take the symbols of `cells` [B, K] (row by row) out of a grid [B, n, r, c], as [B, n * K]."""
    return grid.flatten(2).gather(2, cells[:, None].expand(-1, grid.shape[1], -1)).flatten(1)


def place(values: torch.Tensor, cells: torch.Tensor, grid: tuple[int, int], fill: float) -> torch.Tensor:
    """Put symbols [B, n * K] into their cells of a grid [B, n, r, c], `fill` in all others: the inverse of `take`."""
    per_cell = values.unflatten(1, (-1, cells.shape[1]))
    out = torch.full((*per_cell.shape[:2], grid[0] * grid[1]), fill, dtype=values.dtype, device=values.device)
    placed = out.scatter(2, cells[:, None].expand_as(per_cell), per_cell)
    return placed.reshape(*per_cell.shape[:2], *grid)


@dataclass(frozen=True)
class GainCode:
    """Codes the power of one image's detail in a few header bits, rounded up so that power one is never exceeded."""

    bits: int = 7
    step_db: float = 0.25
    lowest_db: float = -16.0

    def encode(self, power: torch.Tensor) -> torch.Tensor:
        """Return indices [B] of the mean powers [B] of details."""
        index = ((10 * power.clamp_min(1e-6).log10() - self.lowest_db) / self.step_db).ceil().long()
        return index.clamp(0, 2**self.bits - 1)

    def power(self, index: torch.Tensor) -> torch.Tensor:
        """Return the powers [B] that indices [B] stand for."""
        return 10 ** ((self.lowest_db + self.step_db * index) / 10)
