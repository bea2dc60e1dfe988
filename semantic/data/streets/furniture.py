"""What stands on the pavement: lamps, bollards, fences, road signs and traffic lights."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from taskwave.semantic.data.streets.canvas import FENCE, POLE, SIGN, Canvas, Colour, Sketch, tint, with_glow


def post_sketch(canvas: Canvas, x: float, z: float, tall: float, half: float) -> Sketch | None:
    """A sketch that holds a post of `tall` metres and what sticks out `half` metres, None outside the picture."""
    camera = canvas.camera
    (left, top), (right, bottom) = camera.project(x - half, tall, z), camera.project(x + half, 0.0, z)
    box = canvas.clip(left - 2, top - 2, right + 2, bottom)
    return None if box is None else Sketch(canvas, box, z)


def draw_bar(
    sketch: Sketch, canvas: Canvas, x: float, z: float, low: float, high: float, wide: float, colour: Colour
) -> None:
    """An upright bar with a lighter and a darker half."""
    half = max(wide * canvas.camera.scale(z) / 2, 0.9)
    (u, top), (_, bottom) = canvas.camera.project(x, high, z), canvas.camera.project(x, low, z)
    sketch.polygon([(u - half, top), (u + half, top), (u + half, bottom), (u - half, bottom)], colour, POLE)
    if half > 1.6:
        sketch.polygon([(u - half, top), (u, top), (u, bottom), (u - half, bottom)], tint(colour, 1.3), POLE)


@dataclass(frozen=True)
class Lamp:
    """A street lamp whose arm reaches towards the road (`towards` is -1 or +1)."""

    x: float
    z: float
    tall: float
    towards: int
    on: bool
    colour: Colour

    @property
    def head(self) -> tuple[float, float, float]:
        """Place of the light, metres."""
        return self.x + self.towards * 1.1, self.tall + 0.1, self.z

    def draw(self, canvas: Canvas, rng: np.random.Generator) -> None:
        """Paint post, arm and head."""
        sketch = post_sketch(canvas, self.x, self.z, self.tall + 0.5, 1.7)
        if sketch is None:
            return
        camera, s = canvas.camera, canvas.camera.scale(self.z)
        draw_bar(sketch, canvas, self.x, self.z, 0.0, 1.2, 0.24, self.colour)
        draw_bar(sketch, canvas, self.x, self.z, 1.2, self.tall, 0.15, self.colour)
        arm = [
            camera.project(self.x + self.towards * a, self.tall + b, self.z)
            for a, b in ((0, 0), (0.3, 0.2), (1.0, 0.25))
        ]
        sketch.line(arm, self.colour, POLE, 0.1 * s)
        centre = camera.project(*self.head)
        warm = tint((255, 226, 170), float(rng.uniform(0.9, 1.0)))
        sketch.ellipse(
            centre,
            max(0.34 * s, 1.5),
            max(0.12 * s, 1.0),
            warm if self.on else (150, 150, 148),
            POLE,
            255 if self.on else 0,
        )
        sketch.done()


@dataclass(frozen=True)
class Bollard:
    """A short post."""

    x: float
    z: float
    colour: Colour

    def draw(self, canvas: Canvas, rng: np.random.Generator) -> None:
        """Paint the bollard."""
        sketch = post_sketch(canvas, self.x, self.z, 1.05, 0.2)
        if sketch is None:
            return
        draw_bar(sketch, canvas, self.x, self.z, 0.0, 1.0, 0.16 * float(rng.uniform(0.8, 1.5)), self.colour)
        draw_bar(sketch, canvas, self.x, self.z, 0.75, 0.85, 0.16, (220, 220, 216))
        sketch.done()


@dataclass(frozen=True)
class Railing:
    """A fence along the street from z0 to z1 at X = x: bars with gaps, or closed boards.

    The whole panel is labelled fence, gaps included, as annotators of street scenes do.
    """

    x: float
    z0: float
    z1: float
    tall: float
    closed: bool
    colour: Colour

    @property
    def z(self) -> float:
        """Depth for the painter's order."""
        return self.z0

    def draw(self, canvas: Canvas, rng: np.random.Generator) -> None:
        """Paint the fence panel by panel; what shows through its gaps keeps its colour."""
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
            picture = ink * cover[..., None].astype(np.float32)
        else:
            solid = np.where(rail | post, 1.0, np.where(pixel > 0.1, 0.45, bar))
            picture = behind + (ink - behind) * solid[..., None].astype(np.float32)
        canvas.write(first, box[1], panel, with_glow(picture), FENCE, np.broadcast_to(z, y.shape))


SignKind = Literal["disc", "triangle", "board", "lights"]


@dataclass(frozen=True)
class Sign:
    """A road sign, hoarding or traffic light on a post."""

    x: float
    z: float
    kind: SignKind
    tall: float
    wide: float
    night: bool

    def draw(self, canvas: Canvas, rng: np.random.Generator) -> None:
        """Paint post and plate."""
        sketch = post_sketch(canvas, self.x, self.z, self.tall + self.wide, self.wide)
        if sketch is None:
            return
        camera, s = canvas.camera, canvas.camera.scale(self.z)
        low = self.tall - (0.9 if self.kind == "lights" else self.wide / 2)
        draw_bar(sketch, canvas, self.x, self.z, 0.0, low, 0.11, tint((120, 122, 124), float(rng.uniform(0.5, 1.1))))
        u, v = camera.project(self.x, self.tall, self.z)
        r = self.wide / 2 * s
        shine = 60 if self.night else 0  # retroreflective foil
        if self.kind == "disc":
            blue = rng.random() < 0.35
            sketch.ellipse((u, v), r, r, (40, 80, 170) if blue else (196, 32, 36), SIGN, shine)
            sketch.ellipse((u, v), r * 0.72, r * 0.72, (40, 80, 170) if blue else (232, 232, 230), SIGN, shine)
            mark = (235, 235, 235) if blue else (30, 30, 30)
            sketch.polygon([(u - r * 0.3, v - r * 0.4), (u + r * 0.3, v - r * 0.4), (u, v + r * 0.45)], mark, SIGN)
        elif self.kind == "triangle":
            for k, colour in ((1.0, (196, 32, 36)), (0.62, (236, 236, 232))):
                up = [(u - r * k, v + r * 0.8 * k), (u + r * k, v + r * 0.8 * k), (u, v - r * k)]
                sketch.polygon(up, colour, SIGN, shine)
        elif self.kind == "board":
            face = ((38, 84, 160), (30, 100, 70), (225, 222, 214), (200, 50, 44), (226, 190, 60))[int(rng.integers(5))]
            h = r * float(rng.uniform(0.6, 1.3))
            sketch.polygon(
                [(u - r, v - h), (u + r, v - h), (u + r, v + h), (u - r, v + h)], (236, 236, 236), SIGN, shine
            )
            inner = [
                (u - r * 0.9, v - h * 0.88),
                (u + r * 0.9, v - h * 0.88),
                (u + r * 0.9, v + h * 0.88),
                (u - r * 0.9, v + h * 0.88),
            ]
            sketch.polygon(inner, face, SIGN, shine)
            ink = (240, 240, 236) if sum(face) < 420 else (40, 40, 46)
            for row in (-0.45, 0.0, 0.45):
                half = r * float(rng.uniform(0.35, 0.75))
                sketch.line([(u - half, v + row * h), (u + half, v + row * h)], ink, SIGN, h * 0.18)
        else:
            sketch.polygon([(u - 0.17 * s, v - 0.5 * s), (u + 0.17 * s, v - 0.5 * s), (u + 0.17 * s, v + 0.5 * s),
                            (u - 0.17 * s, v + 0.5 * s)], (26, 28, 28), SIGN)  # fmt: skip
            lit = int(rng.integers(3))
            for i, colour in enumerate(((255, 50, 40), (255, 180, 40), (60, 240, 150))):
                ink = colour if i == lit else tint(colour, 0.25)
                sketch.ellipse((u, v + (i - 1) * 0.3 * s), 0.11 * s, 0.11 * s, ink, SIGN, 255 if i == lit else 0)
        sketch.done()
