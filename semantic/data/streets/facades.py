"""Facade textures: brick, render, stone or glass with rows of windows, doors, shop fronts and cornices."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from taskwave.semantic.data.streets.canvas import Bytes, Colour, tint
from taskwave.semantic.data.streets.noise import noise, window

_WALLS: tuple[tuple[int, int, int], ...] = (
    (146, 92, 74), (168, 112, 84), (186, 164, 120), (205, 198, 182), (226, 220, 204), (172, 164, 150),
    (140, 132, 122), (214, 196, 160), (122, 82, 66), (198, 172, 150), (160, 168, 176), (108, 104, 102),
)  # fmt: skip
_BOARDS: tuple[tuple[int, int, int], ...] = (
    (150, 32, 36), (30, 60, 120), (36, 92, 62), (40, 40, 44), (190, 160, 60), (220, 220, 215), (120, 60, 130),
    (210, 110, 40),
)  # fmt: skip


@dataclass(frozen=True)
class Style:
    """What the storeys of one building share; lengths in metres."""

    wall: Colour
    frame: Colour
    spacing: float
    width: float
    height: float
    storey: float
    bricks: bool
    shop: bool
    lit: float
    """Share of windows with the light on."""


def draw_style(rng: np.random.Generator, lit: float) -> Style:
    """A random style of house."""
    wall = tint(_WALLS[int(rng.integers(len(_WALLS)))], float(rng.uniform(0.8, 1.1)))
    bright = bool(rng.random() < 0.7)
    spacing = float(rng.uniform(1.9, 3.6))
    return Style(
        wall,
        (232, 230, 224) if bright else (52, 46, 44),
        spacing,
        spacing * float(rng.uniform(0.38, 0.75)),
        float(rng.uniform(1.2, 1.9)),
        3.1,
        bool(rng.random() < 0.6),
        bool(rng.random() < 0.45),
        lit,
    )


class _Texture:
    """Drawing in metres (x along the wall, y above the ground) on an RGBA raster whose alpha is glow."""

    def __init__(self, length: float, height: float, sx: float, sy: float) -> None:
        self.sx, self.sy, self.height = sx, sy, height
        self.image = Image.new("RGBA", (max(int(length * sx), 2), max(int(height * sy), 2)))
        self._draw = ImageDraw.Draw(self.image)

    def box(self, x0: float, x1: float, y0: float, y1: float, colour: Colour, glow: int = 0) -> None:
        left, right = int(x0 * self.sx), int(x1 * self.sx)
        top, bottom = int((self.height - y1) * self.sy), int((self.height - y0) * self.sy)
        if right > left and bottom > top:
            self._draw.rectangle((left, top, right - 1, bottom - 1), fill=(*colour, glow))


def _window(t: _Texture, style: Style, x: float, y: float, w: float, h: float, rng: np.random.Generator) -> None:
    t.box(x - 0.1, x + w + 0.1, y - 0.12, y + h + 0.06, style.frame)
    if rng.random() < style.lit:
        t.box(x, x + w, y, y + h, tint((255, 206, 130), float(rng.uniform(0.55, 1.0))), int(rng.integers(110, 255)))
    else:
        glass = tint((62, 72, 84), float(rng.uniform(0.5, 1.5)))
        t.box(x, x + w, y, y + h, glass)
        t.box(x, x + w, y + h * float(rng.uniform(0.3, 0.8)), y + h, tint(glass, float(rng.uniform(1.2, 1.9))))
        if rng.random() < 0.3:
            t.box(x, x + w * float(rng.uniform(0.2, 0.5)), y, y + h, (196, 190, 180))
    t.box(x + w / 2 - 0.04, x + w / 2 + 0.04, y, y + h, style.frame)
    t.box(x, x + w, y + h * 0.5, y + h * 0.5 + 0.06, style.frame)


def _shop_front(t: _Texture, length: float, style: Style, rng: np.random.Generator) -> None:
    x = 0.0
    while x < length - 1:
        wide = min(float(rng.uniform(4, 8)), length - x)
        board = tint(_BOARDS[int(rng.integers(len(_BOARDS)))], float(rng.uniform(0.8, 1.1)))
        on = rng.random() < style.lit * 1.8
        t.box(x, x + wide, 0, 2.9, tint(board, 0.7))
        inside: Colour = (250, 226, 180) if on else tint((50, 54, 60), float(rng.uniform(0.6, 1.3)))
        t.box(x + 0.2, x + wide - 1.3, 0.5, 2.35, inside, 200 if on else 0)
        for _ in range(3):  # goods
            g = x + float(rng.uniform(0.3, max(wide - 2.0, 0.4)))
            goods = rng.integers(40, 200, 3)
            t.box(g, g + 0.5, 0.5, float(rng.uniform(0.8, 1.6)), tint(goods.tolist(), 1.0), 120 if on else 0)
        t.box(x + wide - 1.1, x + wide - 0.2, 0.05, 2.3, inside if on else tint(inside, 0.8), 160 if on else 0)
        t.box(x + 0.05, x + wide - 0.05, 2.45, 3.0, board, 70 if on else 0)
        t.box(x + wide * 0.2, x + wide * 0.75, 2.6, 2.85, tint((240, 236, 220), 1.0), 90 if on else 0)
        if rng.random() < 0.25:
            t.box(x + 0.1, x + wide - 0.1, 2.05, 2.5, tint(board, 1.25))
        x += wide


def facade(style: Style, length: float, height: float, sx: float, sy: float, rng: np.random.Generator) -> Bytes:
    """Texture [rows, cols, 4] of a wall, row 0 at the top, `sx`, `sy` pixels a metre; channel 3 is glow."""
    t = _Texture(length, height, sx, sy)
    t.box(0, length, 0, height + 1, style.wall)
    t.box(0, length, 0, 0.5, tint(style.wall, 0.75))
    if style.bricks and sy > 12:
        for course in np.arange(0.0, height, 0.3):
            t.box(0, length, float(course), float(course) + 0.045, tint(style.wall, 0.86))
    storeys = max(int(height / style.storey), 1)
    count = max(int(length / style.spacing), 1)
    step = length / count
    width = min(style.width, step * 0.8)
    for storey in range(1 if style.shop else 0, storeys):
        y = storey * style.storey + 0.95
        for i in range(count):
            x = i * step + (step - width) / 2
            if storey == 0 and i % 3 == 1:
                door = tint(_BOARDS[int(rng.integers(len(_BOARDS)))], 0.8)
                t.box(x, x + 1.1, 0.1, 2.4, style.frame)
                t.box(x + 0.1, x + 1.0, 0.1, 2.25, door)
            else:
                _window(t, style, x, y, width, min(style.height, height - y - 0.3), rng)
        if storey and storey % 2 == 1:
            t.box(0, length, storey * style.storey + 0.1, storey * style.storey + 0.25, tint(style.wall, 1.12))
    if style.shop:
        _shop_front(t, length, style, rng)
    t.box(0, length, height - 0.45, height - 0.1, tint(style.wall, 1.15))
    t.box(0, length, height - 0.6, height - 0.45, tint(style.wall, 0.7))
    t.box(0, 0.12, 0, height, tint(style.wall, 0.8))
    raster = np.array(t.image)
    rows, cols = raster.shape[:2]
    grime = 1 + 0.05 * window(noise().rough, rows, cols, 40 / sy, rng)
    grime += 0.05 * window(noise().fine, rows, cols, 1.0, rng)
    raster[..., :3] = np.clip(raster[..., :3] * grime[..., None], 0, 255).astype(np.uint8)
    return raster
