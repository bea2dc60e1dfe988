"""The embedded data set: as many different street scenes as wanted, each drawn from its own seed."""

import numpy as np
import torch

from taskwave.semantic.data.base import DEFAULT_SIZE, SPLITS, Sample, Size, check_index, check_size, check_split
from taskwave.semantic.data.streets.buildings import draw_building
from taskwave.semantic.data.streets.camera import Camera
from taskwave.semantic.data.streets.canvas import Bytes, Canvas
from taskwave.semantic.data.streets.ground import draw_ground
from taskwave.semantic.data.streets.layout import draw_items
from taskwave.semantic.data.streets.lighting import PointLight, draw_light, expose, majority
from taskwave.semantic.data.streets.plan import draw_street
from taskwave.semantic.data.streets.shadows import draw_shadows
from taskwave.semantic.data.streets.sky import draw_sky, draw_skyline

DEFAULT_COUNTS = {"train": 2000, "val": 200, "test": 200}


def render(rng: np.random.Generator, size: Size) -> tuple[Bytes, Bytes]:
    """One scene: photograph [H, W, 3] and class ids [H, W], both uint8, drawn at twice the size and reduced."""
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
    draw_sky(canvas, light, rng)
    draw_skyline(canvas, street, light, rng)
    draw_ground(canvas, street, light, rng)
    yard, items, lamps = draw_items(street, light, rng)
    for side in street.sides:
        for stretch in reversed(side.stretches):
            if stretch.kind == "building":
                draw_building(canvas, side, stretch, light, rng)
            for thing in sorted(yard.get((side.sign, stretch.z0), []), key=lambda t: -t.z):
                thing.draw(canvas, rng)
    draw_shadows(canvas, items, light)
    for item in sorted(items, key=lambda t: -t.z):
        item.draw(canvas, rng)
    points = [PointLight(*lamp.head, (1.0, 0.72, 0.42), 1.9) for lamp in lamps if lamp.on]
    return expose(canvas, light, points, rng), majority(canvas.label)


class StreetScenes:
    """`count` scenes of one split; scene i depends on (split, i, seed, size) alone: a longer set starts alike.

    Raises ValueError for an unknown split, a count below 1, a negative seed or a bad size.
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

    def __getitem__(self, index: int) -> Sample:
        """Scene `index` (0 to len - 1), rendered anew on every call."""
        check_index(index, self._count)
        entropy = np.random.SeedSequence((self._seed, SPLITS.index(self._split), index))
        picture, label = render(np.random.default_rng(entropy), self._size)
        return Sample(
            self.names[index], torch.from_numpy(picture).permute(2, 0, 1).contiguous(), torch.from_numpy(label)
        )
