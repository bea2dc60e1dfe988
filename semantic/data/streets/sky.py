"""Sky with clouds, and the skyline at the end of the street."""

import numpy as np

from taskwave.semantic.data.streets.canvas import BUILDING, TREE, Canvas, tint, with_glow
from taskwave.semantic.data.streets.lighting import Light
from taskwave.semantic.data.streets.noise import crop, look_up, noise_tiles
from taskwave.semantic.data.streets.plan import Street


def paint_sky(canvas: Canvas, light: Light, rng: np.random.Generator) -> None:
    """Paint sky down to just below the horizon; its colours are emitted light."""
    camera = canvas.camera
    bottom = min(int(camera.v0) + 8, camera.rows) // 2 * 2
    # Half the resolution of the canvas is enough, because nothing in the sky is sharp.
    v = np.arange(1, bottom, 2, dtype=np.float32)[:, None]
    up = np.maximum((np.float32(camera.v0) - v) / np.float32(camera.f), 0)
    blend = (1 - np.exp(-up * 3.2))[..., None]
    horizon, zenith = np.asarray(light.horizon, np.float32), np.asarray(light.zenith, np.float32)
    linear = horizon + (zenith - horizon) * blend
    # Clouds lie on a plane overhead, so they look the flatter, the lower in the image they are.
    u = np.arange(1, camera.cols, 2, dtype=np.float32) - np.float32(camera.u0)
    stretch = 1 / (up + 0.25)
    first = rng.integers(0, 256, 2)
    cloud = look_up(noise_tiles().cloud, stretch * 60 + first[0], u * stretch * 0.16 + first[1])
    cloud = cloud + 0.35 * look_up(noise_tiles().rough, stretch * 120 + first[1], u * stretch * 0.4 + first[0])
    cover = float(rng.uniform(-0.8, 1.6)) if light.time != "overcast" else 0.0
    if light.time == "overcast":
        linear = linear * (1 + 0.13 * np.clip(cloud, -2, 2)[..., None])
    else:
        lit = {"sun": (0.95, 0.95, 0.95), "dusk": (0.6, 0.4, 0.36), "night": (0.03, 0.028, 0.03)}[light.time]
        density = np.clip(0.4 * (cloud - cover), 0, 0.8)[..., None]
        linear = linear + (np.asarray(lit, np.float32) - linear) * density
    sky = with_glow(np.sqrt(linear) * 255, 255).view(np.uint32)[..., 0]
    canvas.paint.view(np.uint32)[:bottom, :, 0] = sky.repeat(2, 0).repeat(2, 1)


def paint_skyline(canvas: Canvas, street: Street, light: Light, rng: np.random.Generator) -> None:
    """Paint the houses and trees that close the view at the end of the street."""
    camera = canvas.camera
    z = street.end
    cols = np.arange(camera.cols)
    x = (cols - camera.u0) * z / camera.f
    plots = np.floor((x + rng.uniform(0, 20)) / float(rng.uniform(9, 16))).astype(int)
    plots -= plots.min()
    heights = rng.uniform(5, 13, plots.max() + 1)
    shades = rng.uniform(0.75, 1.1, plots.max() + 1)
    tone = np.asarray((rng.uniform(105, 160), rng.uniform(95, 140), rng.uniform(85, 130)))
    top = camera.v0 - (heights[plots] - camera.height) * camera.f / z
    leafy = 6 + 2.0 * crop(noise_tiles().cloud, 1, camera.cols, 4 / camera.scale(z), rng)[0]
    leafy += 0.5 * crop(noise_tiles().rough, 1, camera.cols, 6 / camera.scale(z), rng)[0]
    woods = float(rng.uniform(-1.2, 1.6))
    leaf_top = camera.v0 - (leafy + woods * 2 - camera.height) * camera.f / z
    first = max(int(min(top.min(), leaf_top.min())), 0)
    last = min(int(camera.v0 + camera.height * camera.f / z) + 2, camera.rows)
    v = np.arange(first, last)[:, None]
    shape = (last - first, camera.cols)
    house, wood = v >= top, v >= leaf_top
    rows = ((v - top) / camera.scale(z) % 3.0 > 1.2) & ((x % 2.6) > 1.3) & (v - top > 2)
    colour = np.empty((*shape, 3), np.float32)
    colour[:] = tone * shades[plots][:, None]
    colour[rows] *= 0.6
    lit = rows & (rng.random((1, camera.cols)) < 0.3) & light.lamps
    colour[lit] = (230, 190, 120)
    leaf = np.asarray(tint((62, 84, 44), float(rng.uniform(0.8, 1.2))))
    texture = 1 + 0.25 * crop(noise_tiles().fine, shape[0], shape[1], 1.0, rng)
    colour = np.where(wood[..., None], leaf * texture[..., None], colour)
    label = np.where(wood, TREE, BUILDING).astype(np.uint8)
    glow = (lit & ~wood).astype(np.uint8) * np.uint8(220)
    canvas.write(0, first, house | wood, with_glow(colour, glow), label, z)
