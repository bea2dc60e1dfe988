"""Periodic tiles of noise from which every texture is made."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from taskwave.semantic.data.streets.canvas import Floats

SIDE = 256
"""Rows and columns of a tile."""


@dataclass(frozen=True)
class NoiseTiles:
    """Holds three tiles [SIDE, SIDE] of zero mean and unit variance, from fine to cloud-like."""

    fine: Floats
    rough: Floats
    cloud: Floats


@cache
def noise_tiles() -> NoiseTiles:
    """Return the project's tiles, which are the same on every call."""
    return NoiseTiles(fine=_tile(0.3, 11), rough=_tile(1.0, 12), cloud=_tile(1.7, 13))


def _tile(exponent: float, seed: int) -> Floats:
    """Return periodic noise [SIDE, SIDE] whose amplitude spectrum falls as f^-exponent."""
    white = np.random.default_rng(seed).standard_normal((SIDE, SIDE))
    fy, fx = np.meshgrid(np.fft.fftfreq(SIDE), np.fft.rfftfreq(SIDE), indexing="ij")
    radius = np.maximum(np.hypot(fx, fy), 1 / SIDE)
    spectrum = np.fft.rfft2(white) * radius**-exponent
    spectrum[0, 0] = 0
    tile = np.fft.irfft2(spectrum, (SIDE, SIDE))
    return np.asarray(tile / tile.std(), dtype=np.float32)


def look_up(tile: Floats, rows: Floats, cols: Floats) -> Floats:
    """Return the nearest value of the periodic tile at broadcast tile coordinates."""
    out: Floats = tile[rows.astype(np.int32) & (SIDE - 1), cols.astype(np.int32) & (SIDE - 1)]
    return out


def crop(tile: Floats, rows: int, cols: int, step: float, rng: np.random.Generator) -> Floats:
    """Return a crop [rows, cols] of the periodic tile that starts at random, with `step` tile values a pixel."""
    first = rng.integers(0, SIDE, 2)
    v = (first[0] + np.arange(rows) * step).astype(np.int32) & (SIDE - 1)
    u = (first[1] + np.arange(cols) * step).astype(np.int32) & (SIDE - 1)
    out: Floats = tile.take(v, 0).take(u, 1)
    return out
