"""Block errors of the coded chains in AWGN, and the SNR at which they reach a block error rate."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import brentq

from taskwave.phy.coding.ldpc import BlockCode, BufferWindow
from taskwave.phy.coding.mcs import Mcs
from taskwave.phy.coding.modulation import Modulation
from taskwave.phy.links.control import ControlLink
from taskwave.phy.links.symbol import SymbolLink
from taskwave.phy.links.transport import TransportLink
from taskwave.phy.seeds import generator
from taskwave.phy.theory import bicm_moments, normal_approximation_bler
from taskwave.phy.validation.checks import forward, reverse, simple_radio

_BATCH = 2000
_STEP_DB = 0.2
_FARTHEST = 20
"""Largest number of steps from where a waterfall is expected, so that the search ends if a chain always fails."""

Simulation = Callable[[float, int], int]
"""Function that counts block errors, given `es_n0_db` and a number of blocks."""


@dataclass(frozen=True)
class LdpcCode:
    """Describes an LDPC code with rate matching."""

    k: int
    """Number of information bits."""
    n: int
    """Number of coded bits that are sent."""
    graph: str
    """Base graph, "bg1" or "bg2"."""


def code_errors(code: LdpcCode, num_iter: int, es_n0_db: float, blocks: int, seed: int) -> int:
    """Count wrong words of the LDPC code alone with QPSK.

    The decoder always does `num_iter` layered iterations; no CRC stops it.
    """
    link, modulation, block = SymbolLink(simple_radio("awgn")), Modulation(2), BlockCode(code.k, code.graph, 2)
    window = BufferWindow(code.n, rv=0)
    sent = block.positions(window)
    errors = 0
    for first in range(0, blocks, _BATCH):
        batch = min(_BATCH, blocks - first)
        bits = torch.randint(0, 2, (batch, code.k), generator=generator(seed, first)).float()
        received = link.send(
            modulation.map(block.encode(bits)[:, sent]), forward(link.radio, es_n0_db, batch, seed + first)
        )
        llr = modulation.llr(received.symbols, received.noise_variance)
        soft = torch.zeros(batch, block.buffer_bits)
        soft[:, sent] = llr
        decoded = block.decode(
            soft, frozenset({window}), lambda words: torch.zeros(len(words), dtype=torch.bool), num_iter
        )
        errors += int((decoded != bits).any(dim=1).sum())
    return errors


def transport_errors(mcs: Mcs, channel_uses: int, es_n0_db: float, blocks: int, seed: int) -> int:
    """Count lost blocks of the transport link: CRC, LDPC, rate matching, QAM, OFDM."""
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
    """Build a control link whose reverse messages of `num_bits` become `coded_bits`.

    Raises:
        ValueError: so many coded bits do not fill an allocation.
    """
    link = ControlLink(simple_radio("awgn", control_code_rate=(num_bits + 11) / coded_bits))
    air = reverse(link.symbol_link.radio, 0.0, 1, 0)
    sent = 2 * link.symbol_link.capacity(link.channel_uses(num_bits, air))
    if sent != coded_bits:
        raise ValueError(f"{coded_bits} coded bits do not fill an allocation: {sent} would be sent.")
    return link


def control_errors(num_bits: int, coded_bits: int, es_n0_db: float, messages: int, seed: int) -> int:
    """Count wrong messages of the control link as an uplink: CRC-11, polar code, list decoder, QPSK, OFDM."""
    link, errors = control_link(num_bits, coded_bits), 0
    for first in range(0, messages, _BATCH):
        batch = min(_BATCH, messages - first)
        draw = generator(seed, first)
        bits = torch.randint(0, 2, (batch, num_bits), generator=draw, dtype=torch.uint8)
        received = link.send(bits, reverse(link.symbol_link.radio, es_n0_db, batch, seed + first))
        errors += int((received.bits != bits).any(dim=1).sum())
    return errors


@dataclass(frozen=True)
class Waterfall:
    """Holds measured block error rates by rising SNR."""

    es_n0_dbs: list[float]
    blers: list[float]
    """Block error rate at each SNR."""
    blocks: int
    """Number of blocks at each SNR."""

    def es_n0_db_at(self, bler: float) -> float:
        """Return the SNR [dB] of a block error rate, logarithms interpolated linearly; NaN if it is not enclosed."""
        logs = [math.log(max(p, 0.1 / self.blocks)) for p in self.blers]
        return float(np.interp(-math.log(bler), [-v for v in logs], self.es_n0_dbs, left=math.nan, right=math.nan))


def waterfall(simulation: Simulation, start_db: float, blocks: int, bler: float) -> Waterfall:
    """Measure in steps of 0.2 dB around `bler`, beginning near `start_db`, with `blocks` blocks at each SNR."""
    known: dict[float, float] = {}

    def rate(step: int) -> float:
        es_n0_db = round(start_db + step * _STEP_DB, 3)
        if es_n0_db not in known:
            known[es_n0_db] = simulation(es_n0_db, blocks) / blocks
        return known[es_n0_db]

    step = 0
    while rate(step) > bler and step < _FARTHEST:
        step += 1
    while rate(step) <= bler and step > -_FARTHEST:
        step -= 1
    rate(step - 1)
    ordered = sorted(known)
    return Waterfall(ordered, [known[es_n0_db] for es_n0_db in ordered], blocks)


def bound_bler(order: int, num_bits: int, num_uses: int, es_n0_db: float) -> float:
    """Return the block error rate of the normal approximation for QAM of `order` with bit-wise demapping.

    It is for `num_bits` bits in `num_uses` symbols.
    """
    return float(normal_approximation_bler(num_bits, num_uses, *bicm_moments(order, es_n0_db)))


def bound_es_n0_db(order: int, num_bits: int, num_uses: int, bler: float) -> float:
    """Return the SNR [dB] at which `bound_bler` has the block error rate `bler`."""

    def distance(es_n0_db: float) -> float:
        return bound_bler(order, num_bits, num_uses, es_n0_db) - bler

    return float(brentq(distance, -15, 40))
