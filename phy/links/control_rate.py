"""Code rates of control messages: the highest at which few are lost over the radio at hand.

Both ends rehearse the message beforehand (`calibration`): the information that its QPSK symbols bring over every
calibration channel, with the normal approximation for so few of them (Polyanskiy, Poor and Verdú 2010), says how many
code words would be lost. Nothing is decoded.
"""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import cast

import numpy as np
import torch

from taskwave.phy.channel.air import AirInterface, Direction
from taskwave.phy.coding.polar import DOWNLINK, UPLINK, PolarChain
from taskwave.phy.links.calibration import (
    CALIBRATION_NOISE_SEED,
    calibration_fading,
    calibration_symbols,
)
from taskwave.phy.links.open_loop import OpenLoopLink, SymbolReception
from taskwave.phy.radio import Radio
from taskwave.phy.recent import Recent
from taskwave.phy.theory import bicm_moments

RATES = (0.75, 0.625, 0.5, 0.375, 0.3125, 0.25, 0.1875, 0.125)
"""Code rates to choose from (message bits and CRC over coded bits); a configured one lies between their ends."""
MAX_LOSS = 0.05
"""Largest share of messages that a chosen rate may lose; the lowest may lose more, as there is none below it."""
_SIZES = (12, 20, 40, 80, 140)
"""Message sizes in bits for which rates are chosen; others take that of the next smaller one."""
_DRAWS, _DRAWS_IN_TIME = 256, 64
"""Number of calibration channels, and of those through samples in time or a flowgraph, which take far longer."""
_GRID_DB = np.linspace(-30.0, 20.0, 201)
"""SINRs [dB] at which the information of QPSK is tabulated."""
_BITS_PER_SYMBOL = 2
"""Number of bits of a QPSK symbol."""
_KEPT = 12
"""Number of message lengths whose SINRs are kept."""


@dataclass(frozen=True)
class ControlShape:
    """Says how a message becomes code words."""

    chain: PolarChain
    segments: int
    """Number of code words, all alike."""
    size: int
    """Message bits of each, padding included."""
    coded: int
    """Coded bits of each."""

    @property
    def num_symbols(self) -> int:
        """Number of QPSK symbols of the message."""
        return self.segments * self.coded // _BITS_PER_SYMBOL


def control_shape(link: OpenLoopLink, direction: Direction, num_bits: int, code_rate: float) -> ControlShape:
    """Share a message of `num_bits` among code words that fill the allocation which the target rate asks for."""
    chain = DOWNLINK if direction == "forward" else UPLINK
    longest = min(int(chain.max_coded_bits * code_rate) - chain.crc_bits, chain.max_bits)
    segments = math.ceil(num_bits / longest)
    size = max(math.ceil(num_bits / segments), chain.min_bits)
    target = math.ceil((size + chain.crc_bits) / code_rate / _BITS_PER_SYMBOL)
    symbols = link.capacity(link.channel_uses(segments * target)) // segments
    return ControlShape(chain, segments, size, min(_BITS_PER_SYMBOL * symbols, chain.max_coded_bits))


class ControlPrediction:
    """Predicts losses of control messages over one radio, in one direction, at one mean SNR.

    Args:
        radio: the radio; one that is on the air is replaced by the one it rehearses with.
        direction: direction of the messages.
        es_n0_db: mean Es/N0 of the forward link [dB].
    """

    def __init__(self, radio: Radio, direction: Direction, es_n0_db: float) -> None:
        # A copy without the tap: nobody is to see the signals of rehearsals.
        rehearsal = copy.copy(radio.rehearsal or radio)
        rehearsal.tap = None
        self._link = OpenLoopLink(rehearsal, 1, "control")
        config = rehearsal.config
        draws = _DRAWS if config.impairments is None and config.flowgraph is None else _DRAWS_IN_TIME
        fading = calibration_fading(radio.rehearsal or radio, draws, 1)
        interface = AirInterface(config, fading, es_n0_db, CALIBRATION_NOISE_SEED)
        self._air = interface.forward(0) if direction == "forward" else interface.reverse(0)
        self._sinr_db: Recent[torch.Tensor] = Recent(_KEPT)
        self._losses: dict[ControlShape, float] = {}

    def rate(self, num_bits: int) -> float:
        """Return the highest of `RATES` at which at most `MAX_LOSS` of such messages are lost, or else the lowest."""
        size = max((size for size in _SIZES if size <= num_bits), default=_SIZES[0])
        low, high = 0, len(RATES) - 1
        while low < high:
            middle = (low + high) // 2
            few = self.loss(control_shape(self._link, self._air.direction, size, RATES[middle])) <= MAX_LOSS
            low, high = (low, middle) if few else (middle + 1, high)
        return RATES[low]

    def loss(self, shape: ControlShape) -> float:
        """Return the share of messages of a shape that do not arrive."""
        if shape not in self._losses:
            sinr_db = self._sinr(shape.num_symbols).unflatten(1, (shape.segments, -1))
            information, variance = _qpsk_moments(sinr_db - code_gap_db(shape))
            num_symbols = sinr_db.shape[-1]
            margin = information.sum(-1) + math.log2(2 * num_symbols) / 2 - (shape.size + shape.chain.crc_bits)
            arrives = torch.special.ndtr(margin / variance.sum(-1).clamp_min(1e-9).sqrt())
            self._losses[shape] = 1 - float(arrives.prod(1).mean())
        return self._losses[shape]

    def _sinr(self, num_symbols: int) -> torch.Tensor:
        """Measure the post-equalisation SINR [draws, num_symbols] in dB over every calibration channel."""

        def measure() -> torch.Tensor:
            sent = calibration_symbols(self._air.batch, num_symbols)
            with torch.no_grad():
                return decision_sinr_db(self._link.send(sent, self._air), sent)

        return self._sinr_db.get(num_symbols, measure)


@lru_cache(maxsize=256)
def control_prediction(radio: Radio, direction: Direction, es_n0_db: float) -> ControlPrediction:
    """Return the prediction that the links of one radio share: a memo that changes no result."""
    return ControlPrediction(radio, direction, es_n0_db)


def decision_sinr_db(reception: SymbolReception, sent: torch.Tensor) -> torch.Tensor:
    """Measure the SINR [B, n] in dB with which QPSK symbols `sent` are decided, hopeless where none was detected.

    Unlike `calibrated_sinr_db` it does not take for noise a gain that a message's symbols share (the estimate of a weak
    channel is too small, its symbols come out too large): signs, by which QPSK is decided, do not depend on it.
    """
    gain = (reception.symbols * sent.conj()).real.mean(1, keepdim=True)
    share = ((reception.symbols - gain * sent).abs().square() / reception.noise_variance)[~reception.lost]
    actual = share.mean() if len(share) else torch.ones(())
    return 10 * torch.log10(gain.clamp_min(1e-3).square() / (reception.noise_variance * actual))


def code_gap_db(shape: ControlShape) -> float:
    """Return the distance [dB] of the polar code with its list decoder from the normal approximation.

    It is a fit to code words of 31 to 164 bits, CRC included, of rate 1/8 to 1/2 in AWGN at a loss of one in twenty,
    and good to 0.2 dB. The CRC counts as message; that the decoder chooses by it makes the gap of short ones negative.
    """
    return _GAP_DB[0] + _GAP_DB[1] * math.log2((shape.size + shape.chain.crc_bits) / 64)


_GAP_DB = (0.1, 0.47)
"""Gap of a code word of 64 bits, CRC included, and what doubling adds [dB]."""


@cache
def _qpsk_tables() -> tuple[Sequence[float], Sequence[float]]:
    mean, variance = bicm_moments(_BITS_PER_SYMBOL, _GRID_DB)
    return cast(Sequence[float], mean.clip(min=0)), cast(Sequence[float], variance.clip(min=0))


def _qpsk_moments(sinr_db: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mean [bits] and variance [bits squared] of the information of QPSK symbols at `sinr_db` [...], float64."""
    at = sinr_db.double().clamp(float(_GRID_DB[0]), float(_GRID_DB[-1])).numpy()
    mean, variance = (torch.from_numpy(np.interp(at, _GRID_DB, table)) for table in _qpsk_tables())
    return mean, variance
