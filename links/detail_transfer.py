"""Detail on its way forward: a header that names the choice, then the chosen cells as analog symbols."""

import torch

from taskwave.links.detail_plan import GAIN, Plan, make_plan
from taskwave.phy.air import AirInterface, Radio
from taskwave.phy.control_link import ControlLink
from taskwave.phy.symbol_link import SymbolLink
from taskwave.semantic.detail import Holding, place, take
from taskwave.semantic.general import CELL
from taskwave.semantic.positions import best_cells

COVERED = 0.8
"""Share of the scores that the chosen cells should hold: the finest format that manages is taken."""
SPREAD = 0.5
"""The same for cells that were not chosen for a prompt: the share of the picture that is refined."""


class DetailTransfer:
    """Sends as many cells as the budget carries; `named` puts their positions into the header."""

    def __init__(self, radio: Radio, layers: tuple[int, ...], named: bool) -> None:
        self.link, self.header_link, self.named, self.layers = SymbolLink(radio), ControlLink(radio), named, layers

    def plan(self, allowed: int, cells: int, air: AirInterface, occasion: int) -> Plan:
        """What `allowed` channel uses carry of `cells` cells, header included."""
        way = air.forward(occasion)
        return make_plan(
            cells,
            self.layers,
            allowed,
            self.named,
            lambda bits: self.header_link.channel_uses(bits, way),
            self.link.channel_uses,
        )

    def send(
        self,
        symbols: torch.Tensor,
        latents: torch.Tensor,
        scores: torch.Tensor,
        received: Holding,
        sent: Holding,
        allowed: torch.Tensor,
        air: AirInterface,
        occasion: int,
    ) -> torch.Tensor:
        """Send the cells of highest `scores` [B, G] that fit into `allowed` [B] channel uses; returns uses [B].

        `symbols` [B, S, r, c] and `latents` [B, C, h, w] are the transmitter's. `received` is updated with what
        arrived, `sent` with what the transmitter believes did. An image whose header is lost keeps what it had: its
        detail cannot be placed.
        """
        uses = torch.zeros(len(latents), dtype=torch.int64)
        cells = scores.shape[1]
        # What an earlier round has refined comes last.
        scores = torch.where(_refined(sent, self.layers[0]), scores.amin() - 1, scores)
        plans = {int(a): self.plan(int(a), cells, air, occasion) for a in allowed.unique()}
        groups: dict[tuple[int, int], list[int]] = {}
        for row, (limit, score) in enumerate(zip(allowed.tolist(), scores, strict=True)):
            if plans[limit].counts:
                groups.setdefault((limit, self._format(plans[limit], score)), []).append(row)
        for (limit, index), members in groups.items():
            rows = torch.tensor(members)
            uses[rows] = self._send_rows(
                rows, plans[limit], index, symbols, latents, scores, received, sent, air.select(rows), occasion
            )
        return uses

    def _format(self, plan: Plan, score: torch.Tensor) -> int:
        """Index of the finest format whose cells hold enough of the scores [G] (named) or of the picture."""
        for index, (_, count) in enumerate(plan.counts):
            if self.named:
                gains = score.clamp_min(0)
                held = float(gains.topk(count).values.sum() / gains.sum().clamp_min(1e-12))
                enough = held >= COVERED
            else:
                enough = count >= SPREAD * plan.cells
            if enough:
                return index
        return len(plan.counts) - 1

    def _send_rows(
        self,
        rows: torch.Tensor,
        plan: Plan,
        index: int,
        symbols: torch.Tensor,
        latents: torch.Tensor,
        scores: torch.Tensor,
        received: Holding,
        sent: Holding,
        air: AirInterface,
        occasion: int,
    ) -> int:
        """Images `rows`, which all send format `index` of `plan`."""
        form, count = plan.counts[index]
        grid = (symbols.shape[2], symbols.shape[3])
        chosen = best_cells(scores[rows], count)
        message = take(form.pack(symbols[rows], latents[rows], self.layers), chosen)
        level = GAIN.encode(message.abs().square().mean(1))
        power = GAIN.power(level)
        header = [plan.encode(index, cells.tolist(), int(g)) for cells, g in zip(chosen, level, strict=True)]
        bits = self.header_link.send(torch.tensor(header, dtype=torch.uint8), air.forward(occasion))
        arrived = self.link.send(message / power.sqrt()[:, None], air.forward(occasion))
        for i, row in enumerate(rows.tolist()):
            one = slice(i, i + 1)
            agreed = index, chosen[i].tolist()
            read = plan.decode(bits.bits[i].tolist(), agreed) if bool(bits.ok[i]) else None
            # Wrong bits that pass the CRC may name another format, which these symbols are not: nothing to keep.
            if read is not None and read[1] == index:
                heard, where = GAIN.power(torch.tensor(read[0])), torch.tensor([read[2]])
                values = place(arrived.symbols[one] * heard.sqrt(), where, grid, 0)
                noise = place(arrived.noise_variance[one] * heard, where, grid, torch.inf)
                form.keep(_row(received, row), values, noise, self.layers)
            believed = torch.full(message[one].shape, nominal_noise(air)) * power[i]
            clean, spread = place(message[one], chosen[one], grid, 0), place(believed, chosen[one], grid, torch.inf)
            form.keep(_row(sent, row), clean, spread, self.layers)
        return bits.channel_uses + arrived.channel_uses


def nominal_noise(air: AirInterface) -> float:
    """Noise variance after equalisation that the transmitter, which knows the mean SNR only, assumes."""
    config = air.radio.config
    return config.num_layers * 10 ** (-air.es_n0_db / 10) / (config.num_rx_ant - config.num_layers + 1)


def _refined(holding: Holding, general: int) -> torch.Tensor:
    """Cells [B, G] of which `holding` has more than the `general` first symbols."""
    layers = holding.symbol_noise[:, general:].isfinite().any(1)
    tokens = holding.latent_noise[:, 0, ::CELL, ::CELL].isfinite()
    return (layers | tokens).flatten(1)


def _row(holding: Holding, row: int) -> Holding:
    """One image of `holding`, sharing memory."""
    part = slice(row, row + 1)
    return Holding(holding.symbols[part], holding.symbol_noise[part], holding.latents[part], holding.latent_noise[part])
