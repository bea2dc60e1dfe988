"""The transmitter's choice of detail: what the prompt asks for, weighted by what the receiver lacks."""

from collections.abc import Sequence
from typing import Literal, Protocol

import torch

from taskwave.semantic.detail import GROUP, group_mean, spread_order
from taskwave.semantic.weights import Models

Selection = Literal["attention", "uniform", "random"]

RANDOM_SEED = 0
"""Both ends of the random selection share it."""


class Knowledge(Protocol):
    """One end's view of what the receiver holds: coarse latents, detail latents and noise variances, [B, C, h, w]."""

    coarse: torch.Tensor
    latents: torch.Tensor
    noise_variance: torch.Tensor


class Chooser:
    """Scores the groups of latent tokens; higher is sent earlier."""

    def __init__(self, models: Models, selection: Selection) -> None:
        self.models, self.selection = models, selection

    def scores(
        self, latents: torch.Tensor, prompts: Sequence[str | None], sent: Knowledge
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Group scores [B, G] and token relevance [B, h, w] in [0, 1].

        An image whose prompt was not heard (None) gets the detail in which the receiver errs most.
        """
        batch, _, height, width = latents.shape
        relevance = torch.ones_like(latents[:, 0])
        if self.selection == "attention":
            self._attend(latents, prompts, relevance)
            return group_mean(relevance * self._missing(latents, sent)), relevance
        groups = (height // GROUP, width // GROUP)
        if self.selection == "uniform":
            order = spread_order(*groups)
        else:
            order = torch.randperm(groups[0] * groups[1], generator=torch.Generator().manual_seed(RANDOM_SEED))
        rank = order.argsort().to(latents)
        return (-rank).expand(batch, -1), relevance

    def _attend(self, latents: torch.Tensor, prompts: Sequence[str | None], relevance: torch.Tensor) -> None:
        heard = {i: prompt for i, prompt in enumerate(prompts) if prompt is not None}
        if not heard:
            return
        unique = list(dict.fromkeys(heard.values()))
        table = self.models.text_encoder.embed(unique).to(latents)
        embeddings = table[[unique.index(prompt) for prompt in heard.values()]]
        rows = list(heard)
        relevance[rows] = self.models.attention(latents[rows], embeddings[:, None]).sigmoid()[:, 0]

    def _missing(self, latents: torch.Tensor, sent: Knowledge) -> torch.Tensor:
        """Visible error [B, h, w] of what the receiver can make of what was sent: one regeneration, no channel."""
        known = self.models.prior(
            sent.latents, sent.noise_variance, sent.coarse, torch.zeros_like(latents), num_inference_steps=1
        )
        return (self.models.channel_weights * (latents - known).square()).mean(1)
