"""The learned attention, which scores how much every token of a scene matters for a textual prompt."""

from typing import cast

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import nn
from torch.nn import functional

from taskwave.semantic.codec.latents import ResidualBlock


class PromptAttention(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Scores the tokens of a scene (keys) for a prompt embedding (query) by cross-attention.

    The key of a token is a distribution over concepts: the class shares of the scene, refined by a small network. The
    query holds how much the prompt asks for each concept, and for each of `columns` bands from left to right.
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
        """Return the shares of the concepts in the tokens of scenes [B, C + K, h, w]: [B, K, h, w], summing to one.

        They do not depend on the prompt.
        """
        shares = scenes[:, int(self.config.latent_channels) :]
        return cast(torch.Tensor, ((shares.clamp_min(0) + 1e-3).log() + self.refine(scenes)).softmax(1))

    def forward(self, scenes: torch.Tensor, prompts: torch.Tensor) -> torch.Tensor:
        """Return the relevance of every token for every prompt, [B, P, h, w] in [0, 1].

        Args:
            scenes: scenes [B, C + K, h, w].
            prompts: embeddings [B, P, embedding] of P prompts per scene, unit vectors.
        """
        scaled = prompts * prompts.shape[-1] ** 0.5
        wanted = torch.einsum("bkhw,bpk->bphw", self.keys(scenes), self.to_concepts(scaled).sigmoid())
        bands = functional.interpolate(self.to_columns(scaled).sigmoid(), scenes.shape[-1], mode="linear")
        return wanted * bands[:, :, None]
