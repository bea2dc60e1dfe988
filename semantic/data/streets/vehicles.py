"""Cars, vans and buses, painted in perspective from their side profiles in metres."""

import math
from dataclasses import dataclass

import numpy as np

from taskwave.semantic.data.streets.canvas import CAR, Canvas, Colour, Point, Sketch, tint


@dataclass(frozen=True)
class Shape:
    """Describes the body of a vehicle; lengths in metres."""

    length: float
    width: float
    profile: tuple[Point, ...]
    """Side profile from the rear bottom over the roof to the front bottom as (along, up); +along is ahead."""
    glass: tuple[int, ...]
    """Indices of the profile's strips that are glass."""
    roof: tuple[int, int]
    """Indices of the profile's first and last roof points."""
    belt: float
    """Height of the lower edge of the side windows."""
    panes: int
    """Number of side windows, 0 for a van with a window in the driver's door only."""
    wheel: float
    """Radius of a wheel."""


BODIES: dict[str, Shape] = {
    "hatchback": Shape(
        length=4.0,
        width=1.72,
        profile=(
            (-2.0, 0.28), (-2.0, 0.8), (-1.92, 0.98), (-1.55, 1.42), (0.1, 1.47), (1.0, 0.98), (1.8, 0.8), (2.0, 0.62),
            (2.0, 0.26),
        ),
        glass=(2, 4), roof=(3, 4), belt=0.95, panes=2, wheel=0.31,
    ),
    "saloon": Shape(
        length=4.6,
        width=1.78,
        profile=(
            (-2.3, 0.3), (-2.3, 0.85), (-2.2, 1.0), (-1.6, 1.02), (-0.95, 1.42), (0.25, 1.45), (1.15, 0.98), (2.1, 0.8),
            (2.3, 0.6), (2.3, 0.26),
        ),
        glass=(3, 5), roof=(4, 5), belt=0.96, panes=2, wheel=0.32,
    ),
    "estate": Shape(
        length=4.7,
        width=1.85,
        profile=(
            (-2.35, 0.34), (-2.35, 0.95), (-2.28, 1.15), (-2.1, 1.66), (0.3, 1.7), (1.1, 1.15), (2.15, 1.0),
            (2.35, 0.75), (2.35, 0.32),
        ),
        glass=(2, 4), roof=(3, 4), belt=1.1, panes=3, wheel=0.37,
    ),
    "van": Shape(
        length=5.2,
        width=2.0,
        profile=(
            (-2.6, 0.35), (-2.6, 1.2), (-2.58, 2.0), (-2.55, 2.3), (1.4, 2.3), (2.2, 1.3), (2.55, 1.05), (2.6, 0.35),
        ),
        glass=(1, 4), roof=(3, 4), belt=1.25, panes=0, wheel=0.35,
    ),
    "bus": Shape(
        length=10.5,
        width=2.5,
        profile=(
            (-5.25, 0.4), (-5.25, 1.5), (-5.22, 2.8), (-5.15, 3.1), (5.1, 3.1), (5.22, 2.7), (5.25, 1.1), (5.25, 0.35),
        ),
        glass=(1, 5), roof=(3, 4), belt=1.5, panes=7, wheel=0.48,
    ),
}  # fmt: skip
"""Bodies by name."""

_PAINTS: tuple[Colour, ...] = (
    (190, 192, 196), (224, 226, 228), (36, 38, 42), (70, 74, 80), (120, 124, 130), (150, 28, 30), (28, 48, 110),
    (40, 84, 150), (30, 72, 52), (170, 150, 110), (200, 60, 40), (96, 110, 130), (230, 190, 60),
)  # fmt: skip
_GLASS: Colour = (44, 54, 64)
_BLACK: Colour = (24, 24, 26)


@dataclass(frozen=True)
class Vehicle:
    """Describes a vehicle with its middle at (x, z) metres."""

    shape: Shape
    colour: Colour
    x: float
    z: float
    yaw: float
    """Direction of travel in radians, 0 away from the camera."""
    lights: bool
    """Whether its lights are on."""
    sun: tuple[float, float]
    """Factors of light on faces that look left and right."""

    def _world(self, along: float, across: float, up: float) -> tuple[float, float, float]:
        """Return the world point of a point of the body."""
        s, c = math.sin(self.yaw), math.cos(self.yaw)
        return self.x + along * s + across * c, up, self.z + along * c - across * s

    def _half_width(self, up: float) -> float:
        """Return the half width at a height in metres; the cabin leans in above the belt line."""
        shape = self.shape
        top = max(p[1] for p in shape.profile)
        lean = max(up - shape.belt, 0.0) / max(top - shape.belt, 0.1)
        return shape.width / 2 * (1 - (0.2 if shape.panes and shape.panes < 5 else 0.05) * lean)

    def covers(self, x: float, z: float) -> bool:
        """Return whether the ground point lies under the vehicle or within half a metre of it."""
        s, c = math.sin(self.yaw), math.cos(self.yaw)
        along, across = (x - self.x) * s + (z - self.z) * c, (x - self.x) * c - (z - self.z) * s
        return abs(along) < self.shape.length / 2 + 0.5 and abs(across) < self.shape.width / 2 + 0.5

    def paint(self, canvas: Canvas, rng: np.random.Generator) -> None:
        """Paint the vehicle, unless it lies outside the image or nearer than 1.2 m."""
        camera, shape = canvas.camera, self.shape
        edges = [[self._world(a, side * self._half_width(y), y) for a, y in shape.profile] for side in (-1.0, 1.0)]
        if min(p[2] for edge in edges for p in edge) < 1.2:
            return
        flat = [[camera.project(*p) for p in edge] for edge in edges]
        ground = [camera.project(*self._world(a, side * shape.width / 2, 0.0))
                  for a in (-shape.length / 2, shape.length / 2) for side in (-1.0, 1.0)]  # fmt: skip
        points = flat[0] + flat[1] + ground
        us, vs = [p[0] for p in points], [p[1] for p in points]
        box = canvas.clip(min(us), min(vs), max(us), max(vs))
        if box is None:
            return
        sketch = Sketch(canvas, box, self.z)
        hull = [ground[i] for i in (0, 1, 3, 2)]
        sketch.polygon(hull, (18, 18, 20), CAR)  # The space underneath is dark.
        self._add_wheels(sketch, canvas, far=True)
        self._add_strips(sketch, flat, edges)
        for side, edge in ((-1.0, flat[0]), (1.0, flat[1])):
            if self._faces(side):
                self._add_side(sketch, canvas, side, edge)
        self._add_wheels(sketch, canvas, far=False)
        self._add_ends(sketch, canvas, rng)
        sketch.done()

    def _faces(self, side: float) -> bool:
        """Return whether the camera sees this side (-1 left, +1 right): its outward normal points towards it."""
        nx, nz = side * np.cos(self.yaw), -side * np.sin(self.yaw)
        cx, _, cz = self._world(0.0, side * self.shape.width / 2, 0.0)
        return bool(nx * -cx + nz * -cz > 0)

    def _add_strips(
        self, sketch: Sketch, flat: list[list[Point]], edges: list[list[tuple[float, float, float]]]
    ) -> None:
        """Add front, bonnet, windscreen, roof and rear as far as they are visible, far ones before near ones."""
        profile = self.shape.profile
        order = sorted(range(len(profile) - 1), key=lambda i: -(edges[0][i][2] + edges[0][i + 1][2]))
        for i in order:
            quad = [flat[0][i], flat[1][i], flat[1][i + 1], flat[0][i + 1]]
            area = sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(quad, quad[1:] + quad[:1], strict=True))
            if area >= 0:  # The strip is seen from inside.
                continue
            (a0, y0), (a1, y1) = profile[i], profile[i + 1]
            flatness = abs(a1 - a0) / float(np.hypot(a1 - a0, y1 - y0))
            if i in self.shape.glass:
                sketch.polygon(quad, tint(_GLASS, 0.9 + 0.7 * flatness), CAR)
                inner = [((q[0] * 0.9 + 0.1 * (quad[0][0] + quad[2][0]) / 2), q[1]) for q in quad]
                sketch.polygon(inner, tint(_GLASS, 0.75 + 0.9 * flatness), CAR)
            else:
                sketch.polygon(quad, tint(self.colour, 0.78 + 0.4 * flatness), CAR)

    def _add_side(self, sketch: Sketch, canvas: Canvas, side: float, edge: list[Point]) -> None:
        """Add a side with its sill and windows; `edge` is its profile in canvas pixels."""
        shape, camera = self.shape, canvas.camera
        nx = side * np.cos(self.yaw)
        light = self.sun[1] if nx > 0.3 else self.sun[0] if nx < -0.3 else 0.95
        sketch.polygon(edge, tint(self.colour, 0.9 * light), CAR)
        low = [camera.project(*self._world(a, side * shape.width / 2, y)) for a, y in (
            (-shape.length / 2, 0.28), (-shape.length / 2, 0.52), (shape.length / 2, 0.52), (shape.length / 2, 0.28)
        )]  # fmt: skip
        sketch.polygon(low, tint(self.colour, 0.66 * light), CAR)
        (rear, top), (front, _) = shape.profile[shape.roof[0]], shape.profile[shape.roof[1]]
        foot_rear = shape.profile[shape.roof[0] - 1][0]
        foot_front = shape.profile[shape.roof[1] + 1][0]
        span = [(foot_rear + 0.18, foot_front - 0.15), (rear + 0.1, front - 0.02)]
        if not shape.panes:  # A van has a window in the driver's door only.
            span = [(0.75, foot_front - 0.15), (0.75, front + 0.05)]
        panes = max(shape.panes, 1)
        for i in range(panes):
            corners = []
            for a, y, (begin, stop) in ((i, shape.belt + 0.04, span[0]), (i, top - 0.09, span[1]),
                                        (i + 1, top - 0.09, span[1]), (i + 1, shape.belt + 0.04, span[0])):  # fmt: skip
                gap = 0.05 if a == i else -0.05
                along = begin + (stop - begin) * a / panes + gap
                corners.append(camera.project(*self._world(along, side * self._half_width(y), y)))
            sketch.polygon(corners, tint(_GLASS, 1.1 * light), CAR)

    def _add_wheels(self, sketch: Sketch, canvas: Canvas, far: bool) -> None:
        """Add the wheels of the far side or of the near one."""
        shape = self.shape
        large = canvas.camera.scale(self.z) * shape.wheel > 5
        turn = np.linspace(0, 2 * np.pi, 14 if large else 8, endpoint=False)
        rim = [(float(np.cos(t)), float(np.sin(t))) for t in turn]
        discs = ((1.0, _BLACK), (0.6, (130, 132, 136)), (0.2, (70, 70, 74)))
        for side in (-1.0, 1.0):
            if self._faces(side) == far:
                continue
            for along in (-0.31 * shape.length, 0.31 * shape.length):
                for r, colour in discs if large else discs[:2]:
                    radius, across = shape.wheel * r, side * (shape.width / 2 - 0.02)
                    points = [self._world(along + radius * c, across, shape.wheel + radius * s) for c, s in rim]
                    sketch.polygon([canvas.camera.project(*p) for p in points], colour, CAR)

    def _add_ends(self, sketch: Sketch, canvas: Canvas, rng: np.random.Generator) -> None:
        """Add lamps, number plate, bumper and grille to the end that the camera sees."""
        shape = self.shape
        ahead = np.sin(self.yaw) * -self.x + np.cos(self.yaw) * -self.z > shape.length / 2
        behind = np.sin(self.yaw) * self.x + np.cos(self.yaw) * self.z > shape.length / 2
        if not (ahead or behind):
            return
        along = shape.length / 2 if ahead else -shape.length / 2
        half = shape.width / 2

        def quad(x0: float, x1: float, y0: float, y1: float, colour: Colour, glow: int = 0) -> None:
            """Fill the rectangle from x0 to x1 metres across and from y0 to y1 metres up."""
            corners = ((x0, y0), (x0, y1), (x1, y1), (x1, y0))
            sketch.polygon([canvas.camera.project(*self._world(along, a, y)) for a, y in corners], colour, CAR, glow)

        quad(-half, half, 0.26, 0.46, tint(self.colour, 0.5))
        high = 0.62 if shape.length < 5 else 0.8
        lamp: Colour
        if ahead:
            quad(-half * 0.6, half * 0.6, high - 0.12, high + 0.02, (30, 30, 32))
            lamp, glow = ((255, 250, 225), 255) if self.lights else ((215, 220, 225), 0)
        else:
            lamp, glow = ((255, 40, 30), 230) if self.lights else ((150, 22, 22), 0)
        for side in (-1.0, 1.0):
            inner, outer = sorted((side * half * 0.62, side * half * 0.97))
            quad(inner, outer, high - 0.08, high + (0.08 if ahead else 0.2), lamp, glow)
        plate: Colour = (225, 222, 200) if ahead or rng.random() < 0.5 else (220, 190, 60)
        quad(-0.26, 0.26, high - 0.25, high - 0.14, plate)


def draw_vehicle(
    x: float, z: float, yaw: float, lights: bool, sun: tuple[float, float], rng: np.random.Generator
) -> Vehicle:
    """Draw a vehicle with its middle at (x, z) metres; see `Vehicle` for the arguments."""
    name = tuple(BODIES)[int(rng.choice(5, p=(0.38, 0.27, 0.2, 0.1, 0.05)))]
    colour = tint(_PAINTS[int(rng.integers(len(_PAINTS)))], float(rng.uniform(0.85, 1.1)))
    if name == "bus":
        colour = ((176, 34, 34), (40, 90, 150), (210, 210, 205), (60, 120, 80))[int(rng.integers(4))]
    return Vehicle(BODIES[name], colour, x, z, yaw, lights, sun)
