"""Bodies of vehicles as side profiles in metres."""

from dataclasses import dataclass

from taskwave.semantic.data.streets.canvas import Point


@dataclass(frozen=True)
class Shape:
    """Describes the body of a vehicle; lengths in metres."""

    kind: str
    """Class of the vehicle in annotations."""
    length: float
    width: float
    profile: tuple[Point, ...]
    """Side profile from the rear bottom over the roof to the front bottom as (along, up); +along is ahead."""
    glass: tuple[int, ...]
    """Indices of the profile's strips that are glass."""
    roof: tuple[int, int]
    """Indices of the profile's first and last roof points."""
    belt: float
    """Height of the lower edge of the side windows."""
    panes: int
    """Number of side windows, 0 for a van with a window in the driver's door only."""
    wheel: float
    """Radius of a wheel."""
    door: float = 0.75
    """Where the driver's window begins along the body, where there is no other."""

    @property
    def height(self) -> float:
        """Height of the roof."""
        return max(up for _, up in self.profile)


BODIES: dict[str, Shape] = {
    "hatchback": Shape(
        kind="car",
        length=4.0,
        width=1.72,
        profile=(
            (-2.0, 0.28), (-2.0, 0.8), (-1.92, 0.98), (-1.55, 1.42), (0.1, 1.47), (1.0, 0.98), (1.8, 0.8), (2.0, 0.62),
            (2.0, 0.26),
        ),
        glass=(2, 4), roof=(3, 4), belt=0.95, panes=2, wheel=0.31,
    ),
    "saloon": Shape(
        kind="car",
        length=4.6,
        width=1.78,
        profile=(
            (-2.3, 0.3), (-2.3, 0.85), (-2.2, 1.0), (-1.6, 1.02), (-0.95, 1.42), (0.25, 1.45), (1.15, 0.98), (2.1, 0.8),
            (2.3, 0.6), (2.3, 0.26),
        ),
        glass=(3, 5), roof=(4, 5), belt=0.96, panes=2, wheel=0.32,
    ),
    "estate": Shape(
        kind="car",
        length=4.7,
        width=1.85,
        profile=(
            (-2.35, 0.34), (-2.35, 0.95), (-2.28, 1.15), (-2.1, 1.66), (0.3, 1.7), (1.1, 1.15), (2.15, 1.0),
            (2.35, 0.75), (2.35, 0.32),
        ),
        glass=(2, 4), roof=(3, 4), belt=1.1, panes=3, wheel=0.37,
    ),
    "van": Shape(
        kind="van",
        length=5.2,
        width=2.0,
        profile=(
            (-2.6, 0.35), (-2.6, 1.2), (-2.58, 2.0), (-2.55, 2.3), (1.4, 2.3), (2.2, 1.3), (2.55, 1.05), (2.6, 0.35),
        ),
        glass=(1, 4), roof=(3, 4), belt=1.25, panes=0, wheel=0.35,
    ),
    "bus": Shape(
        kind="bus",
        length=10.5,
        width=2.5,
        profile=(
            (-5.25, 0.4), (-5.25, 1.5), (-5.22, 2.8), (-5.15, 3.1), (5.1, 3.1), (5.22, 2.7), (5.25, 1.1), (5.25, 0.35),
        ),
        glass=(1, 5), roof=(3, 4), belt=1.5, panes=7, wheel=0.48,
    ),
    "truck": Shape(
        kind="truck",
        length=8.6,
        width=2.5,
        profile=(
            (-4.3, 0.55), (-4.3, 2.0), (-4.28, 3.3), (-4.2, 3.45), (1.9, 3.45), (1.95, 2.75), (3.4, 2.7), (4.1, 1.7),
            (4.25, 1.3), (4.3, 0.45),
        ),
        glass=(6,), roof=(3, 6), belt=1.75, panes=0, wheel=0.5, door=2.4,
    ),
}  # fmt: skip
"""Bodies by name."""
