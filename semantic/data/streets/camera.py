"""A pinhole camera that looks along the street.

World axes in metres: X right, Y up (0 on the ground), Z ahead of the camera, which stands at (0, height, 0). Small yaw
and pitch appear as a shifted vanishing point, so walls along the street keep the exact form u = u0 + f X / Z.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Point = tuple[float, float]

NEAREST = 0.5
"""Metres; what is nearer is clipped to this depth."""


@dataclass(frozen=True)
class Camera:
    """Focal length and vanishing point in pixels of a canvas of rows x cols."""

    rows: int
    cols: int
    f: float
    u0: float
    v0: float
    height: float

    def scale(self, z: float) -> float:
        """Pixels per metre at depth z."""
        return self.f / max(z, NEAREST)

    def project(self, x: float, y: float, z: float) -> Point:
        """World point to (column, row)."""
        s = self.scale(z)
        return self.u0 + s * x, self.v0 + s * (self.height - y)

    def column_depth(self, x: float, first: int, last: int) -> Floats:
        """Depth [last - first] of the wall plane X = x seen in each of these columns."""
        u = np.arange(first, last, dtype=np.float32) + 0.5 - self.u0
        return np.asarray(self.f * x / u, dtype=np.float32)

    def edge_depth(self, x: float) -> float:
        """Depth at which the wall plane X = x enters the picture."""
        room = self.u0 if x < 0 else self.cols - self.u0
        return self.f * abs(x) / max(room, 1.0)
