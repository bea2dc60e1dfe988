"""Block errors of our coded chains in AWGN, and the SNR at which they reach a block error rate."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import brentq

from taskwave.phy.coding.ldpc import BlockCode, Cut
from taskwave.phy.coding.mcs import Mcs
from taskwave.phy.coding.modulation import Modulation
from taskwave.phy.links.control import ControlLink
from taskwave.phy.links.symbol import SymbolLink
from taskwave.phy.links.transport import TransportLink
from taskwave.phy.seeds import generator
from taskwave.phy.theory import bicm_moments, normal_approximation_bler
from taskwave.phy.validation.checks import forward, simple_radio

_BATCH = 2000
_STEP_DB = 0.2
_FARTHEST = 20
"""Steps from where a waterfall is expected: a chain that fails always is not followed for ever."""
Simulation = Callable[[float, int], int]
"""Block errors at an Es/N0 [dB] in a number of blocks."""


def code_errors(k: int, n: int, graph: str, num_iter: int, es_n0_db: float, blocks: int, seed: int) -> int:
    """Wrong words of `phy.ldpc` alone, QPSK, always with `num_iter` layered iterations (no CRC stops them)."""
    link, modulation, code = SymbolLink(simple_radio("awgn")), Modulation(2), BlockCode(k, graph, 2)
    cut = Cut(n, rv=0)
    sent = code.positions(cut)
    errors = 0
    for first in range(0, blocks, _BATCH):
        batch = min(_BATCH, blocks - first)
        bits = torch.randint(0, 2, (batch, k), generator=generator(seed, first)).float()
        received = link.send(
            modulation.map(code.encode(bits)[:, sent]), forward(link.radio, es_n0_db, batch, seed + first)
        )
        llr = modulation.llr(received.symbols, received.noise_variance)
        soft = torch.zeros(batch, code.buffer_bits)
        soft[:, sent] = llr
        decoded = code.decode(soft, frozenset({cut}), lambda words: torch.zeros(len(words), dtype=torch.bool), num_iter)
        errors += int((decoded != bits).any(dim=1).sum())
    return errors


def transport_errors(mcs: Mcs, channel_uses: int, es_n0_db: float, blocks: int, seed: int) -> int:
    """Lost blocks of the transport link: CRC, LDPC, rate matching, QAM, OFDM."""
    link = TransportLink(simple_radio("awgn"), mcs)
    size, errors = link.payload_bytes(channel_uses), 0
    for first in range(0, blocks, _BATCH):
        batch = min(_BATCH, blocks - first)
        draw = generator(seed, first)
        octets = torch.randint(0, 256, (batch, size), generator=draw, dtype=torch.uint8)
        payloads = [row.numpy().tobytes() for row in octets]
        received = link.send(payloads, channel_uses, forward(link.radio, es_n0_db, batch, seed + first)).payloads
        errors += sum(r != p for r, p in zip(received, payloads, strict=True))
    return errors


def control_link(num_bits: int, coded_bits: int) -> ControlLink:
    """A control link whose messages of `num_bits` become `coded_bits`."""
    link = ControlLink(simple_radio("awgn", control_code_rate=(num_bits + 11) / coded_bits))
    air = forward(link.symbol_link.radio, 0.0, 1, 0)
    sent = 2 * link.symbol_link.capacity(link.channel_uses(num_bits, air))
    if sent != coded_bits:
        raise ValueError(f"{coded_bits} coded bits do not fill an allocation: {sent} would be sent.")
    return link


def control_errors(num_bits: int, coded_bits: int, es_n0_db: float, messages: int, seed: int) -> int:
    """Wrong messages of the control link: CRC-11, polar code, list decoder, QPSK, OFDM."""
    link, errors = control_link(num_bits, coded_bits), 0
    for first in range(0, messages, _BATCH):
        batch = min(_BATCH, messages - first)
        draw = generator(seed, first)
        bits = torch.randint(0, 2, (batch, num_bits), generator=draw, dtype=torch.uint8)
        received = link.send(bits, forward(link.symbol_link.radio, es_n0_db, batch, seed + first))
        errors += int((received.bits != bits).any(dim=1).sum())
    return errors


@dataclass(frozen=True)
class Waterfall:
    """Measured block error rates by rising Es/N0."""

    es_n0_db: list[float]
    bler: list[float]
    blocks: int

    def ratio_of(self, bler: float) -> float:
        """Es/N0 [dB] of a block error rate: logarithms interpolated linearly; NaN where it is not enclosed."""
        logs = [math.log(max(p, 0.1 / self.blocks)) for p in self.bler]
        return float(np.interp(-math.log(bler), [-v for v in logs], self.es_n0_db, left=math.nan, right=math.nan))


def waterfall(simulation: Simulation, start_db: float, blocks: int, bler: float) -> Waterfall:
    """Points in steps of 0.2 dB around `bler`, beginning near `start_db`; each has `blocks` blocks."""
    known: dict[float, float] = {}

    def rate(place: int) -> float:
        x = round(start_db + place * _STEP_DB, 3)
        if x not in known:
            known[x] = simulation(x, blocks) / blocks
        return known[x]

    place = 0
    while rate(place) > bler and place < _FARTHEST:
        place += 1
    while rate(place) <= bler and place > -_FARTHEST:
        place -= 1
    rate(place - 1)
    ordered = sorted(known)
    return Waterfall(ordered, [known[x] for x in ordered], blocks)


def bound_bler(order: int, num_bits: int, num_uses: int, es_n0_db: float) -> float:
    """Normal approximation for QAM of `order` with bit-wise demapping."""
    return float(normal_approximation_bler(num_bits, num_uses, *bicm_moments(order, es_n0_db)))


def bound_ratio(order: int, num_bits: int, num_uses: int, bler: float) -> float:
    """Es/N0 [dB] at which that bound has a block error rate."""

    def distance(es_n0_db: float) -> float:
        return bound_bler(order, num_bits, num_uses, es_n0_db) - bler

    return float(brentq(distance, -15, 40))
