"""Payloads over coded QAM with the MCS that promises most, with or without the link adaptation of 5G.

One loop serves all bit-wise links. Without link adaptation a message is one transmission that fills the budget; with it
the budget holds probe and report (if any), all transmissions of HARQ and the acknowledgements between them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol, TypeVar

import torch

from taskwave.links.base import BudgetError
from taskwave.links.transport.arrival import Calibration, Transmission, arrival_prediction
from taskwave.links.transport.quality import affordable, quality_report, reported_db, reported_quality, threshold_db
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.coding.mcs import Mcs, mcs_ladder
from taskwave.phy.links.harq import HarqLink
from taskwave.phy.links.symbol import SymbolLink
from taskwave.phy.links.uci import UciLink
from taskwave.phy.precoding.sounding import ChannelProbe
from taskwave.phy.radio import Radio

LinkAdaptation = Literal["none", "cqi", "harq", "nr", "olla"]


@dataclass(frozen=True)
class _Protocol:
    """Describes how the two ends use a budget."""

    reports: bool
    """Whether the receiver reports a CQI before the first transmission."""
    shares: tuple[float, ...]
    """Share of the resources left for data that each transmission gets."""
    calibration: Calibration
    outer_loop: bool = False
    """Whether the MCS holds a BLER of a tenth at the first transmission, instead of promising most."""


_ONE, _SEVERAL = Calibration(draws=128, occasions=1), Calibration(draws=256, occasions=4)
_PROTOCOLS: dict[LinkAdaptation, _Protocol] = {
    "none": _Protocol(reports=False, shares=(1.0,), calibration=_ONE),
    "cqi": _Protocol(reports=True, shares=(1.0,), calibration=_SEVERAL),
    "harq": _Protocol(reports=False, shares=(0.5, 0.25, 0.25), calibration=_SEVERAL),
    "nr": _Protocol(reports=True, shares=(0.7, 0.3), calibration=_SEVERAL),
    "olla": _Protocol(reports=True, shares=(0.7, 0.3), calibration=_SEVERAL, outer_loop=True),
}


@dataclass(frozen=True)
class RateOption:
    """Describes what one MCS offers within a budget at an SNR."""

    mcs: Mcs
    payload_bytes: int
    success: float
    """Probability that the transport block arrives, 0…1."""


@dataclass(frozen=True)
class Offer:
    """Holds the best that a source coder can do within a number of bytes."""

    payload: bytes
    worth: float
    """Worth of the answer from it over the answer without it, at most 1; negative where an erasure is better."""


class Gamble(Protocol):
    """Describes what `choose` must know of an option."""

    @property
    def payload_bytes(self) -> int:
        """Size of the payload in bytes."""

    @property
    def success(self) -> float:
        """Probability that the payload arrives, 0…1."""


G = TypeVar("G", bound=Gamble)
OfferWithin = Callable[[int], Offer | None]
"""Function that gives the best offer within a number of bytes; None where nothing fits."""


def choose(options: Sequence[G], offer: OfferWithin) -> tuple[G, Offer] | None:
    """Choose the option with the largest success × worth, of `options` by falling success.

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


def worth_considering(options: Sequence[RateOption]) -> list[RateOption]:
    """Sort the options by falling success, those left out that another one betters in success and payload."""
    kept: list[RateOption] = []
    for option in sorted(options, key=lambda o: (-o.success, -o.payload_bytes)):
        if not kept or option.payload_bytes > kept[-1].payload_bytes:
            kept.append(option)
    return kept


@dataclass(frozen=True)
class _Layout:
    """Describes how a budget is laid out."""

    lengths: tuple[int, ...]
    """Channel uses of each data transmission at most; empty where one of them would carry no symbol."""
    transmissions: tuple[Transmission, ...]
    probed: tuple[int, int] | None
    """PRBs that are probed and symbols that the report is for; None: no report."""


@dataclass
class PayloadReception:
    """Holds what arrived of B payloads, and what it cost."""

    payloads: list[bytes | None]
    """Payloads with zero bytes behind them; None: erased, or nothing to send."""
    channel_uses: torch.Tensor
    """[B] int64, both directions."""
    feedback_uses: torch.Tensor
    """[B] int64, the part of them on the reverse link."""
    airtime_slots: torch.Tensor
    """[B] int64, slots of all messages, turnarounds between them included."""


class CodedTransport:
    """Sends a payload per image with an MCS of `taskwave.phy.coding.mcs.mcs_ladder` of its own.

    The MCS of the first transmission sets the payload; blocks that arrive early leave the rest of the budget unused.

    Args:
        radio: the radio.
        link_adaptation: "none": one transmission, no report. "cqi": the receiver reports the quality of its channel
            first. "harq": up to three transmissions. "nr": a report and two transmissions. "olla": the same, but MCS
            by the outer loop for a BLER of a tenth, as networks do.
        occasion: forward occasion of the first message, for one that follows others.

    Raises:
        ValueError: a radio that cannot probe its channel, where the receiver is to report.
    """

    def __init__(self, radio: Radio, link_adaptation: LinkAdaptation = "none", occasion: int = 0) -> None:
        self.radio, self.protocol, self._occasion = radio, _PROTOCOLS[link_adaptation], occasion
        self.links = {m: HarqLink(radio, m) for m in mcs_ladder()}
        self._symbols, self._feedback = SymbolLink(radio), UciLink(radio)
        if self.protocol.reports:
            ChannelProbe(radio, 1)  # a radio that cannot probe is refused here, not in the middle of a sweep
        self._options: dict[tuple[int, float, int | None], list[RateOption]] = {}

    def run(
        self, offers: Sequence[OfferWithin], smallest: int, budget: int, air: AirInterface, name: str
    ) -> PayloadReception:
        """Send for each image the best of its `offers`.

        An image for which nothing fits occupies its resources, those of the answers too, in vain.

        Args:
            offers: one per image of `air`.
            smallest: bytes of the smallest message.
            budget: channel uses of both directions.
            air: forward occasions from 0 on are used.
            name: of the link, for errors.

        Raises:
            BudgetError: no MCS carries `smallest` bytes.
        """
        layout = self._layout(budget, air)
        most = max(link.payload_bytes(layout.lengths[0]) for link in self.links.values()) if layout.lengths else 0
        if most < smallest:
            raise BudgetError(
                f"{name}: a budget of {budget} channel uses carries at most {most} bytes in the first transmission, "
                f"the smallest message takes {smallest}; {self._remedy(smallest, budget, air)}"
            )
        batch = len(offers)
        uses, feedback, slots = (torch.zeros(batch, dtype=torch.int64) for _ in range(3))
        heard: list[int | None] = [None] * batch
        if layout.probed is not None:
            report = quality_report(self.radio, *layout.probed)
            heard = list(report.send(air).tolist())
            probe, answer = report.channel_uses(air)
            uses, feedback, slots = uses + probe + answer, feedback + answer, slots + report.slots(air)
        options = [self.options(budget, air, cqi) for cqi in heard]
        choices = [self._choose(mine, offer) for mine, offer in zip(options, offers, strict=True)]
        payloads: list[bytes | None] = [None] * batch
        first = layout.transmissions[0].occasion
        for scheme, link in self.links.items():
            chosen = {i: c[1].payload for i, c in enumerate(choices) if c is not None and c[0].mcs == scheme}
            if not chosen:
                continue
            rows = torch.tensor(list(chosen))
            reception = link.send(list(chosen.values()), layout.lengths, air.select(rows), first)
            uses[rows] += reception.channel_uses
            feedback[rows] += reception.feedback_uses
            slots[rows] += reception.slots
            for i, payload in zip(chosen, reception.payloads, strict=True):
                payloads[i] = payload
        idle = [i for i, c in enumerate(choices) if c is None]
        answers = [air.reverse(t.occasion) for t in layout.transmissions[:-1]]
        answer_uses = sum(self._feedback.channel_uses(1, answer) for answer in answers)
        uses[idle] += sum(self._symbols.channel_uses(t.num_symbols) for t in layout.transmissions) + answer_uses
        feedback[idle] += answer_uses
        slots[idle] += sum(self._symbols.slots(t.num_symbols) for t in layout.transmissions)
        slots[idle] += sum(self._feedback.slots(1, answer) + 2 * air.config.turnaround_slots for answer in answers)
        return PayloadReception(payloads, uses, feedback, slots)

    def options(self, budget: int, air: AirInterface, cqi: int | None = None) -> list[RateOption]:
        """List what can be sent within `budget`, given the CQI heard (None: no report).

        By falling success, options left out that another one betters; with an outer loop by rising rate.
        """
        key = budget, air.es_n0_db, cqi
        if key not in self._options:
            layout = self._layout(budget, air)
            self._options[key] = self._make_options(air.es_n0_db, layout, cqi) if layout.lengths else []
        return self._options[key]

    def _make_options(self, es_n0_db: float, layout: _Layout, cqi: int | None) -> list[RateOption]:
        radio = self.radio.rehearsal or self.radio
        own = self.protocol.calibration
        calibration = replace(own, occasions=max(own.occasions, self._occasion + 1))
        prediction = arrival_prediction(radio, es_n0_db, calibration)
        sizes = {m: size for m, link in self.links.items() if (size := link.payload_bytes(layout.lengths[0]))}
        among: torch.Tensor | slice = slice(None)
        quality = None
        if cqi is not None:
            assert layout.probed is not None, "a CQI arrived that the receiver does not report"
            quality = reported_quality(radio, es_n0_db, calibration, layout.probed)
            among = quality.alike(cqi)
        found = [
            RateOption(m, size, float(prediction.arrivals(m, size, layout.transmissions)[-1][among].mean()))
            for m, size in sizes.items()
        ]
        if not self.protocol.outer_loop:
            return worth_considering(found)
        assert quality is not None and cqi is not None, "the outer loop corrects reports"
        offset = quality.settled_offset_db(tuple(sizes.items()), layout.transmissions[0])
        thresholds = torch.tensor([threshold_db(m.modulation_order, m.code_rate) for m in sizes])
        return found[affordable(thresholds, reported_db(cqi) + offset) :]

    def _choose(self, options: Sequence[RateOption], offer: OfferWithin) -> tuple[RateOption, Offer] | None:
        """Choose the option that promises most; with an outer loop the one it affords, or else a bolder one."""
        if not self.protocol.outer_loop:
            return choose(options, offer)
        offered = ((option, offer(option.payload_bytes)) for option in options)
        return next(((option, got) for option, got in offered if got is not None), None)

    def _layout(self, budget: int, air: AirInterface) -> _Layout:
        protocol, probed, left = self.protocol, None, budget
        first = self._occasion + int(protocol.reports)
        if protocol.reports:
            symbols = self._symbols.capacity(budget)
            width = max((a.num_prb for a in self._symbols.allocator.allocate(symbols)), default=1) if symbols else 1
            probed = width, max(1, round(symbols * protocol.shares[0]))
            left -= sum(quality_report(self.radio, *probed).channel_uses(air))
        left -= sum(self._feedback.channel_uses(1, air.reverse(0)) for _ in protocol.shares[1:])
        left = max(0, left)
        # Allocations come in steps: what a retransmission cannot use is left to the first transmission.
        later = [self._symbols.channel_uses(self._symbols.capacity(int(share * left))) for share in protocol.shares[1:]]
        lengths = (left - sum(later), *later)
        sizes = [self._symbols.capacity(length) for length in lengths]
        if not all(sizes):
            return _Layout((), (), probed)
        return _Layout(lengths, tuple(Transmission(first + i, size) for i, size in enumerate(sizes)), probed)

    def _remedy(self, smallest: int, budget: int, air: AirInterface) -> str:
        """Name a budget, not the least one, whose first transmission carries `smallest` bytes, if there is any."""
        highest, longest = list(self.links.values())[-1], self._symbols.allocator.capacity(10**9)
        while not (lengths := self._layout(budget, air).lengths) or highest.payload_bytes(lengths[0]) < smallest:
            if lengths and self._symbols.capacity(lengths[0]) == longest:
                return "no budget is enough: raise max_slots or max_prb"
            budget += max(1, budget // 8)
        return f"{budget} channel uses are enough"
