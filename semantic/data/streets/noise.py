"""Periodic noise tiles, the raw material of every texture."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from taskwave.semantic.data.streets.canvas import Floats

SIDE = 256


def _tile(exponent: float, seed: int) -> Floats:
    """Periodic SIDE x SIDE noise of zero mean and unit variance whose amplitude spectrum falls as f^-exponent."""
    white = np.random.default_rng(seed).standard_normal((SIDE, SIDE))
    fy, fx = np.meshgrid(np.fft.fftfreq(SIDE), np.fft.rfftfreq(SIDE), indexing="ij")
    radius = np.maximum(np.hypot(fx, fy), 1 / SIDE)
    spectrum = np.fft.rfft2(white) * radius**-exponent
    spectrum[0, 0] = 0
    tile = np.fft.irfft2(spectrum, (SIDE, SIDE))
    return np.asarray(tile / tile.std(), dtype=np.float32)


@dataclass(frozen=True)
class Noise:
    """Three tiles from fine to cloud-like."""

    fine: Floats
    rough: Floats
    cloud: Floats


@cache
def noise() -> Noise:
    """The project's tiles; the same on every call."""
    return Noise(_tile(0.3, 11), _tile(1.0, 12), _tile(1.7, 13))


def sample(tile: Floats, rows: Floats, cols: Floats) -> Floats:
    """Nearest tile value at broadcast tile coordinates, periodic."""
    out: Floats = tile[rows.astype(np.int32) & (SIDE - 1), cols.astype(np.int32) & (SIDE - 1)]
    return out


def window(tile: Floats, rows: int, cols: int, step: float, rng: np.random.Generator) -> Floats:
    """A [rows, cols] cut of the tile from a random place, `step` tile cells a pixel."""
    first = rng.integers(0, SIDE, 2)
    v = (first[0] + np.arange(rows) * step).astype(np.int32) & (SIDE - 1)
    u = (first[1] + np.arange(cols) * step).astype(np.int32) & (SIDE - 1)
    out: Floats = tile.take(v, 0).take(u, 1)
    return out
