"""The perceptual distance of images, in features of a network that was trained to name what photographs show."""

import torch
from torch import nn
from torch.nn import functional

from taskwave.semantic.backbone import Backbone
from taskwave.semantic.training.judges.pretrained import load_imagenet


class PerceptualDistance(nn.Module):
    """Measures how different images look: the distance of normalised features at strides 2, 4 and 8.

    It is that of Zhang et al. (CVPR 2018) without weights that were fitted to people. The network is EfficientNet-Lite0
    with ImageNet weights; it judges nothing here, and is not trained any further.

    Raises:
        ModuleNotFoundError: the weights are not installed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.backbone = Backbone(stages=4)
        load_imagenet(self.backbone)
        self.eval().requires_grad_(False)

    def features(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Return features of images [B, 3, H, W] in [0, 1], finest first, each place of unit length."""
        x, found = self.backbone.stem((images * 255 - 127) / 128), []
        found.append(x)
        for stage in self.backbone.stages[:3]:
            x = stage(x)
            found.append(x)
        return [functional.normalize(f, dim=1, eps=1e-3) for f in (found[0], found[2], found[3])]

    def forward(self, images: torch.Tensor, wanted: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """Return the distance of images from those wanted, [B, 3, H, W] each, weighted by place with [B, 1, H, W]."""
        with torch.no_grad():
            goal = self.features(wanted)
        total = images.new_zeros(())
        for mine, theirs in zip(self.features(images), goal, strict=True):
            places = functional.adaptive_avg_pool2d(weight, (mine.shape[-2], mine.shape[-1]))
            total = total + (places * (mine - theirs).square().sum(1, keepdim=True)).sum() / places.sum()
        return total / len(goal)
