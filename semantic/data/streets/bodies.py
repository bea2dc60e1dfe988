"""Bodies of cars, vans and buses: side profiles in metres."""

from dataclasses import dataclass

from taskwave.semantic.data.streets.camera import Point


@dataclass(frozen=True)
class Shape:
    """Metres. `profile` runs from the rear bottom over the roof to the front bottom as (along, up); +along is ahead."""

    length: float
    width: float
    profile: tuple[Point, ...]
    glass: tuple[int, ...]
    """Indices of the profile's strips that are glass."""
    roof: tuple[int, int]
    """Indices of the profile's first and last roof points."""
    belt: float
    """Height of the lower edge of the side windows."""
    panes: int
    wheel: float


BODIES: dict[str, Shape] = {
    "hatchback": Shape(
        length=4.0,
        width=1.72,
        profile=(
            (-2.0, 0.28), (-2.0, 0.8), (-1.92, 0.98), (-1.55, 1.42), (0.1, 1.47), (1.0, 0.98), (1.8, 0.8), (2.0, 0.62),
            (2.0, 0.26),
        ),
        glass=(2, 4), roof=(3, 4), belt=0.95, panes=2, wheel=0.31,
    ),
    "saloon": Shape(
        length=4.6,
        width=1.78,
        profile=(
            (-2.3, 0.3), (-2.3, 0.85), (-2.2, 1.0), (-1.6, 1.02), (-0.95, 1.42), (0.25, 1.45), (1.15, 0.98), (2.1, 0.8),
            (2.3, 0.6), (2.3, 0.26),
        ),
        glass=(3, 5), roof=(4, 5), belt=0.96, panes=2, wheel=0.32,
    ),
    "estate": Shape(
        length=4.7,
        width=1.85,
        profile=(
            (-2.35, 0.34), (-2.35, 0.95), (-2.28, 1.15), (-2.1, 1.66), (0.3, 1.7), (1.1, 1.15), (2.15, 1.0),
            (2.35, 0.75), (2.35, 0.32),
        ),
        glass=(2, 4), roof=(3, 4), belt=1.1, panes=3, wheel=0.37,
    ),
    "van": Shape(
        length=5.2,
        width=2.0,
        profile=(
            (-2.6, 0.35), (-2.6, 1.2), (-2.58, 2.0), (-2.55, 2.3), (1.4, 2.3), (2.2, 1.3), (2.55, 1.05), (2.6, 0.35),
        ),
        glass=(1, 4), roof=(3, 4), belt=1.25, panes=0, wheel=0.35,
    ),
    "bus": Shape(
        length=10.5,
        width=2.5,
        profile=(
            (-5.25, 0.4), (-5.25, 1.5), (-5.22, 2.8), (-5.15, 3.1), (5.1, 3.1), (5.22, 2.7), (5.25, 1.1), (5.25, 0.35),
        ),
        glass=(1, 5), roof=(3, 4), belt=1.5, panes=7, wheel=0.48,
    ),
}  # fmt: skip
