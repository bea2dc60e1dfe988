"""Random crops of annotated images, with the targets of a detector."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch.nn import functional

from taskwave.semantic.data import ImageSet, Sample, StreetScenes, open_images
from taskwave.semantic.data.objects import Objects
from taskwave.semantic.judges.detector import STRIDE
from taskwave.semantic.judges.objects import seen_as
from taskwave.semantic.training.judges.augmentation import vary
from taskwave.semantic.training.judges.recipes import Images

VISIBLE = 0.6
"""Share of a box that a crop must hold for the box to be looked for there; less is neither right nor wrong."""
ZOOM = (0.6, 1.5)
"""Range of the factor by which images are resized before they are cropped."""
VALIDATION = 60
"""Number of drawn scenes of the validation."""


@dataclass(frozen=True)
class Targets:
    """Holds what a detector should find in B crops, on its grid of h x w places."""

    heat: torch.Tensor
    """How near a place is to the centre of an object, [B, K, h, w] in [0, 1], one at the nearest place."""
    counts: torch.Tensor
    """Whether a place counts, [B, 1, h, w]: zero where an object is only partly in the crop."""
    edges: torch.Tensor
    """Logarithm of the distance to the edges in strides, [B, 4, h, w]."""
    near: torch.Tensor
    """Weight of `edges`, [B, 1, h, w]: zero away from objects."""


class Kept:
    """Holds images of a set in memory, for a set that draws or reads an image anew whenever it is asked for it.

    Args:
        images: the set.
        chosen: indices of the images.
        only: classes of the objects that count; none given: all.
    """

    def __init__(self, images: ImageSet, chosen: range, only: Sequence[str] = ()) -> None:
        samples = [images[i] for i in chosen]
        if only:
            samples = [replace(s, objects=(s.objects or Objects.of(())).of_classes(only)) for s in samples]
        self._samples = samples
        self.names = tuple(sample.name for sample in self._samples)

    def __len__(self) -> int:
        return len(self._samples)

    def size(self, index: int) -> tuple[int, int]:
        """Return height and width of image `index`."""
        height, width = self._samples[index].image.shape[1:]
        return height, width

    def __getitem__(self, index: int) -> Sample:
        return self._samples[index]


def open_parts(parts: Sequence[Images]) -> tuple[list[Kept], Kept]:
    """Return the images that a recipe names, each set in memory, and the validation images of the first one.

    Of drawn scenes `VALIDATION` validate.

    Raises:
        FileNotFoundError: images are missing.
    """
    train = []
    for part in parts:
        images = open_images(part.source, "train", size=part.size)
        last = len(images) if part.count is None else part.first + part.count
        train.append(Kept(images, range(part.first, last), part.only))
    val = open_images(parts[0].source, "val", size=parts[0].size)
    drawn = isinstance(val, StreetScenes)
    return train, Kept(val, range(VALIDATION if drawn else len(val)), parts[0].only)


class BoxPool:
    """Holds annotated images and draws crops of them.

    Args:
        sets: image sets whose samples have objects.
        classes: classes that are looked for, all of them as the first one where there is one only.
        mirror: whether crops are mirrored.
    """

    def __init__(self, sets: Sequence[ImageSet], classes: Sequence[str], *, mirror: bool) -> None:
        samples = [images[i] for images in sets for i in range(len(images))]
        self.images = [sample.image for sample in samples]
        self.objects = [sample.objects or Objects.of(()) for sample in samples]
        self.classes, self._mirror = tuple(classes), mirror

    def class_of(self, name: str) -> int:
        """Return the index of a class."""
        return self.classes.index(seen_as(name, self.classes))

    def draw(self, count: int, size: tuple[int, int], generator: torch.Generator) -> tuple[torch.Tensor, Targets]:
        """Draw `count` crops [count, 3, h, w] of `size` (h, w), two thirds of them around an object, with targets."""
        crops, targets = [], []
        for _ in range(count):
            i = int(torch.randint(len(self.images), (), generator=generator))
            crop, boxes, whole = self.crop(i, size, generator)
            crops.append(vary(crop, generator))
            kinds = [self.class_of(name) for name in self.objects[i].classes]
            targets.append(make_targets(boxes, whole, kinds, len(self.classes), size))
        heat, counts, edges, near = (torch.stack(parts) for parts in zip(*targets, strict=True))
        return torch.stack(crops).to(memory_format=torch.channels_last), Targets(heat, counts, edges, near)

    def crop(
        self, i: int, size: tuple[int, int], generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return a crop of image `i`, the boxes [N, 4] cut to it, and the share [N] of each that is in it."""
        (height, width), boxes = size, self.objects[i].boxes
        image = self.images[i].float() / 255
        r = torch.rand(5, generator=generator).tolist()
        factor = max(ZOOM[0] + (ZOOM[1] - ZOOM[0]) * r[0], height / image.shape[1], width / image.shape[2])
        tall, wide = max(height, round(image.shape[1] * factor)), max(width, round(image.shape[2] * factor))
        scaled = functional.interpolate(
            image[None], (tall, wide), mode="bilinear", antialias=True, align_corners=False
        )[0]
        boxes = boxes * torch.tensor([wide / image.shape[2], tall / image.shape[1]] * 2)
        top, left = round((tall - height) * r[1]), round((wide - width) * r[2])
        if len(boxes) and r[3] < 2 / 3:  # Around one of the objects, which lies anywhere in the crop.
            box = boxes[int(torch.randint(len(boxes), (), generator=generator))].tolist()
            top = _place(box[1], box[3], height, tall, r[1])
            left = _place(box[0], box[2], width, wide, r[2])
        crop = scaled[:, top : top + height, left : left + width]
        moved = boxes - torch.tensor([left, top] * 2)
        kept = moved.clone()
        kept[:, 0::2].clamp_(0, width)
        kept[:, 1::2].clamp_(0, height)
        areas, shown = ((b[:, 2:] - b[:, :2]).clamp(min=0).prod(1) for b in (moved, kept))
        whole = shown / areas.clamp(min=1e-6)
        if self._mirror and r[4] < 0.5:
            crop, kept = crop.flip(-1), torch.stack((width - kept[:, 2], kept[:, 1], width - kept[:, 0], kept[:, 3]), 1)
        return crop, kept, whole


def _place(low: float, high: float, size: int, limit: int, share: float) -> int:
    """Return where a crop of `size` begins that holds `low` to `high`, if it can, within 0 to `limit`."""
    first, last = max(0.0, high - size), min(low, float(limit - size))
    return round(min(max(first + (last - first) * share, 0.0), float(limit - size)))


def make_targets(
    boxes: torch.Tensor, whole: torch.Tensor, kinds: Sequence[int], classes: int, size: tuple[int, int]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return heat [K, h, w], counts [1, h, w], edges [4, h, w] and near [1, h, w] of one crop of `size` (h, w).

    Args:
        boxes: [N, 4], cut to the crop.
        whole: [N], share of each box that is in the crop.
        kinds: index of the class of each box.
        classes: number of classes.
        size: height and width of the crop in pixels.
    """
    rows, columns = size[0] // STRIDE, size[1] // STRIDE
    y = (torch.arange(rows) + 0.5)[:, None].expand(rows, columns)
    x = (torch.arange(columns) + 0.5)[None, :].expand(rows, columns)
    heat, counts = torch.zeros(classes, rows, columns), torch.ones(1, rows, columns)
    edges, near = torch.zeros(4, rows, columns), torch.zeros(1, rows, columns)
    for box, share, kind in zip((boxes / STRIDE).tolist(), whole.tolist(), kinds, strict=True):
        left, upper, right, lower = box
        inside = (x > left) & (x < right) & (y > upper) & (y < lower)
        if share < VISIBLE:
            counts[0][inside] = 0
            continue
        # The nearest place, to which the Gaussian is moved, so that it is one there.
        column = min(max(int((left + right) / 2), 0), columns - 1) + 0.5
        row = min(max(int((upper + lower) / 2), 0), rows - 1) + 0.5
        spread_x, spread_y = max(0.1 * (right - left), 0.7), max(0.1 * (lower - upper), 0.7)
        bump = torch.exp(-0.5 * (((x - column) / spread_x).square() + ((y - row) / spread_y).square()))
        heat[kind] = torch.maximum(heat[kind], bump)
        closer = (bump > 0.3) & (bump > near[0])
        distances = torch.stack((x - left, y - upper, right - x, lower - y)).clamp(min=0.1).log()
        edges[:, closer] = distances[:, closer]
        near[0][closer] = bump[closer]
    return heat, counts, edges, near
