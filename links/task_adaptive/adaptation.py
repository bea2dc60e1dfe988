"""Link adaptation of windows as bits: the MCS by what the receiver, with its prompt, said of the channel.

What is expected is the mean over the calibration channels on which the general part arrived about as well.
"""

from dataclasses import dataclass, replace

import torch

from taskwave.links.transport.arrival import ArrivalPrediction, Calibration, Transmission, arrival_prediction
from taskwave.links.transport.prompts import effective_snr
from taskwave.links.transport.rate import RateOption, worth_considering
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.coding.mcs import mcs_ladder
from taskwave.phy.links.harq import HarqLink
from taskwave.phy.radio import Radio

_ALIKE = 32
"""Number of calibration channels over which what is expected is averaged."""
_CALIBRATION = Calibration(draws=256, occasions=3)


@dataclass(frozen=True)
class Report:
    """Says what a receiver reported of its channel."""

    general: int
    """Number of symbols of the general part, by which it measured."""
    snr_db: float
    """SNR after equalisation, dB."""


class LinkAdaptation:
    """Says what transport blocks carry, and how likely they arrive.

    Args:
        radio: the radio.
    """

    def __init__(self, radio: Radio) -> None:
        self.radio = radio
        self.links = {mcs: HarqLink(radio, mcs) for mcs in mcs_ladder()}
        self._arrivals: dict[tuple[float, int, int], list[tuple[RateOption, torch.Tensor]]] = {}
        self._quality: dict[tuple[float, int], torch.Tensor] = {}

    def options(self, allowed: int, occasion: int, heard: Report | None, air: AirInterface) -> list[RateOption]:
        """List what can be sent within `allowed` channel uses, by falling success, the dominated left out.

        Args:
            allowed: channel uses of the transmission.
            occasion: its forward occasion.
            heard: what the receiver reported; None: nothing, and all channels count.
            air: air that it is sent over, for its mean SNR.
        """
        prediction = arrival_prediction(self.radio.rehearsal or self.radio, air.es_n0_db, _CALIBRATION)
        occasion = min(occasion, _CALIBRATION.occasions - 1)
        key, among = (air.es_n0_db, allowed, occasion), torch.arange(_CALIBRATION.draws)
        if key not in self._arrivals:
            self._arrivals[key] = self._expected(allowed, occasion, prediction)
        if heard is not None:
            away = (self._qualities(heard.general, air.es_n0_db, prediction) - heard.snr_db).abs()
            among = away.argsort(stable=True)[:_ALIKE]
        return worth_considering(
            [replace(option, success=float(arrivals[among].mean())) for option, arrivals in self._arrivals[key]]
        )

    def _expected(
        self, allowed: int, occasion: int, prediction: ArrivalPrediction
    ) -> list[tuple[RateOption, torch.Tensor]]:
        """Return every MCS with the probability that its block arrives over each of the calibration channels."""
        found = []
        for mcs, link in self.links.items():
            if size := link.payload_bytes(allowed):
                sent = [Transmission(occasion, link.symbol_link.capacity(allowed))]
                found.append((RateOption(mcs, size, 1.0), prediction.arrivals(mcs, size, sent)[-1]))
        return found

    def _qualities(self, general: int, es_n0_db: float, prediction: ArrivalPrediction) -> torch.Tensor:
        """Return how well the general part arrives over each of the calibration channels, dB."""
        key = es_n0_db, general
        if key not in self._quality:
            noise = 10 ** (-prediction.sinr_db(Transmission(0, general)) / 10)
            self._quality[key] = 10 * effective_snr(noise).log10()
        return self._quality[key]
