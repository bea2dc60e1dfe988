"""Shadows on road and pavement of what stands there."""

from collections.abc import Sequence

import numpy as np

from taskwave.semantic.data.streets.canvas import PAVEMENT, ROAD, Canvas
from taskwave.semantic.data.streets.layout import Item
from taskwave.semantic.data.streets.lighting import Light
from taskwave.semantic.data.streets.people import Bicyclist, Pedestrian
from taskwave.semantic.data.streets.vegetation import Tree
from taskwave.semantic.data.streets.vehicles import Vehicle


def draw_shadows(canvas: Canvas, items: Sequence[Item], light: Light) -> None:
    """Darken the ground under and, in sunshine, beside what stands on it."""
    camera = canvas.camera
    for item in items:
        if isinstance(item, Vehicle):
            half, deep, tall = item.shape.width / 2 + 0.15, item.shape.length / 2, max(p[1] for p in item.shape.profile)
            if abs(np.sin(item.yaw)) > 0.7:
                half, deep = deep, half
        elif isinstance(item, (Pedestrian, Bicyclist)):
            half, deep, tall = 0.25, 0.25, 1.7
        elif isinstance(item, Tree):
            half, deep, tall = item.crown * 0.7, item.crown * 0.7, item.tall * 0.6
        else:
            continue
        cast = -light.sun_side * light.sun_slope * tall
        left, right = item.x - half + min(cast, 0.0), item.x + half + max(cast, 0.0)
        z0, z1 = max(item.z - deep, 1.5), item.z + deep
        u = [camera.project(x, 0, item.z)[0] for x in (left, right)]
        v = [camera.project(0, 0, z)[1] for z in (z1, z0)]
        box = canvas.clip(u[0], v[0], u[1], v[1])
        if box is None:
            continue
        du = (np.arange(box[0], box[2]) + 0.5 - (u[0] + u[1]) / 2) / max((u[1] - u[0]) / 2, 0.5)
        dv = (np.arange(box[1], box[3])[:, None] + 0.5 - (v[0] + v[1]) / 2) / max((v[1] - v[0]) / 2, 0.5)
        depth = 0.55 if light.sun_slope else 0.35
        dark = 1 - depth * np.clip(1.6 - 1.6 * (du**4 + dv**4), 0, 1)
        at = np.s_[box[1] : box[3], box[0] : box[2]]
        # Walls that reach into the box are not on the ground: only road and pavement take the shadow.
        ground = (canvas.label[at] == ROAD) | (canvas.label[at] == PAVEMENT)
        canvas.paint[at][..., :3] = canvas.paint[at][..., :3] * np.where(ground, dark, 1.0)[..., None]
