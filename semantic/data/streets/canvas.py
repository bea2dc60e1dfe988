"""Pinhole camera that looks along the street, and the canvas of what it sees: colour, glow, code and depth of pixels.

World axes in metres: X right, Y up (0 on the ground), Z ahead of the camera, which stands at (0, height, 0). Small yaw
and pitch appear as a shifted vanishing point, so walls along the street keep the exact form u = u0 + f X / Z. Far
things are painted first (painter's algorithm). The code of a pixel tells its class and which object it belongs to.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from taskwave.semantic.classes import NAMES

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Codes = NDArray[np.int32]
Mask = NDArray[np.bool_]

Point = tuple[float, float]
Colour = tuple[int, int, int]

SKY, BUILDING, POLE, ROAD, PAVEMENT, TREE, SIGN, FENCE, CAR, PEDESTRIAN, BICYCLIST = range(len(NAMES))

NEAREST = 0.5
"""Least depth in metres; what is nearer is clipped to it."""

SKY_DEPTH = 1e4
"""Depth of the sky in metres."""


def tint(colour: Sequence[float], factor: float) -> Colour:
    """Return the colour times `factor` (0 or more), kept within 8 bits."""
    r, g, b = colour
    return min(int(r * factor), 255), min(int(g * factor), 255), min(int(b * factor), 255)


def with_glow(colour: Floats, glow: int | Bytes = 0) -> Bytes:
    """Return paint [h, w, 4] from colours [h, w, 3] in 0..255, which are clipped, and their glow."""
    out = np.empty((*colour.shape[:2], 4), np.uint8)
    np.clip(colour, 0, 255, out=out[..., :3], casting="unsafe")
    out[..., 3] = glow
    return out


@dataclass(frozen=True)
class Camera:
    """Describes a pinhole camera and its canvas of `rows` x `cols` pixels."""

    rows: int
    cols: int
    f: float
    """Focal length in pixels."""
    u0: float
    """Column of the vanishing point in pixels."""
    v0: float
    """Row of the vanishing point in pixels."""
    height: float
    """Height of the camera above the ground in metres."""

    def scale(self, z: float) -> float:
        """Return the pixels per metre at depth z."""
        return self.f / max(z, NEAREST)

    def project(self, x: float, y: float, z: float) -> Point:
        """Return (column, row) of a world point."""
        s = self.scale(z)
        return self.u0 + s * x, self.v0 + s * (self.height - y)

    def column_depth(self, x: float, first: int, last: int) -> Floats:
        """Return the depth [last - first] of the wall plane X = x seen in each of these columns."""
        u = np.arange(first, last, dtype=np.float32) + 0.5 - self.u0
        return np.asarray(self.f * x / u, dtype=np.float32)

    def edge_depth(self, x: float) -> float:
        """Return the depth at which the wall plane X = x enters the image."""
        room = self.u0 if x < 0 else self.cols - self.u0
        return self.f * abs(x) / max(room, 1.0)


@dataclass(frozen=True)
class Thing:
    """Describes an object that is to be annotated."""

    name: str
    """Class of the object."""
    text: str
    """What is written on it; empty where nothing is."""
    on: int
    """Number of the thing that it is a part of, 0 where it is none."""


class Canvas:
    """Holds colour, code and depth of every pixel [rows, cols] of an image seen by `camera`.

    `paint` is [rows, cols, 4] uint8: unlit surface colour and, last, its glow, the part of it that is emitted and not
    reflected (0..255). `codes`, int32, is the class id plus 16 times the number of the thing that is seen, 0 for what
    is not annotated. `depth` is in metres, float32. `things` holds the things by number, and `drawn` how many pixels
    each of them had when it was painted; number 0 stands for none.
    """

    def __init__(self, camera: Camera) -> None:
        shape = (camera.rows, camera.cols)
        self.camera = camera
        self.paint: Bytes = np.zeros((*shape, 4), np.uint8)
        self.codes: Codes = np.full(shape, SKY, np.int32)
        self.depth: Floats = np.full(shape, SKY_DEPTH, np.float32)
        self.things = [Thing("", "", 0)]
        self.drawn = [0]

    @property
    def label(self) -> Bytes:
        """Class ids [rows, cols]."""
        return (self.codes & 15).astype(np.uint8)

    def add(self, label: int, name: str, text: str = "", on: int = 0) -> int:
        """Add a thing of class `label` and return the code to draw it with; `on` is the code of what it is a part of.

        `name` and `text` are as in `Thing`.
        """
        self.things.append(Thing(name, text, on >> 4))
        self.drawn.append(0)
        return label | (len(self.things) - 1) << 4

    def clip(self, left: float, top: float, right: float, bottom: float) -> tuple[int, int, int, int] | None:
        """Return the whole-pixel box (left, top, right, bottom) inside the image, or None where nothing is left."""
        box = (
            max(int(np.floor(left)), 0),
            max(int(np.floor(top)), 0),
            min(int(np.ceil(right)) + 1, self.camera.cols),
            min(int(np.ceil(bottom)) + 1, self.camera.rows),
        )
        return box if box[0] < box[2] and box[1] < box[3] else None

    def write(
        self, left: int, top: int, mask: Mask, paint: Bytes, codes: int | Bytes | Codes, depth: float | Floats
    ) -> None:
        """Cover the pixels where `mask` [h, w] is set; its first pixel lies in column `left` and row `top`."""
        at = np.s_[top : top + mask.shape[0], left : left + mask.shape[1]]
        # Four bytes are copied at a time: a masked copy of whole pixels is several times faster than one of channels.
        np.copyto(self.paint.view(np.uint32)[..., 0][at], paint.view(np.uint32)[..., 0], where=mask)
        np.copyto(self.codes[at], np.asarray(codes, np.int32), where=mask)
        np.copyto(self.depth[at], np.asarray(depth, np.float32), where=mask)


class Sketch:
    """Draws vector shapes inside a box of the canvas, all at one depth; `done` puts them on the canvas.

    Points are (column, row) in canvas pixels. `colour` is 8 bit, `label` a class id or the code of a thing, `glow` is
    0..255.
    """

    def __init__(self, canvas: Canvas, box: tuple[int, int, int, int], depth: float) -> None:
        self._canvas, self._box, self._depth = canvas, box, depth
        self.size = (box[3] - box[1], box[2] - box[0])
        """Rows and columns of the box."""
        # An id is the code + 1; 0 marks pixels that nothing was drawn on.
        paint, ids = Image.new("RGBA", self.size[::-1]), Image.new("I", self.size[::-1])
        self._paint, self._ids = paint, ids
        self._ink, self._id = ImageDraw.Draw(paint), ImageDraw.Draw(ids)

    def _local(self, points: Sequence[Point]) -> list[Point]:
        """Return points of the canvas as points of the box."""
        return [(u - self._box[0], v - self._box[1]) for u, v in points]

    def _bounds(self, centre: Point, radii: Point) -> tuple[float, float, float, float]:
        """Return (left, top, right, bottom) of an ellipse in the box."""
        (u, v), (rx, ry) = self._local([centre])[0], radii
        return u - rx, v - ry, u + rx, v + ry

    def polygon(self, points: Sequence[Point], colour: Colour, label: int, glow: int = 0) -> None:
        """Fill a polygon."""
        local = self._local(points)
        self._ink.polygon(local, fill=(*colour, glow))
        self._id.polygon(local, fill=label + 1)

    def line(self, points: Sequence[Point], colour: Colour, label: int, width: float) -> None:
        """Draw a polyline of `width` pixels (at least one)."""
        local = self._local(points)
        joint = "curve" if width > 3 and len(points) > 2 else None
        self._ink.line(local, fill=(*colour, 0), width=max(round(width), 1), joint=joint)
        self._id.line(local, fill=label + 1, width=max(round(width), 1), joint=joint)

    def ellipse(self, centre: Point, radii: Point, colour: Colour, label: int, glow: int = 0) -> None:
        """Fill an ellipse with (horizontal, vertical) `radii` in pixels."""
        bounds = self._bounds(centre, radii)
        self._ink.ellipse(bounds, fill=(*colour, glow))
        self._id.ellipse(bounds, fill=label + 1)

    def ring(self, centre: Point, radii: Point, colour: Colour, label: int, width: float) -> None:
        """Draw the rim of an ellipse with (horizontal, vertical) outer `radii`, `width` pixels wide (at least one)."""
        bounds = self._bounds(centre, radii)
        self._ink.ellipse(bounds, outline=(*colour, 0), width=max(round(width), 1))
        self._id.ellipse(bounds, outline=label + 1, width=max(round(width), 1))

    def stamp(self, face: Image.Image, centre: Point, size: Point, label: int, glow: int = 0) -> None:
        """Put a picture upright on the drawing.

        Args:
            face: the picture, RGBA; drawn where its alpha is above a half.
            centre: where its middle comes to lie.
            size: its width and height in pixels, at least one each.
            label: class id or code.
            glow: how much of it is emitted light, 0..255.
        """
        cols, rows = max(round(size[0]), 1), max(round(size[1]), 1)
        small = face.resize((cols, rows), Image.Resampling.BOX if rows < face.height else Image.Resampling.BILINEAR)
        (u, v), mask = self._local([centre])[0], small.getchannel("A").point(lambda a: 255 * (a > 127))
        corner = (round(u - cols / 2), round(v - rows / 2))
        small.putalpha(glow)
        self._paint.paste(small, corner, mask)
        self._ids.paste(label + 1, (*corner, corner[0] + cols, corner[1] + rows), mask)

    def done(self, grain: Floats | None = None) -> None:
        """Put the drawing on the canvas; `grain` [h, w] multiplies its colours (surface texture)."""
        ids, paint = np.asarray(self._ids), np.asarray(self._paint)
        if grain is not None:
            paint = with_glow(paint[..., :3] * grain[..., None], paint[..., 3])
        codes = ids - np.int32(1)
        self._canvas.write(self._box[0], self._box[1], ids > 0, paint, codes, self._depth)
        things = codes[codes > 15] >> 4
        if len(things):
            for number in range(int(things.min()), int(things.max()) + 1):
                self._canvas.drawn[number] += int((things == number).sum())
