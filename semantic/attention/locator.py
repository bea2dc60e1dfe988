"""The locator: where in an image the thing is that a prompt asks for, by attention from the prompt to the image."""

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import nn

from taskwave.semantic.backbone import Backbone, Pyramid, separable

TOKEN = 8
"""Pixels per side of a token."""
OUTLINED = (6, 8, 10)
"""Ids of the street classes whose outlines it has learnt: signs and lights, cars and people on bicycles."""


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
        self.to_edges = nn.Sequential(separable(width, width), separable(width, width), nn.Conv2d(width, 4, 1))

    def logits(self, images: torch.Tensor, prompts: torch.Tensor) -> torch.Tensor:
        """Return how much every token is what each prompt names, [B, P, H/8, W/8].

        Args:
            images: images [B, 3, H, W] in [0, 1].
            prompts: embeddings [B, P, embedding] of P prompts per image, unit vectors.
        """
        return self._matches(self.features(images), prompts)

    @torch.no_grad()
    def forward(self, images: torch.Tensor, prompts: torch.Tensor) -> torch.Tensor:
        """Return the relevance of every token for each prompt, [B, P, ceil(H/8), ceil(W/8)] in [0, 1]."""
        return self.logits(images, prompts).sigmoid()

    @torch.no_grad()
    def locate(self, images: torch.Tensor, prompts: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the relevance as `forward`, and the edges of the thing that each token shows, as `edges`."""
        features = self.features(images)
        return self._matches(features, prompts).sigmoid(), self.edges(features)

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """Return features [B, width, ceil(H/8), ceil(W/8)] of images [B, 3, H, W] in [0, 1]."""
        features: torch.Tensor = self.pyramid(self.backbone(images)[1:])
        return features

    def edges(self, features: torch.Tensor) -> torch.Tensor:
        """Return the left, upper, right and lower edge of the thing that each token shows, [B, 4, h, w], in pixels.

        They mean nothing for tokens that show none, or none with an outline, such as a road.
        """
        return self.placed(self.to_edges(features))

    @staticmethod
    def placed(found: torch.Tensor) -> torch.Tensor:
        """Return the edges [B, 4, h, w] in pixels of what the network gives: offset of the middle, and size."""
        grid = torch.stack(torch.meshgrid(*(torch.arange(n) for n in found.shape[-2:]), indexing="ij"))
        middle = TOKEN * (found[:, :2] + grid.flip(0).to(found) + 0.5)
        half = TOKEN * 2 ** found[:, 2:].clamp(-3, 6)
        return torch.cat([middle - half, middle + half], dim=1)

    def _matches(self, features: torch.Tensor, prompts: torch.Tensor) -> torch.Tensor:
        keys = self.to_keys(features)
        scaled = prompts * prompts.shape[-1] ** 0.5
        matches = torch.einsum("bchw,bpc->bphw", keys, self.to_query(scaled)) / keys.shape[1] ** 0.5
        logits: torch.Tensor = matches + self.to_least(scaled)[..., None]
        return logits
