"""Houses along the street: facades with windows, doors and shops, walls in perspective, gables, roofs, chimneys."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from taskwave.semantic.data.streets.canvas import BUILDING, Bytes, Canvas, Colour, Sketch, tint
from taskwave.semantic.data.streets.lighting import Light
from taskwave.semantic.data.streets.noise import crop, noise_tiles
from taskwave.semantic.data.streets.plan import Side, Stretch

_FINEST = 24.0
"""Finest resolution of a facade in pixels a metre."""

_WALLS: tuple[Colour, ...] = (
    (146, 92, 74), (168, 112, 84), (186, 164, 120), (205, 198, 182), (226, 220, 204), (172, 164, 150),
    (140, 132, 122), (214, 196, 160), (122, 82, 66), (198, 172, 150), (160, 168, 176), (108, 104, 102),
)  # fmt: skip
_BOARDS: tuple[Colour, ...] = (
    (150, 32, 36), (30, 60, 120), (36, 92, 62), (40, 40, 44), (190, 160, 60), (220, 220, 215), (120, 60, 130),
    (210, 110, 40),
)  # fmt: skip


@dataclass(frozen=True)
class _HouseStyle:
    """Describes what the storeys of one building share; lengths in metres."""

    wall: Colour
    trim: Colour
    """Colour of the frames of windows and doors."""
    spacing: float
    """Distance from window to window."""
    width: float
    """Width of a window."""
    height: float
    """Height of a window."""
    storey: float
    """Height of a storey."""
    bricks: bool
    """Whether courses of bricks show."""
    shop: bool
    """Whether the ground floor holds shops."""
    lit: float
    """Share of windows with the light on."""


def _draw_style(rng: np.random.Generator, lit: float) -> _HouseStyle:
    """Draw a style of house; `lit` is the share of windows with the light on."""
    wall = tint(_WALLS[int(rng.integers(len(_WALLS)))], float(rng.uniform(0.8, 1.1)))
    bright = bool(rng.random() < 0.7)
    spacing = float(rng.uniform(1.9, 3.6))
    return _HouseStyle(
        wall,
        trim=(232, 230, 224) if bright else (52, 46, 44),
        spacing=spacing,
        width=spacing * float(rng.uniform(0.38, 0.75)),
        height=float(rng.uniform(1.2, 1.9)),
        storey=3.1,
        bricks=bool(rng.random() < 0.6),
        shop=bool(rng.random() < 0.45),
        lit=lit,
    )


class _Texture:
    """Draws in metres (x along the wall, y above the ground) on an RGBA image whose alpha is glow.

    Args:
        length: length of the wall in metres.
        height: height of the wall in metres.
        sx: pixels a metre along the wall.
        sy: pixels a metre upwards.
    """

    def __init__(self, length: float, height: float, sx: float, sy: float) -> None:
        self.sx, self.sy, self.height = sx, sy, height
        self.image = Image.new("RGBA", (max(int(length * sx), 2), max(int(height * sy), 2)))
        self._draw = ImageDraw.Draw(self.image)

    def box(self, x0: float, x1: float, y0: float, y1: float, colour: Colour, glow: int = 0) -> None:
        """Fill the box from (x0, y0) to (x1, y1)."""
        left, right = int(x0 * self.sx), int(x1 * self.sx)
        top, bottom = int((self.height - y1) * self.sy), int((self.height - y0) * self.sy)
        if right > left and bottom > top:
            self._draw.rectangle((left, top, right - 1, bottom - 1), fill=(*colour, glow))


@dataclass(frozen=True)
class _Opening:
    """Describes the opening of a window in a wall by its lower left corner (x, y) and its size; lengths in metres."""

    x: float
    y: float
    width: float
    height: float


def _add_window(t: _Texture, style: _HouseStyle, opening: _Opening, rng: np.random.Generator) -> None:
    """Add a window with its frame, lit or dark."""
    x, y, w, h = opening.x, opening.y, opening.width, opening.height
    t.box(x - 0.1, x + w + 0.1, y - 0.12, y + h + 0.06, style.trim)
    if rng.random() < style.lit:
        t.box(x, x + w, y, y + h, tint((255, 206, 130), float(rng.uniform(0.55, 1.0))), int(rng.integers(110, 255)))
    else:
        glass = tint((62, 72, 84), float(rng.uniform(0.5, 1.5)))
        t.box(x, x + w, y, y + h, glass)
        t.box(x, x + w, y + h * float(rng.uniform(0.3, 0.8)), y + h, tint(glass, float(rng.uniform(1.2, 1.9))))
        if rng.random() < 0.3:
            t.box(x, x + w * float(rng.uniform(0.2, 0.5)), y, y + h, (196, 190, 180))
    t.box(x + w / 2 - 0.04, x + w / 2 + 0.04, y, y + h, style.trim)
    t.box(x, x + w, y + h * 0.5, y + h * 0.5 + 0.06, style.trim)


def _add_shops(t: _Texture, length: float, style: _HouseStyle, rng: np.random.Generator) -> None:
    """Add a row of shops on the ground floor of a wall of `length` metres."""
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


def _facade(style: _HouseStyle, length: float, height: float, sx: float, sy: float, rng: np.random.Generator) -> Bytes:
    """Return the texture [rows, cols, 4] uint8 of a wall, row 0 at the top; channel 3 is glow.

    `length` and `height` are in metres, `sx` and `sy` are pixels a metre along the wall and upwards.
    """
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
                t.box(x, x + 1.1, 0.1, 2.4, style.trim)
                t.box(x + 0.1, x + 1.0, 0.1, 2.25, door)
            else:
                _add_window(t, style, _Opening(x, y, width, min(style.height, height - y - 0.3)), rng)
        if storey and storey % 2 == 1:
            t.box(0, length, storey * style.storey + 0.1, storey * style.storey + 0.25, tint(style.wall, 1.12))
    if style.shop:
        _add_shops(t, length, style, rng)
    t.box(0, length, height - 0.45, height - 0.1, tint(style.wall, 1.15))
    t.box(0, length, height - 0.6, height - 0.45, tint(style.wall, 0.7))
    t.box(0, 0.12, 0, height, tint(style.wall, 0.8))
    pixels = np.array(t.image)
    rows, cols = pixels.shape[:2]
    grime = 1 + 0.05 * crop(noise_tiles().rough, rows, cols, 40 / sy, rng)
    grime += 0.05 * crop(noise_tiles().fine, rows, cols, 1.0, rng)
    pixels[..., :3] = np.clip(pixels[..., :3] * grime[..., None], 0, 255).astype(np.uint8)
    return pixels


def _paint_wall(canvas: Canvas, x: float, z0: float, z1: float, height: float, texture: Bytes) -> None:
    """Paint the wall X = x from z0 to z1, `height` metres high, with `texture` [rows, cols, 4] (channel 3 is glow)."""
    camera = canvas.camera
    near = max(z0, camera.edge_depth(x))
    if near >= z1:
        return
    ends = sorted((camera.project(x, 0, near)[0], camera.project(x, 0, z1)[0]))
    first, last = max(int(ends[0]), 0), min(int(np.ceil(ends[1])), camera.cols)
    if first >= last:
        return
    z = camera.column_depth(x, first, last)
    top = max(int(camera.v0 - camera.scale(near) * (height - camera.height)), 0)
    bottom = min(int(camera.v0 + camera.scale(near) * camera.height) + 2, camera.rows)
    v = np.arange(top, bottom, dtype=np.float32)[:, None] + np.float32(0.5 - camera.v0)
    y = np.float32(camera.height) - v * (z / np.float32(camera.f))
    mask = (y >= 0) & (y < height) & (z >= z0 - 0.3) & (z < z1)
    rows, cols = texture.shape[:2]
    iy = ((height - y) * (rows / height)).astype(np.int32)
    ix = np.clip(((z - z0) * (cols / (z1 - z0))).astype(np.int32), 0, cols - 1)
    np.clip(iy, 0, rows - 1, out=iy)
    iy *= cols
    iy += ix
    texels = texture.view(np.uint32).reshape(-1).take(iy).view(np.uint8).reshape(*iy.shape, 4)
    canvas.write(first, top, mask, texels, BUILDING, np.broadcast_to(z, y.shape))


def _paint_gable(
    canvas: Canvas, side: Side, stretch: Stretch, style: _HouseStyle, ridge: float, rng: np.random.Generator
) -> None:
    """Paint the wall that faces the camera at a building's near end; `ridge` is the height of its roof in metres."""
    camera = canvas.camera
    if stretch.z0 < 1.0:
        return
    x0, x1 = side.sign * side.wall, side.sign * (side.wall + 9.0)
    corners = [camera.project(x, y, stretch.z0) for x, y in (
        (x0, 0.0), (x0, stretch.height), ((x0 + x1) / 2, stretch.height + ridge), (x1, stretch.height), (x1, 0.0)
    )]  # fmt: skip
    us, vs = [c[0] for c in corners], [c[1] for c in corners]
    box = canvas.clip(min(us), min(vs), max(us), max(vs))
    if box is None:
        return
    sketch = Sketch(canvas, box, stretch.z0)
    sketch.polygon(corners, tint(style.wall, 0.8), BUILDING)
    for storey in range(int(stretch.height / style.storey)):
        if rng.random() < 0.5:
            x = x0 + side.sign * float(rng.uniform(2, 6))
            y = storey * style.storey + 1.0
            a, b = camera.project(x, y + 1.4, stretch.z0), camera.project(x + 1.0, y, stretch.z0)
            sketch.polygon([a, (b[0], a[1]), b, (a[0], b[1])], (50, 56, 66), BUILDING)
    sketch.done(1 + 0.06 * crop(noise_tiles().fine, *sketch.size, 1.0, rng))


def _paint_roof(
    canvas: Canvas, side: Side, stretch: Stretch, ridge: float, colour: Colour, rng: np.random.Generator
) -> None:
    """Paint the slope of a pitched roof, `ridge` metres high, towards the street, with chimneys."""
    camera = canvas.camera
    near = max(stretch.z0, camera.edge_depth(side.wall * side.sign) * 0.6)
    if near >= stretch.z1:
        return
    x0, x1 = side.sign * (side.wall - 0.2), side.sign * (side.wall + 4.5)
    low, high = stretch.height - 0.1, stretch.height + ridge
    corners = [
        camera.project(*p) for p in ((x0, low, near), (x0, low, stretch.z1), (x1, high, stretch.z1), (x1, high, near))
    ]
    stacks = []
    for _ in range(int(rng.integers(0, 3))):
        z, tall = float(rng.uniform(near, stretch.z1)), float(rng.uniform(0.8, 1.6))
        stacks.append([camera.project(x1 + side.sign * dx, high + dy, z) for dx, dy in (
            (-0.4, -0.8), (-0.4, tall), (0.4, tall), (0.4, -0.8)
        )])  # fmt: skip
    points = corners + [p for stack in stacks for p in stack]
    box = canvas.clip(*(f(p[i] for p in points) for f, i in ((min, 0), (min, 1), (max, 0), (max, 1))))
    if box is None:
        return
    sketch = Sketch(canvas, box, (near + stretch.z1) / 2)
    for stack in stacks:
        sketch.polygon(stack, (128, 84, 70), BUILDING)
    sketch.polygon(corners, colour, BUILDING)
    sketch.done(1 + 0.1 * crop(noise_tiles().fine, *sketch.size, 1.0, rng))


def paint_building(canvas: Canvas, side: Side, stretch: Stretch, light: Light, rng: np.random.Generator) -> None:
    """Paint one building in a style drawn at random."""
    camera = canvas.camera
    lit = {"sun": 0.0, "overcast": 0.03, "dusk": 0.25, "night": 0.38}[light.time]
    style = _draw_style(rng, lit)
    ridge = float(rng.choice((0.0, 2.0, 3.2), p=(0.4, 0.35, 0.25)))
    roof = tint(((118, 70, 56), (86, 84, 88), (104, 92, 84))[int(rng.integers(3))], float(rng.uniform(0.8, 1.15)))
    if ridge:
        _paint_roof(canvas, side, stretch, ridge, roof, rng)
    _paint_gable(canvas, side, stretch, style, ridge, rng)
    x = side.sign * side.wall
    near = max(stretch.z0, camera.edge_depth(x))
    if near >= stretch.z1:
        return
    sy = min(_FINEST, camera.scale(near))
    sx = min(_FINEST, 1.3 * camera.f * side.wall / near**2 + 0.6)
    start = max(stretch.z0, near - 3.0)
    texture = _facade(style, stretch.z1 - start, stretch.height, sx, sy, rng)
    if light.time == "sun":
        factor = 0.68 if side.sign == light.sun_side else 1.12
        texture[..., :3] = np.clip(texture[..., :3] * np.float32(factor), 0, 255).astype(np.uint8)
    _paint_wall(canvas, x, start, stretch.z1, stretch.height, texture)
