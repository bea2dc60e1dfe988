"""Detail: what more can be sent of chosen cells, as complex symbols, and what an end holds of a picture.

A cell is 4x4 latent tokens (32x32 pixels). Its detail is either further layers of the analog code or the latent tokens
themselves; `FORMATS` lists both, finest first.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch.nn import functional

from taskwave.semantic.general import CELL


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


class DetailFormat(Protocol):
    """One way to send cells: what of them, as `symbols_per_cell` complex symbols each."""

    def symbols_per_cell(self, layers: tuple[int, ...]) -> int:
        """Complex symbols a cell takes, given the layers of the analog code."""
        ...

    def pack(self, symbols: torch.Tensor, latents: torch.Tensor, layers: tuple[int, ...]) -> torch.Tensor:
        """Code symbols [B, S, r, c] and latents [B, C, h, w] to the complex symbols of every cell, [B, n, r, c]."""
        ...

    def keep(self, holding: Holding, values: torch.Tensor, noise: torch.Tensor, layers: tuple[int, ...]) -> None:
        """Put received symbols [B, n, r, c] with their noise variances (inf: not received) into `holding`."""
        ...


@dataclass(frozen=True)
class LayerDetail:
    """The next `count` layers of the analog code."""

    count: int

    def symbols_per_cell(self, layers: tuple[int, ...]) -> int:
        """See `DetailFormat`."""
        return sum(layers[1 : 1 + self.count])

    def pack(self, symbols: torch.Tensor, latents: torch.Tensor, layers: tuple[int, ...]) -> torch.Tensor:
        """See `DetailFormat`."""
        return symbols[:, layers[0] : layers[0] + self.symbols_per_cell(layers)]

    def keep(self, holding: Holding, values: torch.Tensor, noise: torch.Tensor, layers: tuple[int, ...]) -> None:
        """See `DetailFormat`."""
        part = slice(layers[0], layers[0] + self.symbols_per_cell(layers))
        _merge(holding.symbols[:, part], holding.symbol_noise[:, part], values, noise)


@dataclass(frozen=True)
class TokenDetail:
    """The first `numbers` channels of every token, two to a symbol.

    `slope_db` is the power of the last channel relative to the first, in dB, linear between (unequal error
    protection). Raises `ValueError` for an odd or non-positive number.
    """

    numbers: int
    slope_db: float

    def __post_init__(self) -> None:
        if self.numbers < 2 or self.numbers % 2:
            raise ValueError(f"numbers is {self.numbers}; two numbers share a symbol, so it must be even and positive")

    def symbols_per_cell(self, layers: tuple[int, ...]) -> int:
        """See `DetailFormat`."""
        return CELL**2 * self.numbers // 2

    def _amplitude(self, like: torch.Tensor) -> torch.Tensor:
        power = 10 ** (torch.linspace(0, self.slope_db, self.numbers, device=like.device) / 10)
        return (power / power.mean()).sqrt().reshape(1, -1, 1, 1)

    def pack(self, symbols: torch.Tensor, latents: torch.Tensor, layers: tuple[int, ...]) -> torch.Tensor:
        """See `DetailFormat`. Channel pairs come first, so that the symbols of one token lie far apart."""
        pairs = (latents[:, : self.numbers] * self._amplitude(latents)).float().unflatten(1, (-1, 2)) / 2**0.5
        packed: torch.Tensor = functional.pixel_unshuffle(torch.complex(pairs[:, :, 0], pairs[:, :, 1]), CELL)
        return packed

    def keep(self, holding: Holding, values: torch.Tensor, noise: torch.Tensor, layers: tuple[int, ...]) -> None:
        """See `DetailFormat`."""
        amplitude = self._amplitude(values.real)
        pairs = functional.pixel_shuffle(values, CELL) * 2**0.5
        numbers = torch.stack([pairs.real, pairs.imag], dim=2).flatten(1, 2) / amplitude
        variances = functional.pixel_shuffle(noise, CELL).repeat_interleave(2, dim=1) / amplitude.square()
        part = slice(0, self.numbers)
        _merge(holding.latents[:, part], holding.latent_noise[:, part], numbers, variances)


FORMATS: tuple[DetailFormat, ...] = (
    TokenDetail(16, -9.0), TokenDetail(8, -6.0), LayerDetail(2), LayerDetail(1)
)  # fmt: skip


def _merge(values: torch.Tensor, noise: torch.Tensor, new: torch.Tensor, new_noise: torch.Tensor) -> None:
    """Write what was received over what was held."""
    got = new_noise.isfinite()
    values[got] = new[got].to(values.dtype)
    noise[got] = new_noise[got].to(noise.dtype)


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

    bits: int = 5
    step_db: float = 0.75
    lowest_db: float = -10.0

    def encode(self, power: torch.Tensor) -> torch.Tensor:
        """Mean power of the detail [B] to indices [B]."""
        index = ((10 * power.clamp_min(1e-6).log10() - self.lowest_db) / self.step_db).ceil().long()
        return index.clamp(0, 2**self.bits - 1)

    def power(self, index: torch.Tensor) -> torch.Tensor:
        """Indices [B] to the powers [B] they stand for."""
        return 10 ** ((self.lowest_db + self.step_db * index) / 10)
