"""Trees in leaf and bare, and bushes."""

from dataclasses import dataclass

import numpy as np

from taskwave.semantic.data.streets.canvas import TREE, Camera, Canvas, Colour, Point, Sketch, tint, with_glow
from taskwave.semantic.data.streets.noise import crop, noise_tiles

_GREENS = ((70, 96, 44), (84, 104, 50), (56, 84, 50), (98, 108, 48), (60, 76, 40), (120, 104, 46))


@dataclass(frozen=True)
class _Foliage:
    """Describes a ragged, leafy ellipse about (x, y, z), lit from above; lengths in metres."""

    x: float
    y: float
    z: float
    rx: float
    """Horizontal radius."""
    ry: float
    """Vertical radius."""
    colour: Colour

    def paint(self, canvas: Canvas, rng: np.random.Generator) -> None:
        """Paint the leaves."""
        camera = canvas.camera
        s = camera.scale(self.z)
        u, v = camera.project(self.x, self.y, self.z)
        half_width, half_height = self.rx * s, self.ry * s
        reach = (half_width * 1.3, half_height * 1.3)
        box = canvas.clip(u - reach[0], v - reach[1], u + reach[0], v + reach[1])
        if box is None:
            return
        rows, cols = box[3] - box[1], box[2] - box[0]
        du = (np.arange(box[0], box[2], dtype=np.float32) + 0.5 - np.float32(u)) / np.float32(half_width)
        dv = (np.arange(box[1], box[3], dtype=np.float32)[:, None] + 0.5 - np.float32(v)) / np.float32(half_height)
        clumps = crop(noise_tiles().rough, rows, cols, 22 / s, rng)
        leaves = crop(noise_tiles().fine, rows, cols, max(9 / s, 0.25), rng)
        mask = du * du + dv * dv + 0.22 * clumps + 0.13 * leaves < 1.0
        bright = 0.92 - 0.32 * dv + 0.22 * clumps + 0.2 * leaves
        paint = with_glow(np.asarray(self.colour, np.float32) * bright[..., None])
        canvas.write(box[0], box[1], mask, paint, TREE, self.z)


@dataclass(frozen=True)
class _Branch:
    """Describes one branch in canvas pixels; `angle` is in radians, -pi / 2 upwards."""

    start: Point
    angle: float
    length: float
    width: float


def _fork(sketch: Sketch, branch: _Branch, depth: int, bark: Colour, rng: np.random.Generator) -> None:
    """Draw the twigs of a branch and, recursively, theirs, `depth` times or until they are shorter than 3 pixels."""
    if depth == 0 or branch.length < 3:
        return
    start, length = branch.start, branch.length
    for _ in range(3 if depth > 4 else 2):
        turn = branch.angle + float(rng.normal(0, 0.5))
        end = (start[0] + length * float(np.cos(turn)), start[1] + length * float(np.sin(turn)))
        sketch.line([start, end], bark, TREE, branch.width)
        twig = _Branch(end, turn, length * float(rng.uniform(0.6, 0.8)), branch.width * 0.6)
        _fork(sketch, twig, depth - 1, bark, rng)


@dataclass(frozen=True)
class Tree:
    """Describes a tree at (x, z); lengths in metres."""

    x: float
    z: float
    tall: float
    """Height of the tree."""
    crown: float
    """Radius of the crown."""
    bare: bool
    """Whether the tree shows branches instead of leaves."""

    def edges(self, camera: Camera) -> tuple[float, float, float, float]:
        """Return the left, upper, right and lower edge of the crown on the canvas."""
        low, half = self.tall * 0.38, 0.0 if self.bare else self.crown
        return *camera.project(self.x - half, self.tall, self.z), *camera.project(self.x + half, low, self.z)

    def paint(self, canvas: Canvas, rng: np.random.Generator) -> None:
        """Paint trunk and crown."""
        camera = canvas.camera
        s = camera.scale(self.z)
        reach = self.crown * 1.35
        left, top = camera.project(self.x - reach, self.tall + 0.3 * self.crown, self.z)
        right, bottom = camera.project(self.x + reach, 0.0, self.z)
        box = canvas.clip(left, top, right, bottom)
        if box is None:
            return
        bark = tint((86, 74, 62), float(rng.uniform(0.6, 1.1)))
        sketch = Sketch(canvas, box, self.z)
        fork = self.tall * float(rng.uniform(0.28, 0.4))
        foot, split = camera.project(self.x, 0, self.z), camera.project(self.x, fork, self.z)
        thick = 0.035 * self.tall * s
        sketch.line([foot, split], bark, TREE, thick)
        stem = _Branch(split, angle=-np.pi / 2, length=(self.tall - fork) * s * 0.42, width=thick * 0.7)
        depth = (5 if self.z < 30 else 4) if self.bare else 2
        _fork(sketch, stem, depth, bark, rng)
        sketch.done()
        if not self.bare:
            colour = _GREENS[int(rng.integers(len(_GREENS)))]
            middle = (self.tall + fork * 1.05) / 2
            leaves = tint(colour, float(rng.uniform(0.75, 1.2)))
            _Foliage(self.x, middle, self.z, rx=self.crown, ry=self.tall - middle, colour=leaves).paint(canvas, rng)


@dataclass(frozen=True)
class Bush:
    """Describes a bush at (x, z); lengths in metres."""

    x: float
    z: float
    tall: float
    """Height of the bush."""
    wide: float
    """Half width of the bush."""

    def paint(self, canvas: Canvas, rng: np.random.Generator) -> None:
        """Paint the bush."""
        colour = _GREENS[int(rng.integers(len(_GREENS)))]
        leaves = tint(colour, float(rng.uniform(0.7, 1.0)))
        foliage = _Foliage(self.x, self.tall * 0.5, self.z, rx=self.wide, ry=self.tall * 0.55, colour=leaves)
        foliage.paint(canvas, rng)
