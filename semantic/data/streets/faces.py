"""Faces of the 43 traffic signs, drawn with simple pictograms after the German ones."""

from collections.abc import Callable
from functools import cache

from PIL import Image

from taskwave.semantic.data.streets.canvas import Colour, Point
from taskwave.semantic.data.streets.pen import BLACK, BLUE, GREY, RED, WHITE, YELLOW, Pen


def _triangle(pen: Pen, scale: float, colour: Colour, down: bool = False) -> None:
    """Fill an equilateral triangle about its centre of mass."""
    middle, flip = 0.29, -1 if down else 1
    corners = ((0.0, -0.86), (0.99, 0.86), (-0.99, 0.86))
    pen.area(tuple((x * scale, flip * (middle + (y - middle) * scale)) for x, y in corners), colour)


def _ring(pen: Pen) -> None:
    pen.disc(0, 0, 0.99, RED)
    pen.disc(0, 0, 0.76, WHITE)


def _ends(pen: Pen) -> None:
    pen.disc(0, 0, 0.99, GREY)
    pen.disc(0, 0, 0.94, WHITE)


def _bars(pen: Pen) -> None:
    """Strike a face through."""
    for shift in (-0.16, -0.05, 0.06, 0.17):
        pen.line(((-0.6 + shift, 0.6 + shift), (0.6 + shift, -0.6 + shift)), BLACK, 0.05)


def _limit(pen: Pen, number: str) -> None:
    _ring(pen)
    pen.text(number, 0.5 if len(number) == 2 else 0.6, 0.4 if len(number) == 2 else 0.34, BLACK)


def _ends_80(pen: Pen) -> None:
    _ends(pen)
    pen.text("80", 0.5, 0.4, GREY)
    _bars(pen)


def _overtaking(pen: Pen, colours: tuple[Colour, Colour], trucks: bool) -> None:
    if trucks:
        pen.truck(-0.34, colours[0])
    else:
        pen.car(-0.34, colours[0])
    pen.car(0.34, colours[1])


def _no_overtaking(pen: Pen) -> None:
    _ring(pen)
    _overtaking(pen, (RED, BLACK), trucks=False)


def _no_overtaking_trucks(pen: Pen) -> None:
    _ring(pen)
    _overtaking(pen, (RED, BLACK), trucks=True)


def _ends_overtaking(pen: Pen) -> None:
    _ends(pen)
    _overtaking(pen, (GREY, GREY), trucks=False)
    _bars(pen)


def _ends_overtaking_trucks(pen: Pen) -> None:
    _ends(pen)
    _overtaking(pen, (GREY, GREY), trucks=True)
    _bars(pen)


def _restriction_ends(pen: Pen) -> None:
    _ends(pen)
    _bars(pen)


def _priority_road(pen: Pen) -> None:
    for size, colour in ((0.99, WHITE), (0.68, YELLOW)):
        pen.area(((0, -size), (size, 0), (0, size), (-size, 0)), colour)
    pen.line(((0, -0.99), (0.99, 0), (0, 0.99), (-0.99, 0), (0, -0.99)), BLACK, 0.03)


def _give_way(pen: Pen) -> None:
    _triangle(pen, 1.0, RED, down=True)
    _triangle(pen, 0.6, WHITE, down=True)


def _stop(pen: Pen) -> None:
    for size, colour in ((0.99, WHITE), (0.94, RED)):
        k = size * 0.414
        pen.area(((-k, -size), (k, -size), (size, -k), (size, k), (k, size), (-k, size), (-size, k), (-size, -k)),
                 colour)  # fmt: skip
    pen.text("STOP", 0.76, 0.31, WHITE)


def _no_entry(pen: Pen) -> None:
    pen.disc(0, 0, 0.99, WHITE)
    pen.disc(0, 0, 0.94, RED)
    pen.box(-0.7, -0.18, 0.7, 0.18, WHITE)


def _no_trucks(pen: Pen) -> None:
    _ring(pen)
    pen.box(-0.58, -0.26, 0.16, 0.2, BLACK)
    pen.area(((0.2, -0.14), (0.42, -0.14), (0.58, 0.04), (0.58, 0.2), (0.2, 0.2)), BLACK)
    pen.disc(-0.34, 0.24, 0.13, BLACK)
    pen.disc(0.36, 0.24, 0.13, BLACK)


def _cycle(pen: Pen) -> None:
    for x in (-0.26, 0.26):
        pen.disc(x, 0.46, 0.21, BLACK)
        pen.disc(x, 0.46, 0.13, WHITE)
    pen.line(((-0.26, 0.46), (-0.1, 0.14), (0.16, 0.14), (0.26, 0.46)), BLACK, 0.06)
    pen.line(((-0.1, 0.14), (0.0, 0.46), (0.16, 0.14), (0.12, 0.04), (0.2, 0.02)), BLACK, 0.06)


def _signal(pen: Pen) -> None:
    pen.box(-0.16, -0.24, 0.16, 0.7, BLACK)
    for y, colour in ((-0.07, RED), (0.23, YELLOW), (0.53, (20, 150, 70))):
        pen.disc(0, y, 0.12, colour)


def _construction(pen: Pen) -> None:
    pen.person(-0.1, 0.22, 0.78, BLACK)
    pen.line(((-0.02, 0.1), (0.28, 0.6)), BLACK, 0.06)
    pen.area(((0.12, 0.66), (0.36, 0.4), (0.56, 0.66)), BLACK)


def _crossing(pen: Pen) -> None:
    pen.person(0.0, 0.2, 0.8, BLACK)
    for x in (-0.46, -0.16, 0.14, 0.44):
        pen.box(x - 0.07, 0.6, x + 0.07, 0.72, BLACK)


def _school(pen: Pen) -> None:
    pen.person(-0.18, 0.25, 0.82, BLACK)
    pen.person(0.26, 0.38, 0.6, BLACK)


def _snow(pen: Pen) -> None:
    for dx, dy in ((0.0, 0.36), (0.31, 0.18), (0.31, -0.18)):
        pen.line(((-dx, 0.3 - dy), (dx, 0.3 + dy)), BLACK, 0.09)


def _animals(pen: Pen) -> None:
    pen.area(((-0.36, 0.3), (-0.3, 0.12), (0.14, 0.12), (0.24, -0.16), (0.34, -0.18), (0.44, -0.02), (0.3, 0.06),
              (0.22, 0.34)), BLACK)  # fmt: skip
    pen.line(((0.26, -0.16), (0.14, -0.34)), BLACK, 0.05)
    for x, y in ((-0.42, 0.66), (-0.2, 0.68), (0.1, 0.68), (0.36, 0.62)):
        pen.line(((x * 0.7, 0.3), (x, y)), BLACK, 0.07)


def _slippery(pen: Pen) -> None:
    pen.box(-0.2, -0.08, 0.16, 0.18, BLACK)
    pen.area(((-0.14, -0.06), (-0.08, -0.26), (0.06, -0.26), (0.12, -0.06)), BLACK)
    for x in (-0.24, 0.1):
        pen.line(((x, 0.26), (x + 0.16, 0.42), (x - 0.04, 0.56), (x + 0.12, 0.7)), BLACK, 0.07)


def _danger(pen: Pen) -> None:
    pen.area(((-0.12, -0.34), (0.12, -0.34), (0.07, 0.34), (-0.07, 0.34)), BLACK)
    pen.disc(0, 0.56, 0.11, BLACK)


def _priority_next(pen: Pen) -> None:
    pen.line(((-0.36, 0.3), (0.36, 0.3)), BLACK, 0.1)
    pen.arrow(((0.0, 0.72), (0.0, -0.1)), BLACK, 0.18)


def _narrows(pen: Pen) -> None:
    for side in (-1, 1):
        pen.line(((side * 0.32, 0.7), (side * 0.32, 0.44), (side * 0.14, 0.2), (side * 0.14, -0.22)), BLACK, 0.11)


def _uneven(pen: Pen) -> None:
    pen.box(-0.52, 0.5, 0.52, 0.66, BLACK)
    for x in (-0.24, 0.24):
        pen.disc(x, 0.5, 0.22, BLACK)


_BEND = ((0.1, 0.66), (0.1, 0.3), (-0.16, 0.04))
_WARNINGS: dict[str, Callable[[Pen], None]] = {
    "priority_at_next_intersection": _priority_next,
    "danger": _danger,
    "bend_left": lambda pen: pen.arrow(_BEND, BLACK, 0.15),
    "bend_right": lambda pen: pen.arrow(tuple((-x, y) for x, y in _BEND), BLACK, 0.15),
    "bend": lambda pen: pen.arrow(((-0.12, 0.7), (-0.12, 0.5), (0.16, 0.24), (-0.04, -0.08)), BLACK, 0.13),
    "uneven_road": _uneven,
    "slippery_road": _slippery,
    "road_narrows": _narrows,
    "construction": _construction,
    "traffic_signal": _signal,
    "pedestrian_crossing": _crossing,
    "school_crossing": _school,
    "cycles_crossing": _cycle,
    "snow": _snow,
    "animals": _animals,
}
"""Pictograms of the triangles."""

_RIGHT = ((-0.34, 0.6), (-0.34, 0.0), (0.3, 0.0))
_ORDERS: dict[str, tuple[tuple[Point, ...], ...]] = {
    "go_right": (_RIGHT,),
    "go_left": (tuple((-x, y) for x, y in _RIGHT),),
    "go_straight": (((0.0, 0.66), (0.0, -0.34)),),
    "go_right_or_straight": (((-0.2, 0.64), (-0.2, -0.4)), ((-0.2, 0.3), (0.0, 0.1), (0.28, 0.1))),
    "go_left_or_straight": (((0.2, 0.64), (0.2, -0.4)), ((0.2, 0.3), (0.0, 0.1), (-0.28, 0.1))),
    "keep_right": (((-0.42, -0.42), (0.26, 0.26)),),
    "keep_left": (((0.42, -0.42), (-0.26, 0.26)),),
    "roundabout": (
        ((-0.42, 0.34), (-0.52, 0.0), (-0.3, -0.38)),
        ((0.1, -0.54), (0.42, -0.32), (0.5, 0.04)),
        ((0.44, 0.36), (0.1, 0.54), (-0.2, 0.46)),
    ),
}
"""Arrows of the blue discs."""

_OTHERS: dict[str, Callable[[Pen], None]] = {
    "restriction_ends_80": _ends_80,
    "no_overtaking": _no_overtaking,
    "no_overtaking_trucks": _no_overtaking_trucks,
    "priority_road": _priority_road,
    "give_way": _give_way,
    "stop": _stop,
    "no_traffic_both_ways": _ring,
    "no_trucks": _no_trucks,
    "no_entry": _no_entry,
    "restriction_ends": _restriction_ends,
    "restriction_ends_overtaking": _ends_overtaking,
    "restriction_ends_overtaking_trucks": _ends_overtaking_trucks,
}


@cache
def face(kind: str) -> Image.Image:
    """Return the face of a traffic sign, RGBA, square, transparent beside the sign; not to be changed.

    Args:
        kind: one of `taskwave.semantic.signs.SIGNS`.

    Raises:
        KeyError: an unknown sign.
    """
    pen = Pen()
    if kind.startswith("speed_limit_"):
        _limit(pen, kind.removeprefix("speed_limit_"))
    elif kind in _WARNINGS:
        _triangle(pen, 1.0, RED)
        _triangle(pen, 0.68, WHITE)
        _WARNINGS[kind](pen)
    elif kind in _ORDERS:
        pen.disc(0, 0, 0.99, WHITE)
        pen.disc(0, 0, 0.95, BLUE)
        for points in _ORDERS[kind]:
            pen.arrow(points, WHITE, 0.18)
    else:
        _OTHERS[kind](pen)
    return pen.image
