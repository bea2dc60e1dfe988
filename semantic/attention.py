"""Learned prompt-to-token attention: which latent tokens matter for a textual prompt."""

from typing import cast

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import nn
from torch.nn import functional

from taskwave.semantic.codec import ResidualBlock


class PromptAttention(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Cross-attention from one prompt embedding (queries, one per head) to the latent tokens (keys).

    The scores of all heads are combined per token, so that conjunctions ("cars" and "on the left") can be expressed.
    """

    @register_to_config
    def __init__(
        self, latent_channels: int = 16, embedding: int = 128, width: int = 80, deep: int = 80, heads: int = 16
    ) -> None:
        super().__init__()
        self.fine = nn.Sequential(
            nn.Conv2d(latent_channels + 2, width, 3, padding=1), ResidualBlock(width), ResidualBlock(width)
        )
        self.coarse = nn.Sequential(
            nn.Conv2d(width, deep, 3, 2, padding=1), ResidualBlock(deep), ResidualBlock(deep), ResidualBlock(deep)
        )
        self.merge = nn.Sequential(nn.Conv2d(width + deep, width, 1), ResidualBlock(width), nn.SiLU())
        self.to_keys = nn.Conv2d(width, 12 * heads, 1)
        self.to_queries = nn.Sequential(nn.Linear(embedding, 256), nn.SiLU(), nn.Linear(256, 12 * heads))
        self.combine = nn.Sequential(nn.Conv2d(heads, 32, 1), nn.SiLU(), nn.Conv2d(32, 1, 1))

    def tokens(self, latents: torch.Tensor) -> torch.Tensor:
        """Keys [B, heads * 12, h, w] of latents [B, C, h, w]; they do not depend on the prompt."""
        batch, _, height, width = latents.shape
        ramps = [torch.linspace(-1, 1, n, device=latents.device, dtype=latents.dtype) for n in (height, width)]
        places = torch.stack(torch.meshgrid(*ramps, indexing="ij")).expand(batch, -1, -1, -1)
        fine = self.fine(torch.cat([latents, places], dim=1))
        coarse = functional.interpolate(self.coarse(fine), size=(height, width), mode="nearest")
        return cast(torch.Tensor, self.to_keys(self.merge(torch.cat([fine, coarse], dim=1))))

    def forward(self, latents: torch.Tensor, prompts: torch.Tensor) -> torch.Tensor:
        """Relevance logits [B, P, h, w] of latents [B, C, h, w] for P prompt embeddings each, [B, P, embedding]."""
        heads = int(self.config.heads)
        keys = self.tokens(latents).unflatten(1, (heads, 12))
        queries = self.to_queries(prompts).unflatten(2, (heads, 12))
        scores = torch.einsum("bkdhw,bpkd->bpkhw", keys, queries) / 12**0.5
        combined = cast(torch.Tensor, self.combine(scores.flatten(0, 1)))
        return cast(torch.Tensor, combined.unflatten(0, prompts.shape[:2]))[:, :, 0]
