"""What stands where in one scene: traffic and people, street furniture, and the gardens behind the frontage."""

from typing import Protocol

import numpy as np

from taskwave.semantic.data.streets.canvas import Canvas, Colour, tint
from taskwave.semantic.data.streets.furniture import Bollard, Lamp, Railing, Sign, SignKind
from taskwave.semantic.data.streets.lighting import Light
from taskwave.semantic.data.streets.people import Bicyclist, Pedestrian
from taskwave.semantic.data.streets.plan import Side, Street
from taskwave.semantic.data.streets.vegetation import Bush, Tree
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


class Item(Protocol):
    """Anything that stands in the street; `z` orders the painting."""

    @property
    def z(self) -> float: ...

    def draw(self, canvas: Canvas, rng: Rng) -> None: ...


def _furniture(street: Street, light: Light, rng: Rng) -> tuple[list[Item], list[Lamp]]:
    out: list[Item] = []
    lamps: list[Lamp] = []
    metal: Colour = tint((96, 100, 98), float(rng.uniform(0.4, 1.4)))
    tall, pitch, leafy, bare = (
        float(rng.uniform(5, 9)),
        float(rng.uniform(16, 30)),
        float(rng.uniform(-0.4, 0.8)),
        bool(rng.random() < 0.3),
    )
    kinds: tuple[SignKind, ...] = ("disc", "triangle", "board", "lights")
    for side in street.sides:
        edge = side.sign * (side.kerb + 0.45)
        z = float(rng.uniform(5, 5 + pitch))
        while z < min(street.end, 120.0):
            lamps.append(Lamp(edge, z, tall, -side.sign, light.lamps, metal))
            z += pitch
        for _ in range(int(rng.poisson(2.2))):
            kind = kinds[int(rng.choice(4, p=(0.3, 0.2, 0.25, 0.25)))]
            wide = float(rng.uniform(0.6, 0.9)) if kind != "board" else float(rng.uniform(0.8, 2.0))
            out.append(
                Sign(
                    edge + side.sign * 0.1,
                    draw_depth(rng, 7, 45),
                    kind,
                    float(rng.uniform(2.2, 3.1)),
                    wide,
                    light.lamps,
                )
            )
        if rng.random() < 0.3:
            start, step = float(rng.uniform(5, 20)), float(rng.uniform(1.4, 2.5))
            ink: Colour = ((40, 40, 44), (150, 150, 146), (90, 70, 56))[int(rng.integers(3))]
            out.extend(Bollard(edge, start + k * step, ink) for k in range(int(rng.integers(3, 9))))
        if rng.random() < 0.22:
            start = float(rng.uniform(4, 25))
            out.append(Railing(side.sign * (side.kerb + 0.25), start, start + float(rng.uniform(6, 20)), 1.05, False,
                               ((60, 64, 66), (150, 152, 150), (52, 88, 70))[int(rng.integers(3))]))  # fmt: skip
        if rng.random() < leafy:
            z, step = float(rng.uniform(4, 16)), float(rng.uniform(7, 14))
            while z < min(street.end, 110.0):
                if side.at(z).kind != "junction":
                    out.append(
                        Tree(
                            side.sign * (side.kerb + 0.8),
                            z,
                            float(rng.uniform(5, 9)),
                            float(rng.uniform(1.6, 2.8)),
                            bare,
                        )
                    )
                z += step
    return [*out, *lamps], lamps


def _yard(side: Side, rng: Rng) -> dict[tuple[int, float], list[Item]]:
    """Fence, hedge and trees of the parks of one side."""
    out: dict[tuple[int, float], list[Item]] = {}
    bare = bool(rng.random() < 0.3)
    for stretch in side.stretches:
        start = max(stretch.z0, 2.0)
        if stretch.kind != "park" or stretch.z1 <= start:
            continue
        things: list[Item] = []
        for _ in range(int((stretch.z1 - start) / 4.0) + 1):
            x = side.sign * (side.wall + float(rng.uniform(1.5, 14)))
            things.append(
                Tree(
                    x, float(rng.uniform(start, stretch.z1)), float(rng.uniform(5, 12)), float(rng.uniform(2, 4)), bare
                )
            )
        for _ in range(int((stretch.z1 - start) / 3.5)):
            x = side.sign * (side.wall + float(rng.uniform(0.8, 4)))
            things.append(
                Bush(x, float(rng.uniform(start, stretch.z1)), float(rng.uniform(0.8, 2.4)), float(rng.uniform(1, 2.2)))
            )
        if rng.random() < 0.75:
            closed = bool(rng.random() < 0.4)
            ink: Colour = (
                (116, 88, 62) if closed else ((44, 46, 48), (60, 90, 66), (140, 140, 138))[int(rng.integers(3))]
            )
            things.append(
                Railing(side.sign * side.wall, start - 0.01, stretch.z1, float(rng.uniform(1.0, 1.8)), closed, ink)
            )
        out[side.sign, stretch.z0] = things
    return out


def draw_items(
    street: Street, light: Light, rng: Rng
) -> tuple[dict[tuple[int, float], list[Item]], list[Item], list[Lamp]]:
    """Things behind the frontage by (side, start of stretch), things in the street, and the lamps among them."""
    yard = _yard(street.left, rng) | _yard(street.right, rng)
    traffic = draw_traffic(street, light, rng)
    items: list[Item] = [
        *traffic,
        *(p for p in draw_people(street, rng) if not any(v.covers(p.x, p.z) for v in traffic)),
    ]
    furniture, lamps = _furniture(street, light, rng)
    return yard, items + furniture, lamps
