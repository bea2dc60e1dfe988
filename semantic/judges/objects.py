"""The judge of objects: a detector finds them, a reader of patches says which they are."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from taskwave.semantic.judges.detector import DetectorNet
from taskwave.semantic.judges.reader import PatchNet, cut
from taskwave.semantic.signs import SIGNS
from taskwave.semantic.tasks.base import Answer, Detections, Truth

OTHER = "other"
"""Class of the reader for what is none of its objects."""
SIGN, LIGHT = "traffic sign", "traffic light"
"""Classes of a detector that a reader divides: into the kinds of signs, and the states of lights."""
_LOOKED_AT = 0.1
"""Confidence of the detector from which an object is shown to the reader."""
_KINDS = ("finding", "recognition", "counting", "presence")


def seen_as(name: str, classes: Sequence[str]) -> str:
    """Return which of the classes of a detector an object of class `name` has: a single one stands for all objects.

    Raises:
        ValueError: the detector has no class for it.
    """
    general = SIGN if name in SIGNS else LIGHT if name.startswith("traffic_light_") else name
    for known in (name, general):
        if known in classes:
            return known
    if len(classes) == 1:
        return classes[0]
    raise ValueError(f"an object is a {name!r}, which is none of the classes {', '.join(classes)} of the detector")


@dataclass(frozen=True)
class ObjectJudge:
    """Finds objects and tells their classes.

    Attributes:
        name: name in records.
        digest: digest of the networks.
        detector: network that finds objects.
        reader: network that tells the class of the signs and lights that were found. None: the detector tells it.
        least: smallest confidence of an object that is named, chosen on validation images.
    """

    name: str
    digest: str
    detector: DetectorNet
    reader: PatchNet | None
    least: float

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of tasks that it answers."""
        return _KINDS

    def answer(self, images: torch.Tensor, truths: Sequence[Truth]) -> list[Answer]:
        """Name the objects in each of the images [B, 3, H, W] in [0, 1], the surest first."""
        return [self.detections(image) for image in images.float().cpu()]

    @torch.no_grad()
    def detections(self, image: torch.Tensor) -> Detections:
        """Return the objects in one image [3, H, W] in [0, 1]."""
        (found,) = self.detector.find(image[None].to(memory_format=torch.channels_last), min(self.least, _LOOKED_AT))
        names = [self.detector.classes[kind] for kind in found.classes.tolist()]
        confidence = found.confidence
        divided = [i for i, name in enumerate(names) if name in (SIGN, LIGHT)]
        if self.reader is not None and divided:
            sure, kinds = self.reader(cut(image, found.boxes[divided])).softmax(1).max(1)
            for i, kind in zip(divided, kinds.tolist(), strict=True):
                names[i] = self.reader.classes[kind]
            confidence = confidence.index_put((torch.tensor(divided),), confidence[divided] * sure)
        every = Detections(found.boxes, tuple(names), confidence, ("",) * len(names))
        surest = confidence.argsort(descending=True).tolist()
        order = [i for i in surest if names[i] != OTHER and float(confidence[i]) >= self.least]
        return every.select(order)
