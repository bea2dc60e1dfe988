"""The locator: where in an image the thing is that a prompt asks for, by attention from the prompt to the image."""

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import nn

from taskwave.semantic.backbone import Backbone, Pyramid, separable


class Locator(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Scores the tokens of an image (keys) for a prompt embedding (query), at 8 pixels.

    A transmitter has it: it finds what a prompt names, and cannot tell which of a kind it is. It is trained on phrases
    with boxes and masks, with no judge.

    Args:
        embedding: length of the prompt embeddings.
        width: channels of the keys.
    """

    @register_to_config
    def __init__(self, embedding: int = 128, width: int = 64) -> None:
        super().__init__()
        self.backbone = Backbone(stages=4)
        self.pyramid = Pyramid(self.backbone.channels[1:], width)
        self.to_keys = nn.Sequential(separable(width, width), separable(width, width), nn.Conv2d(width, width, 1))
        self.to_query, self.to_least = nn.Linear(embedding, width), nn.Linear(embedding, 1)

    def logits(self, images: torch.Tensor, prompts: torch.Tensor) -> torch.Tensor:
        """Return how much every token is what each prompt names, [B, P, H/8, W/8].

        Args:
            images: images [B, 3, H, W] in [0, 1].
            prompts: embeddings [B, P, embedding] of P prompts per image, unit vectors.
        """
        keys = self.to_keys(self.pyramid(self.backbone(images)[1:]))
        scaled = prompts * prompts.shape[-1] ** 0.5
        matches = torch.einsum("bchw,bpc->bphw", keys, self.to_query(scaled)) / keys.shape[1] ** 0.5
        logits: torch.Tensor = matches + self.to_least(scaled)[..., None]
        return logits

    @torch.no_grad()
    def forward(self, images: torch.Tensor, prompts: torch.Tensor) -> torch.Tensor:
        """Return the relevance of every token for each prompt, [B, P, ceil(H/8), ceil(W/8)] in [0, 1]."""
        return self.logits(images, prompts).sigmoid()
