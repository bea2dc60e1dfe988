"""Image set of street scenes: as many different ones as wanted, each drawn from a seed of its own."""

from collections.abc import Sequence

import numpy as np
import torch

from taskwave.semantic.data.base import DEFAULT_SIZE, SPLITS, Sample, Size, check_index, check_size, check_split
from taskwave.semantic.data.objects import Objects
from taskwave.semantic.data.streets.buildings import paint_building
from taskwave.semantic.data.streets.canvas import PAVEMENT, ROAD, Bytes, Camera, Canvas
from taskwave.semantic.data.streets.ground import paint_ground
from taskwave.semantic.data.streets.layout import Item, draw_layout
from taskwave.semantic.data.streets.lighting import Light, PointLight, draw_light, expose, majority
from taskwave.semantic.data.streets.people import Bicyclist, Pedestrian
from taskwave.semantic.data.streets.plan import draw_street
from taskwave.semantic.data.streets.sight import annotate
from taskwave.semantic.data.streets.sky import paint_sky, paint_skyline
from taskwave.semantic.data.streets.vegetation import Tree
from taskwave.semantic.data.streets.vehicles import Vehicle

DEFAULT_COUNTS = {"train": 2000, "val": 200, "test": 200}
"""Number of street scenes of every split."""


def _paint_shadows(canvas: Canvas, items: Sequence[Item], light: Light) -> None:
    """Darken the ground under the items that stand on it and, in sunshine, beside them."""
    camera = canvas.camera
    for item in items:
        if isinstance(item, Vehicle):
            half, deep, tall = item.shape.width / 2 + 0.15, item.shape.length / 2, item.shape.height
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
        # Only road and pavement take the shadow, because walls that reach into the box do not lie on the ground.
        ground = (canvas.codes[at] == ROAD) | (canvas.codes[at] == PAVEMENT)
        canvas.paint[at][..., :3] = canvas.paint[at][..., :3] * np.where(ground, dark, 1.0)[..., None]


def _render(rng: np.random.Generator, size: Size) -> tuple[Bytes, Bytes, Objects]:
    """Draw a street scene and return its pixels [H, W, 3] and class ids [H, W], both uint8, and its objects.

    It is painted at twice the size (H, W) and reduced.
    """
    rows, cols = 2 * size[0], 2 * size[1]
    camera = Camera(
        rows,
        cols,
        f=cols * float(rng.uniform(0.75, 1.1)),
        u0=cols * float(rng.uniform(0.36, 0.64)),
        v0=rows * float(rng.uniform(0.46, 0.6)),
        height=float(rng.uniform(1.3, 1.9)),
    )
    light, street = draw_light(rng), draw_street(rng)
    canvas = Canvas(camera)
    paint_sky(canvas, light, rng)
    paint_skyline(canvas, street, light, rng)
    paint_ground(canvas, street, light, rng)
    layout = draw_layout(street, light, camera, rng)
    for side in street.sides:
        for stretch in reversed(side.stretches):
            if stretch.kind == "building":
                paint_building(canvas, side, stretch, light, rng)
            for item in sorted(layout.yards.get((side.sign, stretch.z0), []), key=lambda i: -i.z):
                item.paint(canvas, rng)
    _paint_shadows(canvas, layout.items, light)
    for item in sorted(layout.items, key=lambda i: -i.z):
        item.paint(canvas, rng)
    points = [PointLight(*lamp.head, (1.0, 0.72, 0.42), 1.9) for lamp in layout.lamps if lamp.on]
    return expose(canvas, light, points, rng), majority(canvas.label), annotate(canvas)


class StreetScenes:
    """Draws the street scenes of one split.

    Street scene i depends on (split, i, seed, size) alone, so that a longer set starts alike.

    Args:
        split: "train", "val" or "test".
        count: number of street scenes, at least 1; by default that of `DEFAULT_COUNTS`.
        seed: seed of the set, 0 or more.
        size: height and width of the images in pixels, each at least 16.

    Raises:
        ValueError: unknown split, a count below 1, a negative seed or a bad size.
    """

    def __init__(self, split: str, count: int | None = None, seed: int = 0, size: Size = DEFAULT_SIZE) -> None:
        check_split(split, SPLITS, "streets")
        check_size(size)
        self._count = DEFAULT_COUNTS[split] if count is None else count
        if self._count < 1:
            raise ValueError(f"count is {count}; allowed: at least 1 scene")
        if seed < 0:
            raise ValueError(f"seed is {seed}; allowed: 0 or more")
        self._split, self._seed, self._size = split, seed, size
        self.names = tuple(f"street-{split}-{seed}-{i:05d}" for i in range(self._count))

    def __len__(self) -> int:
        return self._count

    def size(self, index: int) -> Size:
        """Return height and width of street scene `index`, the same for all."""
        check_index(index, self._count)
        return self._size

    def __getitem__(self, index: int) -> Sample:
        """Return street scene `index` (0 to len - 1), drawn anew on every call."""
        check_index(index, self._count)
        entropy = np.random.SeedSequence((self._seed, SPLITS.index(self._split), index))
        pixels, label, objects = _render(np.random.default_rng(entropy), self._size)
        image = torch.from_numpy(pixels).permute(2, 0, 1).contiguous()
        return Sample(self.names[index], image, torch.from_numpy(label), objects=objects)
