"""Image codecs over codes that nothing can better: upper bounds on every link of codec, channel code and QAM."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from taskwave.links.base import BudgetError, Delivery, LinkKind, Task
from taskwave.links.coded_transport import choose
from taskwave.links.limits import information, limit
from taskwave.links.picture_source import PictureSource
from taskwave.phy.air import AirInterface, Radio
from taskwave.phy.symbol_link import SymbolLink
from taskwave.semantic.weights import Models

_FINER = 1.04
"""From one rate that is tried to the next."""


@dataclass(frozen=True)
class _Rate:
    """A payload and its chance."""

    payload_bytes: int
    success: float


class IdealLink:
    """Bounds by what the transmitter knows and how long the code is.

    - "ideal": it is told the capacity of each realised channel, and each picture gets as many whole bytes; there is no
      outage unless not even the smallest rung fits.
    - "outage": it knows the mean SNR only; a code of infinite length arrives if the realised channel carries it.
    - "finite": the same with a code as long as the message, by the normal approximation.

    Those that are not told choose rate and rung as the bit-wise links do, by chance × worth. Pilots occupy their REs as
    for every link; the channel is known at the receiver.
    """

    kind: LinkKind = "bound"

    def __init__(
        self, models: Models, radio: Radio, codec: str, code: Literal["ideal", "outage", "finite"] = "ideal"
    ) -> None:
        self.name = f"{code}-{codec}"
        self._source = PictureSource(codec, models.segmentation)
        self._symbols = SymbolLink(radio)
        self._limit = None if code == "ideal" else limit(radio, code)

    @torch.no_grad()
    def run(self, images: torch.Tensor, tasks: Sequence[Task], budget: int, air: AirInterface) -> list[Delivery]:
        """See `taskwave.links.base.Link`; one transmission serves all tasks."""
        num_symbols = self._symbols.capacity(budget)
        if num_symbols == 0:
            raise BudgetError(
                f"{self.name}: a budget of {budget} channel uses carries no symbol; "
                f"allow at least {self._symbols.channel_uses(1)}"
            )
        send = self._told if self._limit is None else self._blind
        uses = torch.full((len(images),), self._symbols.channel_uses(num_symbols))
        return self._source.deliver(send(images, num_symbols, air), uses, images, len(tasks))

    def _told(self, images: torch.Tensor, num_symbols: int, air: AirInterface) -> list[bytes | None]:
        """What arrives when each channel's capacity is known."""
        limits = (information(self._symbols, num_symbols, air.forward(0))[0] // 8).long().tolist()
        rungs = [self._source.ladder(image).best(most) for image, most in zip(images, limits, strict=True)]
        return [None if rung is None else rung.payload for rung in rungs]

    def _blind(self, images: torch.Tensor, num_symbols: int, air: AirInterface) -> list[bytes | None]:
        """What arrives of the most promising rates."""
        assert self._limit is not None
        rates = self._rates(self._source.smallest(images.shape[-2], images.shape[-1]), num_symbols, air.es_n0_db)
        chosen = [choose(rates, self._source.worth(image).offer) for image in images]
        sizes = torch.tensor([0 if choice is None else len(choice[1].payload) for choice in chosen])
        arrived = self._limit.arrives(sizes, num_symbols, air.forward(0)).tolist()
        return [c[1].payload if c is not None and ok else None for c, ok in zip(chosen, arrived, strict=True)]

    def _rates(self, smallest: int, num_symbols: int, es_n0_db: float) -> list[_Rate]:
        """Payloads by falling chance, from the smallest message to twice what the mean channel carries."""
        assert self._limit is not None
        most = self._limit.mean_capacity(num_symbols, es_n0_db) / 4
        sizes = [smallest]
        while sizes[-1] < most:
            sizes.append(max(sizes[-1] + 1, int(sizes[-1] * _FINER)))
        chances = self._limit.success(torch.tensor(sizes), num_symbols, es_n0_db).tolist()
        return [_Rate(size, chance) for size, chance in zip(sizes, chances, strict=True)]
