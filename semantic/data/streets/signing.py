"""Which signs, traffic lights and boards of shops a street has, and where they stand."""

import numpy as np

from taskwave.semantic.data.streets.canvas import Camera
from taskwave.semantic.data.streets.lighting import Light
from taskwave.semantic.data.streets.plan import Side, Street
from taskwave.semantic.data.streets.signposts import (
    STATES,
    ShopSign,
    TrafficLight,
    TrafficSign,
    draw_shop_sign,
)
from taskwave.semantic.signs import SIGNS

Rng = np.random.Generator

_AT_JUNCTIONS = (
    "stop", "give_way", "give_way", "no_entry", "go_right", "go_left", "go_straight", "go_right_or_straight",
    "go_left_or_straight", "roundabout", "priority_at_next_intersection", "priority_road", "keep_right", "keep_left",
    "traffic_signal",
)  # fmt: skip
"""Signs that stand before junctions, the more frequent ones repeated."""
_ALONG = tuple(sign for sign in SIGNS if sign not in _AT_JUNCTIONS)
_FREQUENT = ("priority_road", "no_overtaking", "pedestrian_crossing", "no_entry", "stop", "keep_right")
_NEAR, _FAR = 13.0, 42.0
"""Least and largest width of a sign in pixels of an image that is 448 pixels wide."""
_BOARD_HEIGHT = 12.0
"""Least height of the board of a shop in pixels of the image, so that it can be read."""


def _draw_kind(side: Side, z: float, rng: Rng) -> str:
    """Draw which sign stands at the depth z."""
    pick, junction = rng.random(), any(s.kind == "junction" and 0 < s.z0 - z < 14 for s in side.stretches)
    if pick < 0.28:
        limits = [sign for sign in SIGNS if sign.startswith("speed_limit")]
        return limits[int(rng.integers(len(limits)))]
    kinds = _FREQUENT if pick < 0.42 else _AT_JUNCTIONS if junction or pick < 0.58 else _ALONG
    return kinds[int(rng.integers(len(kinds)))]


def draw_signs(street: Street, light: Light, camera: Camera, rng: Rng) -> list[TrafficSign | TrafficLight | ShopSign]:
    """Draw up to four traffic signs, up to two traffic lights of one state and up to three boards of shops."""
    out: list[TrafficSign | TrafficLight | ShopSign] = []
    scale = camera.f / camera.cols * 448  # pixels a metre at a depth of a metre
    taken: list[tuple[int, float]] = []

    def free(sign: int, z: float) -> bool:
        """Return whether nothing stands there yet, and take the place."""
        if any(sign == s and abs(z - other) < 2.5 for s, other in taken):
            return False
        taken.append((sign, z))
        return True

    if rng.random() < 0.5:
        junctions = [s.z0 for side in street.sides for s in side.stretches if s.kind == "junction" and 9 < s.z0 < 28]
        z = junctions[0] - 1.5 if junctions else float(rng.uniform(8, 26))
        state = STATES[int(rng.choice(3, p=(0.4, 0.2, 0.4)))]
        both = rng.random() < 0.5
        for side in street.sides:
            if (both or side.sign == street.drive_on) and free(side.sign, z):
                out.append(TrafficLight(side.sign * (side.kerb + 0.45), z, state))
    wanted = int(rng.choice(5, p=(0.08, 0.22, 0.3, 0.2, 0.2)))
    for _ in range(3 * wanted):
        side = street.sides[int(rng.random() < 0.65) if street.drive_on > 0 else int(rng.random() < 0.35)]
        wide = float(rng.uniform(0.7, 0.95))
        z = scale * wide / float(rng.uniform(_NEAR, _FAR))
        z = max(z, 1.15 * camera.edge_depth(side.sign * (side.kerb + 1.0)))
        kind = _draw_kind(side, z, rng)
        if wanted and side.at(z).kind != "junction" and free(side.sign, z):
            wanted -= 1
            tall = float(rng.uniform(2.2, 2.9))
            out.append(TrafficSign(side.sign * (side.kerb + 0.55), z, kind, tall=tall, wide=wide, night=light.lamps))
    return [*out, *_draw_shop_signs(street, light, camera, rng)]


def _draw_shop_signs(street: Street, light: Light, camera: Camera, rng: Rng) -> list[ShopSign]:
    """Draw boards of shops on houses, as near as they are wholly in the image and can be read."""
    out = []
    for side in street.sides:
        for stretch in side.stretches:
            near = max(camera.edge_depth(side.wall * side.sign) * 1.06, stretch.z0 + 0.5)
            far = min(stretch.z1, camera.f / 2 * 0.62 / _BOARD_HEIGHT)
            if stretch.kind == "building" and near < far and rng.random() < 0.6:
                out.append(draw_shop_sign(side.sign, side.wall, float(rng.uniform(near, far)), light.lamps, rng))
    return out
