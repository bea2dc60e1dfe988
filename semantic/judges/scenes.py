"""A judge's networks on the whole of an image: classes of all pixels, or one class of the image."""

from collections.abc import Sequence
from typing import cast

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import nn
from torch.nn import functional

from taskwave.semantic.backbone import Backbone, Pyramid, separable
from taskwave.semantic.tasks.base import Answer, Truth


class SceneNet(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Maps images [B, 3, H, W] in [0, 1] to class logits [B, classes, H, W], on a backbone trained with ImageNet.

    Args:
        classes: number of classes.
        width: channels behind the backbone.
        scale: factor by which images are enlarged first, so that thin things are seen.
    """

    @register_to_config
    def __init__(self, classes: int = 11, width: int = 96, scale: float = 1.0) -> None:
        super().__init__()
        self.backbone = Backbone(stages=7)
        coarsest = self.backbone.channels[-1]
        self.context = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(coarsest, coarsest, 1))
        self.pyramid = Pyramid(self.backbone.channels, width)
        self.refine = nn.Sequential(separable(width, width), separable(width, width), nn.Dropout2d(0.1))
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return class logits [B, classes, H, W] at the size of the images [B, 3, H, W]."""
        size = images.shape[-2:]
        if self.config.scale != 1:
            enlarged = [round(self.config.scale * n) for n in size]
            images = functional.interpolate(images, enlarged, mode="bilinear", align_corners=False)
        *fine, coarse = self.backbone(images)
        x = self.refine(self.pyramid([*fine, coarse + self.context(coarse)]))
        return functional.interpolate(self.head(x), size, mode="bilinear", align_corners=False)


class ClassifierNet(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Maps images [B, 3, H, W] in [0, 1] to logits [B, K] of their classes, on a backbone trained with ImageNet.

    Args:
        classes: names of the classes.
        side: shorter side in pixels to which images are resized first.
    """

    @register_to_config
    def __init__(self, classes: tuple[str, ...] = ("object",), side: int = 96) -> None:
        super().__init__()
        self.backbone = Backbone(stages=7)
        self.dropout = nn.Dropout(0.2)
        self.head = nn.Linear(self.backbone.channels[-1], len(classes))

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return tuple(self.config.classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return logits [B, K] of images [B, 3, H, W]."""
        factor = self.config.side / min(images.shape[-2:])
        if factor != 1:
            size = [round(factor * n) for n in images.shape[-2:]]
            images = functional.interpolate(images, size, mode="bicubic", antialias=factor < 1, align_corners=False)
        return cast(torch.Tensor, self.head(self.dropout(self.backbone(images.clamp(0, 1))[-1].mean((2, 3)))))


class Classifier:
    """Answers with one trained network which class an image has.

    Args:
        net: network from images to class logits.
        name: name in records.
        digest: digest of the network.
    """

    kinds = ("classification",)

    def __init__(self, net: ClassifierNet, name: str, digest: str = "") -> None:
        self.net, self.name, self.digest = net.eval(), name, digest

    @torch.no_grad()
    def answer(self, images: torch.Tensor, truths: Sequence[Truth]) -> list[Answer]:
        """Return the class of each of the images [B, 3, H, W] in [0, 1]."""
        return [self.net.classes[kind] for kind in self.net(images).argmax(1).tolist()]
