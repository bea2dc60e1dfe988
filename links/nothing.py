"""What a receiver answers when nothing arrives: the image of its prior alone, and the link that sends nothing."""

from collections.abc import Sequence

import torch

from taskwave.links.base import Delivery, LinkKind
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.radio import Radio
from taskwave.semantic.codec.placement import tiles
from taskwave.semantic.tasks.base import Task
from taskwave.semantic.weights import Models


class Prior:
    """Shows what a receiver has of an image when nothing arrives; each size of images is computed once."""

    def __init__(self, models: Models) -> None:
        self._code = models.windows
        self._known: dict[tuple[int, int], torch.Tensor] = {}

    def image(self, height: int, width: int) -> torch.Tensor:
        """Return what is expected of an image [3, height, width] in [0, 1] of which no symbol arrived.

        Callers must not change it.
        """
        if (height, width) not in self._known:
            self._known[height, width] = self._compute(height, width)
        return self._known[height, width]

    @torch.no_grad()
    def _compute(self, height: int, width: int) -> torch.Tensor:
        code, grey = self._code, torch.full((1, 3, height, width), 0.5)
        (window,) = tiles(height, width, 1, 1)
        nothing = torch.zeros(1, 2 * code.most)
        shown = code.decode(nothing, nothing, window.cut(grey), code.unasked(torch.zeros(1))).clamp(0, 1)
        return window.paste(grey, shown)[0]


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
        batch, prior = len(images), self._prior.image(*images.shape[-2:])
        none = torch.zeros(batch, dtype=torch.int64)
        return [
            Delivery(
                channel_uses=none.clone(),
                feedback_uses=none.clone(),
                airtime_slots=none.clone(),
                outage=torch.zeros(batch, dtype=torch.bool),
                image=prior.expand(batch, -1, -1, -1).clone(),
            )
            for _ in tasks
        ]
