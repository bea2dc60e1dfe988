"""How likely a transport block is to arrive with each of its transmissions, given what quality the receiver reported.

The same mutual-information mapping as `links.link_abstraction`, over several occasions: incremental redundancy adds up
the information of all transmissions. Where the receiver reports a CQI, every calibration channel is probed, measured
and reported as an image's would be, error and age included, and the probability is that over the channels for which the
transmitter heard the same CQI. So a report is worth what it is worth, however old or wrong it is.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch

from taskwave.links.link_abstraction import (
    CALIBRATION_NOISE_SEED,
    CALIBRATION_SEED,
    GAP_DB,
    at_sinr,
    bicm_information,
    calibrated_sinr_db,
    calibration_symbols,
    normal_variance,
)
from taskwave.phy.air import AirInterface, Fading, Radio
from taskwave.phy.link_adaptation import CQI_BITS, CQI_BLER, OuterLoop, cqi_table
from taskwave.phy.mcs import Mcs
from taskwave.phy.probe import ChannelProbe
from taskwave.phy.symbol_link import SymbolLink
from taskwave.phy.transport_block import transport_crc_length
from taskwave.phy.uci_link import UciLink

CALIBRATION_DRAWS = 256
OCCASIONS = 4
_LEAST_DRAWS = 24
"""Calibration channels a probability is averaged over: where fewer reported this CQI, its neighbours count as well."""
_SESSION_PASSES = 8
"""Times the outer loop goes through the calibration channels; the offset is the mean over the second half."""


@dataclass(frozen=True)
class Transmission:
    """One transmission of a block: where it lies in time, and its length."""

    occasion: int
    num_symbols: int


class QualityReport:
    """The receiver measures a probe of `num_prb` PRBs and reports a CQI for messages of `num_symbols`."""

    def __init__(self, radio: Radio, num_prb: int, num_symbols: int) -> None:
        self.probe, self._feedback, self._num_symbols = ChannelProbe(radio, num_prb), UciLink(radio), num_symbols

    def channel_uses(self, air: AirInterface) -> tuple[int, int]:
        """REs of the probe and of the report."""
        return self.probe.channel_uses, self._feedback.channel_uses(CQI_BITS, air.reverse(0))

    def send(self, air: AirInterface) -> torch.Tensor:
        """Probe on occasion 0 and report; the CQI that the transmitter understands, [B] int64, right or wrong."""
        cqi = self.measure(air)
        words = (cqi[:, None] >> torch.arange(CQI_BITS) & 1).to(torch.uint8)
        heard = self._feedback.send(words, air.reverse(0)).bits.long()
        return (heard << torch.arange(CQI_BITS)).sum(1)

    def measure(self, air: AirInterface) -> torch.Tensor:
        """The highest CQI whose scheme a block would survive with a BLER of at most a tenth, [B] int64; 0: none."""
        sinr_db = 10 * self.probe.measure(air.forward(0)).log10() - GAP_DB
        margin = float(torch.special.ndtri(torch.tensor(1 - CQI_BLER))) / math.sqrt(self._num_symbols)
        deviation = normal_variance(sinr_db).mean(1).sqrt()
        best = torch.zeros(len(sinr_db), dtype=torch.int64)
        for cqi in cqi_table():
            rate = at_sinr(bicm_information(cqi.modulation_order), sinr_db).mean(1) - margin * deviation
            best[rate >= cqi.modulation_order * cqi.code_rate] = cqi.index
        return best


class AdaptivePrediction:
    """Success over channels drawn once per radio, at one SNR; `report` where the receiver reports a CQI first."""

    def __init__(self, radio: Radio, es_n0_db: float, report: QualityReport | None) -> None:
        self._link = SymbolLink(radio)
        self._air = AirInterface(radio, _calibration_fading(radio), es_n0_db, CALIBRATION_NOISE_SEED)
        self._report = report
        self._sinr: dict[Transmission, torch.Tensor] = {}
        self._moments: dict[tuple[Transmission, int], tuple[torch.Tensor, torch.Tensor]] = {}
        self._settled: dict[Transmission, float] = {}

    def success(
        self, mcs: Mcs, payload_bytes: int, transmissions: Sequence[Transmission], cqi: int | None
    ) -> list[float]:
        """P(block has arrived) after each of the `transmissions`, given the CQI heard (None: no report): 0…1."""
        among = slice(None) if cqi is None else self._reporting(cqi)
        return [float(p[among].mean()) for p in self._arrivals(mcs, payload_bytes, transmissions)]

    def settled_offset_db(self, schemes: Sequence[tuple[Mcs, int]], first: Transmission) -> float:
        """Where the outer loop settles that has the first of `schemes` (MCS and its payload bytes, by rate) sent.

        A long session of blocks over the calibration channels, each probed, reported, aged and decoded (or not, by its
        probability). Both ends are in this state when a point begins: images stay independent of each other.
        """
        if first not in self._settled:
            self._settled[first] = self._session(schemes, first)
        return self._settled[first]

    def _session(self, schemes: Sequence[tuple[Mcs, int]], first: Transmission) -> float:
        thresholds = torch.tensor([threshold_db(m.modulation_order, m.code_rate) for m, _ in schemes])
        arrival = torch.stack([self._arrivals(m, size, [first])[0] for m, size in schemes])
        seed = torch.Generator().manual_seed(CALIBRATION_SEED)
        draws = torch.rand(_SESSION_PASSES, len(self._heard), generator=seed)
        loop, offsets = OuterLoop(), []
        for luck in draws:
            for i, cqi in enumerate(self._heard.tolist()):
                chosen = affordable(thresholds, reported_db(cqi) + loop.offset_db)
                loop.update(bool(luck[i] < arrival[chosen, i]))
                offsets.append(loop.offset_db)
        settled = offsets[len(offsets) // 2 :]
        return sum(settled) / len(settled)

    def _arrivals(self, mcs: Mcs, payload_bytes: int, transmissions: Sequence[Transmission]) -> list[torch.Tensor]:
        """P(block has arrived) of each calibration channel [draws], after each transmission."""
        needed = 8 * payload_bytes + transport_crc_length(8 * payload_bytes)
        bits = variance = torch.zeros(())
        found: list[torch.Tensor] = []
        for transmission in transmissions:
            more, spread = self._of(transmission, mcs.modulation_order)
            bits, variance = bits + more, variance + spread
            arrived = torch.special.ndtr((bits - needed) / variance.sqrt())
            found.append(torch.maximum(found[-1], arrived) if found else arrived)
        return found

    def _of(self, transmission: Transmission, order: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Information [draws] in bits of one transmission, and its variance."""
        key = transmission, order
        if key not in self._moments:
            sinr_db = self._sinr_db(transmission)
            self._moments[key] = at_sinr(bicm_information(order), sinr_db).sum(1), normal_variance(sinr_db).sum(1)
        return self._moments[key]

    def _sinr_db(self, transmission: Transmission) -> torch.Tensor:
        if transmission not in self._sinr:
            sent = calibration_symbols(self._air.batch, transmission.num_symbols)
            reception = self._link.send(sent, self._air.forward(transmission.occasion))
            self._sinr = {transmission: calibrated_sinr_db(reception, sent) - GAP_DB}
        return self._sinr[transmission]

    @cached_property
    def _heard(self) -> torch.Tensor:
        """[draws] int64, CQI that the transmitter heard of each calibration channel."""
        assert self._report is not None, "a CQI was asked about that nobody reports"
        return self._report.send(self._air)

    def _reporting(self, cqi: int) -> torch.Tensor:
        """[draws] bool, calibration channels that reported this CQI or, if few did, one near it."""
        distance = (self._heard - cqi).abs()
        within = next(d for d in range(16) if int((distance <= d).sum()) >= _LEAST_DRAWS)
        return distance <= within


def threshold_db(order: int, code_rate: float) -> float:
    """SNR [dB] in AWGN at which QAM of this order carries a code of this rate, `GAP_DB` included."""
    curve = bicm_information(order)
    above = int((curve >= min(order * code_rate, float(curve.max()) - 1e-4)).nonzero()[0])
    return float(torch.linspace(-25.0, 45.0, len(curve))[above]) + GAP_DB


def reported_db(cqi: int) -> float:
    """SNR [dB] that a CQI stands for; 0, out of range, is 3 dB below the lowest scheme."""
    table = cqi_table()
    scheme = table[max(cqi, 1) - 1]
    return threshold_db(scheme.modulation_order, scheme.code_rate) - (3.0 if cqi == 0 else 0.0)


def affordable(thresholds: torch.Tensor, snr_db: float) -> int:
    """Index of the last of rising `thresholds` [dB] that is not above `snr_db`; the first where all are."""
    return max(0, int((thresholds <= snr_db).sum()) - 1)


@lru_cache(maxsize=64)
def quality_report(radio: Radio, num_prb: int, num_symbols: int) -> QualityReport:
    """The report that the links of one radio share."""
    return QualityReport(radio, num_prb, num_symbols)


@lru_cache(maxsize=64)
def adaptive_prediction(radio: Radio, es_n0_db: float, probed: tuple[int, int] | None) -> AdaptivePrediction:
    """The prediction that the links of one radio share, `probed` as for `quality_report`: a memo."""
    return AdaptivePrediction(radio, es_n0_db, None if probed is None else quality_report(radio, *probed))


@lru_cache(maxsize=4)
def _calibration_fading(radio: Radio) -> Fading:
    return radio.draw(CALIBRATION_DRAWS, OCCASIONS, CALIBRATION_SEED)
