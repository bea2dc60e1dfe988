"""The judge of segmentation, and a small residual U-Net, which surrogates of maps are."""

import itertools
from collections.abc import Sequence
from typing import cast

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import nn
from torch.nn import functional

from taskwave.semantic.tasks.base import Answer, Truth


def conv_norm(num_in: int, num_out: int, stride: int = 1, kernel: int = 3) -> nn.Sequential:
    """Build a convolution, followed by batch normalisation and ReLU."""
    return nn.Sequential(
        nn.Conv2d(num_in, num_out, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(num_out),
        nn.ReLU(inplace=True),
    )


class Residual(nn.Module):
    """Computes a basic residual block (He et al. 2016) at constant width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv_norm(width, width), nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map features [B, width, h, w] to features of the same shape."""
        return functional.relu(x + self.body(x))


class SegmentationNet(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Maps images [B, 3, H, W] in [0, 1] to class logits [B, classes, H, W]."""

    @register_to_config
    def __init__(
        self, widths: tuple[int, ...] = (24, 64, 128, 192), depths: tuple[int, ...] = (2, 2, 2), classes: int = 11
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv_norm(3, widths[0], 2), conv_norm(widths[0], widths[0]))
        self.down = nn.ModuleList(
            nn.Sequential(conv_norm(a, b, 2), *(Residual(b) for _ in range(depth)))
            for a, b, depth in zip(widths[:-1], widths[1:], depths, strict=True)
        )
        self.context = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(widths[-1], widths[-1], 1))
        self.lateral = nn.ModuleList(conv_norm(a + b, a, kernel=1) for a, b in itertools.pairwise(widths))
        self.refine = nn.ModuleList(conv_norm(a, a) for a in widths[:-1])
        self.dropout = nn.Dropout2d(0.1)
        self.head = nn.Conv2d(widths[0], classes, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return class logits [B, classes, H, W] at the size of the images [B, 3, H, W]."""
        x = self.stem((images - 0.45) * 4)
        skips = []
        for stage in self.down:
            skips.append(x)
            x = stage(x)
        x = x + self.context(x)
        for skip, lateral, refine in zip(reversed(skips), reversed(self.lateral), reversed(self.refine), strict=True):
            x = functional.interpolate(x, size=skip.shape[-2:], mode="bilinear", align_corners=False)
            x = refine(lateral(torch.cat([skip, x], dim=1)))
        logits = self.head(self.dropout(x))
        return functional.interpolate(logits, size=images.shape[-2:], mode="bilinear", align_corners=False)


class Segmenter:
    """Answers with one trained network which class every pixel shows.

    Args:
        net: network from images to class logits.
        digest: digest of the network.
        name: name in records.
    """

    kinds = ("segmentation",)

    def __init__(self, net: nn.Module, digest: str = "", name: str = "segmentation") -> None:
        # Channels last: twice as fast on a processor.
        self.net, self.digest, self.name = net.eval().to(memory_format=torch.channels_last), digest, name  # type: ignore[call-overload]

    @torch.no_grad()
    def logits(self, images: torch.Tensor) -> torch.Tensor:
        """Return class logits [B, 11, H, W] of images [B, 3, H, W] in [0, 1]."""
        return cast(torch.Tensor, self.net(images.contiguous(memory_format=torch.channels_last)))

    def predict(self, images: torch.Tensor) -> torch.Tensor:
        """Return class ids [B, H, W], uint8, of images [B, 3, H, W] in [0, 1]."""
        # The indices of `max` are those of `argmax`, four times as fast over a dimension that is not the last.
        return self.logits(images).max(1).indices.to(torch.uint8)

    def answer(self, images: torch.Tensor, truths: Sequence[Truth]) -> list[Answer]:
        """Return the class ids [H, W] of each of the images [B, 3, H, W] in [0, 1]."""
        return list(self.predict(images).cpu())
