"""The judge of objects: a detector finds them, a reader of patches says which they are."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from taskwave.semantic.judges.detector import DetectorNet
from taskwave.semantic.judges.reader import PatchNet, cut
from taskwave.semantic.tasks.base import Answer, Detections, Truth

OTHER = "other"
"""Class of the reader for what is none of its objects."""
_LOOKED_AT = 0.1
"""Confidence of the detector from which an object is shown to the reader."""
_KINDS = ("finding", "recognition", "counting", "presence")


@dataclass(frozen=True)
class ObjectJudge:
    """Finds objects and tells their classes.

    Attributes:
        name: name in records.
        digest: digest of the networks.
        detector: network that finds objects.
        reader: network that tells the class of what was found. None: the detector tells it.
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
        if self.reader is not None and names:
            sure, kinds = self.reader(cut(image, found.boxes)).softmax(1).max(1)
            names = [self.reader.classes[kind] for kind in kinds.tolist()]
            confidence = confidence * sure
        every = Detections(found.boxes, tuple(names), confidence, ("",) * len(names))
        surest = confidence.argsort(descending=True).tolist()
        order = [i for i in surest if names[i] != OTHER and float(confidence[i]) >= self.least]
        return every.select(order)
