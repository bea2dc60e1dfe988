"""Street furniture on the pavement: lamps, bollards and fences."""

from dataclasses import dataclass

import numpy as np

from taskwave.semantic.data.streets.canvas import (
    FENCE,
    POLE,
    Camera,
    Canvas,
    Colour,
    Sketch,
    tint,
    with_glow,
)


def post_sketch(canvas: Canvas, x: float, z: float, tall: float, half: float) -> Sketch | None:
    """Return a sketch of a post of `tall` metres and what sticks out `half` metres, or None outside the image."""
    camera = canvas.camera
    (left, top), (right, bottom) = camera.project(x - half, tall, z), camera.project(x + half, 0.0, z)
    box = canvas.clip(left - 2, top - 2, right + 2, bottom)
    return None if box is None else Sketch(canvas, box, z)


@dataclass(frozen=True)
class Bar:
    """Describes an upright bar at (x, z) with a lighter and a darker half; lengths in metres."""

    x: float
    z: float
    low: float
    """Height of the lower end."""
    high: float
    """Height of the upper end."""
    wide: float
    """Width of the bar."""
    colour: Colour

    def add(self, sketch: Sketch, camera: Camera) -> None:
        """Add the bar to a sketch."""
        half = max(self.wide * camera.scale(self.z) / 2, 0.9)
        (u, top), (_, bottom) = camera.project(self.x, self.high, self.z), camera.project(self.x, self.low, self.z)
        sketch.polygon([(u - half, top), (u + half, top), (u + half, bottom), (u - half, bottom)], self.colour, POLE)
        if half > 1.6:
            sketch.polygon([(u - half, top), (u, top), (u, bottom), (u - half, bottom)], tint(self.colour, 1.3), POLE)


@dataclass(frozen=True)
class Lamp:
    """Describes a street lamp at (x, z) whose arm reaches towards the road; lengths in metres."""

    x: float
    z: float
    tall: float
    """Height of the post."""
    towards: int
    """Direction of the arm along X, -1 or +1."""
    on: bool
    """Whether the lamp is on."""
    colour: Colour
    """Colour of post and arm."""

    @property
    def head(self) -> tuple[float, float, float]:
        """Position (x, y, z) of the light in metres."""
        return self.x + self.towards * 1.1, self.tall + 0.1, self.z

    def paint(self, canvas: Canvas, rng: np.random.Generator) -> None:
        """Paint post, arm and head."""
        sketch = post_sketch(canvas, self.x, self.z, self.tall + 0.5, 1.7)
        if sketch is None:
            return
        camera, s = canvas.camera, canvas.camera.scale(self.z)
        Bar(self.x, self.z, low=0.0, high=1.2, wide=0.24, colour=self.colour).add(sketch, camera)
        Bar(self.x, self.z, low=1.2, high=self.tall, wide=0.15, colour=self.colour).add(sketch, camera)
        arm = [
            camera.project(self.x + self.towards * a, self.tall + b, self.z)
            for a, b in ((0, 0), (0.3, 0.2), (1.0, 0.25))
        ]
        sketch.line(arm, self.colour, POLE, 0.1 * s)
        centre = camera.project(*self.head)
        warm = tint((255, 226, 170), float(rng.uniform(0.9, 1.0)))
        radii = (max(0.34 * s, 1.5), max(0.12 * s, 1.0))
        sketch.ellipse(centre, radii, warm if self.on else (150, 150, 148), POLE, 255 if self.on else 0)
        sketch.done()


@dataclass(frozen=True)
class Bollard:
    """Describes a short post at (x, z) metres."""

    x: float
    z: float
    colour: Colour

    def paint(self, canvas: Canvas, rng: np.random.Generator) -> None:
        """Paint the bollard."""
        sketch = post_sketch(canvas, self.x, self.z, 1.05, 0.2)
        if sketch is None:
            return
        wide = 0.16 * float(rng.uniform(0.8, 1.5))
        Bar(self.x, self.z, low=0.0, high=1.0, wide=wide, colour=self.colour).add(sketch, canvas.camera)
        Bar(self.x, self.z, low=0.75, high=0.85, wide=0.16, colour=(220, 220, 216)).add(sketch, canvas.camera)
        sketch.done()


@dataclass(frozen=True)
class Railing:
    """Describes a fence along the street from z0 to z1 at X = x; lengths in metres.

    The whole panel is labelled fence, gaps included, as annotators of street photographs do.
    """

    x: float
    z0: float
    z1: float
    tall: float
    """Height of the fence."""
    closed: bool
    """Whether it is of closed boards, else of bars with gaps."""
    colour: Colour

    @property
    def z(self) -> float:
        """Depth of the near end, which orders the painting."""
        return self.z0

    def paint(self, canvas: Canvas, rng: np.random.Generator) -> None:
        """Paint the fence; what shows through its gaps keeps its colour."""
        camera = canvas.camera
        near = max(self.z0, camera.edge_depth(self.x))
        if near >= self.z1:
            return
        a, b = camera.project(self.x, self.tall, near), camera.project(self.x, 0, near)
        c, d = camera.project(self.x, 0, self.z1), camera.project(self.x, self.tall, self.z1)
        us, vs = (a[0], b[0], c[0], d[0]), (a[1], b[1], c[1], d[1])
        box = canvas.clip(min(us), min(vs), max(us), max(vs))
        if box is None:
            return
        first, last = box[0], box[2]
        z = np.clip(camera.column_depth(self.x, first, last), near, self.z1)
        v = np.arange(box[1], box[3], dtype=np.float32)[:, None] + np.float32(0.5 - camera.v0)
        y = np.float32(camera.height) - v * (z / np.float32(camera.f))
        panel = (y >= 0.0) & (y < self.tall)
        pixel = z * z / np.float32(camera.f * abs(self.x))
        bar = (z % 0.15) < 0.05
        rail = (np.abs(y - 0.12) < 0.05) | (np.abs(y - self.tall + 0.05) < 0.05)
        post = (z % 2.0) < 0.14
        at = np.s_[box[1] : box[3], first:last]
        behind = canvas.paint[at][..., :3].astype(np.float32)
        ink = np.asarray(self.colour, np.float32)
        if self.closed:
            cover = np.where((z % 0.2) < 0.03, 0.75, 1.0) * (1 + 0.08 * np.sin(z * 7)) * np.ones_like(y)
            colour = ink * cover[..., None].astype(np.float32)
        else:
            solid = np.where(rail | post, 1.0, np.where(pixel > 0.1, 0.45, bar))
            colour = behind + (ink - behind) * solid[..., None].astype(np.float32)
        # Things are still seen between bars, though the class there is fence.
        codes = np.full(y.shape, FENCE) if self.closed else canvas.codes[at] & ~15 | FENCE
        canvas.write(first, box[1], panel, with_glow(colour), codes, np.broadcast_to(z, y.shape))
