"""Signs of the street: traffic signs and traffic lights on posts, and the boards of shops."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image

from taskwave.semantic.data.streets.canvas import POLE, SIGN, Camera, Canvas, Colour, Point, Sketch, tint
from taskwave.semantic.data.streets.faces import face
from taskwave.semantic.data.streets.furniture import Bar, post_sketch
from taskwave.semantic.data.streets.lettering import invent_name, write

State = Literal["red", "yellow", "green"]
STATES: tuple[State, ...] = ("red", "yellow", "green")
_LAMPS: tuple[Colour, ...] = ((255, 40, 30), (255, 190, 30), (50, 235, 130))

Edges = tuple[float, float, float, float]
"""Left, upper, right and lower edge in pixels."""


def _edges(camera: Camera, middle: tuple[float, float, float], width: float, height: float) -> Edges:
    """Return the edges of an upright plate about a point; lengths in metres."""
    (u, v), s = camera.project(*middle), camera.scale(middle[2])
    return u - width / 2 * s, v - height / 2 * s, u + width / 2 * s, v + height / 2 * s


@dataclass(frozen=True)
class TrafficSign:
    """Describes a traffic sign on a post at (x, z); lengths in metres."""

    x: float
    z: float
    kind: str
    """One of `taskwave.semantic.signs.SIGNS`."""
    tall: float
    """Height of the middle of the sign."""
    wide: float
    """Width of the sign."""
    night: bool
    """Whether its foil shines in the light of lamps."""

    def edges(self, camera: Camera) -> Edges:
        """Return the edges of the face on the canvas."""
        return _edges(camera, (self.x, self.tall, self.z), self.wide, self.wide)

    def paint(self, canvas: Canvas, rng: np.random.Generator) -> None:
        """Paint post and face."""
        sketch = post_sketch(canvas, self.x, self.z, self.tall + self.wide, self.wide)
        if sketch is None:
            return
        camera, s = canvas.camera, canvas.camera.scale(self.z)
        metal = tint((120, 122, 124), float(rng.uniform(0.5, 1.1)))
        Bar(self.x, self.z, low=0.0, high=self.tall, wide=0.08, colour=metal).add(sketch, camera)
        limit = self.kind.removeprefix("speed_limit_") if self.kind.startswith("speed_limit_") else ""
        code = canvas.add(SIGN, self.kind, limit)
        size = (self.wide * s, self.wide * s)
        # The foil is retroreflective.
        sketch.stamp(face(self.kind), camera.project(self.x, self.tall, self.z), size, code, 50 if self.night else 0)
        sketch.done()


@dataclass(frozen=True)
class TrafficLight:
    """Describes a traffic light on a post at (x, z); lengths in metres."""

    x: float
    z: float
    state: State
    tall: float = 3.0
    """Height of the middle lamp."""

    def edges(self, camera: Camera) -> Edges:
        """Return the edges of the housing on the canvas."""
        return _edges(camera, (self.x, self.tall, self.z), 0.42, 1.14)

    def paint(self, canvas: Canvas, rng: np.random.Generator) -> None:
        """Paint post, housing and lamps."""
        sketch = post_sketch(canvas, self.x, self.z, self.tall + 0.7, 0.4)
        if sketch is None:
            return
        camera, s = canvas.camera, canvas.camera.scale(self.z)
        metal = tint((110, 114, 116), float(rng.uniform(0.5, 1.1)))
        Bar(self.x, self.z, low=0.0, high=self.tall - 0.5, wide=0.12, colour=metal).add(sketch, camera)
        code = canvas.add(SIGN, f"traffic_light_{self.state}")
        left, top, right, bottom = self.edges(camera)
        rim = 0.04 * s
        _rectangle(sketch, (left, top, right, bottom), (70, 72, 72), code)
        _rectangle(sketch, (left + rim, top + rim, right - rim, bottom - rim), (20, 22, 22), code)
        for i, (state, colour) in enumerate(zip(STATES, _LAMPS, strict=True)):
            centre = camera.project(self.x, self.tall + (1 - i) * 0.34, self.z)
            on = state == self.state
            sketch.ellipse(centre, (0.15 * s, 0.15 * s), colour if on else tint(colour, 0.2), code, 255 if on else 0)
        sketch.done()


def _rectangle(sketch: Sketch, edges: Edges, colour: Colour, code: int) -> None:
    """Fill an upright rectangle."""
    left, top, right, bottom = edges
    corners: tuple[Point, ...] = ((left, top), (right, top), (right, bottom), (left, bottom))
    sketch.polygon(corners, colour, code)


@dataclass(frozen=True)
class ShopSign:
    """Describes the board of a shop, which sticks out from a wall about (x, tall, z); lengths in metres."""

    x: float
    z: float
    tall: float
    """Height of the middle of the board."""
    wide: float
    """Width of the board, three times its height."""
    wall: float
    """X of the wall that it hangs on."""
    name: str
    """What is written on it."""
    colours: tuple[Colour, Colour]
    """Colours of board and letters."""
    lit: bool
    """Whether it is lit from within."""

    def edges(self, camera: Camera) -> Edges:
        """Return the edges of the board on the canvas."""
        return _edges(camera, (self.x, self.tall, self.z), self.wide, self.wide / 3)

    def paint(self, canvas: Canvas, rng: np.random.Generator) -> None:
        """Paint brackets and board."""
        camera, s = canvas.camera, canvas.camera.scale(self.z)
        left, top, right, bottom = self.edges(camera)
        box = canvas.clip(left - s, top - 2, right + s, bottom + 2)
        if box is None:
            return
        sketch = Sketch(canvas, box, self.z)
        for up in (-0.1, 0.1):
            ends = [camera.project(x, self.tall + up * self.wide, self.z) for x in (self.x, self.wall)]
            sketch.line(ends, (40, 40, 42), POLE, 0.06 * s)
        board = Image.new("RGBA", (360, 120), (*self.colours[1], 255))
        board.paste((*self.colours[0], 255), (6, 6, 354, 114))
        half = min(27 * len(self.name), 160)
        write(board, self.name, (180 - half, 24, 180 + half, 96), self.colours[1])
        code = canvas.add(SIGN, "shop_sign", self.name)
        sketch.stamp(board, ((left + right) / 2, (top + bottom) / 2), (right - left, bottom - top), code,
                     90 if self.lit else 0)  # fmt: skip
        sketch.done()


_BOARDS: tuple[tuple[Colour, Colour], ...] = (
    ((150, 28, 34), (248, 244, 236)), ((24, 54, 116), (250, 246, 236)), ((24, 84, 58), (246, 242, 228)),
    ((34, 34, 38), (244, 226, 150)), ((238, 234, 224), (30, 32, 36)), ((244, 200, 70), (32, 30, 30)),
    ((236, 232, 226), (160, 26, 34)), ((92, 44, 108), (250, 244, 240)),
)  # fmt: skip
"""Colours of board and letters, far enough from each other to be read."""


def draw_shop_sign(sign: int, wall: float, z: float, lit: bool, rng: np.random.Generator) -> ShopSign:
    """Draw the board of a shop on the wall |X| = `wall` of the side `sign` (-1 left, +1 right) at depth z."""
    wide = float(rng.uniform(1.7, 2.2))
    colours = _BOARDS[int(rng.integers(len(_BOARDS)))]
    x = sign * (wall - 0.15 - wide / 2)
    return ShopSign(x, z, float(rng.uniform(3.2, 3.7)), wide, sign * wall, invent_name(rng), colours, lit)
