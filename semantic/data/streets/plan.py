"""Plan of a street: its widths, where it ends and what lines each side."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

Frontage = Literal["building", "park", "junction"]

FAR = 240.0
"""Largest depth in metres at which a street ends."""


@dataclass(frozen=True)
class Stretch:
    """Describes what lines one side of the street from z0 to z1 metres."""

    kind: Frontage
    z0: float
    z1: float
    height: float
    """Height of the building in metres, 0 where nothing is built."""


@dataclass(frozen=True)
class Side:
    """Describes one side of the street."""

    sign: int
    """Sign of X on this side: -1 left, +1 right."""
    kerb: float
    """|X| of the kerb in metres."""
    wall: float
    """|X| of the frontage in metres."""
    stretches: tuple[Stretch, ...]
    """Stretches of the frontage, near ones first."""

    def at(self, z: float) -> Stretch:
        """Return the stretch at depth z, or the last one where there is none."""
        return next((s for s in self.stretches if s.z0 <= z < s.z1), self.stretches[-1])


@dataclass(frozen=True)
class Street:
    """Describes a street that runs along Z."""

    left: Side
    right: Side
    centre: float
    """X of the centre line in metres."""
    drive_on: int
    """Side of traffic: +1 where it keeps right, -1 where it keeps left."""
    end: float
    """Depth in metres at which the street ends."""

    @property
    def sides(self) -> tuple[Side, Side]:
        """Left and right side."""
        return self.left, self.right


def _stretches(rng: np.random.Generator, green: float, end: float) -> tuple[Stretch, ...]:
    """Draw buildings, parks and side streets up to `end` metres; `green` is the share of parks."""
    out: list[Stretch] = []
    z = float(rng.uniform(-4, 8))
    storeys = int(rng.integers(2, 5))
    out.append(Stretch("park" if rng.random() < green else "building", -20.0, z, 3.1 * storeys))
    while z < end:
        pick = rng.random()
        if pick < 0.12 and out[-1].kind != "junction":
            length, kind, height = float(rng.uniform(6, 11)), "junction", 0.0
        elif pick < 0.12 + 0.88 * green:
            length, kind, height = float(rng.uniform(10, 35)), "park", 0.0
        else:
            length, kind = float(rng.uniform(6, 20)), "building"
            height = float(np.clip(storeys + rng.integers(-1, 2), 1, 6)) * 3.1 + float(rng.uniform(0, 0.8))
        out.append(Stretch(kind, z, z + length, height))  # type: ignore[arg-type]
        z += length
    return tuple(out)


def draw_street(rng: np.random.Generator) -> Street:
    """Draw a street with the camera in a lane of it (X = 0)."""
    drive_on = int(rng.choice((-1, 1)))
    lane = float(rng.uniform(2.8, 3.6))
    parking = float(rng.choice((0.3, 2.2), p=(0.45, 0.55)))
    lanes = int(rng.choice((2, 4), p=(0.85, 0.15)))
    near, far = lane / 2 + parking, lane * (lanes - 0.5) + float(rng.choice((0.3, 2.2)))
    end = float(rng.choice((60.0, 100.0, 160.0, FAR), p=(0.15, 0.25, 0.3, 0.3)))
    green = float(rng.choice((0.08, 0.35, 0.8), p=(0.55, 0.3, 0.15)))
    sides = []
    for sign in (-1, 1):
        kerb = near if sign == drive_on else far
        share = float(np.clip(green + rng.uniform(-0.25, 0.25), 0.0, 1.0))
        sides.append(Side(sign, kerb, kerb + float(rng.uniform(2.0, 4.6)), _stretches(rng, share, end)))
    return Street(sides[0], sides[1], -drive_on * (lane / 2 + lane * (lanes // 2 - 1)), drive_on, end)
