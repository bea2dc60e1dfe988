"""A network that says what a part of an image shows, such as which traffic sign stands in a box."""

from itertools import pairwise

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import nn
from torch.nn import functional

from taskwave.semantic.backbone import separable

SIDE = 48
"""Height and width of the patches that are classified, in pixels."""
MARGIN = 0.1
"""Share of its side that a box is widened by on every side before it is classified."""


def _full(channels: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU())


class PatchNet(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Maps patches [N, 3, 48, 48] in [0, 1] to class logits [N, K].

    Args:
        classes: names of the classes.
        widths: channels at 48, 24, 12 and 6 pixels.
    """

    @register_to_config
    def __init__(self, classes: tuple[str, ...] = ("other",), widths: tuple[int, ...] = (32, 64, 128, 192)) -> None:
        super().__init__()
        stages: list[nn.Module] = [_full(3, widths[0]), separable(widths[0], widths[0])]
        for before, width in pairwise(widths):
            stages += [nn.MaxPool2d(2), separable(before, width), separable(width, width)]
        self.body = nn.Sequential(*stages)
        self.dropout = nn.Dropout(0.3)
        self.head = nn.Linear(widths[-1] * 4, len(classes))

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return tuple(self.config.classes)

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        """Return class logits [N, K] of patches [N, 3, 48, 48] in [0, 1]."""
        mean = patches.mean((1, 2, 3), keepdim=True)
        spread = patches.std((1, 2, 3), keepdim=True).clamp(min=0.05)
        x = functional.adaptive_avg_pool2d(self.body((patches - mean) / spread), 2)
        return self.head(self.dropout(x.flatten(1)))  # type: ignore[no-any-return]


def cut(image: torch.Tensor, boxes: torch.Tensor, margin: float = MARGIN) -> torch.Tensor:
    """Cut boxes [N, 4] (in pixels, float) out of an image [3, H, W] and resize them to [N, 3, 48, 48].

    Each box is widened by `margin` of its width and height on every side, as far as the image goes. Larger boxes are
    averaged, smaller ones interpolated.
    """
    height, width = image.shape[-2:]
    out = []
    for left, upper, right, lower in boxes.tolist():
        wider, higher = (right - left) * margin, (lower - upper) * margin
        x0, x1 = (min(max(round(v), 0), width) for v in (left - wider, right + wider))
        y0, y1 = (min(max(round(v), 0), height) for v in (upper - higher, lower + higher))
        x0, y0 = min(x0, width - 1), min(y0, height - 1)
        patch = image[None, :, y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]
        out.append(functional.interpolate(patch, (SIDE, SIDE), mode="bilinear", antialias=True, align_corners=False))
    return torch.cat(out) if out else image.new_zeros(0, 3, SIDE, SIDE)
