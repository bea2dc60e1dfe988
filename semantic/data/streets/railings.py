"""Fences along the street."""

from dataclasses import dataclass

import numpy as np

from taskwave.semantic.data.streets.canvas import FENCE, Canvas, Colour, with_glow


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
