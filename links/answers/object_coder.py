"""Coding of objects and words: a chain of decisions that both ends walk alike.

An object is told as its class (a uniform code over the classes that both ends know, one more symbol for a class that
is spelled), its box and what is written on it. Sides are on a scale of `_PER_OCTAVE` steps an octave, the height as a
difference from the width; the centre is told in steps of a fraction of each side, so that large boxes are no dearer
than small ones. Texts are letters and digits, and other characters by their number in Unicode. Whether another object
or character follows, and of which sort it is, is told in contexts that learn as they go.
"""

import math
from dataclasses import dataclass, replace

import torch

from taskwave.links.answers.binary_coder import BinaryDecoder, BinaryEncoder, Code, Contexts, uniform
from taskwave.semantic.tasks.base import Detections

MOST_OBJECTS, MOST_CHARACTERS = 255, 255
"""Largest number of objects of a list, and of characters of a text."""
_PER_OCTAVE, _LEAST_SIDE = 8, 2.0
"""Steps of a side that double it, and the smallest side [pixels]."""
_FINENESS = 16
"""Steps of the centre that a side has; none is below a pixel."""
_SORTS = ("0123456789", "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_UNICODE = 0x110000

_OBJECT, _CHARACTER, _SQUARE, _TALLER, _FURTHER, _WRITTEN, _SORT = range(7)
"""Contexts; those of the sorts of characters are the last."""


@dataclass(frozen=True)
class ListFormat:
    """Describes what both ends know of a list of objects beforehand."""

    classes: tuple[str, ...]
    """Classes that are told by their number; others are spelled."""
    height: int
    """Height of the image [pixels]."""
    width: int
    """Width of the image [pixels]."""
    places: bool = True
    """Whether class and box of every object are told. Else they all count as of the first class, without extent."""
    texts: bool = True
    """Whether it is told what is written on them."""


class _Walk:
    """Codes objects and texts; the arguments of a decoder are empty, what it returns is what was sent."""

    def __init__(self, code: Code) -> None:
        self._code, self._contexts = code, Contexts(code, _SORT + len(_SORTS))

    def flag(self, context: int, value: bool) -> bool:
        """Code a decision."""
        return bool(self._contexts.code(context, int(value)))

    def text(self, text: str) -> str:
        """Code a text, character by character."""
        told = ""
        while self.flag(_CHARACTER, len(told) < len(text)):
            if len(told) == MOST_CHARACTERS:
                raise ValueError(f"a text of more than {MOST_CHARACTERS} characters: shorten it")
            told += self._character(text[len(told) : len(told) + 1])
        return told

    def _character(self, character: str) -> str:
        for index, sort in enumerate(_SORTS):
            if self.flag(_SORT + index, bool(character) and character in sort):
                return sort[uniform(self._code, max(0, sort.find(character)), len(sort))]
        return chr(uniform(self._code, ord(character or "\0"), _UNICODE))

    def objects(self, objects: Detections, known: ListFormat) -> Detections:
        """Code a list of objects."""
        boxes: list[list[float]] = []
        names: list[str] = []
        texts: list[str] = []
        while self.flag(_OBJECT, len(names) < len(objects)):
            i = len(names)
            if i == MOST_OBJECTS:
                raise ValueError(f"more than {MOST_OBJECTS} objects: name the surest ones only")
            mine = i < len(objects)
            if known.places:
                names.append(self._name(objects.classes[i] if mine else "", known.classes))
                boxes.append(self._box(objects.boxes[i].tolist() if mine else [0.0] * 4, known))
            else:
                names.append(known.classes[0])
                boxes.append([0.0] * 4)
            texts.append(self._written(objects.texts[i] if mine else "") if known.texts else "")
        return Detections(torch.tensor(boxes).reshape(-1, 4), tuple(names), torch.ones(len(names)), tuple(texts))

    def _name(self, name: str, classes: tuple[str, ...]) -> str:
        index = classes.index(name) if name in classes else len(classes)
        index = uniform(self._code, index, len(classes) + 1)
        return classes[index] if index < len(classes) else self.text(name)

    def _written(self, text: str) -> str:
        return self.text(text) if self.flag(_WRITTEN, bool(text)) else ""

    def _box(self, box: list[float], known: ListFormat) -> list[float]:
        left, upper, right, lower = box
        width = uniform(self._code, _step_of(right - left, known.width), _steps(known.width))
        height = self._height(width, _step_of(lower - upper, known.height), known)
        sides = _side(width), _side(height)
        told = []
        for centre, side, most in (
            ((left + right) / 2, sides[0], known.width),
            ((upper + lower) / 2, sides[1], known.height),
        ):
            step = max(1.0, side / _FINENESS)
            places = int(most / step) + 1
            place = step * uniform(self._code, min(max(round(centre / step), 0), places - 1), places)
            told.append((place - side / 2, place + side / 2))
        return [told[0][0], told[1][0], told[0][1], told[1][1]]

    def _height(self, width: int, height: int, known: ListFormat) -> int:
        """Code the step of the height as a difference from that of the width."""
        if self.flag(_SQUARE, height == width):
            difference = 0
        else:
            taller = self.flag(_TALLER, height > width)
            distance = 1
            while self.flag(_FURTHER, abs(height - width) > distance):
                distance += 1
                if distance > _steps(known.width) + _steps(known.height):
                    raise ValueError("a box outside every image")
            difference = distance if taller else -distance
        if not 0 <= width + difference < _steps(known.height):
            raise ValueError("a box larger than the image")
        return width + difference


def _steps(most: int) -> int:
    """Count the steps of a side of at most `most` pixels."""
    return max(1, math.ceil(_PER_OCTAVE * math.log2(max(1.0, most / _LEAST_SIDE))) + 1)


def _step_of(side: float, most: int) -> int:
    step = round(_PER_OCTAVE * math.log2(max(side, _LEAST_SIDE) / _LEAST_SIDE))
    return min(step, _steps(most) - 1)


def _side(step: int) -> float:
    return float(_LEAST_SIDE * 2 ** (step / _PER_OCTAVE))


def encode_objects(objects: Detections, known: ListFormat) -> bytes:
    """Encode a list of objects, in its order, to bytes (none for an empty list).

    Raises:
        ValueError: more than `MOST_OBJECTS` objects, or a text of more than `MOST_CHARACTERS` characters.
    """
    encoder = BinaryEncoder()
    _Walk(encoder.code).objects(objects, known)
    return encoder.finish()


def decode_objects(data: bytes, known: ListFormat) -> Detections:
    """Decode what `encode_objects` made, zero bytes behind it allowed; every confidence is 1.

    Raises:
        ValueError: the bytes are the code of no list.
    """
    objects = _Walk(BinaryDecoder(data).code).objects(Detections.none(), known)
    if encode_objects(objects, known) != data.rstrip(b"\0"):
        raise ValueError(f"{len(data)} bytes are the code of no list of objects")
    boxes = objects.boxes.clamp(min=0).minimum(torch.tensor([known.width, known.height] * 2))
    return replace(objects, boxes=boxes)


def encode_word(word: str) -> bytes:
    """Encode a word to bytes (none for an empty one).

    Raises:
        ValueError: it has more than `MOST_CHARACTERS` characters.
    """
    encoder = BinaryEncoder()
    _Walk(encoder.code).text(word)
    return encoder.finish()


def decode_word(data: bytes) -> str:
    """Decode what `encode_word` made, zero bytes behind it allowed.

    Raises:
        ValueError: the bytes are the code of no word.
    """
    word = _Walk(BinaryDecoder(data).code).text("")
    if encode_word(word) != data.rstrip(b"\0"):
        raise ValueError(f"{len(data)} bytes are the code of no word")
    return word
