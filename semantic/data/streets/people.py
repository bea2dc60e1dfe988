"""Pedestrians and bicyclists: jointed bodies that stand upright at one depth."""

from dataclasses import dataclass

import numpy as np

from taskwave.semantic.data.streets.canvas import BICYCLIST, PEDESTRIAN, Camera, Canvas, Colour, Point, Sketch, tint

_SKIN: tuple[Colour, ...] = ((222, 184, 156), (198, 150, 120), (140, 98, 74), (92, 64, 50))
_CLOTH: tuple[Colour, ...] = (
    (40, 42, 50), (60, 66, 90), (110, 40, 44), (190, 184, 170), (90, 96, 100), (170, 60, 50), (50, 90, 60),
    (60, 90, 140), (210, 190, 90), (120, 90, 130), (30, 30, 32), (225, 225, 222),
)  # fmt: skip
_HAIR: tuple[Colour, ...] = ((32, 26, 22), (70, 50, 36), (130, 96, 60), (150, 146, 140))


def _pick(colours: tuple[Colour, ...], rng: np.random.Generator) -> Colour:
    """Draw a colour of the list, a little darker or lighter."""
    return tint(colours[int(rng.integers(len(colours)))], float(rng.uniform(0.85, 1.15)))


@dataclass(frozen=True)
class _Body:
    """Draws a body in metres (along X, up) about its foot point (x, z) on a sketch."""

    sketch: Sketch
    canvas: Canvas
    x: float
    z: float
    facing: int
    """Direction in which the body looks: +1 right, -1 left, which mirrors it."""
    code: int
    """Code of the body."""

    def at(self, along: float, up: float) -> Point:
        """Return (column, row) of a point of the body."""
        return self.canvas.camera.project(self.x + self.facing * along, up, self.z)

    def limb(self, points: tuple[Point, ...], width: float, colour: Colour) -> None:
        """Draw a polyline of `width` metres."""
        s = self.canvas.camera.scale(self.z)
        self.sketch.line([self.at(*p) for p in points], colour, self.code, width * s)

    def shape(self, points: tuple[Point, ...], colour: Colour) -> None:
        """Fill a polygon."""
        self.sketch.polygon([self.at(*p) for p in points], colour, self.code)

    def disc(self, centre: Point, rx: float, ry: float, colour: Colour) -> None:
        """Fill an ellipse of radii `rx` and `ry` metres."""
        s = self.canvas.camera.scale(self.z)
        self.sketch.ellipse(self.at(*centre), (rx * s, ry * s), colour, self.code)

    def ring(self, centre: Point, radius: float, colour: Colour, width: float) -> None:
        """Draw a ring of outer radius `radius`, `width` metres wide."""
        s = self.canvas.camera.scale(self.z)
        self.sketch.ring(self.at(*centre), (radius * s, radius * s), colour, self.code, width * s)


def _edges(camera: Camera, x: float, z: float, half: float, tall: float) -> tuple[float, float, float, float]:
    """Return the left, upper, right and lower edge of what is `tall` metres high and 2 `half` metres wide."""
    return *camera.project(x - half, tall, z), *camera.project(x + half, 0.0, z)


def _sketch(canvas: Canvas, x: float, z: float, half: float, tall: float) -> Sketch | None:
    """Return a sketch of what is `tall` metres high and reaches `half` metres to both sides, None outside the image."""
    (left, top), (right, bottom) = canvas.camera.project(x - half, tall, z), canvas.camera.project(x + half, -0.1, z)
    box = canvas.clip(left, top, right, bottom)
    return None if box is None else Sketch(canvas, box, z)


@dataclass(frozen=True)
class Pedestrian:
    """Describes a person at (x, z) who walks, or stands where `stride` is small; lengths in metres."""

    x: float
    z: float
    tall: float
    """Height of the person."""
    facing: int
    """Direction in which the person looks: +1 right, -1 left."""
    stride: float
    """Distance of the rear foot from the body's middle, for a person of 1.75 m."""
    sideways: bool
    """Whether the person is seen from the side."""

    def edges(self, camera: Camera) -> tuple[float, float, float, float]:
        """Return the left, upper, right and lower edge of the person on the canvas."""
        return _edges(camera, self.x, self.z, 0.27, self.tall)

    def paint(self, canvas: Canvas, rng: np.random.Generator) -> None:
        """Paint the person."""
        sketch = _sketch(canvas, self.x, self.z, 0.8, self.tall + 0.1)
        if sketch is None:
            return
        k = self.tall / 1.75
        top, legs, skin, hair = _pick(_CLOTH, rng), _pick(_CLOTH, rng), _pick(_SKIN, rng), _pick(_HAIR, rng)
        man = _Body(sketch, canvas, self.x, self.z, self.facing, canvas.add(PEDESTRIAN, "pedestrian"))
        step = self.stride * k
        wide = (0.17 if self.sideways else 0.23) * k
        hip, neck, hem = 0.88 * k, 1.46 * k, 0.8 * k
        apart = 0.0 if self.sideways else 0.1 * k
        man.limb(
            ((0.02 - apart / 2, hip), (-step * 0.45 - apart, 0.46 * k), (-step - apart, 0.06)),
            0.15 * k,
            tint(legs, 0.8),
        )
        man.limb(((-0.02 + apart / 2, hip), (step * 0.6 + apart, 0.48 * k), (step * 0.9 + apart, 0.05)), 0.16 * k, legs)
        man.limb(((-step - apart, 0.05), (-step - apart + 0.16 * k, 0.04)), 0.08 * k, (28, 26, 26))
        man.limb(((step * 0.9 + apart, 0.05), (step * 0.9 + apart + 0.17 * k, 0.04)), 0.08 * k, (28, 26, 26))
        if rng.random() < 0.25:  # skirt or long coat
            man.shape(
                ((-wide, 1.0 * k), (-wide * 1.3, 0.55 * k), (wide * 1.3, 0.55 * k), (wide, 1.0 * k)), tint(top, 0.85)
            )
        man.limb(
            ((-wide * 0.7, neck - 0.08), (-wide - step * 0.4, 1.12 * k), (-step * 0.5 - apart, 0.86 * k)),
            0.1 * k,
            tint(top, 0.8),
        )
        man.shape(((-wide * 0.85, hem), (-wide, neck - 0.1 * k), (-wide * 0.4, neck), (wide * 0.4, neck),
                   (wide, neck - 0.1 * k), (wide * 0.85, hem)), top)  # fmt: skip
        man.limb(
            ((wide * 0.7, neck - 0.08), (wide + step * 0.3, 1.12 * k), (step * 0.7 + apart * 2, 0.88 * k)),
            0.1 * k,
            tint(top, 1.12),
        )
        if rng.random() < 0.35:
            bag = _pick(_CLOTH, rng)
            man.shape(
                ((-wide * 1.5, 0.8 * k), (-wide * 1.5, 1.3 * k), (-wide * 0.6, 1.35 * k), (-wide * 0.6, 0.8 * k)), bag
            )
        man.disc((0.02, neck + 0.06 * k), 0.06 * k, 0.08 * k, tint(skin, 0.85))
        man.disc((0.02, neck + 0.19 * k), 0.1 * k, 0.13 * k, hair)
        man.disc((0.05 if self.sideways else 0.02, neck + 0.16 * k), 0.075 * k, 0.1 * k, skin)
        sketch.done()


@dataclass(frozen=True)
class Bicyclist:
    """Describes a rider with bicycle at (x, z) metres."""

    x: float
    z: float
    facing: int
    """Direction in which the rider looks: +1 right, -1 left."""
    sideways: bool
    """Whether the rider is seen from the side, else from ahead or behind."""
    pedal: float
    """Angle of the pedals in radians."""

    def edges(self, camera: Camera) -> tuple[float, float, float, float]:
        """Return the left, upper, right and lower edge of rider and bicycle on the canvas."""
        return _edges(camera, self.x, self.z, 0.85 if self.sideways else 0.3, 1.75)

    def paint(self, canvas: Canvas, rng: np.random.Generator) -> None:
        """Paint rider and bicycle."""
        sketch = _sketch(canvas, self.x, self.z, 1.1, 1.85)
        if sketch is None:
            return
        rider = _Body(sketch, canvas, self.x, self.z, self.facing, canvas.add(BICYCLIST, "bicyclist"))
        top, legs, skin = _pick(_CLOTH, rng), _pick(_CLOTH, rng), _pick(_SKIN, rng)
        frame = _pick(((170, 40, 40), (40, 70, 150), (30, 30, 34), (200, 200, 200), (60, 120, 70)), rng)
        helmet = _pick(((220, 220, 220), (200, 50, 40), (50, 50, 56), (230, 200, 60)), rng)
        foot = (0.17 * float(np.cos(self.pedal)), 0.17 * float(np.sin(self.pedal)))
        if self.sideways:
            for hub in (-0.52, 0.52):
                rider.ring((hub, 0.34), 0.34, (26, 26, 28), 0.07)
                rider.limb(((hub - 0.3, 0.34), (hub + 0.3, 0.34)), 0.02, (120, 120, 124))
                rider.limb(((hub, 0.04), (hub, 0.64)), 0.02, (120, 120, 124))
            rider.limb(((0.0, 0.95), (-0.05 - foot[0] * 0.5, 0.55), (-foot[0], 0.3 - foot[1])), 0.13, tint(legs, 0.75))
            rider.limb(((-0.52, 0.34), (0.0, 0.3), (0.4, 0.82), (-0.14, 0.8), (0.0, 0.3)), 0.055, frame)
            rider.limb(((-0.52, 0.34), (-0.16, 0.86)), 0.045, frame)
            rider.limb(((0.52, 0.34), (0.4, 0.84), (0.36, 1.0), (0.48, 1.04)), 0.05, (40, 40, 44))
            rider.limb(((-0.3, 0.92), (-0.05, 0.92)), 0.09, (26, 26, 28))
            rider.limb(
                ((-0.14, 0.95), (0.22 + foot[0] * 0.4, 0.66 + foot[1] * 0.4), (foot[0], 0.3 + foot[1])), 0.15, legs
            )
            rider.limb(((foot[0] - 0.08, 0.27 + foot[1]), (foot[0] + 0.13, 0.27 + foot[1])), 0.08, (28, 26, 26))
            rider.shape(((-0.3, 0.95), (-0.2, 1.2), (0.08, 1.5), (0.24, 1.42), (0.06, 1.1), (0.0, 0.9)), top)
            rider.limb(((0.16, 1.4), (0.26, 1.12), (0.44, 1.05)), 0.1, tint(top, 1.15))
            head = (0.25, 1.6)
        else:
            rider.disc((0.0, 0.34), 0.04, 0.34, (26, 26, 28))
            for side in (-1.0, 1.0):
                rider.limb(
                    ((side * 0.09, 0.95), (side * 0.17, 0.62 + side * foot[1]), (side * 0.12, 0.3 + side * foot[1])),
                    0.15,
                    tint(legs, 0.95),
                )
                rider.limb(((side * 0.2, 1.4), (side * 0.32, 1.18), (side * 0.26, 1.03)), 0.11, tint(top, 0.9))
            rider.limb(((-0.3, 1.02), (0.3, 1.02)), 0.05, (40, 40, 44))
            rider.shape(((-0.17, 0.9), (-0.23, 1.4), (-0.08, 1.5), (0.08, 1.5), (0.23, 1.4), (0.17, 0.9)), top)
            head = (0.0, 1.61)
        rider.disc(head, 0.1, 0.13, skin)
        rim = ((-0.13, 0.02), (-0.09, 0.14), (0.09, 0.14), (0.13, 0.03))
        rider.shape(tuple((head[0] + a, head[1] + b) for a, b in rim), helmet)
        sketch.done()
