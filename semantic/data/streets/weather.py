"""Rain: a wet road that mirrors what is above it, and streaks of falling drops."""

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from taskwave.semantic.data.streets.canvas import PAVEMENT, ROAD, Canvas, Floats
from taskwave.semantic.data.streets.noise import crop, noise_tiles


def wet_ground(canvas: Canvas, lit: Floats, rng: np.random.Generator) -> None:
    """Darken road and pavement of linear light `lit` [H, W, 3], in place, and mirror in them what is above the horizon.

    The canvas has twice the height and width.
    """
    first = min(int(canvas.camera.v0 / 2) + 1, lit.shape[0] - 1)
    codes = canvas.codes[2 * first :: 2, ::2]
    rows, cols = codes.shape
    mirrored = np.clip(2 * first - np.arange(first, first + rows) - 1, 0, first - 1)
    # A rough road stretches what it mirrors along the line of sight.
    mirror = gaussian_filter(np.minimum(lit[mirrored], 1.6), (rows * 0.06, 1.2, 0), truncate=2.0)
    puddles = np.clip(0.32 + 0.1 * crop(noise_tiles().cloud, rows, cols, 1.0, rng), 0.1, 0.7)
    wet = puddles * np.where(codes == ROAD, 1.0, 0.5) * ((codes == ROAD) | (codes == PAVEMENT))
    weight = wet[..., None].astype(np.float32)
    lit[first:] = lit[first:] * (1 - 1.1 * weight) + mirror * weight


def add_streaks(lit: Floats, rng: np.random.Generator) -> None:
    """Add streaks of rain to linear light [H, W, 3], in place, as bright as the image is on average."""
    rows, cols = lit.shape[:2]
    drawn = Image.new("L", (cols, rows))
    ink = ImageDraw.Draw(drawn)
    slant = float(rng.uniform(-0.25, 0.25))
    count = int(rows * cols / 700 * float(rng.uniform(0.6, 1.4)))
    starts, lengths = rng.uniform((0, -0.1), (1, 1), (count, 2)), rng.uniform(0.02, 0.08, count) * rows
    for (x, y), length, strength in zip(starts.tolist(), lengths.tolist(), rng.integers(60, 200, count), strict=True):
        top = (x * cols, y * rows)
        ink.line((*top, top[0] + slant * length, top[1] + length), fill=int(strength))
    cover = gaussian_filter(np.asarray(drawn, np.float32) / 255, 0.5)[..., None] * np.float32(0.3)
    lit += (lit.mean((0, 1)) * np.float32(1.6) - lit * 0.4) * cover
