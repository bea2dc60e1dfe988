"""A network that finds objects: a heat map of centres with distances to the edges (CenterNet, Zhou et al. 2019)."""

from dataclasses import dataclass

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import nn
from torch.nn import functional

from taskwave.semantic.backbone import Backbone, Pyramid, separable
from taskwave.semantic.data.objects import OVERLAP, overlaps

STRIDE = 4
"""Pixels between the places at which centres are looked for."""


@dataclass(frozen=True)
class Found:
    """Holds the N objects that were found in one image, the surest first."""

    boxes: torch.Tensor
    """Edges [N, 4] float32: left, upper, right and lower one in pixels."""
    classes: torch.Tensor
    """Index of the class of each, [N] int64."""
    confidence: torch.Tensor
    """[N] float32 in [0, 1]."""

    def select(self, which: torch.Tensor) -> "Found":
        """Return the objects of a mask or of indices."""
        return Found(self.boxes[which], self.classes[which], self.confidence[which])


class DetectorNet(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Maps images [B, 3, H, W] in [0, 1] to class scores and distances to the edges at every fourth pixel.

    Args:
        classes: names of the classes.
        width: channels behind the backbone.
    """

    @register_to_config
    def __init__(self, classes: tuple[str, ...] = ("object",), width: int = 64) -> None:
        super().__init__()
        self.backbone = Backbone(stages=5)
        self.pyramid = Pyramid(self.backbone.channels, width)
        self.head = nn.Sequential(separable(width, width), separable(width, width))
        self.score = nn.Conv2d(width, len(classes), 1)
        self.edges = nn.Conv2d(width, 4, 1)
        nn.init.constant_(self.score.bias, -4.6)  # type: ignore[arg-type]  # a hundredth of the places, at first
        nn.init.constant_(self.edges.bias, 1.5)  # type: ignore[arg-type]

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return tuple(self.config.classes)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return scores [B, K, h, w] as logits, and logarithms of the distances [B, 4, h, w] in strides."""
        x = self.head(self.pyramid(self.backbone(images)))
        return self.score(x), self.edges(x)

    @torch.no_grad()
    def find(self, images: torch.Tensor, least: float = 0.05, most: int = 100) -> list[Found]:
        """Find objects in images [B, 3, H, W] in [0, 1] of any size.

        Args:
            images: the images.
            least: smallest confidence that is returned.
            most: largest number of objects of one image.
        """
        scores, distances = self(images)
        heat = scores.float().sigmoid()
        peaks = torch.where(functional.max_pool2d(heat, 3, 1, 1) == heat, heat, 0.0)
        return [
            self._decode(p, d, images.shape[-2:], least, most) for p, d in zip(peaks, distances.float(), strict=True)
        ]

    @staticmethod
    def _decode(peaks: torch.Tensor, distances: torch.Tensor, size: torch.Size, least: float, most: int) -> Found:
        """Return the objects at the peaks [K, h, w] of one image."""
        confidence, order = peaks.flatten().topk(min(most, peaks.numel()))
        kept = confidence >= least
        confidence, order = confidence[kept], order[kept]
        width = peaks.shape[2]
        kinds, places = order // (peaks.shape[1] * width), order % (peaks.shape[1] * width)
        x, y = (places % width + 0.5) * STRIDE, (places // width + 0.5) * STRIDE
        left, upper, right, lower = distances.flatten(1)[:, places].clamp(max=6).exp() * STRIDE
        boxes = torch.stack((x - left, y - upper, x + right, y + lower), dim=1)
        boxes[:, 0::2].clamp_(0, size[1])
        boxes[:, 1::2].clamp_(0, size[0])
        found = Found(boxes, kinds, confidence)
        return found.select(distinct(found))


def distinct(found: Found, overlap: float = OVERLAP) -> torch.Tensor:
    """Return which objects [N] bool stay when those that overlap a surer one of their class by more go (suppression).

    The surest come first.
    """
    clash = overlaps(found.boxes, found.boxes) > overlap
    clash &= found.classes[:, None] == found.classes[None, :]
    kept = torch.ones(len(clash), dtype=torch.bool)
    for i in range(len(clash)):
        if kept[i]:
            kept[i + 1 :] &= ~clash[i, i + 1 :]
    return kept
