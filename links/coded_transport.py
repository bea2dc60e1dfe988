"""Payloads over coded QAM with the MCS that promises most: what the bit-wise links and the label-map link share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import torch

from taskwave.links.base import BudgetError
from taskwave.links.link_abstraction import success_prediction
from taskwave.phy.air import AirInterface, Radio
from taskwave.phy.mcs import Mcs, mcs, mcs_ladder
from taskwave.phy.symbol_link import SymbolLink
from taskwave.phy.transport_link import TransportLink


@dataclass(frozen=True)
class Option:
    """What one MCS offers within a budget at an SNR."""

    mcs: Mcs
    payload_bytes: int
    success: float
    """Probability that the transport block arrives, 0…1."""


@dataclass(frozen=True)
class Offer:
    """The best a source coder can do within a number of bytes."""

    payload: bytes
    worth: float
    """How good the answer from it would be, 0…1; an erasure is worth nothing."""


class Gamble(Protocol):
    """A payload size and the chance that it arrives, 0…1."""

    @property
    def payload_bytes(self) -> int: ...

    @property
    def success(self) -> float: ...


G = TypeVar("G", bound=Gamble)


def choose(options: Sequence[G], offer: Callable[[int], Offer | None]) -> tuple[G, Offer] | None:
    """The option with the largest success × worth, of `options` by falling success.

    None when no option carries any offer. Options that cannot win, because their success alone is no more than the
    best product so far, are not tried.
    """
    best: tuple[G, Offer] | None = None
    expected = -1.0
    for option in options:
        if option.success <= expected:
            break
        offered = offer(option.payload_bytes)
        if offered is not None and option.success * offered.worth > expected:
            best, expected = (option, offered), option.success * offered.worth
    return best


def worth_considering(options: Sequence[Option]) -> list[Option]:
    """The options by falling success, those left out that another one betters in success and payload."""
    kept: list[Option] = []
    for option in sorted(options, key=lambda o: (-o.success, -o.payload_bytes)):
        if not kept or option.payload_bytes > kept[-1].payload_bytes:
            kept.append(option)
    return kept


class CodedTransport:
    """The transport links of one radio, one per MCS of `taskwave.phy.mcs.mcs_ladder`.

    With `index` only that of TS 38.214 table 5.1.3.1-2. Raises `ValueError` for an index outside the table.
    """

    def __init__(self, radio: Radio, index: int | None = None) -> None:
        self.radio = radio
        self._symbols = SymbolLink(radio)
        self._links = {m: TransportLink(radio, m) for m in (mcs_ladder() if index is None else (mcs(index),))}

    def options(self, budget: int, es_n0_db: float, smallest: int, name: str) -> list[Option]:
        """What can be sent within `budget` channel uses, by falling success; options that another one betters left out.

        Raises `BudgetError` (naming the link `name`) when no MCS carries `smallest` bytes.
        """
        sizes = {scheme: link.payload_bytes(budget) for scheme, link in self._links.items()}
        if max(sizes.values()) < smallest:
            highest = list(self._links.values())[-1]
            raise BudgetError(
                f"{name}: a budget of {budget} channel uses carries at most {max(sizes.values())} bytes, the smallest "
                f"message takes {smallest}; allow at least {highest.channel_uses(smallest)} channel uses"
            )
        num_symbols, prediction = self._symbols.capacity(budget), success_prediction(self.radio)
        found = [
            Option(scheme, size, prediction.probability(scheme, size, num_symbols, es_n0_db))
            for scheme, size in sizes.items()
            if size > 0
        ]
        return worth_considering(found)

    def send(
        self, choices: Sequence[tuple[Option, Offer] | None], budget: int, air: AirInterface
    ) -> tuple[list[bytes | None], torch.Tensor]:
        """Send each image's payload with its own MCS on occasion 0.

        Returns: the payloads that arrived, zero bytes behind them (None: erased, or nothing to send), and the channel
        uses [B] int64. An image without a choice occupies its resources in vain.
        """
        received: list[bytes | None] = [None] * len(choices)
        uses = torch.full((len(choices),), self._symbols.channel_uses(self._symbols.capacity(budget)))
        for scheme, link in self._links.items():
            members = [i for i, c in enumerate(choices) if c is not None and c[0].mcs == scheme]
            if not members:
                continue
            payloads = [c[1].payload for i in members if (c := choices[i]) is not None]
            reception = link.send(payloads, budget, air.select(torch.tensor(members)).forward(0))
            for i, payload in zip(members, reception.payloads, strict=True):
                received[i] = payload
            uses[members] = reception.channel_uses
        return received, uses
