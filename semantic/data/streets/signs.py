"""Road signs, hoardings and traffic lights."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from taskwave.semantic.data.streets.canvas import SIGN, Canvas, tint
from taskwave.semantic.data.streets.furniture import draw_bar, post_sketch

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
