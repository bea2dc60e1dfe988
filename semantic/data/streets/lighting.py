"""Time of day and weather, and how they turn surface colours into a photograph."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from taskwave.semantic.data.streets.canvas import SKY_DEPTH, Bytes, Canvas, Floats
from taskwave.semantic.data.streets.noise import noise, window

Rgb = tuple[float, float, float]
DayTime = Literal["sun", "overcast", "dusk", "night"]


@dataclass(frozen=True)
class Light:
    """Linear light of one scene; `sun_side` is -1 when the sun stands on the left, +1 on the right."""

    time: DayTime
    ambient: Rgb
    sun: Rgb
    sun_side: int
    sun_slope: float
    """Metres of shadow a metre of height casts across the street; 0 without sun."""
    zenith: Rgb
    horizon: Rgb
    haze_m: float
    lamps: bool


@dataclass(frozen=True)
class PointLight:
    """A lamp at (x, y, z) metres."""

    x: float
    y: float
    z: float
    colour: Rgb
    reach: float


def draw_light(rng: np.random.Generator) -> Light:
    """A random time of day: about 40 % sun, 30 % overcast, 14 % dusk, 16 % night."""
    time: DayTime = ("sun", "overcast", "dusk", "night")[int(rng.choice(4, p=(0.40, 0.30, 0.14, 0.16)))]
    side = int(rng.choice((-1, 1)))
    k = float(rng.uniform(0.85, 1.15))
    haze = float(rng.uniform(250, 1200))
    if time == "sun":
        blue = float(rng.uniform(0, 1))
        zenith = (0.55 - 0.4 * blue, 0.68 - 0.32 * blue, 0.95 - 0.1 * blue)
        return Light(
            time,
            (0.44 * k, 0.47 * k, 0.54 * k),
            (1.1 * k, 1.0 * k, 0.84 * k),
            side,
            float(rng.uniform(0.3, 1.6)),
            zenith,
            (0.86, 0.92, 0.97),
            haze,
            False,
        )
    if time == "overcast":
        grey = float(rng.uniform(0.55, 1.0))
        return Light(
            time,
            (0.78 * k, 0.8 * k, 0.84 * k),
            (0.1, 0.1, 0.1),
            side,
            0.0,
            (0.8 * grey, 0.84 * grey, 0.9 * grey),
            (0.95 * grey, 0.96 * grey, 0.98 * grey),
            haze * 0.6,
            False,
        )
    if time == "dusk":
        return Light(
            time,
            (0.30 * k, 0.27 * k, 0.33 * k),
            (0.42, 0.24, 0.12),
            side,
            0.0,
            (0.16, 0.2, 0.38),
            (0.95, 0.55, 0.30),
            haze * 0.7,
            True,
        )
    return Light(
        time,
        (0.050 * k, 0.055 * k, 0.085 * k),
        (0.0, 0.0, 0.0),
        side,
        0.0,
        (0.006, 0.009, 0.022),
        (0.05, 0.04, 0.035),
        haze,
        True,
    )


def _lamp_light(canvas: Canvas, lamps: list[PointLight], headlights: bool) -> Floats:
    """Light of the lamps [rows/2, cols/2, 3], at half the canvas' resolution."""
    camera = canvas.camera
    depth = np.minimum(canvas.depth[::2, ::2], 300.0)
    u = (np.arange(0, camera.cols, 2, dtype=np.float32) + 1 - np.float32(camera.u0)) / np.float32(camera.f)
    v = (np.arange(0, camera.rows, 2, dtype=np.float32)[:, None] + 1 - np.float32(camera.v0)) / np.float32(camera.f)
    x, y = u * depth, np.float32(camera.height) - v * depth
    total = np.zeros((*depth.shape, 3), np.float32)
    for lamp in lamps:
        square = (x - np.float32(lamp.x)) ** 2 + (y - np.float32(lamp.y)) ** 2 + (depth - np.float32(lamp.z)) ** 2
        # Lamps shine downwards: what is well above them gets nothing.
        power = np.float32(lamp.reach**2) / (square + np.float32(6.0)) * (y < lamp.y + 0.5)
        total += power[..., None] * np.asarray(lamp.colour, np.float32)
    if headlights:
        beam = np.exp(-((x / (1.2 + 0.16 * depth)) ** 2)) * np.exp(-np.maximum(y - 0.8, 0) * 1.2)
        total += (beam * 30 / (depth**1.5 + 20))[..., None] * np.array((0.5, 0.5, 0.46), np.float32)
    return total


def majority(label: Bytes) -> Bytes:
    """The most frequent id of every 2 x 2 block."""
    a, b, c, d = label[::2, ::2], label[::2, 1::2], label[1::2, ::2], label[1::2, 1::2]
    return np.where((b == c) | (b == d), b, np.where(c == d, c, a))


def expose(canvas: Canvas, light: Light, lamps: list[PointLight], rng: np.random.Generator) -> Bytes:
    """Light, haze, bloom, lens and sensor: canvas of 2H x 2W to an [H, W, 3] photograph, 8 bit."""
    paint = np.asarray(Image.fromarray(canvas.paint, "RGBX").reduce(2)).astype(np.float32) * np.float32(1 / 255)
    linear, glow = paint[..., :3] ** 2, paint[..., 3:]
    sky = (canvas.depth[::2, ::2] >= SKY_DEPTH)[..., None]
    total = np.asarray(light.ambient, np.float32) + np.float32(0.5) * np.asarray(light.sun, np.float32)
    if light.lamps:
        total = total + _lamp_light(canvas, lamps, headlights=light.time == "night")
    emitted = linear * glow
    lit = (linear - emitted) * total + emitted
    if light.lamps:
        bloom = emitted * (np.float32(1.2) * ~sky)
        lit += bloom + np.float32(0.8) * gaussian_filter(bloom, (3, 3, 0), truncate=2.5)
    veil = (1 - np.exp(-canvas.depth[::2, ::2] / np.float32(light.haze_m)))[..., None] * ~sky
    lit += (np.asarray(light.horizon, np.float32) * np.float32(0.8) - lit) * veil
    return _sensor(lit, light, rng)


def _sensor(lit: Floats, light: Light, rng: np.random.Generator) -> Bytes:
    """Exposure, vignette, mild blur, shot and read noise, gamma and 8-bit rounding of linear light [H, W, 3]."""
    rows, cols = lit.shape[:2]
    gain = float(rng.uniform(0.8, 1.25)) * {"sun": 1.0, "overcast": 1.05, "dusk": 1.5, "night": 1.7}[light.time]
    v = np.linspace(-1, 1, rows, dtype=np.float32)[:, None]
    u = np.linspace(-1, 1, cols, dtype=np.float32)
    vignette = 1 - np.float32(rng.uniform(0, 0.25)) * (u * u + v * v) / 2
    balance = np.asarray(rng.uniform(0.95, 1.05, 3), np.float32)
    picture = lit * (vignette[..., None] * (gain * balance))
    picture /= 1 + 0.25 * picture  # soft shoulder instead of hard clipping
    blur = float(rng.uniform(0.0, 0.55))
    if blur > 0.3:
        picture = gaussian_filter(picture, (blur, blur, 0), truncate=2.5)
    shot = float(rng.uniform(0.003, 0.011)) * (1.6 if light.lamps else 1.0)
    picture = np.sqrt(np.maximum(picture, 0)) * np.float32(255 * 1.2**0.5)
    for channel in range(3):
        picture[..., channel] += window(noise().fine, rows, cols, 1.0, rng) * np.float32(255 * shot)
    out: Bytes = np.clip(picture + 0.5, 0, 255).astype(np.uint8)
    return out
