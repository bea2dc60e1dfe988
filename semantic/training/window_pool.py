"""Random windows of images and of objects in them, for the training of the window code."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch.nn import functional

from taskwave.semantic.classes import SIGN
from taskwave.semantic.codec.placement import MARGIN
from taskwave.semantic.codec.windows import ANYTHING, SIDE, SIGNS
from taskwave.semantic.data import Sample
from taskwave.semantic.training.locator import STREET_CLASS, Wordings

SIGN_SHARE = 0.6
"""Share of windows that show a traffic sign."""
OTHER_SHARE = 0.15
"""Share that show another object, which was asked for."""
PHOTOGRAPHED = 0.6
"""Share of the windows of signs that show one of a photograph; the others are drawn."""
SHIFT, STRETCH = 0.1, 0.15
"""Largest shift and change of size of a window around an object, relative to its side."""
OUTSIDE = 0.2
"""Weight of pixels outside the object that was asked for."""
WHOLE = 0.25
"""Share of the windows of anything that show the whole of an image."""

T = TypeVar("T")
_Object = tuple[torch.Tensor, list[float], int]
"""An image, the edges of a box in it, and the street class of what is in it."""


@dataclass(frozen=True)
class Drawn:
    """Holds B windows of one step."""

    windows: torch.Tensor
    """[B, 3, 32, 32] float32 in [0, 1]."""
    kinds: torch.Tensor
    """Kinds of windows [B] int64."""
    weight: torch.Tensor
    """Weight of each pixel, [B, 1, 32, 32]."""
    embedding: torch.Tensor
    """Embeddings of the prompts [B, E]; zeros where nothing is asked."""
    signs: dict[int, torch.Tensor]
    """Box [1, 4] of the traffic sign in a window, in its pixels, by the number of the window."""


class WindowPool:
    """Holds images in memory, some with objects, and draws windows of them.

    Args:
        photographs: images [3, H, W] uint8 with their objects.
        drawn: drawn scenes with theirs.
        plain: images without annotations.
        wordings: wordings of the street classes.
    """

    def __init__(
        self, photographs: Sequence[Sample], drawn: Sequence[Sample], plain: Sequence[Sample], wordings: Wordings
    ) -> None:
        self.images, self.wordings = [sample.image for sample in (*photographs, *drawn, *plain)], wordings
        self._photographed = [each for each in _objects(photographs) if each[2] == SIGN]
        self._drawn_signs = [each for each in _objects(drawn) if each[2] == SIGN]
        self._others = [each for each in _objects(drawn) if each[2] != SIGN]

    def draw(self, count: int, generator: torch.Generator, kind: int | None = None) -> Drawn:
        """Draw `count` windows of all kinds, or of one."""
        windows, weights, prompts, kinds, signs = [], [], [], [], {}
        length = self.wordings.embeddings.shape[-1]
        for i in range(count):
            weight, prompt = torch.ones(1, SIDE, SIDE), torch.zeros(length)
            r = torch.rand(9, generator=generator).tolist()
            mine = kind if kind is not None else SIGNS if r[8] < SIGN_SHARE else ANYTHING
            if mine == ANYTHING and r[8] < 1 - OTHER_SHARE:
                window = _anywhere(_pick(self.images, generator), r)
            else:
                image, box, what = _pick(self._objects_of(mine, r[3]), generator)
                window, place = _around(image, box, r)
                prompt, weight = self.wordings.draw([what], generator)[0], _weight(place)
                if mine == SIGNS:
                    signs[i] = place[None]
            windows.append((((window - 0.5) * (0.7 + 0.5 * r[5])) + 0.5 + 0.2 * (r[6] - 0.5)).clamp(0, 1))
            weights.append(weight)
            prompts.append(prompt)
            kinds.append(mine)
        return Drawn(torch.stack(windows), torch.tensor(kinds), torch.stack(weights), torch.stack(prompts), signs)

    def _objects_of(self, kind: int, chance: float) -> list[_Object]:
        if kind == ANYTHING:
            return self._others
        return self._photographed if chance < PHOTOGRAPHED else self._drawn_signs


def _pick(among: Sequence[T], generator: torch.Generator) -> T:
    """Draw one of several."""
    return among[int(torch.randint(len(among), (), generator=generator))]


def _objects(samples: Sequence[Sample]) -> list[_Object]:
    """Return the objects of samples that are 8 pixels or more and of a street class."""
    return [
        (sample.image, box, STREET_CLASS[kind])
        for sample in samples
        if sample.objects is not None
        for box, kind in zip(sample.objects.boxes.tolist(), sample.objects.classes, strict=True)
        if kind in STREET_CLASS and min(box[2] - box[0], box[3] - box[1]) >= 8
    ]


def _around(image: torch.Tensor, box: list[float], r: list[float]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a window that holds a box, about as `placement.around` puts it, and the box [4] in its pixels."""
    longer = max(box[2] - box[0], box[3] - box[1])
    side = max(16.0, longer * (1 + 2 * MARGIN) * (1 + STRETCH * (2 * r[0] - 0.5)))
    x = (box[0] + box[2]) / 2 + SHIFT * longer * (2 * r[1] - 1) - side / 2
    y = (box[1] + box[3]) / 2 + SHIFT * longer * (2 * r[2] - 1) - side / 2
    x, y, side = round(x), round(y), round(side)
    scale = SIDE / side
    place = torch.tensor([(box[0] - x) * scale, (box[1] - y) * scale, (box[2] - x) * scale, (box[3] - y) * scale])
    return _resized(image, (y, x, side, side)), place


def _anywhere(image: torch.Tensor, r: list[float]) -> torch.Tensor:
    """Return a window at a random place and of a random size; half of them mirrored."""
    height, width = image.shape[-2:]
    share = 1.0 if r[7] < WHOLE else 10 ** (-1.2 * r[0])
    tall, wide = max(16, round(height * share)), max(16, round(min(width, height * (0.75 + 0.6 * r[4])) * share))
    if share == 1.0:
        wide = width
    window = _resized(image, (round((height - tall) * r[1]), round((width - wide) * r[2]), tall, wide))
    return window.flip(-1) if r[3] < 0.5 else window


def _resized(image: torch.Tensor, place: tuple[int, int, int, int]) -> torch.Tensor:
    """Return the rectangle (top, left, height, width) of an image [3, H, W] uint8, continued by its edge."""
    top, left, height, width = place
    rows = torch.arange(top, top + max(1, height)).clamp(0, image.shape[1] - 1)
    columns = torch.arange(left, left + max(1, width)).clamp(0, image.shape[2] - 1)
    part = image[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    part = part[:, rows - rows[0]][:, :, columns - columns[0]].float()[None] / 255
    shown = functional.interpolate(part, (SIDE, SIDE), mode="bilinear", antialias=True, align_corners=False)
    return shown[0].clamp(0, 1)


def _weight(place: torch.Tensor) -> torch.Tensor:
    """Return the weight of the pixels [1, 32, 32] of a window in which an object was asked for."""
    weight = torch.full((1, SIDE, SIDE), OUTSIDE)
    left, upper, right, lower = place.round().int().tolist()
    weight[:, max(0, upper - 1) : lower + 1, max(0, left - 1) : right + 1] = 1
    return weight
