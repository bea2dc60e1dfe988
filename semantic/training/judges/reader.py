"""The training of a reader of patches: traffic signs of every class, and parts of photographs that show none."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional

from taskwave.semantic.data import ImageSet
from taskwave.semantic.data.objects import Objects, overlaps
from taskwave.semantic.judges.objects import OTHER
from taskwave.semantic.judges.reader import SIDE, PatchNet, cut
from taskwave.semantic.training.damage import uniform
from taskwave.semantic.training.fit import Fit
from taskwave.semantic.training.judges.augmentation import vary
from taskwave.semantic.training.monitor import Monitor

SHIFT = 0.12
"""Largest shift of a patch, and largest change of its size, as shares of its side: boxes that are found do not fit."""
_SHARES = (0.7, 0.9)
"""Shares of single patches, and of these with boxes of photographs; what is left shows no object."""


@dataclass(frozen=True)
class PatchPool:
    """Holds what a reader is trained with.

    Attributes:
        patches: single patches [N, 3, 48, 48] uint8.
        kinds: their classes, [N] int64.
        images: photographs [3, H, W] uint8.
        objects: objects of each photograph.
        classes: names of the classes, the last one `OTHER`.
    """

    patches: torch.Tensor
    kinds: torch.Tensor
    images: Sequence[torch.Tensor]
    objects: Sequence[Objects]
    classes: tuple[str, ...]

    @classmethod
    def of(
        cls, patches: tuple[torch.Tensor, torch.Tensor], sets: Sequence[ImageSet], names: Sequence[str]
    ) -> "PatchPool":
        """Return a pool of patches with their classes, and of photographs, whose objects have one of `names`."""
        samples = [images[i] for images in sets for i in range(len(images))]
        objects = [(sample.objects or Objects.of(())).of_classes(names) for sample in samples]
        return cls(*patches, [sample.image for sample in samples], objects, (*names, OTHER))

    def draw(self, count: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw `count` patches [count, 3, 48, 48] in [0, 1] and their classes [count]."""
        drawn = [self._draw(generator) for _ in range(count)]
        patches = torch.stack([vary(patch, generator) for patch, _ in drawn])
        return patches.to(memory_format=torch.channels_last), torch.tensor([kind for _, kind in drawn])

    def _draw(self, generator: torch.Generator) -> tuple[torch.Tensor, int]:
        """Draw one patch [3, 48, 48] and its class."""
        share = uniform(generator, 0, 1)
        if share < _SHARES[0]:
            # Every class as often as any other.
            kind = int(torch.randint(len(self.classes) - 1, (), generator=generator))
            of_kind = (self.kinds == kind).nonzero()[:, 0]
            if len(of_kind):
                i = int(of_kind[int(torch.randint(len(of_kind), (), generator=generator))])
                whole = torch.tensor([[0.0, 0.0, SIDE, SIDE]])
                return cut(self.patches[i].float() / 255, _jittered(whole, generator), margin=0.0)[0], kind
        i = int(torch.randint(len(self.images), (), generator=generator))
        image, objects = self.images[i].float() / 255, self.objects[i]
        if share < _SHARES[1] and len(objects):
            j = int(torch.randint(len(objects), (), generator=generator))
            kind = self.classes.index(objects.classes[j])
            return cut(image, _jittered(objects.boxes[j : j + 1], generator))[0], kind
        return cut(image, _elsewhere(image.shape[-2:], objects.boxes, generator))[0], len(self.classes) - 1


def _jittered(boxes: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Return a box [1, 4], moved and resized a little."""
    sides = (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2)
    return boxes + SHIFT * sides * (2 * torch.rand(1, 4, generator=generator) - 1)


def _elsewhere(size: torch.Size, boxes: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Return a random box [1, 4] of 14 to 110 pixels that shares little with any of `boxes`."""
    while True:
        side = 14 * (110 / 14) ** uniform(generator, 0, 1)
        x, y = uniform(generator, 0, size[1] - side), uniform(generator, 0, size[0] - side)
        box = torch.tensor([[x, y, x + side, y + side * uniform(generator, 0.8, 1.25)]])
        if not len(boxes) or float(overlaps(box, boxes).max()) < 0.25:
            return box


def accuracy(net: PatchNet, patches: torch.Tensor, kinds: torch.Tensor) -> float:
    """Return the share of patches [N, 3, 48, 48] uint8 whose class [N] is told rightly."""
    with torch.no_grad():
        told = torch.cat([net(part.float() / 255).argmax(1) for part in patches.split(256)])
    return float((told == kinds).float().mean())


def patches_of(images: ImageSet, classes: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the objects of these classes as patches [N, 3, 48, 48] uint8 with the indices of their classes [N]."""
    patches, kinds = [], list[int]()
    for i in range(len(images)):
        sample = images[i]
        known = (sample.objects or Objects.of(())).of_classes(classes)
        patches.append((cut(sample.image.float() / 255, known.boxes) * 255).round().to(torch.uint8))
        kinds += [classes.index(name) for name in known.classes]
    return torch.cat(patches), torch.tensor(kinds)


def train_reader(
    net: PatchNet, fit: Fit, pool: PatchPool, val: dict[str, tuple[torch.Tensor, torch.Tensor]], monitor: Monitor
) -> PatchNet:
    """Train `net` with 64 patches a step and return it with averaged weights.

    Args:
        net: the network.
        fit: its training.
        pool: patches and photographs to train with.
        val: patches and classes of each validation, by the name of its accuracy.
        monitor: follower of the progress.
    """

    def loss(generator: torch.Generator) -> torch.Tensor:
        patches, kinds = pool.draw(64, generator)
        return functional.cross_entropy(net(patches).float(), kinds, label_smoothing=0.05)

    def validate() -> dict[str, float]:
        return {name: accuracy(fit.averaged, *known) for name, known in val.items()}  # type: ignore[arg-type]

    return fit.run(loss, validate, monitor)  # type: ignore[return-value]
