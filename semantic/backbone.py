"""The backbone of judges and locator: EfficientNet-Lite0, up to a chosen stage.

EfficientNet (Tan and Le, ICML 2019) in its Lite form: no squeeze-and-excitation, ReLU6 in place of swish. Padding is
that of TensorFlow ("SAME"), with which its published ImageNet weights were trained.
"""

import torch
from torch import nn
from torch.nn import functional

_STAGES = (
    # kernel, stride, expansion, channels, blocks
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
STEM = 32
"""Channels of the first convolution."""


class SameConv(nn.Conv2d):
    """Convolves with the padding of TensorFlow, which at stride two has one more pixel below and on the right."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map [B, C, H, W] to [B, D, ceil(H / stride), ceil(W / stride)]."""
        (kernel, _), (stride, _) = self.kernel_size, self.stride
        down, across = (max((-(-n // stride) - 1) * stride + kernel - n, 0) for n in x.shape[-2:])
        padded = functional.pad(x, (across // 2, across - across // 2, down // 2, down - down // 2))
        return functional.conv2d(padded, self.weight, self.bias, self.stride, groups=self.groups)


def _normed(conv: nn.Conv2d, *, active: bool) -> list[nn.Module]:
    norm = nn.BatchNorm2d(conv.out_channels, eps=1e-3, momentum=0.01)
    return [conv, norm, nn.ReLU6()] if active else [conv, norm]


class InvertedBottleneck(nn.Module):
    """Expands, filters each channel by itself, and projects; adds its input where the shape stays."""

    def __init__(self, channels: int, out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = channels * expansion
        layers = _normed(nn.Conv2d(channels, wide, 1, bias=False), active=True) if expansion > 1 else []
        layers += _normed(SameConv(wide, wide, kernel, stride, groups=wide, bias=False), active=True)
        layers += _normed(nn.Conv2d(wide, out, 1, bias=False), active=False)
        self.body = nn.Sequential(*layers)
        self.adds = stride == 1 and channels == out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map [B, channels, h, w] to [B, out, h / stride, w / stride]."""
        out: torch.Tensor = self.body(x)
        return x + out if self.adds else out


class Backbone(nn.Module):
    """Maps images to features at strides 4, 8, 16 and, with all seven stages, 32.

    Args:
        stages: number of stages, 4 or 5 (down to stride 16) or 7 (down to stride 32).

    Attributes:
        channels: channels of the features, from the finest to the coarsest.
    """

    def __init__(self, stages: int = 5) -> None:
        super().__init__()
        self.stem = nn.Sequential(*_normed(SameConv(3, STEM, 3, 2, bias=False), active=True))
        self.stages, channels = nn.ModuleList(), STEM
        for kernel, stride, expansion, out, blocks in _STAGES[:stages]:
            self.stages.append(
                nn.Sequential(
                    *(
                        InvertedBottleneck(out if i else channels, out, kernel, 1 if i else stride, expansion)
                        for i in range(blocks)
                    )
                )
            )
            channels = out
        self._kept = {4: (1, 2, 3), 5: (1, 2, 4), 7: (1, 2, 4, 6)}[stages]
        self.channels = tuple(_STAGES[i][3] for i in self._kept)

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Return features [B, channels, H / stride, W / stride] of images [B, 3, H, W] in [0, 1], finest first."""
        x = self.stem((images * 255 - 127) / 128)
        kept = []
        for i, stage in enumerate(self.stages):
            x = stage(x)
            if i in self._kept:
                kept.append(x)
        return kept


class Pyramid(nn.Module):
    """Joins features of all strides at the finest one (Lin et al., CVPR 2017, with separable convolutions).

    Args:
        channels: channels of the features, finest first.
        width: channels of the result.
    """

    def __init__(self, channels: tuple[int, ...], width: int) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(c, width, 1) for c in channels)
        self.smooth = nn.ModuleList(separable(width, width) for _ in channels[1:])

    def forward(self, features: list[torch.Tensor]) -> torch.Tensor:
        """Return [B, width, h, w] at the stride of the first of `features`."""
        x: torch.Tensor = self.lateral[-1](features[-1])
        for i in reversed(range(len(features) - 1)):
            fine = self.lateral[i](features[i])
            x = self.smooth[i](fine + functional.interpolate(x, fine.shape[-2:], mode="bilinear"))
        return x


def separable(channels: int, out: int) -> nn.Sequential:
    """Return a separable 3 x 3 convolution with normalisation and ReLU."""
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
        nn.Conv2d(channels, out, 1, bias=False),
        nn.BatchNorm2d(out),
        nn.ReLU(),
    )
