"""Letters for signs and plates from the font that comes with Pillow, and invented words to write with them."""

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from taskwave.semantic.data.streets.canvas import Colour

_SIZE = 80
"""Size in pixels at which letters are drawn before they are reduced."""
_CONSONANTS, _VOWELS = "DFKLMNPRTV", "AEOU"
_PLATE_LETTERS, _PLATE_DIGITS = "ACEFHJKLMNPRTVXY", "23456789"
"""Letters and digits that are not easily taken for each other."""


@lru_cache(maxsize=512)
def bold(text: str) -> Image.Image:
    """Return a text in bold letters, cut to what is inked, mode "L"; not to be changed."""
    font = ImageFont.load_default(_SIZE)
    box = font.getbbox(text, stroke_width=3)
    letters = Image.new("L", (int(box[2] - box[0]) + 2, int(box[3] - box[1]) + 2))
    ImageDraw.Draw(letters).text((1 - box[0], 1 - box[1]), text, fill=255, font=font, stroke_width=3)
    return letters.crop(letters.getbbox())


def write(image: Image.Image, text: str, box: tuple[float, float, float, float], colour: Colour) -> None:
    """Write a text onto a picture so that it fills a box (left, upper, right, lower) in pixels; widths give way."""
    left, upper, right, lower = (round(edge) for edge in box)
    letters = bold(text).resize((right - left, lower - upper), Image.Resampling.LANCZOS)
    image.paste(colour, (left, upper, right, lower), letters)


def invent_name(rng: np.random.Generator) -> str:
    """Return an invented word of four to six capital letters, such as a shop may be called."""
    pairs = (_CONSONANTS[int(rng.integers(10))] + _VOWELS[int(rng.integers(4))] for _ in range(3))
    name = "".join(pairs)
    return name[: int(rng.integers(4, 7))]


def invent_plate(rng: np.random.Generator) -> str:
    """Return an invented number of a vehicle: two letters and three digits, with a gap between them."""
    letters = (_PLATE_LETTERS[int(i)] for i in rng.integers(len(_PLATE_LETTERS), size=2))
    digits = (_PLATE_DIGITS[int(i)] for i in rng.integers(len(_PLATE_DIGITS), size=3))
    return f"{''.join(letters)} {''.join(digits)}"
