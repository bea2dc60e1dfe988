"""A pen for the faces of traffic signs: lines, areas, arrows, letters and simple pictograms."""

from PIL import Image, ImageDraw

from taskwave.semantic.data.streets.canvas import Colour, Point
from taskwave.semantic.data.streets.lettering import write

_SIDE = 160
"""Height and width of a face in pixels."""
RED: Colour = (200, 22, 34)
BLUE: Colour = (20, 76, 168)
BLACK: Colour = (18, 18, 20)
WHITE: Colour = (244, 244, 242)
YELLOW: Colour = (250, 196, 30)
GREY: Colour = (140, 142, 146)


class Pen:
    """Draws on a square face, transparent where nothing is drawn; coordinates run from -1 to 1, right and down."""

    def __init__(self) -> None:
        self.image = Image.new("RGBA", (_SIDE, _SIDE), (*WHITE, 0))
        self._ink = ImageDraw.Draw(self.image)

    def _at(self, points: tuple[Point, ...]) -> list[Point]:
        return [((x + 1) * (_SIDE - 1) / 2, (y + 1) * (_SIDE - 1) / 2) for x, y in points]

    def area(self, points: tuple[Point, ...], colour: Colour) -> None:
        """Fill a polygon."""
        self._ink.polygon(self._at(points), fill=(*colour, 255))

    def box(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        """Fill a box."""
        self.area(((left, top), (right, top), (right, bottom), (left, bottom)), colour)

    def disc(self, x: float, y: float, radius: float, colour: Colour) -> None:
        """Fill a disc."""
        (left, top), (right, bottom) = self._at(((x - radius, y - radius), (x + radius, y + radius)))
        self._ink.ellipse((left, top, right, bottom), fill=(*colour, 255))

    def line(self, points: tuple[Point, ...], colour: Colour, width: float = 0.14) -> None:
        """Draw a line with round ends."""
        self._ink.line(self._at(points), fill=(*colour, 255), width=round(width * _SIDE / 2), joint="curve")
        for x, y in (points[0], points[-1]):
            self.disc(x, y, width / 2, colour)

    def arrow(self, points: tuple[Point, ...], colour: Colour, width: float = 0.2) -> None:
        """Draw a line with a point at its end."""
        self.line(points, colour, width)
        (x0, y0), (x1, y1) = points[-2:]
        length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
        dx, dy = (x1 - x0) / length * width, (y1 - y0) / length * width
        tip = (x1 + 1.5 * dx, y1 + 1.5 * dy)
        self.area((tip, (x1 - 1.5 * dy, y1 + 1.5 * dx), (x1 + 1.5 * dy, y1 - 1.5 * dx)), colour)

    def text(self, text: str, half_width: float, half_height: float, colour: Colour) -> None:
        """Write a text about the middle."""
        (left, top), (right, bottom) = self._at(((-half_width, -half_height), (half_width, half_height)))
        write(self.image, text, (left, top, right, bottom), colour)

    def person(self, x: float, y: float, size: float, colour: Colour) -> None:
        """Draw a person who walks, `size` high, about (x, y)."""
        self.disc(x, y - 0.4 * size, 0.11 * size, colour)
        for dx in (-0.2, 0.22):
            self.line(((x, y), (x + dx * size, y + 0.5 * size)), colour, 0.13 * size)
        self.line(((x, y - 0.2 * size), (x, y)), colour, 0.22 * size)
        self.line(((x - 0.24 * size, y + 0.05 * size), (x, y - 0.24 * size), (x + 0.24 * size, y)), colour, 0.09 * size)

    def car(self, x: float, colour: Colour, ink: Colour = WHITE) -> None:
        """Draw a car from behind."""
        self.area(((x - 0.25, 0.0), (x - 0.17, -0.26), (x + 0.17, -0.26), (x + 0.25, 0.0)), colour)
        self.box(x - 0.29, -0.04, x + 0.29, 0.22, colour)
        self.box(x - 0.25, 0.2, x - 0.13, 0.34, colour)
        self.box(x + 0.13, 0.2, x + 0.25, 0.34, colour)
        self.area(((x - 0.17, -0.04), (x - 0.12, -0.19), (x + 0.12, -0.19), (x + 0.17, -0.04)), ink)

    def truck(self, x: float, colour: Colour) -> None:
        """Draw a truck from behind."""
        self.box(x - 0.31, -0.46, x + 0.31, 0.22, colour)
        self.box(x - 0.27, 0.2, x - 0.13, 0.38, colour)
        self.box(x + 0.13, 0.2, x + 0.27, 0.38, colour)
