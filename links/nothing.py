"""What a receiver answers when nothing arrives: the image of its prior alone, and the link that sends nothing."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from taskwave.links.base import Delivery, LinkKind
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.radio import Radio
from taskwave.semantic.codec.analog import CELL
from taskwave.semantic.codec.detail import Holding
from taskwave.semantic.codec.latents import TOKEN
from taskwave.semantic.tasks.base import Task
from taskwave.semantic.weights import Models


@dataclass(frozen=True)
class PriorAnswer:
    """Holds what the receiver has of every image of one size when nothing arrived; callers must not change it."""

    image: torch.Tensor
    """[3, H, W] float32 in [0, 1], posterior mean of the prior with every noise variance infinite."""
    labels: torch.Tensor
    """[H, W] uint8, classes that the task network finds in `image`."""

    def of_classes(self, classes: Sequence[int], other: int) -> torch.Tensor:
        """Return the labels [H, W] uint8 of pixels of `classes`, and `other` elsewhere."""
        wanted = torch.isin(self.labels, torch.tensor(classes, dtype=torch.uint8, device=self.labels.device))
        return torch.where(wanted, self.labels, other)


class Prior:
    """Answers from the receiver's prior alone; each size of images is computed once."""

    def __init__(self, models: Models) -> None:
        self._models = models
        self._known: dict[tuple[int, int], PriorAnswer] = {}

    def answer(self, height: int, width: int) -> PriorAnswer:
        """Return what the receiver has of an image of this size when nothing arrived.

        Sides that are no multiple of a cell (32 pixels) show the upper left part of the next larger image.
        """
        if (height, width) not in self._known:
            self._known[height, width] = self._compute(height, width)
        return self._known[height, width]

    @torch.no_grad()
    def _compute(self, height: int, width: int) -> PriorAnswer:
        models, device = self._models, self._models.channel_weights.device
        rows, columns = (math.ceil(side / (TOKEN * CELL)) for side in (height, width))
        symbols = torch.zeros(1, sum(models.general.code_layers), rows, columns, dtype=torch.complex64, device=device)
        latents = torch.zeros(1, models.codec.channels, rows * CELL, columns * CELL, device=device)
        image = models.codec.decode(models.regenerate(Holding.empty(symbols, latents)))[..., :height, :width]
        return PriorAnswer(image[0], models.segmentation.predict(image)[0])


class NothingLink:
    """Sends nothing and occupies nothing: the receiver answers from its prior, for all images alike.

    It is the floor under every link: what a link brings is what it betters this by.
    """

    name = "nothing"
    kind: LinkKind = "floor"

    def __init__(self, models: Models, radio: Radio) -> None:
        self._prior = Prior(models)

    def run(self, images: torch.Tensor, tasks: Sequence[Task], budget: int, air: AirInterface) -> list[Delivery]:
        """Implement `taskwave.links.base.Link.run`; any budget will do."""
        batch, prior = len(images), self._prior.answer(*images.shape[-2:])
        none = torch.zeros(batch, dtype=torch.int64)
        return [
            Delivery(
                channel_uses=none.clone(),
                feedback_uses=none.clone(),
                airtime_slots=none.clone(),
                outage=torch.zeros(batch, dtype=torch.bool),
                image=prior.image.expand(batch, -1, -1, -1).clone(),
            )
            for _ in tasks
        ]
