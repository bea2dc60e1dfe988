"""Scores of cells, by which detail is chosen: in an order that both ends know, or by what a prompt asks for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch.nn import functional

from taskwave.links.task_adaptive.plan import spread_order
from taskwave.semantic.codec.analog import CELL, scene
from taskwave.semantic.codec.detail import Holding
from taskwave.semantic.weights import Models

Selection = Literal["attention", "uniform", "random"]

RANDOM_SEED = 0
"""Seed of the random selection, which both ends share."""


def blind_scores(selection: Selection, grid: tuple[int, int], batch: int) -> torch.Tensor:
    """Score cells [B, G] in an order that both ends know, for an image of which all cells weigh alike."""
    cells = grid[0] * grid[1]
    if selection == "random":
        order = torch.randperm(cells, generator=torch.Generator().manual_seed(RANDOM_SEED))
    else:
        order = spread_order(*grid)
    # Steps are too small to matter to a plan, and large enough to sort by.
    return (1 - 1e-4 * order.argsort() / cells).expand(batch, -1)


def refined(holding: Holding, general: int) -> torch.Tensor:
    """Find the cells [B, G] of which `holding` has more than the `general` first symbols, once."""
    first = holding.symbol_noise[:, 0]
    copies = first < first.amax((1, 2), keepdim=True)
    layers = holding.symbol_noise[:, general:].isfinite().any(1)
    tokens = holding.latent_noise[:, 0, ::CELL, ::CELL].isfinite()
    return (copies | layers | tokens).flatten(1)


@dataclass(frozen=True)
class View:
    """Holds a batch of scenes at the transmitter and, as far as it can know, at the receiver."""

    scenes: torch.Tensor
    """[B, C + K, h, w] float32, the scenes themselves."""
    believed: torch.Tensor
    """[B, C + K, h, w] float32, as the receiver regenerates them from what was sent, less the noise it met."""


class Attender:
    """Scores cells by what a prompt asks for."""

    def __init__(self, models: Models) -> None:
        self.models = models

    def view(self, scenes: torch.Tensor, sent: Holding) -> View:
        """Regenerate what the receiver has of `scenes` [B, C + K, h, w] after `sent`, without any channel."""
        latents = self.models.regenerate(sent)
        logits = self.models.segmentation.logits(self.models.codec.decode(latents))
        return View(scenes, scene(latents, logits))

    def scores(self, view: View, prompts: Sequence[str | None]) -> tuple[torch.Tensor, torch.Tensor]:
        """Score cells [B, G], higher is sent earlier, and return the relevance of tokens [B, h, w] in [0, 1].

        An image whose prompt was not heard (None) gets the detail in which the receiver errs most.
        """
        latents = slice(0, self.models.codec.channels)
        error = (view.scenes[:, latents] - view.believed[:, latents]).square()
        missing = (self.models.channel_weights * error).mean(1)
        relevance = torch.ones_like(missing)
        heard = {i: prompt for i, prompt in enumerate(prompts) if prompt is not None}
        if heard:
            rows = list(heard)
            embeddings = self.models.text_encoder.embed(list(heard.values())).to(missing)[:, None]
            # What the receiver takes for the thing asked for matters as much as the thing itself.
            seen = [self.models.attention(s[rows], embeddings)[:, 0] for s in (view.scenes, view.believed)]
            relevance[rows] = torch.maximum(*seen)
        return functional.avg_pool2d(relevance * missing, CELL).flatten(1), relevance
