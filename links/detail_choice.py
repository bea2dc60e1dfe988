"""The transmitter's choice of detail: what the prompt asks for, weighted by what the receiver lacks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch.nn import functional

from taskwave.semantic.detail import Holding
from taskwave.semantic.general import CELL
from taskwave.semantic.positions import spread_order
from taskwave.semantic.scene import scene
from taskwave.semantic.weights import Models

Selection = Literal["attention", "uniform", "random"]

RANDOM_SEED = 0
"""Both ends of the random selection share it."""


@dataclass(frozen=True)
class View:
    """A batch of pictures at the transmitter and, as far as it can know, at the receiver."""

    scenes: torch.Tensor
    """[B, C + K, h, w], as they are."""
    believed: torch.Tensor
    """The same, as the receiver regenerates them from what was sent, less the noise it met."""


def blind_scores(selection: Selection, grid: tuple[int, int], batch: int) -> torch.Tensor:
    """Scores [B, G] of cells in an order that both ends know, for a picture of which all cells weigh alike."""
    cells = grid[0] * grid[1]
    if selection == "random":
        order = torch.randperm(cells, generator=torch.Generator().manual_seed(RANDOM_SEED))
    else:
        order = spread_order(*grid)
    # Steps too small to matter to a plan, large enough to sort by.
    return (1 - 1e-4 * order.argsort() / cells).expand(batch, -1)


class Attender:
    """Scores cells by what a prompt asks for."""

    def __init__(self, models: Models) -> None:
        self.models = models

    def view(self, scenes: torch.Tensor, sent: Holding) -> View:
        """What both ends have of `scenes` [B, C + K, h, w] after `sent`: one regeneration, no channel."""
        latents = self.models.regenerate(sent)
        logits = self.models.segmentation.logits(self.models.codec.decode(latents))
        return View(scenes, scene(latents, logits))

    def scores(self, view: View, prompts: Sequence[str | None]) -> tuple[torch.Tensor, torch.Tensor]:
        """Cell scores [B, G], higher is sent earlier, and the relevance of tokens [B, h, w] in [0, 1].

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
