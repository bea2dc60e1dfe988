"""What stands on the pavement: lamps and bollards."""

from dataclasses import dataclass

import numpy as np

from taskwave.semantic.data.streets.canvas import POLE, Canvas, Colour, Sketch, tint


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
