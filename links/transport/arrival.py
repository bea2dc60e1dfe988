"""The probability that a transport block arrives, predicted without decoding anything.

Arrival is predicted by mutual information, as link-to-system mappings do (mutual-information effective SINR mapping,
Brueninghaus et al., PIMRC 2005), with the normal approximation for the finite block length (Polyanskiy, Poor and
Verdú 2010). The channels it is averaged over come from seeds of their own: nothing is known of those of a run.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

import torch

from taskwave.phy.channel.air import AirInterface
from taskwave.phy.coding.mcs import Mcs, mcs_ladder
from taskwave.phy.coding.transport_block import transport_crc_length
from taskwave.phy.links.calibration import (
    CALIBRATION_NOISE_SEED,
    calibrated_sinr_db,
    calibration_fading,
    calibration_symbols,
)
from taskwave.phy.links.symbol import SymbolLink
from taskwave.phy.radio import Radio
from taskwave.phy.theory import awgn_dispersion, bicm_moments

GAP_DB = 0.8
"""Distance in dB of codes of the standard from the normal approximation."""
GRID_DB = torch.linspace(-25.0, 45.0, 281)
"""SINRs [dB] at which curves are tabulated."""


@dataclass(frozen=True)
class Calibration:
    """Describes the channels that a prediction is averaged over."""

    draws: int
    occasions: int
    """Number of forward transmissions that each channel lasts."""


@dataclass(frozen=True)
class Transmission:
    """Describes one transmission of a block: where it lies in time, and its length."""

    occasion: int
    num_symbols: int


def arrival_probability(information: torch.Tensor, variance: torch.Tensor, needed: torch.Tensor) -> torch.Tensor:
    """Compute the probability [...] that a block arrives whose information is normally distributed.

    Args:
        information: [...] mean information that the receiver gets, in bits.
        variance: [...] of that information, in bits squared.
        needed: [...] bits that decoding takes.
    """
    probability: torch.Tensor = torch.special.ndtr((information - needed) / variance.sqrt())
    return probability


@cache
def bicm_information(modulation_order: int) -> torch.Tensor:
    """Tabulate the BICM capacity [len(GRID_DB)] float32 of the modulation over `GRID_DB`, in bits per symbol."""
    kept, _ = bicm_moments(modulation_order, GRID_DB.numpy())
    return torch.from_numpy(kept).clamp(min=0).float()


def at_sinr(curve: torch.Tensor, sinr_db: torch.Tensor) -> torch.Tensor:
    """Interpolate a curve over `GRID_DB` linearly at `sinr_db` [...]."""
    step = float(GRID_DB[1] - GRID_DB[0])
    position = ((sinr_db - GRID_DB[0]) / step).clamp(0, len(GRID_DB) - 1.001)
    before = position.long()
    weight = position - before
    return curve[before] * (1 - weight) + curve[before + 1] * weight


def information_variance(sinr_db: torch.Tensor) -> torch.Tensor:
    """Compute the variance [...] float64 of each symbol's information, bits squared: the dispersion of complex AWGN."""
    return torch.from_numpy(awgn_dispersion(10 ** (sinr_db.double().numpy() / 10)))


class ArrivalPrediction:
    """Predicts whether blocks arrive, over channels drawn once per radio, at one mean SNR of the transmitter.

    Args:
        radio: the radio; links that are on the air give the one they rehearse with.
        es_n0_db: mean Es/N0 of the forward link [dB].
        calibration: the channels that are averaged over.
    """

    def __init__(self, radio: Radio, es_n0_db: float, calibration: Calibration) -> None:
        self._link = SymbolLink(radio)
        fading = calibration_fading(radio, calibration.draws, calibration.occasions)
        self.air = AirInterface(radio.config, fading, es_n0_db, CALIBRATION_NOISE_SEED)
        self._information: dict[Transmission, dict[int, torch.Tensor]] = {}
        self._variance: dict[Transmission, torch.Tensor] = {}

    def arrivals(self, mcs: Mcs, payload_bytes: int, transmissions: Sequence[Transmission]) -> list[torch.Tensor]:
        """Predict P(block has arrived) over each calibration channel, [draws] after each of `transmissions`.

        Incremental redundancy adds up the information of all transmissions.

        Args:
            mcs: modulation and coding scheme.
            payload_bytes: bytes of the block.
            transmissions: transmissions of the block, in time.
        """
        needed = torch.tensor(8 * payload_bytes + transport_crc_length(8 * payload_bytes))
        bits = variance = torch.zeros(())
        found: list[torch.Tensor] = []
        for transmission in transmissions:
            self._measure(transmission)
            bits = bits + self._information[transmission][mcs.modulation_order]
            variance = variance + self._variance[transmission]
            arrived = arrival_probability(bits, variance, needed)
            found.append(torch.maximum(found[-1], arrived) if found else arrived)
        return found

    def _measure(self, transmission: Transmission) -> None:
        """Compute, once, the information [draws] of a transmission in bits with each modulation, and its variance."""
        if transmission in self._variance:
            return
        sinr_db = self.sinr_db(transmission) - GAP_DB
        self._information[transmission] = {
            order: at_sinr(bicm_information(order), sinr_db).sum(1)
            for order in {scheme.modulation_order for scheme in mcs_ladder()}
        }
        self._variance[transmission] = information_variance(sinr_db).sum(1)

    def sinr_db(self, transmission: Transmission) -> torch.Tensor:
        """Measure the post-equalisation SINR [draws, num_symbols] in dB over every calibration channel."""
        sent = calibration_symbols(self.air.batch, transmission.num_symbols)
        reception = self._link.send(sent, self.air.forward(transmission.occasion))
        return calibrated_sinr_db(reception, sent)


@lru_cache(maxsize=64)
def arrival_prediction(radio: Radio, es_n0_db: float, calibration: Calibration) -> ArrivalPrediction:
    """Return the prediction that the links of one radio share: a memo, it changes no result."""
    return ArrivalPrediction(radio, es_n0_db, calibration)
