"""Cars, vans, buses and trucks, painted in perspective from their side profiles, with number plates on near ones."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from taskwave.semantic.data.streets.bodies import BODIES, Shape
from taskwave.semantic.data.streets.canvas import CAR, Camera, Canvas, Colour, Point, Sketch, tint
from taskwave.semantic.data.streets.lettering import invent_plate, write

_PAINTS: tuple[Colour, ...] = (
    (190, 192, 196), (224, 226, 228), (36, 38, 42), (70, 74, 80), (120, 124, 130), (150, 28, 30), (28, 48, 110),
    (40, 84, 150), (30, 72, 52), (170, 150, 110), (200, 60, 40), (96, 110, 130), (230, 190, 60),
)  # fmt: skip
_GLASS: Colour = (44, 54, 64)
_BLACK: Colour = (24, 24, 26)
_PLATE = (0.72, 0.2)
"""Width and height of a number plate in metres."""
_LEGIBLE = 22
"""Height of a plate on the canvas in pixels from which something is written on it."""


class _Part(Sketch):
    """Draws the shapes of one vehicle, all with its code."""

    def __init__(self, canvas: Canvas, box: tuple[int, int, int, int], depth: float, code: int) -> None:
        super().__init__(canvas, box, depth)
        self.code = code

    def fill(self, points: Sequence[Point], colour: Colour, glow: int = 0) -> None:
        """Fill a polygon."""
        self.polygon(points, colour, self.code, glow)


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
        top = shape.height
        lean = max(up - shape.belt, 0.0) / max(top - shape.belt, 0.1)
        return shape.width / 2 * (1 - (0.2 if shape.panes and shape.panes < 5 else 0.05) * lean)

    def edges(self, camera: Camera) -> tuple[float, float, float, float]:
        """Return the left, upper, right and lower edge of the vehicle on the canvas."""
        half, long, tall = self.shape.width / 2, self.shape.length / 2, self.shape.height
        points = [camera.project(*self._world(a, c, up)) for a in (-long, long) for c in (-half, half)
                  for up in (0.0, tall)]  # fmt: skip
        us, vs = [p[0] for p in points], [p[1] for p in points]
        return min(us), min(vs), max(us), max(vs)

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
        code = canvas.add(CAR, shape.kind)
        sketch = _Part(canvas, box, self.z, code)
        hull = [ground[i] for i in (0, 1, 3, 2)]
        sketch.fill(hull, (18, 18, 20))  # The space underneath is dark.
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
        self, sketch: _Part, flat: list[list[Point]], edges: list[list[tuple[float, float, float]]]
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
                sketch.fill(quad, tint(_GLASS, 0.9 + 0.7 * flatness))
                inner = [((q[0] * 0.9 + 0.1 * (quad[0][0] + quad[2][0]) / 2), q[1]) for q in quad]
                sketch.fill(inner, tint(_GLASS, 0.75 + 0.9 * flatness))
            else:
                sketch.fill(quad, tint(self.colour, 0.78 + 0.4 * flatness))

    def _add_side(self, sketch: _Part, canvas: Canvas, side: float, edge: list[Point]) -> None:
        """Add a side with its sill and windows; `edge` is its profile in canvas pixels."""
        shape, camera = self.shape, canvas.camera
        nx = side * np.cos(self.yaw)
        light = self.sun[1] if nx > 0.3 else self.sun[0] if nx < -0.3 else 0.95
        sketch.fill(edge, tint(self.colour, 0.9 * light))
        low = [camera.project(*self._world(a, side * shape.width / 2, y)) for a, y in (
            (-shape.length / 2, 0.28), (-shape.length / 2, 0.52), (shape.length / 2, 0.52), (shape.length / 2, 0.28)
        )]  # fmt: skip
        sketch.fill(low, tint(self.colour, 0.66 * light))
        (rear, _), (front, top) = shape.profile[shape.roof[0]], shape.profile[shape.roof[1]]
        foot_rear = shape.profile[shape.roof[0] - 1][0]
        foot_front = shape.profile[shape.roof[1] + 1][0]
        span = [(foot_rear + 0.18, foot_front - 0.15), (rear + 0.1, front - 0.02)]
        if not shape.panes:  # A van has a window in the driver's door only.
            span = [(shape.door, foot_front - 0.15), (shape.door, front + 0.05)]
        panes = max(shape.panes, 1)
        for i in range(panes):
            corners = []
            for a, y, (begin, stop) in ((i, shape.belt + 0.04, span[0]), (i, top - 0.09, span[1]),
                                        (i + 1, top - 0.09, span[1]), (i + 1, shape.belt + 0.04, span[0])):  # fmt: skip
                gap = 0.05 if a == i else -0.05
                along = begin + (stop - begin) * a / panes + gap
                corners.append(camera.project(*self._world(along, side * self._half_width(y), y)))
            sketch.fill(corners, tint(_GLASS, 1.1 * light))

    def _add_wheels(self, sketch: _Part, canvas: Canvas, far: bool) -> None:
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
                    sketch.fill([canvas.camera.project(*p) for p in points], colour)

    def _add_ends(self, sketch: _Part, canvas: Canvas, rng: np.random.Generator) -> None:
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
            sketch.fill([canvas.camera.project(*self._world(along, a, y)) for a, y in corners], colour, glow)

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
        if behind and shape.kind == "truck":
            quad(-0.03, 0.03, 0.9, shape.height - 0.15, tint(self.colour, 0.5))
        plain: Colour = (225, 222, 200) if ahead or rng.random() < 0.5 else (240, 205, 70)
        self._add_plate(sketch, canvas, (along, high - 0.2), plain, rng)

    def _add_plate(self, sketch: _Part, canvas: Canvas, place: Point, colour: Colour, rng: np.random.Generator) -> None:
        """Add the number plate at `place` (along, up), with a number where it is large enough for one."""
        middle = self._world(place[0], 0.0, place[1])
        s = canvas.camera.scale(middle[2])
        size = (_PLATE[0] * s * abs(math.cos(self.yaw)), _PLATE[1] * s)
        number, code = invent_plate(rng), sketch.code
        plate = Image.new("RGBA", (252, 70), (*colour, 255))
        if size[1] >= _LEGIBLE:
            code = canvas.add(CAR, "number_plate", number.replace(" ", ""), on=sketch.code)
            plate.paste((*_BLACK, 255), (0, 0, 252, 70))
            plate.paste((*colour, 255), (3, 3, 249, 67))
            write(plate, number, (16, 12, 236, 58), _BLACK)
        sketch.stamp(plate, canvas.camera.project(*middle), size, code, 40 if self.lights else 0)


def draw_vehicle(
    x: float, z: float, yaw: float, lights: bool, sun: tuple[float, float], rng: np.random.Generator
) -> Vehicle:
    """Draw a vehicle with its middle at (x, z) metres; see `Vehicle` for the arguments."""
    name = tuple(BODIES)[int(rng.choice(6, p=(0.33, 0.24, 0.19, 0.11, 0.06, 0.07)))]
    colour = tint(_PAINTS[int(rng.integers(len(_PAINTS)))], float(rng.uniform(0.85, 1.1)))
    if name == "bus":
        colour = ((176, 34, 34), (40, 90, 150), (210, 210, 205), (60, 120, 80))[int(rng.integers(4))]
    return Vehicle(BODIES[name], colour, x, z, yaw, lights, sun)
