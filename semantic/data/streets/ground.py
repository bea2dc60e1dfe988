"""Road with markings, kerb, pavement and grass, ray cast from the image onto the plane Y = 0."""

import numpy as np

from taskwave.semantic.data.streets.canvas import PAVEMENT, ROAD, TREE, Canvas, Floats, with_glow
from taskwave.semantic.data.streets.lighting import Light
from taskwave.semantic.data.streets.noise import look_up, noise_tiles
from taskwave.semantic.data.streets.plan import Side, Street


def _along(side: Side, z: Floats, kind: str) -> Floats:
    """Return 1 where `side` has a stretch of this kind at the depth z of a row, else 0."""
    out = np.zeros_like(z)
    for stretch in side.stretches:
        if stretch.kind == kind:
            out[(z >= stretch.z0) & (z < stretch.z1)] = 1
    return out


def _stripe(distance: Floats, width: float, pixel: Floats) -> Floats:
    """Return the coverage 0..1 of a line of `width` metres at `distance` from its centre, softened over one pixel."""
    out: Floats = np.clip((width / 2 - np.abs(distance)) / pixel + 0.5, 0, 1) * np.minimum(1, width / pixel)
    return out


def _dashes(z: Floats, pixel: Floats, length: float, gap: float, phase: float) -> Floats:
    """Return the coverage 0..1 of dashes along the street; it is their mean where a pixel spans half a period."""
    period = length + gap
    inside = ((z + phase) % period < length).astype(np.float32)
    return np.asarray(np.where(pixel > period / 2, length / period, inside), dtype=np.float32)


def _markings(street: Street, x: Floats, z: Floats, px: Floats, pz: Floats, rng: np.random.Generator) -> Floats:
    """Return the coverage 0..1 of white paint on the road [rows, cols].

    Args:
        street: plan of the street.
        x: X of the ground in metres in every pixel [rows, cols].
        z: depth of the ground in metres in every row [rows, 1].
        px: width of a pixel on the ground in metres [rows, 1].
        pz: extent of a pixel along the street in metres [rows, 1].
        rng: generator of the markings.
    """
    phase = float(rng.uniform(0, 20))
    style = rng.random()
    length, gap = ((2.0, 4.0), (4.0, 2.0), (3.0, 6.0))[int(rng.integers(3))]
    line = _dashes(z, pz, length, gap, phase) if style < 0.75 else np.ones_like(z)
    paint = _stripe(x - np.float32(street.centre), 0.12, px) * line * (style < 0.92)
    wide = street.right.kerb + street.left.kerb > 11
    if wide:
        for sign in (-1, 1):
            middle = (street.centre + sign * (street.right if sign > 0 else street.left).kerb) / 2
            paint = np.maximum(paint, _stripe(x - np.float32(middle), 0.1, px) * _dashes(z, pz, 2.0, 6.0, phase))
    if rng.random() < 0.55:
        inset = float(rng.choice((0.35, 2.15)))
        for side in street.sides:
            edge = np.float32(side.sign * max(side.kerb - inset, 1.0))
            paint = np.maximum(paint, _stripe(x - edge, 0.09, px) * 0.8)
    if rng.random() < 0.3:
        start = float(rng.uniform(7, 35))
        band = ((z > start) & (z < start + 3.0)).astype(np.float32)
        paint = np.maximum(paint, band * ((x + 50) % 1.0 < 0.5) * np.minimum(1, 0.5 / px))
        own = np.sign(x - street.centre) == street.drive_on
        paint = np.maximum(paint, _stripe(z - np.float32(start - 1.2), 0.3, pz) * own)
    worn = look_up(noise_tiles().rough, z * 9, x * 9) > -0.9
    return np.asarray(paint * np.where(worn, 0.9, 0.35), dtype=np.float32)


def paint_ground(canvas: Canvas, street: Street, light: Light, rng: np.random.Generator) -> None:
    """Paint the ground from the bottom of the image to just below the horizon."""
    camera = canvas.camera
    top = max(int(np.ceil(camera.v0 + camera.f * camera.height / 900)), 0)
    v = np.arange(top, camera.rows, dtype=np.float32)[:, None] + 0.5
    z = np.asarray(camera.f * camera.height / (v - camera.v0), dtype=np.float32)
    px, pz = z / np.float32(camera.f), z * z / np.float32(camera.f * camera.height)
    x = (np.arange(camera.cols, dtype=np.float32) + np.float32(0.5 - camera.u0)) * px
    tiles = noise_tiles()
    fade = np.clip(0.12 / pz, 0, 1)
    coarse = np.clip(1.2 / pz, 0, 1)

    asphalt = np.asarray(rng.uniform(68, 125) * np.array((1.0, 1.0, rng.uniform(0.97, 1.06))), np.float32)
    shade = 1 + 0.07 * fade * look_up(tiles.fine, z * 40, x * 40) + 0.05 * coarse * look_up(tiles.rough, z * 5, x * 5)
    shade += 0.05 * look_up(tiles.cloud, z * 1.5, x * 6) + 0.03 * np.cos(x * np.float32(2 * np.pi / 1.8))
    for _ in range(int(rng.integers(0, 4))):  # repairs of the asphalt
        z0, x0 = float(rng.uniform(5, 30)), float(rng.uniform(-street.left.kerb, street.right.kerb))
        repair = (np.abs(z - z0) < rng.uniform(0.6, 3)) & (np.abs(x - x0) < rng.uniform(0.4, 1.2))
        shade[repair] *= np.float32(rng.uniform(0.8, 1.1))
    if rng.random() < 0.6:  # a manhole
        z0, x0 = float(rng.uniform(5, 16)), float(rng.uniform(-1.5, 1.5))
        shade[(z - z0) ** 2 + (x - x0) ** 2 < 0.1] *= np.float32(0.6)
    paint = _markings(street, x, z, px, pz, rng)[..., None]
    colour = asphalt * shade[..., None] * (1 - paint) + np.float32(rng.uniform(190, 235)) * paint
    label = np.full(x.shape, ROAD, np.uint8)
    slab = np.asarray(
        rng.uniform(105, 165) * np.array((1.0, rng.uniform(0.94, 1), rng.uniform(0.86, 0.98))), np.float32
    )
    pitch = float(rng.choice((0.45, 0.6, 0.9)))
    meadow = np.asarray((rng.uniform(60, 95), rng.uniform(85, 115), rng.uniform(35, 55)), np.float32)
    shadow = np.ones_like(x)
    deep = np.broadcast_to(z, x.shape)
    for side in street.sides:
        out = x * side.sign
        crossing = _along(side, z, "junction") > 0
        foot = (out > side.kerb) & ~crossing
        label[foot] = PAVEMENT
        colour[foot] = slab * _slabs(x[foot], deep[foot], pitch, camera.f, camera.height)[:, None]
        shadow[foot & (out < side.kerb + 0.14)] *= np.float32(1.12)
        shadow[(out < side.kerb) & (out > side.kerb - 0.2) & ~crossing] *= np.float32(0.82)
        green = (out > side.wall) & (_along(side, z, "park") > 0)
        label[green] = TREE
        blades = 0.16 * look_up(tiles.fine, deep[green] * 14, x[green] * 14) * np.broadcast_to(coarse, x.shape)[green]
        colour[green] = meadow * (1 + blades + 0.12 * look_up(tiles.rough, deep[green] * 3, x[green] * 3))[:, None]
        if light.sun_slope and side.sign == light.sun_side:
            height = np.zeros_like(z)
            for stretch in side.stretches:
                height[(z >= stretch.z0) & (z < stretch.z1)] = stretch.height
            shadow[out > side.wall - height * np.float32(light.sun_slope)] *= np.float32(0.6)
    colour *= shadow[..., None]
    canvas.write(0, top, np.ones(x.shape, bool), with_glow(colour), label, z)


def _slabs(x: Floats, z: Floats, pitch: float, f: float, height: float) -> Floats:
    """Return the brightness of paving stones of `pitch` metres at ground points x, z (flat arrays of one length).

    `f` is the camera's focal length in pixels and `height` its height in metres.
    """
    px, pz = z / np.float32(f), z * z / np.float32(f * height)
    joints = np.maximum(_stripe(z % pitch - pitch / 2, 0.03, pz), _stripe(x % pitch - pitch / 2, 0.03, px))
    tiles = noise_tiles()
    stones = 1 + 0.09 * np.clip(1.2 / pz, 0, 1) * look_up(tiles.fine, np.floor(z / pitch) * 7, np.floor(x / pitch) * 13)
    stones += 0.05 * np.clip(0.12 / pz, 0, 1) * look_up(tiles.fine, z * 30, x * 30) + 0.05 * look_up(
        tiles.cloud, z * 3, x * 9
    )
    return np.asarray(stones * (1 - 0.3 * joints), dtype=np.float32)
