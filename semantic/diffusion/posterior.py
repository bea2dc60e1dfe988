"""The network that says what windows may show, given what arrived of them: something else each time it is asked.

It is a diffusion model whose denoiser returns not the mean of what is left to know but a sample of it, so that few
steps do (De Bortoli et al. 2025, Distributional Diffusion Models with Scoring Rules).
"""

from dataclasses import dataclass
from typing import cast

import torch
from diffusers import UNet2DModel
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import nn
from torch.nn import functional

from taskwave.semantic.codec.windows import KINDS, Question, WindowCode

_FOLD = 2
"""Pixels per side that the network takes as one place."""
_LEAST = 0.004
"""Least standard deviation of what is not known of a pixel: a grey level."""


@dataclass(frozen=True)
class Arrived:
    """Holds what a receiver knows of B windows."""

    mean: torch.Tensor
    """Expected windows [B, 3, 32, 32] float32, about in [0, 1]."""
    lost: torch.Tensor
    """Logarithm of the share of the variance of each window that did not arrive, [B] float32."""
    question: Question
    """Question of the receiver about the windows."""

    def select(self, rows: slice) -> "Arrived":
        """Return what is known of some of the windows."""
        return Arrived(self.mean[rows], self.lost[rows], self.question.select(rows))

    def repeat(self, count: int) -> "Arrived":
        """Return what is known with all windows `count` times, [count · B]."""
        asked = self.question
        question = Question(asked.embedding.repeat(count, 1), asked.snr_db.repeat(count), asked.kinds.repeat(count))
        return Arrived(self.mean.repeat(count, 1, 1, 1), self.lost.repeat(count), question)


def lost_of(code: WindowCode, gains: torch.Tensor, kinds: torch.Tensor) -> torch.Tensor:
    """Return the logarithm [B] of the share of the variance of windows of kinds [B] that `gains` [B, 2 S] leave out."""
    power = code.deviation[kinds].square()
    return (((1 - gains) * power).sum(1) / power.sum(1)).clamp_min(1e-5).log()


class WindowPosterior(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Draws what windows may show.

    It works on residuals: the window less its mean, in units of their expected size. A residual r at level t in
    [0, 1] is (1 - t) r + t n with white n of unit power (the path of flow matching, Lipman et al. 2023).

    Args:
        widths: channels at 2, 4 and 8 pixels.
        embedding: length of the prompt embeddings.
    """

    @register_to_config
    def __init__(self, widths: tuple[int, int, int] = (48, 64, 96), embedding: int = 128) -> None:
        super().__init__()
        places, features = 3 * _FOLD**2, embedding + 2 + len(KINDS)
        self.unet = UNet2DModel(
            sample_size=32 // _FOLD,
            in_channels=3 * places,
            out_channels=places,
            block_out_channels=widths,
            layers_per_block=1,
            down_block_types=("DownBlock2D",) * 3,
            up_block_types=("UpBlock2D",) * 3,
            norm_num_groups=8,
            add_attention=False,
            class_embed_type="identity",
        )
        nn.init.zeros_(self.unet.conv_out.bias)
        self.ask = nn.Sequential(nn.Linear(features, 64), nn.SiLU(), nn.Linear(64, 4 * widths[0]))
        self.size = nn.Linear(features, 1)
        nn.init.zeros_(self.size.weight)
        nn.init.constant_(self.size.bias, -2.5)

    def sizes(self, arrived: Arrived) -> torch.Tensor:
        """Return the expected size of what is not known, root mean square over the pixels of each window, [B]."""
        return cast(torch.Tensor, self.size(_features(arrived)))[:, 0].exp().clamp_min(_LEAST)

    def forward(self, noisy: torch.Tensor, level: torch.Tensor, arrived: Arrived, white: torch.Tensor) -> torch.Tensor:
        """Draw residuals [B, 3, 32, 32] given noisy ones, same shape, at levels [B], and `white` noise, same shape."""
        folded = (functional.pixel_unshuffle(x, _FOLD) for x in (noisy, arrived.mean * 2 - 1, white))
        asked = self.ask(_features(arrived))
        out = cast(torch.Tensor, self.unet(torch.cat(list(folded), dim=1), level * 1000, class_labels=asked).sample)
        signal = (1 - level)[:, None, None, None]
        known = signal / (signal.square() + (1 - signal).square())
        return known * noisy + functional.pixel_shuffle(out, _FOLD)


def _features(arrived: Arrived) -> torch.Tensor:
    """Return what the network is told beside pictures, [B, E + 4]."""
    return torch.cat([arrived.question.features(), arrived.lost[:, None] / 3], dim=1)
