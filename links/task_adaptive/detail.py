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


@dataclass(frozen=True)
class EncodedImages:
    """What the transmitter has of a batch of B pictures."""

    scenes: torch.Tensor
    """[B, C + K, h, w]."""
    latents: torch.Tensor
    """[B, C, h, w], the first channels of them."""
    symbols: torch.Tensor
    """[B, S, h/4, w/4] complex64 of the analog code."""


class DetailTransfer:
    """Sends as many cells as the budget carries; `named` puts their positions into the header."""

    def __init__(self, radio: Radio, layers: tuple[int, ...], named: bool) -> None:
        self.link, self.header_link, self.named, self.layers = SymbolLink(radio), ControlLink(radio), named, layers

    def plan(self, allowed: int, cells: int, snr: float, air: AirInterface, occasion: int) -> DetailPlan:
        """What `allowed` channel uses carry of `cells` cells at `snr` after equalisation (linear), header included."""
        bits, plan = longest_header(cells, self.named), DetailPlan(cells, (), self.named)
        # The header is shorter than it might have been: more may fit beside it.
        for _ in range(2):
            spent = self.header_link.channel_uses(bits, air.forward(occasion))
            symbols = self.link.capacity(max(0, allowed - spent))
            closer = make_plan(cells, self.layers, symbols, self.named, snr)
            if self.header_link.channel_uses(closer.header_bits, air.forward(occasion)) > spent:
                break
            plan, bits = closer, closer.header_bits
        return plan

    def arrival(self, air: AirInterface, occasion: int) -> float:
        """Expected share of headers that arrive."""
        return 1 - self.header_link.expected_loss(air.forward(occasion))

    def send(
        self,
        source: EncodedImages,
        scores: torch.Tensor,
        received: Holding,
        sent: Holding,
        allowed: torch.Tensor,
        snr: Sequence[float],
        air: AirInterface,
        occasion: int,
    ) -> torch.Tensor:
        """Send the cells of highest `scores` [B, G] that fit into `allowed` [B] channel uses; returns uses [B].

        `snr` is what the transmitter knows of each image's SNR after equalisation (linear); the receiver, which does
        not know whether it was heard, tries its own and the nominal one on the header.

        `received` is updated with what arrived, `sent` with what the transmitter believes did. An image whose header is
        lost keeps what it had: its detail cannot be placed. Where both ends know the cells, unit power is assumed.
        """
        uses = torch.zeros(len(scores), dtype=torch.int64)
        cells = scores.shape[1]
        # What an earlier round has refined comes last.
        scores = torch.where(_refined(sent, self.layers[0]), 0.0, scores)
        groups: dict[tuple[int, float, int], list[int]] = {}
        plans: dict[tuple[int, float], DetailPlan] = {}
        for row, (limit, quality, score) in enumerate(zip(allowed.tolist(), snr, scores, strict=True)):
            if (limit, quality) not in plans:
                plans[limit, quality] = self.plan(limit, cells, quality, air, occasion)
            if plans[limit, quality].options:
                groups.setdefault((limit, quality, plans[limit, quality].best(score)), []).append(row)
        for (limit, quality, index), members in groups.items():
            rows = torch.tensor(members)
            plan, noise = plans[limit, quality], 1 / quality
            uses[rows] = self._send_rows(rows, plan, index, noise, source, scores, received, sent, air, occasion)
        return uses

    def _send_rows(
        self,
        rows: torch.Tensor,
        plan: DetailPlan,
        index: int,
        noise: float,
        source: EncodedImages,
        scores: torch.Tensor,
        received: Holding,
        sent: Holding,
        air: AirInterface,
        occasion: int,
    ) -> int:
        """Images `rows`, which all send option `index` of `plan`, expecting `noise` after equalisation."""
        air = air.select(rows)
        option = plan.options[index]
        chosen = best_cells(scores[rows], [tier.count for tier in option])
        parts = [
            take(tier.form.pack(source.symbols[rows], source.latents[rows], self.layers), cells)
            for tier, cells in zip(option, chosen, strict=True)
        ]
        message = torch.cat(parts, dim=1)
        level = GAIN.encode(message.abs().square().mean(1))
        power = GAIN.power(level)
        places = [[cells[i].tolist() for cells in chosen] for i in range(len(rows))]
        header = [plan.encode(index, where, int(g)) for where, g in zip(places, level, strict=True)]
        bits = self.header_link.send(torch.tensor(header, dtype=torch.uint8), air.forward(occasion))
        arrived = self.link.send(message / power.sqrt()[:, None], air.forward(occasion))
        believed = torch.full(message.shape, noise) * power[:, None]
        for i, row in enumerate(rows.tolist()):
            one = slice(i, i + 1)
            read = None
            if bool(bits.ok[i]):
                read = plan.decode(bits.bits[i].tolist(), (index, places[i]))
            elif not self.named:
                read = int(GAIN.encode(torch.ones(()))), index, places[i]
            # Wrong bits that pass the CRC may name another option, which these symbols are not: nothing to keep.
            if read is not None and read[1] == index:
                heard = GAIN.power(torch.tensor(read[0]))
                values, variances = arrived.symbols[one] * heard.sqrt(), arrived.noise_variance[one] * heard
                self._keep(_row(received, row), option, values, variances, read[2])
            self._keep(_row(sent, row), option, message[one], believed[one], places[i])
        return bits.channel_uses + arrived.channel_uses

    def _keep(
        self, holding: Holding, option: DetailOption, values: torch.Tensor, noise: torch.Tensor, places: list[list[int]]
    ) -> None:
        """Put a message [1, n], its noise variances and the cells of each tier into the holding of one image."""
        grid = (holding.symbols.shape[2], holding.symbols.shape[3])
        sizes = [tier.count * tier.form.symbols_per_cell(self.layers) for tier in option]
        parts = zip(option, places, values.split(sizes, 1), noise.split(sizes, 1), strict=True)
        for tier, cells, value, variance in parts:
            at = torch.tensor([cells])
            tier.form.keep(holding, place(value, at, grid, 0), place(variance, at, grid, torch.inf), self.layers)


def _refined(holding: Holding, general: int) -> torch.Tensor:
    """Cells [B, G] of which `holding` has more than the `general` first symbols, once."""
    first = holding.symbol_noise[:, 0]
    copies = first < first.amax((1, 2), keepdim=True)
    layers = holding.symbol_noise[:, general:].isfinite().any(1)
    tokens = holding.latent_noise[:, 0, ::CELL, ::CELL].isfinite()
    return (copies | layers | tokens).flatten(1)


def _row(holding: Holding, row: int) -> Holding:
    """One image of `holding`, sharing memory."""
    part = slice(row, row + 1)
    return Holding(holding.symbols[part], holding.symbol_noise[part], holding.latents[part], holding.latent_noise[part])
