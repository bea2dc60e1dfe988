"""Image codec over a capacity-achieving code: an upper bound on every link of codec, channel code and QAM."""

from collections.abc import Sequence

import torch

from taskwave.links.base import BudgetError, Delivery, LinkKind, Task
from taskwave.links.link_abstraction import capacity_bits
from taskwave.links.picture_source import PictureSource
from taskwave.phy.air import AirInterface, Radio
from taskwave.phy.symbol_link import SymbolLink
from taskwave.semantic.weights import Models


class IdealLink:
    """Each picture gets as many whole bytes as the capacity of its own realised channel over the budget's REs.

    The transmitter is told that number (the bound's privilege), so there is no outage unless not even the smallest
    rung fits. Pilots occupy their REs as for every link.
    """

    kind: LinkKind = "bound"

    def __init__(self, models: Models, radio: Radio, codec: str) -> None:
        self.name = f"ideal-{codec}"
        self._source = PictureSource(codec, models.segmentation)
        self._symbols = SymbolLink(radio)

    @torch.no_grad()
    def run(self, images: torch.Tensor, tasks: Sequence[Task], budget: int, air: AirInterface) -> list[Delivery]:
        """See `taskwave.links.base.Link`; one transmission serves all tasks."""
        num_symbols = self._symbols.capacity(budget)
        if num_symbols == 0:
            raise BudgetError(
                f"{self.name}: a budget of {budget} channel uses carries no symbol; "
                f"allow at least {self._symbols.channel_uses(1)}"
            )
        limits = (capacity_bits(self._symbols, num_symbols, air.forward(0)) // 8).long().tolist()
        rungs = [self._source.ladder(image).best(limit) for image, limit in zip(images, limits, strict=True)]
        uses = torch.full((len(images),), self._symbols.channel_uses(num_symbols))
        return self._source.deliver([None if r is None else r.payload for r in rungs], uses, images, len(tasks))
