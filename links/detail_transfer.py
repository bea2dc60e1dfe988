"""Detail on its way forward: a header that names the groups, then their tokens as analog symbols."""

import torch

from taskwave.links.detail_choice import Knowledge
from taskwave.phy.air import AirInterface, Radio
from taskwave.phy.control_link import ControlLink
from taskwave.phy.symbol_link import SymbolLink
from taskwave.semantic.detail import (
    GROUP,
    DetailCode,
    GainCode,
    best_groups,
    decode_positions,
    encode_positions,
    position_bits,
)

FINENESS = ((16, -9.0), (12, -7.5), (8, -6.0))
"""Numbers sent of each token and the power slope [dB] over them, finest first."""

ENOUGH_GROUPS = 64
"""A third of the picture at 256x192: only where so many groups fit are their tokens sent in finer detail."""

NOMINAL_NOISE = 0.1
"""Noise variance the transmitter, which does not know the channel, assumes for what it has sent."""


class DetailTransfer:
    """Sends as many groups as the budget carries; `named` puts their positions into the header.

    How fine the tokens are follows from the budget, so that both ends know it.
    """

    def __init__(self, radio: Radio, named: bool) -> None:
        self.link, self.header_link, self.named = SymbolLink(radio), ControlLink(radio), named
        self.codes, self.gain = [DetailCode(*fineness) for fineness in FINENESS], GainCode()

    def plan(self, allowed: int, groups: int, total: int) -> tuple[int, DetailCode]:
        """How many of `groups` groups (of `total` in the picture) `allowed` channel uses carry, and how fine.

        Header included; none where not even one fits.
        """
        for code in self.codes:
            low, high = 0, groups
            while low < high:
                middle = (low + high + 1) // 2
                low, high = (middle, high) if self._uses(code, middle, total) <= allowed else (low, middle - 1)
            if low >= min(ENOUGH_GROUPS, groups):
                break
        return low, code

    def send(
        self,
        latents: torch.Tensor,
        scores: torch.Tensor,
        received: Knowledge,
        sent: Knowledge,
        allowed: torch.Tensor,
        air: AirInterface,
        occasion: int,
    ) -> torch.Tensor:
        """Send the groups of highest `scores` [B, G] that fit into `allowed` [B] channel uses; returns uses [B].

        `received` is updated with what arrived, `sent` with what the transmitter believes did. An image whose header
        is lost keeps what it had: its detail cannot be placed.
        """
        uses = torch.zeros(len(latents), dtype=torch.int64)
        fresh = sent.noise_variance[:, 0, ::GROUP, ::GROUP].isinf().flatten(1)
        scores = torch.where(fresh, scores, -torch.inf)
        plans = [self.plan(int(a), int(n), scores.shape[1]) for a, n in zip(allowed, fresh.sum(1), strict=True)]
        for count, code in dict.fromkeys(plans):
            if count == 0:
                continue
            rows = torch.tensor([i for i, mine in enumerate(plans) if mine == (count, code)])
            uses[rows] = self._send_rows(rows, count, code, latents, scores, received, sent, air.select(rows), occasion)
        return uses

    def _send_rows(
        self,
        rows: torch.Tensor,
        count: int,
        code: DetailCode,
        latents: torch.Tensor,
        scores: torch.Tensor,
        received: Knowledge,
        sent: Knowledge,
        air: AirInterface,
        occasion: int,
    ) -> int:
        """Images `rows`, which all send `count` groups."""
        total = scores.shape[1]
        chosen = best_groups(scores[rows], count)
        symbols = code.pack(latents[rows], chosen)
        level = self.gain.encode(symbols.abs().square().mean(1))
        power = self.gain.power(level)
        header = [
            [int(g) >> i & 1 for i in range(self.gain.bits)]
            + (encode_positions(groups.tolist(), total) if self.named else [])
            for g, groups in zip(level, chosen, strict=True)
        ]
        bits = self.header_link.send(torch.tensor(header, dtype=torch.uint8), air.forward(occasion))
        arrived = self.link.send(symbols / power.sqrt()[:, None], air.forward(occasion))

        places, powers, good = chosen.clone(), power.clone(), bits.ok.clone()
        for row in good.nonzero().flatten().tolist():
            message = bits.bits[row].tolist()
            powers[row] = self.gain.power(torch.tensor(sum(b << i for i, b in enumerate(message[: self.gain.bits]))))
            if self.named:
                decoded = decode_positions(message[self.gain.bits :], total, count)
                good[row] = decoded is not None
                places[row] = torch.tensor(decoded) if decoded is not None else places[row]
        shape = latents[rows].shape
        noisy = code.unpack(arrived.symbols, arrived.noise_variance, places, powers, shape)
        self._keep(received, rows[good], *noisy, good)
        clean = code.unpack(
            symbols / power.sqrt()[:, None], torch.full(symbols.shape, NOMINAL_NOISE), chosen, power, shape
        )
        self._keep(sent, rows, *clean, torch.ones(len(rows), dtype=torch.bool))
        return bits.channel_uses + arrived.channel_uses

    @staticmethod
    def _keep(
        holding: Knowledge, rows: torch.Tensor, latents: torch.Tensor, noise_variance: torch.Tensor, good: torch.Tensor
    ) -> None:
        new, spread = latents[good], noise_variance[good]
        finite = spread.isfinite()
        holding.latents[rows] = torch.where(finite, new, holding.latents[rows])
        holding.noise_variance[rows] = torch.where(finite, spread, holding.noise_variance[rows])

    def _header_bits(self, count: int, total: int) -> int:
        return self.gain.bits + (position_bits(total, count) if self.named else 0)

    def _uses(self, code: DetailCode, count: int, total: int) -> int:
        header = self.header_link.channel_uses(self._header_bits(count, total))
        return header + self.link.channel_uses(code.num_symbols(count))
