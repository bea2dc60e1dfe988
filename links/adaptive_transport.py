"""Payloads with the link adaptation of 5G: channel quality reports, HARQ with incremental redundancy, or both."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from taskwave.links.adaptive_prediction import (
    Transmission,
    adaptive_prediction,
    affordable,
    quality_report,
    reported_db,
    threshold_db,
)
from taskwave.links.base import BudgetError
from taskwave.links.coded_transport import Offer, Option, choose, worth_considering
from taskwave.phy.air import AirInterface, Radio
from taskwave.phy.harq_link import HarqLink
from taskwave.phy.mcs import mcs_ladder
from taskwave.phy.probe import ChannelProbe
from taskwave.phy.symbol_link import SymbolLink
from taskwave.phy.uci_link import UciLink

Adaptation = Literal["cqi", "harq", "nr", "olla"]


@dataclass(frozen=True)
class _Scheme:
    """One way to adapt."""

    reports: bool
    """The receiver reports a CQI before the first transmission."""
    shares: tuple[float, ...]
    """Of the resources left for data, for each transmission."""
    outer_loop: bool = False
    """The MCS holds a BLER of a tenth at the first transmission, instead of promising most."""


_SCHEMES: dict[Adaptation, _Scheme] = {
    "cqi": _Scheme(reports=True, shares=(1.0,)),
    "harq": _Scheme(reports=False, shares=(0.5, 0.25, 0.25)),
    "nr": _Scheme(reports=True, shares=(0.7, 0.3)),
    "olla": _Scheme(reports=True, shares=(0.7, 0.3), outer_loop=True),
}


@dataclass(frozen=True)
class _Layout:
    """How a budget is laid out."""

    lengths: tuple[int, ...]
    """Channel uses of each data transmission at most."""
    transmissions: tuple[Transmission, ...]
    probed: tuple[int, int] | None
    """PRBs that are probed and symbols that the report is for; None: no report."""


@dataclass
class AdaptiveReception:
    """What arrived of B payloads, and what it cost."""

    payloads: list[bytes | None]
    """Zero bytes behind them; None: erased, or nothing to send."""
    uses: torch.Tensor
    """[B] int64 channel uses of both directions."""
    feedback: torch.Tensor
    """[B] int64, the part of them on the reverse link."""


class AdaptiveTransport:
    """The HARQ links of one radio, one per MCS of `taskwave.phy.mcs.mcs_ladder`.

    A budget holds probe and report (if any), all transmissions and the acknowledgements between them. The MCS of the
    first transmission sets the payload; blocks that arrive early leave the rest of the budget unused.
    """

    def __init__(self, radio: Radio, adaptation: Adaptation) -> None:
        self.radio, self.scheme = radio, _SCHEMES[adaptation]
        self._symbols, self._feedback = SymbolLink(radio), UciLink(radio)
        self._links = {m: HarqLink(radio, m) for m in mcs_ladder()}
        if self.scheme.reports:
            ChannelProbe(radio, 1)  # says now what it cannot do
        self._options: dict[tuple[int, float, int | None], list[Option]] = {}

    def run(
        self, offers: Sequence[Callable[[int], Offer | None]], smallest: int, budget: int, air: AirInterface, name: str
    ) -> AdaptiveReception:
        """Send for each image the best that its source `offers` for a number of bytes.

        An image for which nothing fits occupies its resources, those of the answers too, in vain.

        Raises `BudgetError` (naming the link `name`) when no MCS carries `smallest` bytes.
        """
        layout = self._layout(budget, air)
        most = max(link.payload_bytes(layout.lengths[0]) for link in self._links.values()) if layout.lengths else 0
        if most < smallest:
            raise BudgetError(
                f"{name}: {budget} channel uses carry at most {most} bytes in the first transmission, "
                f"the smallest message takes {smallest}; {self._remedy(smallest, budget, air)}"
            )
        batch = len(offers)
        uses, feedback = (torch.zeros(batch, dtype=torch.int64) for _ in range(2))
        heard: list[int | None] = [None] * batch
        if layout.probed is not None:
            report = quality_report(self.radio, *layout.probed)
            heard = list(report.send(air).tolist())
            probe, answer = report.channel_uses(air)
            uses, feedback = uses + probe + answer, feedback + answer
        offered = [self._offered(budget, air, layout, cqi) for cqi in heard]
        choices = [self._choose(options, offer) for options, offer in zip(offered, offers, strict=True)]
        payloads: list[bytes | None] = [None] * batch
        first = layout.transmissions[0].occasion
        for scheme, link in self._links.items():
            members = [i for i, c in enumerate(choices) if c is not None and c[0].mcs == scheme]
            if not members:
                continue
            rows, sent = torch.tensor(members), [c[1].payload for i in members if (c := choices[i]) is not None]
            reception = link.send(sent, layout.lengths, air.select(rows), first)
            uses[rows] += reception.channel_uses
            feedback[rows] += reception.feedback_uses
            for i, payload in zip(members, reception.payloads, strict=True):
                payloads[i] = payload
        idle = [i for i, c in enumerate(choices) if c is None]
        answers = sum(self._feedback.channel_uses(1, air.reverse(t.occasion)) for t in layout.transmissions[:-1])
        uses[idle] += sum(self._symbols.channel_uses(t.num_symbols) for t in layout.transmissions) + answers
        feedback[idle] += answers
        return AdaptiveReception(payloads, uses, feedback)

    def _layout(self, budget: int, air: AirInterface) -> _Layout:
        """`lengths` is empty where the budget does not hold one data symbol in each transmission."""
        scheme, probed, left = self.scheme, None, budget
        first = int(scheme.reports)
        if scheme.reports:
            symbols = self._symbols.capacity(budget)
            width = max((a.num_prb for a in self._symbols.allocator.allocate(symbols)), default=1) if symbols else 1
            probed = width, max(1, round(symbols * scheme.shares[0]))
            left -= sum(quality_report(self.radio, *probed).channel_uses(air))
        left -= sum(self._feedback.channel_uses(1, air.reverse(0)) for _ in scheme.shares[1:])
        left = max(0, left)
        # Allocations come in steps: what a retransmission cannot use is left to the first transmission.
        later = [self._symbols.channel_uses(self._symbols.capacity(int(share * left))) for share in scheme.shares[1:]]
        lengths = (left - sum(later), *later)
        sizes = [self._symbols.capacity(length) for length in lengths]
        if not all(sizes):
            return _Layout((), (), probed)
        return _Layout(lengths, tuple(Transmission(first + i, size) for i, size in enumerate(sizes)), probed)

    def _remedy(self, smallest: int, budget: int, air: AirInterface) -> str:
        """A budget, not the least one, whose first transmission carries `smallest` bytes, if there is any."""
        highest, longest = list(self._links.values())[-1], self._symbols.allocator.capacity(10**9)
        while not (lengths := self._layout(budget, air).lengths) or highest.payload_bytes(lengths[0]) < smallest:
            if lengths and self._symbols.capacity(lengths[0]) == longest:
                return "no budget is enough: raise max_slots or max_prb"
            budget += max(1, budget // 8)
        return f"{budget} channel uses are enough"

    def _offered(self, budget: int, air: AirInterface, layout: _Layout, cqi: int | None) -> list[Option]:
        """What can be sent, given the CQI heard: by falling success, with an outer loop by rising rate."""
        key = budget, air.es_n0_db, cqi
        if key not in self._options:
            self._options[key] = self._make_options(air, layout, cqi)
        return self._options[key]

    def _make_options(self, air: AirInterface, layout: _Layout, cqi: int | None) -> list[Option]:
        prediction = adaptive_prediction(self.radio.rehearsal or self.radio, air.es_n0_db, layout.probed)
        sizes = {m: size for m, link in self._links.items() if (size := link.payload_bytes(layout.lengths[0]))}
        options = [
            Option(m, size, prediction.success(m, size, layout.transmissions, cqi)[-1]) for m, size in sizes.items()
        ]
        if not self.scheme.outer_loop:
            return worth_considering(options)
        assert cqi is not None, "the outer loop corrects reports"
        offset = prediction.settled_offset_db(tuple(sizes.items()), layout.transmissions[0])
        thresholds = torch.tensor([threshold_db(m.modulation_order, m.code_rate) for m in sizes])
        return options[affordable(thresholds, reported_db(cqi) + offset) :]

    def _choose(self, options: Sequence[Option], offer: Callable[[int], Offer | None]) -> tuple[Option, Offer] | None:
        """The option that promises most; with an outer loop the one it affords, or a bolder one where that is empty."""
        if not self.scheme.outer_loop:
            return choose(options, offer)
        offered = ((option, offer(option.payload_bytes)) for option in options)
        return next(((option, got) for option, got in offered if got is not None), None)
