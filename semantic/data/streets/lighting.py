"""Time of day and weather, and the exposure that turns surface colours into an image."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from taskwave.semantic.data.streets.canvas import SKY_DEPTH, Bytes, Canvas, Floats
from taskwave.semantic.data.streets.noise import crop, noise_tiles
from taskwave.semantic.data.streets.weather import add_streaks, wet_ground

Rgb = tuple[float, float, float]
DayTime = Literal["sun", "overcast", "dusk", "night"]


@dataclass(frozen=True)
class Light:
    """Describes the linear light of one street scene."""

    time: DayTime
    ambient: Rgb
    """Colour of the light that comes from everywhere."""
    sun: Rgb
    """Colour of the light of the sun."""
    sun_side: int
    """Side on which the sun stands: -1 left, +1 right."""
    sun_slope: float
    """Metres of shadow that a metre of height casts across the street; 0 without sun."""
    zenith: Rgb
    """Colour of the sky overhead."""
    horizon: Rgb
    """Colour of the sky at the horizon, and of haze."""
    haze_m: float
    """Depth in metres at which haze leaves 1/e of the light."""
    lamps: bool
    """Whether lamps are on."""
    rain: bool = False
    """Whether it rains."""


@dataclass(frozen=True)
class PointLight:
    """Describes the light of a lamp at (x, y, z) metres."""

    x: float
    y: float
    z: float
    colour: Rgb
    """Linear colour of the light."""
    reach: float
    """Strength in metres; the light at distance d is its colour times reach² / (d² + 6 m²)."""


def draw_light(rng: np.random.Generator) -> Light:
    """Draw weather and time of day: about 40 % sun, 30 % overcast, 14 % dusk, 16 % night; 15 % of all is rain."""
    light = _draw_time(rng)
    rain = rng.random() < {"sun": 0.0, "overcast": 0.3, "dusk": 0.2, "night": 0.2}[light.time]
    return replace(light, rain=rain, haze_m=light.haze_m * (0.45 if rain else 1.0))


def _draw_time(rng: np.random.Generator) -> Light:
    """Draw a time of day and its light in dry weather."""
    time: DayTime = ("sun", "overcast", "dusk", "night")[int(rng.choice(4, p=(0.40, 0.30, 0.14, 0.16)))]
    side = int(rng.choice((-1, 1)))
    k = float(rng.uniform(0.85, 1.15))
    haze = float(rng.uniform(250, 1200))
    if time == "sun":
        blue = float(rng.uniform(0, 1))
        return Light(
            time,
            ambient=(0.44 * k, 0.47 * k, 0.54 * k),
            sun=(1.1 * k, 1.0 * k, 0.84 * k),
            sun_side=side,
            sun_slope=float(rng.uniform(0.3, 1.6)),
            zenith=(0.55 - 0.4 * blue, 0.68 - 0.32 * blue, 0.95 - 0.1 * blue),
            horizon=(0.86, 0.92, 0.97),
            haze_m=haze,
            lamps=False,
        )
    if time == "overcast":
        grey = float(rng.uniform(0.55, 1.0))
        return Light(
            time,
            ambient=(0.78 * k, 0.8 * k, 0.84 * k),
            sun=(0.1, 0.1, 0.1),
            sun_side=side,
            sun_slope=0.0,
            zenith=(0.8 * grey, 0.84 * grey, 0.9 * grey),
            horizon=(0.95 * grey, 0.96 * grey, 0.98 * grey),
            haze_m=haze * 0.6,
            lamps=False,
        )
    if time == "dusk":
        return Light(
            time,
            ambient=(0.30 * k, 0.27 * k, 0.33 * k),
            sun=(0.42, 0.24, 0.12),
            sun_side=side,
            sun_slope=0.0,
            zenith=(0.16, 0.2, 0.38),
            horizon=(0.95, 0.55, 0.30),
            haze_m=haze * 0.7,
            lamps=True,
        )
    return Light(
        time,
        ambient=(0.050 * k, 0.055 * k, 0.085 * k),
        sun=(0.0, 0.0, 0.0),
        sun_side=side,
        sun_slope=0.0,
        zenith=(0.006, 0.009, 0.022),
        horizon=(0.05, 0.04, 0.035),
        haze_m=haze,
        lamps=True,
    )


def _lamp_light(canvas: Canvas, lamps: list[PointLight], headlights: bool) -> Floats:
    """Return the light of the lamps [rows/2, cols/2, 3], at half the resolution of the canvas."""
    camera = canvas.camera
    depth = np.minimum(canvas.depth[::2, ::2], 300.0)
    u = (np.arange(0, camera.cols, 2, dtype=np.float32) + 1 - np.float32(camera.u0)) / np.float32(camera.f)
    v = (np.arange(0, camera.rows, 2, dtype=np.float32)[:, None] + 1 - np.float32(camera.v0)) / np.float32(camera.f)
    x, y = u * depth, np.float32(camera.height) - v * depth
    total = np.zeros((*depth.shape, 3), np.float32)
    for lamp in lamps:
        square = (x - np.float32(lamp.x)) ** 2 + (y - np.float32(lamp.y)) ** 2 + (depth - np.float32(lamp.z)) ** 2
        # Lamps shine downwards, so what is well above them gets no light.
        power = np.float32(lamp.reach**2) / (square + np.float32(6.0)) * (y < lamp.y + 0.5)
        total += power[..., None] * np.asarray(lamp.colour, np.float32)
    if headlights:
        beam = np.exp(-((x / (1.2 + 0.16 * depth)) ** 2)) * np.exp(-np.maximum(y - 0.8, 0) * 1.2)
        total += (beam * 30 / (depth**1.5 + 20))[..., None] * np.array((0.5, 0.5, 0.46), np.float32)
    return total


def majority(label: Bytes) -> Bytes:
    """Return the most frequent id of every 2 x 2 block of a label map [2H, 2W] as [H, W]."""
    a, b, c, d = label[::2, ::2], label[::2, 1::2], label[1::2, ::2], label[1::2, 1::2]
    return np.where((b == c) | (b == d), b, np.where(c == d, c, a))


def expose(canvas: Canvas, light: Light, lamps: list[PointLight], rng: np.random.Generator) -> Bytes:
    """Return the pixels [H, W, 3], uint8, of a canvas of 2H x 2W after light, haze, bloom, lens and sensor."""
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
    if light.rain:
        wet_ground(canvas, lit, rng)
    veil = (1 - np.exp(-canvas.depth[::2, ::2] / np.float32(light.haze_m)))[..., None] * ~sky
    lit += (np.asarray(light.horizon, np.float32) * np.float32(0.8) - lit) * veil
    if light.rain:
        add_streaks(lit, rng)
    return _sensor(lit, light, rng)


def _sensor(lit: Floats, light: Light, rng: np.random.Generator) -> Bytes:
    """Return the pixels, uint8, that a sensor makes of linear light [H, W, 3].

    Exposure, vignette, mild blur, shot and read noise, gamma and 8-bit rounding are applied in this order.
    """
    rows, cols = lit.shape[:2]
    gain = float(rng.uniform(0.8, 1.25)) * {"sun": 1.0, "overcast": 1.05, "dusk": 1.5, "night": 1.7}[light.time]
    v = np.linspace(-1, 1, rows, dtype=np.float32)[:, None]
    u = np.linspace(-1, 1, cols, dtype=np.float32)
    vignette = 1 - np.float32(rng.uniform(0, 0.25)) * (u * u + v * v) / 2
    balance = np.asarray(rng.uniform(0.95, 1.05, 3), np.float32)
    exposed = lit * (vignette[..., None] * (gain * balance))
    exposed /= 1 + 0.25 * exposed  # A soft shoulder replaces hard clipping.
    blur = float(rng.uniform(0.0, 0.55))
    if blur > 0.3:
        exposed = gaussian_filter(exposed, (blur, blur, 0), truncate=2.5)
    shot = float(rng.uniform(0.003, 0.011)) * (1.6 if light.lamps else 1.0)
    exposed = np.sqrt(np.maximum(exposed, 0)) * np.float32(255 * 1.2**0.5)
    for channel in range(3):
        exposed[..., channel] += crop(noise_tiles().fine, rows, cols, 1.0, rng) * np.float32(255 * shot)
    out: Bytes = np.clip(exposed + 0.5, 0, 255).astype(np.uint8)
    return out
