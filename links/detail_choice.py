"""The transmitter's choice of detail: what the prompt asks for, weighted by what the receiver lacks."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch.nn import functional

from taskwave.semantic.detail import Holding
from taskwave.semantic.general import CELL
from taskwave.semantic.positions import spread_order
from taskwave.semantic.weights import Models

Selection = Literal["attention", "uniform", "random"]

RANDOM_SEED = 0
"""Both ends of the random selection share it."""


class Chooser:
    """Scores the cells of the latent grid; higher is sent earlier."""

    def __init__(self, models: Models, selection: Selection) -> None:
        self.models, self.selection = models, selection

    def scores(
        self, latents: torch.Tensor, prompts: Sequence[str | None], sent: Holding
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Cell scores [B, G] and token relevance [B, h, w] in [0, 1].

        An image whose prompt was not heard (None) gets the detail in which the receiver errs most.
        """
        batch, _, height, width = latents.shape
        relevance = torch.ones_like(latents[:, 0])
        if self.selection == "attention":
            self._attend(latents, prompts, relevance)
            missing = self._missing(latents, sent)
            return functional.avg_pool2d(relevance * missing, CELL).flatten(1), relevance
        cells = (height // CELL, width // CELL)
        if self.selection == "uniform":
            order = spread_order(*cells)
        else:
            order = torch.randperm(cells[0] * cells[1], generator=torch.Generator().manual_seed(RANDOM_SEED))
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

    def _missing(self, latents: torch.Tensor, sent: Holding) -> torch.Tensor:
        """Visible error [B, h, w] of what the receiver can make of what was sent: one regeneration, no channel."""
        known = self.models.regenerate(sent)
        return (self.models.channel_weights * (latents - known).square()).mean(1)
