"""Learned prompt-to-token attention: which tokens of a scene matter for a textual prompt."""

from typing import cast

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import nn
from torch.nn import functional

from taskwave.semantic.codec.latents import ResidualBlock


class PromptAttention(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Cross-attention from one prompt embedding (query) to the tokens of a scene (keys).

    Every token's key is a distribution over concepts: the class shares of the scene, refined by a small network. The
    query says how much the prompt asks for each concept, and for each of `columns` bands from left to right.
    """

    @register_to_config
    def __init__(
        self, latent_channels: int = 16, classes: int = 11, embedding: int = 128, width: int = 48, columns: int = 12
    ) -> None:
        super().__init__()
        self.refine = nn.Sequential(
            nn.Conv2d(latent_channels + classes, width, 3, padding=1),
            ResidualBlock(width),
            ResidualBlock(width),
            nn.SiLU(),
            nn.Conv2d(width, classes, 1),
        )
        last = cast(nn.Conv2d, self.refine[-1])
        nn.init.zeros_(last.weight)
        nn.init.zeros_(cast(torch.Tensor, last.bias))
        self.to_concepts = nn.Linear(embedding, classes)
        self.to_columns = nn.Linear(embedding, columns)

    def keys(self, scenes: torch.Tensor) -> torch.Tensor:
        """Concepts [B, K, h, w] of scenes [B, C + K, h, w], summing to one; they do not depend on the prompt."""
        shares = scenes[:, int(self.config.latent_channels) :]
        return cast(torch.Tensor, ((shares.clamp_min(0) + 1e-3).log() + self.refine(scenes)).softmax(1))

    def forward(self, scenes: torch.Tensor, prompts: torch.Tensor) -> torch.Tensor:
        """Relevance [B, P, h, w] in [0, 1] of scenes [B, C + K, h, w] for P prompt embeddings each, [B, P, embedding].

        Embeddings are unit vectors.
        """
        scaled = prompts * prompts.shape[-1] ** 0.5
        wanted = torch.einsum("bkhw,bpk->bphw", self.keys(scenes), self.to_concepts(scaled).sigmoid())
        bands = functional.interpolate(self.to_columns(scaled).sigmoid(), scenes.shape[-1], mode="linear")
        return wanted * bands[:, :, None]
