"""Trees in leaf and bare, bushes and hedges."""

from dataclasses import dataclass

import numpy as np

from taskwave.semantic.data.streets.canvas import TREE, Canvas, Sketch, tint, with_glow
from taskwave.semantic.data.streets.noise import noise, window

_GREENS = ((70, 96, 44), (84, 104, 50), (56, 84, 50), (98, 108, 48), (60, 76, 40), (120, 104, 46))


@dataclass(frozen=True)
class Tree:
    """A tree of `tall` metres with a crown of radius `crown` at (x, z); `bare` shows branches instead of leaves."""

    x: float
    z: float
    tall: float
    crown: float
    bare: bool

    def draw(self, canvas: Canvas, rng: np.random.Generator) -> None:
        """Paint trunk and crown."""
        camera = canvas.camera
        s = camera.scale(self.z)
        reach = self.crown * 1.35
        (left, top), (right, bottom) = (
            camera.project(self.x - reach, self.tall + 0.3 * self.crown, self.z),
            camera.project(self.x + reach, 0.0, self.z),
        )
        box = canvas.clip(left, top, right, bottom)
        if box is None:
            return
        bark = tint((86, 74, 62), float(rng.uniform(0.6, 1.1)))
        sketch = Sketch(canvas, box, self.z)
        fork = self.tall * float(rng.uniform(0.28, 0.4))
        foot, split = camera.project(self.x, 0, self.z), camera.project(self.x, fork, self.z)
        thick = 0.035 * self.tall * s
        sketch.line([foot, split], bark, TREE, thick)
        self._branches(
            sketch,
            split,
            -np.pi / 2,
            (self.tall - fork) * s * 0.42,
            thick * 0.7,
            (5 if self.z < 30 else 4) if self.bare else 2,
            bark,
            rng,
        )
        sketch.done()
        if not self.bare:
            colour = _GREENS[int(rng.integers(len(_GREENS)))]
            middle = (self.tall + fork * 1.05) / 2
            blob(
                canvas,
                self.x,
                middle,
                self.z,
                self.crown,
                (self.tall - middle),
                tint(colour, float(rng.uniform(0.75, 1.2))),
                rng,
            )

    def _branches(
        self, sketch: Sketch, start: tuple[float, float], angle: float, length: float, width: float, depth: int,
        bark: tuple[int, int, int], rng: np.random.Generator,
    ) -> None:  # fmt: skip
        """Fork recursively; lengths in pixels."""
        if depth == 0 or length < 3:
            return
        for _ in range(3 if depth > 4 else 2):
            turn = angle + float(rng.normal(0, 0.5))
            end = (start[0] + length * float(np.cos(turn)), start[1] + length * float(np.sin(turn)))
            sketch.line([start, end], bark, TREE, width)
            self._branches(sketch, end, turn, length * float(rng.uniform(0.6, 0.8)), width * 0.6, depth - 1, bark, rng)


def blob(
    canvas: Canvas,
    x: float,
    y: float,
    z: float,
    rx: float,
    ry: float,
    colour: tuple[int, int, int],
    rng: np.random.Generator,
) -> None:
    """A ragged, leafy ellipse of radii rx, ry metres about (x, y, z), lit from above."""
    camera = canvas.camera
    s = camera.scale(z)
    u, v = camera.project(x, y, z)
    box = canvas.clip(u - rx * s * 1.3, v - ry * s * 1.3, u + rx * s * 1.3, v + ry * s * 1.3)
    if box is None:
        return
    rows, cols = box[3] - box[1], box[2] - box[0]
    du = (np.arange(box[0], box[2], dtype=np.float32) + 0.5 - np.float32(u)) / np.float32(rx * s)
    dv = (np.arange(box[1], box[3], dtype=np.float32)[:, None] + 0.5 - np.float32(v)) / np.float32(ry * s)
    clumps = window(noise().rough, rows, cols, 22 / s, rng)
    leaves = window(noise().fine, rows, cols, max(9 / s, 0.25), rng)
    mask = du * du + dv * dv + 0.22 * clumps + 0.13 * leaves < 1.0
    bright = 0.92 - 0.32 * dv + 0.22 * clumps + 0.2 * leaves
    paint = with_glow(np.asarray(colour, np.float32) * bright[..., None])
    canvas.write(box[0], box[1], mask, paint, TREE, z)


@dataclass(frozen=True)
class Bush:
    """A bush at (x, z), `tall` high and about as wide."""

    x: float
    z: float
    tall: float
    wide: float

    def draw(self, canvas: Canvas, rng: np.random.Generator) -> None:
        """Paint the bush."""
        colour = _GREENS[int(rng.integers(len(_GREENS)))]
        blob(
            canvas,
            self.x,
            self.tall * 0.5,
            self.z,
            self.wide,
            self.tall * 0.55,
            tint(colour, float(rng.uniform(0.7, 1.0))),
            rng,
        )
