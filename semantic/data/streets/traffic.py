"""Who moves and parks in a street: vehicles, pedestrians and bicyclists."""

import numpy as np

from taskwave.semantic.data.streets.lighting import Light
from taskwave.semantic.data.streets.people import Bicyclist, Pedestrian
from taskwave.semantic.data.streets.plan import Side, Street
from taskwave.semantic.data.streets.vehicles import Vehicle, draw_vehicle

Rng = np.random.Generator


def draw_depth(rng: Rng, near: float, far: float) -> float:
    """A depth drawn evenly in 1/z and z mixed, so that both near and far things occur."""
    if rng.random() < 0.5:
        return 1 / float(rng.uniform(1 / far, 1 / near))
    return float(rng.uniform(near, far))


def _sun(light: Light) -> tuple[float, float]:
    if light.time != "sun":
        return 0.95, 0.95
    return (1.12, 0.72) if light.sun_side < 0 else (0.72, 1.12)


def draw_traffic(street: Street, light: Light, rng: Rng) -> list[Vehicle]:
    out: list[Vehicle] = []
    sun, dark = _sun(light), light.lamps
    ahead, oncoming = 0.0, 2 * street.centre
    for lane, yaw in ((ahead, 0.0), (oncoming, np.pi)):
        z = float(rng.uniform(7, 40)) if lane == ahead else float(rng.uniform(4, 40))
        while z < min(street.end, 130.0):
            if rng.random() < 0.6:
                x = lane + float(rng.normal(0, 0.2))
                out.append(draw_vehicle(x, z, yaw + float(rng.normal(0, 0.04)), dark, sun, rng))
            z += float(rng.uniform(9, 45))
    for side in street.sides:
        if street_room(street, side) and rng.random() < 0.75:
            density, z = float(rng.uniform(0.3, 0.95)), float(rng.uniform(3, 12))
            yaw = 0.0 if side.sign == street.drive_on else np.pi
            while z < min(street.end, 110.0):
                if rng.random() < density and side.at(z).kind != "junction":
                    x = side.sign * (side.kerb - 1.05 + float(rng.normal(0, 0.06)))
                    out.append(draw_vehicle(x, z, yaw + float(rng.normal(0, 0.03)), False, sun, rng))
                z += float(rng.uniform(5.6, 7.5))
        for stretch in side.stretches:
            if stretch.kind == "junction" and stretch.z0 > 12 and rng.random() < 0.35:
                x = side.sign * float(rng.uniform(side.kerb - 3, side.wall + 1))
                yaw = float(rng.choice((-1, 1))) * np.pi / 2 + float(rng.normal(0, 0.25))
                out.append(draw_vehicle(x, (stretch.z0 + stretch.z1) / 2, yaw, dark, sun, rng))
    # No two vehicles in one place: the nearer one stays.
    out.sort(key=lambda v: v.z)
    kept: list[Vehicle] = []
    for item in out:
        if all(
            abs(item.x - other.x) > 1.9 or abs(item.z - other.z) > (item.shape.length + other.shape.length) / 2 + 0.6
            for other in kept
        ):
            kept.append(item)
    return kept


def street_room(street: Street, side: Side) -> bool:
    """Whether there is a parking strip on this side."""
    lane = abs(street.centre) * 2 if side.sign != street.drive_on else 0.0
    return side.kerb - lane > 2.6


def draw_people(street: Street, rng: Rng) -> list[Pedestrian | Bicyclist]:
    out: list[Pedestrian | Bicyclist] = []
    busy = float(rng.choice((2.0, 5.0, 10.0), p=(0.4, 0.4, 0.2)))
    for _ in range(int(rng.poisson(busy))):
        side = street.sides[int(rng.integers(2))]
        z = draw_depth(rng, 6.0, 60.0)
        x = side.sign * float(rng.uniform(side.kerb + 0.4, side.wall - 0.3))
        if rng.random() < 0.1:
            x = float(rng.uniform(-street.left.kerb, street.right.kerb))
            z = max(z, 14.0)
        for k in range(1 + int(rng.random() < 0.3)):
            tall = float(rng.normal(1.72, 0.09)) if rng.random() > 0.1 else float(rng.uniform(1.0, 1.4))
            out.append(Pedestrian(x + 0.6 * k * -side.sign, z + 0.2 * k, tall, int(rng.choice((-1, 1))),
                                  float(rng.uniform(0.02, 0.3)), bool(rng.random() < 0.5)))  # fmt: skip
    for _ in range(int(rng.poisson(1.5))):
        side = street.sides[int(rng.integers(2))]
        z = draw_depth(rng, 7.0, 45.0)
        x = side.sign * (side.kerb - float(rng.uniform(0.5, 1.0)) - (2.0 if street_room(street, side) else 0.0))
        sideways = bool(rng.random() < 0.4)
        if sideways:
            x, z = float(rng.uniform(-street.left.wall, street.right.wall)), max(z, 9.0)
        out.append(Bicyclist(x, z, int(rng.choice((-1, 1))), sideways, float(rng.uniform(0, 2 * np.pi))))
    return out
