"""Houses along the street: walls in perspective, gable walls, roofs and chimneys."""

import numpy as np

from taskwave.semantic.data.streets.canvas import BUILDING, Bytes, Canvas, Sketch, tint
from taskwave.semantic.data.streets.facades import Style, draw_style, facade
from taskwave.semantic.data.streets.lighting import Light
from taskwave.semantic.data.streets.noise import noise, window
from taskwave.semantic.data.streets.plan import Side, Stretch

_FINEST = 24.0
"""Texture pixels a metre at most."""


def draw_wall(canvas: Canvas, x: float, z0: float, z1: float, height: float, texture: Bytes, label: int) -> None:
    """Paint the wall X = x from z0 to z1 with `texture` [rows, cols, 4] (channel 3 is glow)."""
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
    canvas.write(first, top, mask, texels, label, np.broadcast_to(z, y.shape))


def _gable(canvas: Canvas, side: Side, stretch: Stretch, style: Style, ridge: float, rng: np.random.Generator) -> None:
    """The wall that faces the camera at the near end of a building."""
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
    sketch.done(1 + 0.06 * window(noise().fine, *sketch.size, 1.0, rng))


def _roof(
    canvas: Canvas, side: Side, stretch: Stretch, ridge: float, colour: tuple[int, int, int], rng: np.random.Generator
) -> None:
    """The slope of a pitched roof towards the street, with chimneys."""
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
    sketch.done(1 + 0.1 * window(noise().fine, *sketch.size, 1.0, rng))


def draw_building(canvas: Canvas, side: Side, stretch: Stretch, light: Light, rng: np.random.Generator) -> None:
    """One building with a random style."""
    camera = canvas.camera
    lit = {"sun": 0.0, "overcast": 0.03, "dusk": 0.25, "night": 0.38}[light.time]
    style = draw_style(rng, lit)
    ridge = float(rng.choice((0.0, 2.0, 3.2), p=(0.4, 0.35, 0.25)))
    roof = tint(((118, 70, 56), (86, 84, 88), (104, 92, 84))[int(rng.integers(3))], float(rng.uniform(0.8, 1.15)))
    if ridge:
        _roof(canvas, side, stretch, ridge, roof, rng)
    _gable(canvas, side, stretch, style, ridge, rng)
    x = side.sign * side.wall
    near = max(stretch.z0, camera.edge_depth(x))
    if near >= stretch.z1:
        return
    sy = min(_FINEST, camera.scale(near))
    sx = min(_FINEST, 1.3 * camera.f * side.wall / near**2 + 0.6)
    start = max(stretch.z0, near - 3.0)
    texture = facade(style, stretch.z1 - start, stretch.height, sx, sy, rng)
    if light.time == "sun":
        factor = 0.68 if side.sign == light.sun_side else 1.12
        texture[..., :3] = np.clip(texture[..., :3] * np.float32(factor), 0, 255).astype(np.uint8)
    draw_wall(canvas, x, start, stretch.z1, stretch.height, texture, BUILDING)
