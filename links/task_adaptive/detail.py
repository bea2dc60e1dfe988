"""Detail on its way forward: the choice of cells, a header that names it, then the cells as analog symbols."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch.nn import functional

from taskwave.links.task_adaptive.plan import (
    GAIN,
    DetailOption,
    DetailPlan,
    best_cells,
    longest_header,
    make_plan,
    spread_order,
)
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.links.control import ControlLink
from taskwave.phy.links.symbol import SymbolLink
from taskwave.phy.radio import Radio
from taskwave.semantic.codec.analog import CELL, scene
from taskwave.semantic.codec.detail import Holding, place, take
from taskwave.semantic.weights import Models

Selection = Literal["attention", "uniform", "random"]

RANDOM_SEED = 0
"""Seed of the random selection, which both ends share."""


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
class View:
    """Holds a batch of scenes at the transmitter and, as far as it can know, at the receiver."""

    scenes: torch.Tensor
    """[B, C + K, h, w] float32, the scenes themselves."""
    believed: torch.Tensor
    """[B, C + K, h, w] float32, as the receiver regenerates them from what was sent, less the noise it met."""


@dataclass(frozen=True)
class DetailOrder:
    """Says which cells are to be sent, and what the transmitter may spend and knows."""

    scores: torch.Tensor
    """[B, G] float32, worth of cells; higher is sent earlier."""
    allowed: torch.Tensor
    """[B] int64, channel uses."""
    snr: Sequence[float]
    """SNR after equalisation (linear) of each image as the transmitter knows it."""


def blind_scores(selection: Selection, grid: tuple[int, int], batch: int) -> torch.Tensor:
    """Score cells [B, G] in an order that both ends know, for an image of which all cells weigh alike."""
    cells = grid[0] * grid[1]
    if selection == "random":
        order = torch.randperm(cells, generator=torch.Generator().manual_seed(RANDOM_SEED))
    else:
        order = spread_order(*grid)
    # Steps are too small to matter to a plan, and large enough to sort by.
    return (1 - 1e-4 * order.argsort() / cells).expand(batch, -1)


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


class DetailTransfer:
    """Sends as many cells as the budget carries; `named` puts their positions into the header."""

    def __init__(self, radio: Radio, code_layers: tuple[int, ...], named: bool) -> None:
        self.link, self.header_link = SymbolLink(radio), ControlLink(radio)
        self.code_layers, self.named = code_layers, named

    def plan(self, allowed: int, cells: int, snr: float, air: AirInterface, occasion: int) -> DetailPlan:
        """Plan what `allowed` channel uses carry of `cells` cells at `snr` after equalisation (linear), with header."""
        bits, plan = longest_header(cells, self.named), DetailPlan(cells, (), self.named)
        # The header is shorter than it might have been: more may fit beside it.
        for _ in range(2):
            spent = self.header_link.channel_uses(bits, air.forward(occasion))
            symbols = self.link.capacity(max(0, allowed - spent))
            closer = make_plan(cells, self.code_layers, symbols, self.named, snr)
            if self.header_link.channel_uses(closer.header_bits, air.forward(occasion)) > spent:
                break
            plan, bits = closer, closer.header_bits
        return plan

    def arrival(self, air: AirInterface, occasion: int) -> float:
        """Expect the share of headers that arrive."""
        return 1 - self.header_link.expected_loss(air.forward(occasion))

    def send(
        self, images: EncodedImages, held: Holdings, order: DetailOrder, air: AirInterface, occasion: int
    ) -> tuple[Holdings, torch.Tensor]:
        """Send the cells of highest score that fit into what is allowed.

        The receiver, which does not know whether its prompt was heard, tries its own SNR and the nominal one on the
        header. An image whose header is lost keeps what it had: its detail cannot be placed. Where both ends know the
        cells, unit power is assumed.

        Args:
            images: what the transmitter has.
            held: what both ends hold before.
            order: what is to be sent.
            air: the air of all images.
            occasion: forward occasion of header and detail.

        Returns:
            What both ends hold after, and the channel uses [B] int64.
        """
        uses = torch.zeros(len(order.scores), dtype=torch.int64)
        # What an earlier round has refined comes last.
        scores = torch.where(_refined(held.sent, self.code_layers[0]), 0.0, order.scores)
        groups: dict[tuple[int, float, int], list[int]] = {}
        plans: dict[tuple[int, float], DetailPlan] = {}
        for row, key in enumerate(zip(order.allowed.tolist(), order.snr, strict=True)):
            if key not in plans:
                plans[key] = self.plan(key[0], scores.shape[1], key[1], air, occasion)
            if plans[key].options:
                groups.setdefault((*key, plans[key].best(scores[row])), []).append(row)
        for (limit, snr, index), members in groups.items():
            rows = torch.tensor(members)
            parcel = self._pack(images, scores, rows, plans[limit, snr], index)
            held, uses[rows] = self._transmit(parcel, held, 1 / snr, air.select(rows), occasion)
        return held, uses

    def _pack(
        self, images: EncodedImages, scores: torch.Tensor, rows: torch.Tensor, plan: DetailPlan, index: int
    ) -> "_Parcel":
        """Put together the best cells of the images `rows` [K], in the formats of option `index` of their plan."""
        option = plan.options[index]
        chosen = best_cells(scores[rows], [tier.count for tier in option])
        parts = [
            take(tier.form.pack(images.symbols[rows], images.latents[rows], self.code_layers), cells)
            for tier, cells in zip(option, chosen, strict=True)
        ]
        message = torch.cat(parts, dim=1)
        cells = [[part[i].tolist() for part in chosen] for i in range(len(rows))]
        return _Parcel(rows, plan, index, message, GAIN.encode(message.abs().square().mean(1)), cells)

    def _transmit(
        self, parcel: "_Parcel", held: Holdings, noise: float, air: AirInterface, occasion: int
    ) -> tuple[Holdings, int]:
        """Send header and cells of a parcel, for which the transmitter expects `noise` after equalisation."""
        plan, power = parcel.plan, GAIN.power(parcel.gain)
        header = [
            plan.encode(parcel.index, cells, int(gain)) for cells, gain in zip(parcel.cells, parcel.gain, strict=True)
        ]
        bits = self.header_link.send(torch.tensor(header, dtype=torch.uint8), air.forward(occasion))
        arrived = self.link.send(parcel.message / power.sqrt()[:, None], air.forward(occasion))
        believed = torch.full(parcel.message.shape, noise) * power[:, None]
        received: dict[int, Holding] = {}
        sent: dict[int, Holding] = {}
        for i, cells in enumerate(parcel.cells):
            one, row = slice(i, i + 1), int(parcel.rows[i])
            read = None
            if bool(bits.ok[i]):
                read = plan.decode(bits.bits[i].tolist(), (parcel.index, cells))
            elif not self.named:
                read = int(GAIN.encode(torch.ones(()))), parcel.index, cells
            # Wrong bits that pass the CRC may name another option, which these symbols are not: nothing to keep.
            if read is not None and read[1] == parcel.index:
                heard = GAIN.power(torch.tensor(read[0]))
                values, variances = arrived.symbols[one] * heard.sqrt(), arrived.noise_variance[one] * heard
                before = held.received.select(row)
                received[row] = self._combine(before, parcel.option, values, variances, read[2])
            before = held.sent.select(row)
            sent[row] = self._combine(before, parcel.option, parcel.message[one], believed[one], cells)
        after = Holdings(held.received.replace(received), held.sent.replace(sent))
        return after, bits.channel_uses + arrived.channel_uses

    def _combine(
        self,
        holding: Holding,
        option: DetailOption,
        values: torch.Tensor,
        noise: torch.Tensor,
        chosen: list[list[int]],
    ) -> Holding:
        """Combine the holding of one image with a message [1, n], its noise variances and the cells of each tier."""
        grid = (holding.symbols.shape[2], holding.symbols.shape[3])
        sizes = [tier.count * tier.form.symbols_per_cell(self.code_layers) for tier in option]
        parts = zip(option, chosen, values.split(sizes, 1), noise.split(sizes, 1), strict=True)
        for tier, cells, value, variance in parts:
            at = torch.tensor([cells])
            here, spread = place(value, at, grid, 0), place(variance, at, grid, torch.inf)
            holding = tier.form.combine(holding, here, spread, self.code_layers)
        return holding


@dataclass(frozen=True)
class _Parcel:
    """Holds the detail of images that all send the same option of the same plan."""

    rows: torch.Tensor
    """[K] int64, images of the batch."""
    plan: DetailPlan
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


def _refined(holding: Holding, general: int) -> torch.Tensor:
    """Find the cells [B, G] of which `holding` has more than the `general` first symbols, once."""
    first = holding.symbol_noise[:, 0]
    copies = first < first.amax((1, 2), keepdim=True)
    layers = holding.symbol_noise[:, general:].isfinite().any(1)
    tokens = holding.latent_noise[:, 0, ::CELL, ::CELL].isfinite()
    return (copies | layers | tokens).flatten(1)
