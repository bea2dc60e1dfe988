"""Detail on its way forward: the choice of cells, a header that names it, then the cells as analog symbols."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch

from taskwave.links.task_adaptive.plan import (
    GAIN,
    DetailHeader,
    DetailOption,
    DetailPlan,
    best_cells,
    longest_header,
    make_plan,
)
from taskwave.links.task_adaptive.prompts import Expense
from taskwave.links.task_adaptive.reception import ArrivedDetail, OwnPlans, combine, receive, receive_agreed
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.links.control import ControlLink
from taskwave.phy.links.symbol import SymbolLink
from taskwave.phy.radio import Radio
from taskwave.semantic.codec.detail import Holding, take


@dataclass(frozen=True)
class EncodedImages:
    """Holds what the transmitter has of a batch of B images."""

    scenes: torch.Tensor
    """[B, C + K, h, w] float32, latents and class shares."""
    latents: torch.Tensor
    """[B, C, h, w] float32, the first channels of the scenes."""
    symbols: torch.Tensor
    """[B, S, h/4, w/4] complex64, symbols of the analog code."""

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of cells."""
        return self.symbols.shape[2], self.symbols.shape[3]


@dataclass(frozen=True)
class Holdings:
    """Holds what the receiver has of a batch of images, and what the transmitter believes it has."""

    received: Holding
    sent: Holding


@dataclass(frozen=True)
class DetailOrder:
    """Says which cells are to be sent, and what either end may spend and knows."""

    scores: torch.Tensor
    """[B, G] float32, worth of cells; higher is sent earlier. Both ends know them where no header names the cells."""
    allowed: torch.Tensor
    """[B] int64, channel uses; both ends know them."""
    nominal: float
    """SNR after equalisation (linear) that both ends expect."""
    reported: Sequence[float]
    """SNR that the receiver of each image reported; it does not know whether that was heard."""
    heard: Sequence[float | None]
    """SNR that the transmitter heard of each image; None where no report arrived."""


class DetailTransfer:
    """Sends as many cells as the budget carries.

    Args:
        radio: the radio.
        code_layers: symbols of each layer of the analog code.
        named: whether a header names power, formats and cells; without it both ends know formats and cells beforehand.
    """

    def __init__(self, radio: Radio, code_layers: tuple[int, ...], named: bool) -> None:
        self.link, self.header_link = SymbolLink(radio), ControlLink(radio)
        self.code_layers, self.named = code_layers, named

    def plan(self, allowed: int, cells: int, snr: float, air: AirInterface, occasion: int) -> DetailPlan:
        """Plan what `allowed` channel uses carry of `cells` cells at `snr` after equalisation (linear), with header."""
        if not self.named:
            return make_plan(cells, self.code_layers, self.link.capacity(max(0, allowed)), False, snr)
        bits, plan = longest_header(cells), DetailPlan(cells, (), True)
        # The header is shorter than it might have been: more may fit beside it.
        for _ in range(2):
            spent = self.header_link.channel_uses(bits, air.forward(occasion))
            symbols = self.link.capacity(max(0, allowed - spent))
            closer = make_plan(cells, self.code_layers, symbols, True, snr)
            if self.header_link.channel_uses(closer.header_bits, air.forward(occasion)) > spent:
                break
            plan, bits = closer, closer.header_bits
        return plan

    def arrival(self, plan: DetailPlan, air: AirInterface, occasion: int) -> float:
        """Expect the share of images of which detail can be placed: the header must arrive."""
        return 1 - self.header_link.expected_loss(plan.header_bits, air.forward(occasion)) if self.named else 1.0

    def send(
        self, images: EncodedImages, held: Holdings, order: DetailOrder, air: AirInterface, occasion: int
    ) -> tuple[Holdings, Expense]:
        """Send the cells of highest score that fit into what is allowed.

        An image whose header is lost keeps what it had: its detail cannot be placed.

        Args:
            images: what the transmitter has.
            held: what both ends hold before.
            order: what is to be sent.
            air: the air of all images.
            occasion: forward occasion of header and detail.

        Returns:
            What both ends hold after, and what it cost.
        """
        expense, cells = Expense.nothing(len(order.scores)), order.scores.shape[1]
        planned = cache(lambda allowed, snr: self.plan(allowed, cells, snr, air, occasion))
        groups: dict[tuple[int, float | None, int], list[int]] = {}
        for row, (allowed, heard) in enumerate(zip(order.allowed.tolist(), order.heard, strict=True)):
            plan = planned(allowed, order.nominal if heard is None else heard)
            if plan.options:
                groups.setdefault((allowed, heard, plan.best(order.scores[row])), []).append(row)
        for (allowed, heard, index), members in groups.items():
            rows, snr = torch.tensor(members), order.nominal if heard is None else heard
            parcel = self._pack(images, order.scores, rows, planned(allowed, snr), (heard is not None, index))
            arrived, cost = self._transmit(parcel, air.select(rows), occasion)
            expense = expense.plus(rows, *cost)
            received: dict[int, Holding] = {}
            for row, part, mine in zip(members, arrived, parcel.cells, strict=True):
                before = held.received.select(row)
                if self.named:
                    own = OwnPlans(planned(allowed, order.nominal), planned(allowed, order.reported[row]))
                    received[row] = receive(before, part, own, self.code_layers)
                else:
                    received[row] = receive_agreed(before, part, parcel.option, mine, self.code_layers)
            held = Holdings(held.received.replace(received), self._believe(held.sent, parcel, 1 / snr))
        return held, expense

    def _pack(
        self, images: EncodedImages, scores: torch.Tensor, rows: torch.Tensor, plan: DetailPlan, says: tuple[bool, int]
    ) -> "_Parcel":
        """Put together the best cells of the images `rows` [K], in the formats of an option of their plan.

        `says` is what their headers have in common: whether the plan is for a reported SNR, and the option.
        """
        option = plan.options[says[1]]
        chosen = best_cells(scores[rows], [tier.count for tier in option])
        parts = [
            take(tier.form.pack(images.symbols[rows], images.latents[rows], self.code_layers), cells)
            for tier, cells in zip(option, chosen, strict=True)
        ]
        message = torch.cat(parts, dim=1)
        cells = [[part[i].tolist() for part in chosen] for i in range(len(rows))]
        return _Parcel(rows, plan, says[0], says[1], message, GAIN.encode(message.abs().square().mean(1)), cells)

    def _transmit(
        self, parcel: "_Parcel", air: AirInterface, occasion: int
    ) -> tuple[list[ArrivedDetail], tuple[int, int]]:
        """Send header and cells of a parcel, side by side.

        Returns:
            What arrived of each image, and the channel uses and slots of each.
        """
        headers: list[list[int] | None] = [None] * len(parcel.rows)
        message = self.link.send(parcel.message / GAIN.power(parcel.gain).sqrt()[:, None], air.forward(occasion))
        uses, slots = message.channel_uses, message.slots
        if self.named:
            bits = self.header_link.send(torch.tensor(parcel.headers(), dtype=torch.uint8), air.forward(occasion))
            headers = [word if ok else None for word, ok in zip(bits.bits.tolist(), bits.ok.tolist(), strict=True)]
            uses += bits.channel_uses
            slots = max(slots, bits.slots, -(-uses // self.link.allocator.full_slot.channel_uses))
        every = zip(headers, message.symbols.split(1), message.noise_variance.split(1), strict=True)
        return [ArrivedDetail(*one) for one in every], (uses, slots)

    def _believe(self, sent: Holding, parcel: "_Parcel", noise: float) -> Holding:
        """Add a parcel to what the transmitter believes the receiver has, at the `noise` that it expects."""
        believed = noise * GAIN.power(parcel.gain)[:, None].expand(parcel.message.shape)
        after: dict[int, Holding] = {}
        for i, row in enumerate(parcel.rows.tolist()):
            message = parcel.message[i : i + 1], believed[i : i + 1]
            after[row] = combine(sent.select(row), parcel.option, message, parcel.cells[i], self.code_layers)
        return sent.replace(after)


@dataclass(frozen=True)
class _Parcel:
    """Holds the detail of images that all send the same option of the same plan."""

    rows: torch.Tensor
    """[K] int64, images of the batch."""
    plan: DetailPlan
    reported: bool
    """Whether the plan is for an SNR that the receiver reported."""
    index: int
    """Index of the option."""
    message: torch.Tensor
    """[K, n] complex64, symbols of the cells."""
    gain: torch.Tensor
    """[K] int64, power index of each message."""
    cells: list[list[list[int]]]
    """Ascending cells of each tier of each image."""

    @property
    def option(self) -> DetailOption:
        """Option that is sent."""
        return self.plan.options[self.index]

    def headers(self) -> list[list[int]]:
        """Make the header of each image."""
        every = zip(self.gain.tolist(), self.cells, strict=True)
        return [self.plan.encode(DetailHeader(self.reported, gain, self.index, cells)) for gain, cells in every]
