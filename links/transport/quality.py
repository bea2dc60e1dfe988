"""Channel quality reports before a message, and what they are worth to the transmitter.

Every calibration channel is probed, measured and reported as an image's would be, error and age included. What is
expected after a report is the mean over the channels for which the transmitter heard the same CQI. So a report is worth
what it is worth, however old or wrong it is.
"""

import math
from collections.abc import Sequence
from functools import cached_property, lru_cache

import torch

from taskwave.links.transport.arrival import (
    GAP_DB,
    GRID_DB,
    ArrivalPrediction,
    Calibration,
    Transmission,
    arrival_prediction,
    at_sinr,
    bicm_information,
    information_variance,
)
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.coding.mcs import CQI_BITS, CQI_BLER, Mcs, OuterLoop, cqi_table
from taskwave.phy.links.calibration import CALIBRATION_SEED
from taskwave.phy.links.uci import UciLink
from taskwave.phy.precoding.sounding import ChannelProbe
from taskwave.phy.radio import Radio

_LEAST_DRAWS = 24
"""Least number of calibration channels to average over: where fewer reported a CQI, its neighbours count as well."""
_SESSION_PASSES = 8
"""Number of times the outer loop goes through the calibration channels; the second half gives the mean offset."""
_OUT_OF_RANGE_DB = 3.0
"""Distance below the lowest scheme at which a CQI of 0 is taken to be."""


class QualityReport:
    """Reports a CQI for messages of `num_symbols`, which the receiver measures on a probe of `num_prb` PRBs."""

    def __init__(self, radio: Radio, num_prb: int, num_symbols: int) -> None:
        self._probe, self._feedback, self._num_symbols = ChannelProbe(radio, num_prb), UciLink(radio), num_symbols

    def channel_uses(self, air: AirInterface) -> tuple[int, int]:
        """Count the REs of the probe and of the report."""
        return self._probe.channel_uses, self._feedback.channel_uses(CQI_BITS, air.reverse(0))

    def slots(self, air: AirInterface) -> int:
        """Count the slots of probe and report, and the turnarounds behind either of them."""
        return 1 + self._feedback.slots(CQI_BITS, air.reverse(0)) + 2 * air.config.turnaround_slots

    def send(self, air: AirInterface) -> torch.Tensor:
        """Probe on occasion 0, report, and return the CQI [B] int64 that the transmitter hears, right or wrong."""
        cqi = self._measure(air)
        words = (cqi[:, None] >> torch.arange(CQI_BITS) & 1).to(torch.uint8)
        heard = self._feedback.send(words, air.reverse(0)).bits.long()
        return (heard << torch.arange(CQI_BITS)).sum(1)

    def _measure(self, air: AirInterface) -> torch.Tensor:
        """Find the highest CQI [B] int64 whose scheme a block would survive with a BLER of at most a tenth; 0: none."""
        sinr_db = 10 * self._probe.measure(air.forward(0)).log10() - GAP_DB
        margin = float(torch.special.ndtri(torch.tensor(1 - CQI_BLER))) / math.sqrt(self._num_symbols)
        deviation = information_variance(sinr_db).mean(1).sqrt()
        best = torch.zeros(len(sinr_db), dtype=torch.int64)
        for cqi in cqi_table():
            rate = at_sinr(bicm_information(cqi.modulation_order), sinr_db).mean(1) - margin * deviation
            best[rate >= cqi.modulation_order * cqi.code_rate] = cqi.index
        return best


class ReportedQuality:
    """Knows what the calibration channels of a prediction reported, and what follows from it."""

    def __init__(self, prediction: ArrivalPrediction, report: QualityReport) -> None:
        self._prediction, self._report = prediction, report
        self._settled: dict[Transmission, float] = {}

    @cached_property
    def _heard(self) -> torch.Tensor:
        """CQI [draws] int64 that the transmitter heard of each calibration channel."""
        return self._report.send(self._prediction.air)

    def alike(self, cqi: int) -> torch.Tensor:
        """Find the calibration channels [draws] bool that reported this CQI or, if few did, one near it."""
        distance = (self._heard - cqi).abs()
        within = next(d for d in range(16) if int((distance <= d).sum()) >= _LEAST_DRAWS)
        return distance <= within

    def settled_offset_db(self, schemes: Sequence[tuple[Mcs, int]], first: Transmission) -> float:
        """Compute where the outer loop settles that has the first of `schemes` (MCS and its payload bytes) sent.

        A long session of blocks over the calibration channels, each probed, reported, aged and decoded (or not, by its
        probability). Both ends are in this state when a point begins: images stay independent of each other.
        """
        if first not in self._settled:
            self._settled[first] = self._session(schemes, first)
        return self._settled[first]

    def _session(self, schemes: Sequence[tuple[Mcs, int]], first: Transmission) -> float:
        thresholds = torch.tensor([threshold_db(m.modulation_order, m.code_rate) for m, _ in schemes])
        arrival = torch.stack([self._prediction.arrivals(m, size, [first])[0] for m, size in schemes])
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


def threshold_db(order: int, code_rate: float) -> float:
    """Find the SNR [dB] in AWGN at which QAM of this order carries a code of this rate, `GAP_DB` included."""
    curve = bicm_information(order)
    above = int((curve >= min(order * code_rate, float(curve.max()) - 1e-4)).nonzero()[0])
    return float(GRID_DB[above]) + GAP_DB


def reported_db(cqi: int) -> float:
    """Return the SNR [dB] that a CQI stands for; 0 is out of range, below the lowest scheme."""
    scheme = cqi_table()[max(cqi, 1) - 1]
    return threshold_db(scheme.modulation_order, scheme.code_rate) - (_OUT_OF_RANGE_DB if cqi == 0 else 0.0)


def affordable(thresholds: torch.Tensor, snr_db: float) -> int:
    """Find the index of the last of rising `thresholds` [dB] that is not above `snr_db`; the first where all are."""
    return max(0, int((thresholds <= snr_db).sum()) - 1)


@lru_cache(maxsize=64)
def quality_report(radio: Radio, num_prb: int, num_symbols: int) -> QualityReport:
    """Return the report that the links of one radio share."""
    return QualityReport(radio, num_prb, num_symbols)


@lru_cache(maxsize=64)
def reported_quality(
    radio: Radio, es_n0_db: float, calibration: Calibration, probed: tuple[int, int]
) -> ReportedQuality:
    """Return what calibration channels report, `probed` as for `quality_report`: a memo, it changes no result."""
    return ReportedQuality(arrival_prediction(radio, es_n0_db, calibration), quality_report(radio, *probed))
