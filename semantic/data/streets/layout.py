"""Layout of one street scene: where traffic, people, street furniture and the plants of parks stand."""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from taskwave.semantic.data.streets.canvas import Camera, Canvas, Colour, tint
from taskwave.semantic.data.streets.furniture import Bollard, Lamp, Railing
from taskwave.semantic.data.streets.lighting import Light
from taskwave.semantic.data.streets.people import Bicyclist, Pedestrian
from taskwave.semantic.data.streets.plan import Side, Street
from taskwave.semantic.data.streets.sight import plain
from taskwave.semantic.data.streets.signing import draw_signs
from taskwave.semantic.data.streets.vegetation import Bush, Tree
from taskwave.semantic.data.streets.vehicles import Vehicle, draw_vehicle

Rng = np.random.Generator


class Item(Protocol):
    """Describes anything that stands in the street."""

    @property
    def z(self) -> float:
        """Depth in metres, which orders the painting."""

    def paint(self, canvas: Canvas, rng: Rng) -> None:
        """Paint the item."""


@dataclass(frozen=True)
class Layout:
    """Holds all items of a street scene."""

    yards: dict[tuple[int, float], list[Item]]
    """Items behind the frontage by (sign of the side, z0 of the stretch)."""
    items: list[Item]
    """Items in the street, lamps included."""
    lamps: list[Lamp]
    """Lamps in the street."""


def _draw_depth(rng: Rng, near: float, far: float) -> float:
    """Draw a depth in metres, evenly in 1/z or in z, so that both near and far things occur."""
    if rng.random() < 0.5:
        return 1 / float(rng.uniform(1 / far, 1 / near))
    return float(rng.uniform(near, far))


def _sun_factors(light: Light) -> tuple[float, float]:
    """Return the factors of light on faces that look left and right."""
    if light.time != "sun":
        return 0.95, 0.95
    return (1.12, 0.72) if light.sun_side < 0 else (0.72, 1.12)


def _draw_traffic(street: Street, light: Light, rng: Rng) -> list[Vehicle]:
    """Draw vehicles in the lanes, parked at the kerbs and in side streets, none of them in another."""
    out: list[Vehicle] = []
    sun, dark = _sun_factors(light), light.lamps or light.rain
    ahead, oncoming = 0.0, 2 * street.centre
    if rng.random() < 0.45:  # one that is followed closely
        first = draw_vehicle(0.0, 0.0, float(rng.normal(0, 0.03)), dark, sun, rng)
        out.append(replace(first, x=float(rng.normal(0, 0.2)), z=float(rng.uniform(4.8, 9)) + first.shape.length / 2))
    for lane, yaw in ((ahead, 0.0), (oncoming, np.pi)):
        z = float(rng.uniform(7, 40)) if lane == ahead else float(rng.uniform(4, 40))
        while z < min(street.end, 130.0):
            if rng.random() < 0.6:
                x = lane + float(rng.normal(0, 0.2))
                out.append(draw_vehicle(x, z, yaw + float(rng.normal(0, 0.04)), dark, sun, rng))
            z += float(rng.uniform(9, 45))
    for side in street.sides:
        if _has_parking(street, side) and rng.random() < 0.75:
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
    # Where two vehicles would overlap, the nearer one stays.
    out.sort(key=lambda v: v.z)
    kept: list[Vehicle] = []
    for item in out:
        if all(
            abs(item.x - other.x) > 1.9 or abs(item.z - other.z) > (item.shape.length + other.shape.length) / 2 + 0.6
            for other in kept
        ):
            kept.append(item)
    return kept


def _has_parking(street: Street, side: Side) -> bool:
    """Return whether there is a parking strip on this side."""
    lane = abs(street.centre) * 2 if side.sign != street.drive_on else 0.0
    return side.kerb - lane > 2.6


def _draw_people(street: Street, rng: Rng) -> list[Pedestrian | Bicyclist]:
    """Draw pedestrians, most of them on the pavements, and bicyclists."""
    out: list[Pedestrian | Bicyclist] = []
    busy = float(rng.choice((2.0, 5.0, 10.0), p=(0.4, 0.4, 0.2)))
    for _ in range(int(rng.poisson(busy))):
        side = street.sides[int(rng.integers(2))]
        z = _draw_depth(rng, 6.0, 50.0)
        x = side.sign * float(rng.uniform(side.kerb + 0.4, side.wall - 0.3))
        if rng.random() < 0.1:
            x = float(rng.uniform(-street.left.kerb, street.right.kerb))
            z = max(z, 14.0)
        for k in range(1 + int(rng.random() < 0.3)):
            tall = float(rng.normal(1.72, 0.09)) if rng.random() > 0.1 else float(rng.uniform(1.0, 1.4))
            person = Pedestrian(
                x + 0.6 * k * -side.sign,
                z + 0.2 * k,
                tall,
                facing=int(rng.choice((-1, 1))),
                stride=float(rng.uniform(0.02, 0.3)),
                sideways=bool(rng.random() < 0.5),
            )
            out.append(person)
    for _ in range(int(rng.poisson(1.5))):
        side = street.sides[int(rng.integers(2))]
        z = _draw_depth(rng, 7.0, 45.0)
        x = side.sign * (side.kerb - float(rng.uniform(0.5, 1.0)) - (2.0 if _has_parking(street, side) else 0.0))
        sideways = bool(rng.random() < 0.4)
        if sideways:
            x, z = float(rng.uniform(-street.left.wall, street.right.wall)), max(z, 9.0)
        facing = int(rng.choice((-1, 1)))
        out.append(Bicyclist(x, z, facing, sideways=sideways, pedal=float(rng.uniform(0, 2 * np.pi))))
    return out


def _draw_furniture(street: Street, light: Light, rng: Rng) -> tuple[list[Item], list[Lamp]]:
    """Draw lamps, bollards, railings and trees of both pavements; the lamps are returned by themselves, too."""
    out: list[Item] = []
    lamps: list[Lamp] = []
    metal: Colour = tint((96, 100, 98), float(rng.uniform(0.4, 1.4)))
    tall, pitch = float(rng.uniform(5, 9)), float(rng.uniform(16, 30))
    leafy, bare = float(rng.uniform(-0.4, 0.8)), bool(rng.random() < 0.3)
    ink: Colour
    for side in street.sides:
        edge = side.sign * (side.kerb + 0.45)
        z = float(rng.uniform(5, 5 + pitch))
        while z < min(street.end, 120.0):
            lamps.append(Lamp(edge, z, tall, towards=-side.sign, on=light.lamps, colour=metal))
            z += pitch
        if rng.random() < 0.3:
            start, step = float(rng.uniform(5, 20)), float(rng.uniform(1.4, 2.5))
            ink = ((40, 40, 44), (150, 150, 146), (90, 70, 56))[int(rng.integers(3))]
            out.extend(Bollard(edge, start + k * step, ink) for k in range(int(rng.integers(3, 9))))
        if rng.random() < 0.22:
            start = float(rng.uniform(4, 25))
            end = start + float(rng.uniform(6, 20))
            ink = ((60, 64, 66), (150, 152, 150), (52, 88, 70))[int(rng.integers(3))]
            x = side.sign * (side.kerb + 0.25)
            out.append(Railing(x, start, end, tall=1.05, closed=False, colour=ink))
        if rng.random() < leafy:
            z, step = float(rng.uniform(4, 16)), float(rng.uniform(7, 14))
            while z < min(street.end, 110.0):
                if side.at(z).kind != "junction":
                    x, size = side.sign * (side.kerb + 0.8), float(rng.uniform(5, 9))
                    out.append(Tree(x, z, tall=size, crown=float(rng.uniform(1.6, 2.8)), bare=bare))
                z += step
    return [*out, *lamps], lamps


def _draw_yards(side: Side, rng: Rng) -> dict[tuple[int, float], list[Item]]:
    """Draw trees, bushes and fence of the parks of one side, by (sign of the side, z0 of the stretch)."""
    out: dict[tuple[int, float], list[Item]] = {}
    bare = bool(rng.random() < 0.3)
    for stretch in side.stretches:
        start = max(stretch.z0, 2.0)
        if stretch.kind != "park" or stretch.z1 <= start:
            continue
        items: list[Item] = []
        for _ in range(int((stretch.z1 - start) / 4.0) + 1):
            x = side.sign * (side.wall + float(rng.uniform(1.5, 14)))
            z, tall = float(rng.uniform(start, stretch.z1)), float(rng.uniform(5, 12))
            items.append(Tree(x, z, tall=tall, crown=float(rng.uniform(2, 4)), bare=bare))
        for _ in range(int((stretch.z1 - start) / 3.5)):
            x = side.sign * (side.wall + float(rng.uniform(0.8, 4)))
            z, tall = float(rng.uniform(start, stretch.z1)), float(rng.uniform(0.8, 2.4))
            items.append(Bush(x, z, tall=tall, wide=float(rng.uniform(1, 2.2))))
        if rng.random() < 0.75:
            closed = bool(rng.random() < 0.4)
            ink: Colour = (
                (116, 88, 62) if closed else ((44, 46, 48), (60, 90, 66), (140, 140, 138))[int(rng.integers(3))]
            )
            tall = float(rng.uniform(1.0, 1.8))
            x = side.sign * side.wall
            items.append(Railing(x, start - 0.01, stretch.z1, tall=tall, closed=closed, colour=ink))
        out[side.sign, stretch.z0] = items
    return out


def draw_layout(street: Street, light: Light, camera: Camera, rng: Rng) -> Layout:
    """Draw the items of a street scene, without people where a vehicle stands and without what is mostly hidden."""
    yards = _draw_yards(street.left, rng) | _draw_yards(street.right, rng)
    traffic = _draw_traffic(street, light, rng)
    people = [p for p in _draw_people(street, rng) if not any(v.covers(p.x, p.z) for v in traffic)]
    furniture, lamps = _draw_furniture(street, light, rng)
    signs = draw_signs(street, light, camera, rng)
    trees = [item for item in furniture if isinstance(item, Tree)]
    kept = plain([*traffic, *people, *signs], trees, camera)
    return Layout(yards, [*kept, *furniture], lamps)
