"""How likely a transport block is to arrive, without decoding anything.

Success is predicted by mutual information, as link-to-system mappings do (mutual-information effective SINR mapping,
Brueninghaus et al., PIMRC 2005), with the normal approximation for the finite block length (Polyanskiy, Poor and
Verdú 2010). The channels it is averaged over come from seeds of their own: nothing is known of those of a run.
"""

from functools import cache, lru_cache

import torch

from taskwave.phy.air import AirInterface, Radio
from taskwave.phy.mcs import Mcs
from taskwave.phy.modulation import Modulation
from taskwave.phy.seeds import generator
from taskwave.phy.symbol_link import SymbolLink, SymbolReception
from taskwave.phy.theory import awgn_dispersion, bicm_moments
from taskwave.phy.transport_block import transport_crc_length

CALIBRATION_SEED = 0x7A5C
CALIBRATION_NOISE_SEED = CALIBRATION_SEED + 1
"""Channels and noise of calibrations have seeds of their own."""
CALIBRATION_DRAWS = 128

GAP_DB = 0.8
"""How much better than the channel a code of the standard must find it, to do as the normal approximation says."""
_GRID_DB = torch.linspace(-25.0, 45.0, 281)


@cache
def bicm_information(modulation_order: int) -> torch.Tensor:
    """BICM capacity of the modulation over `_GRID_DB`, bits per symbol."""
    kept, _ = bicm_moments(modulation_order, _GRID_DB.numpy())
    return torch.from_numpy(kept).clamp(min=0).float()


def at_sinr(curve: torch.Tensor, sinr_db: torch.Tensor) -> torch.Tensor:
    """Linear interpolation of a curve over `_GRID_DB`."""
    step = float(_GRID_DB[1] - _GRID_DB[0])
    position = ((sinr_db - _GRID_DB[0]) / step).clamp(0, len(_GRID_DB) - 1.001)
    before = position.long()
    weight = position - before
    return curve[before] * (1 - weight) + curve[before + 1] * weight


def normal_variance(sinr_db: torch.Tensor) -> torch.Tensor:
    """Variance of the information that each symbol carries, bits squared: the dispersion of complex AWGN channels."""
    return torch.from_numpy(awgn_dispersion(10 ** (sinr_db.double().numpy() / 10)))


def calibration_symbols(batch: int, num_symbols: int) -> torch.Tensor:
    """Random QPSK [batch, num_symbols] that both ends know.

    Equal symbols would be one peak, at which an amplifier saturates, and tell a receiver that looks at data more than
    data would.
    """
    bits = torch.randint(2, (batch, 2 * num_symbols), generator=generator(CALIBRATION_SEED, num_symbols))
    return Modulation(2).map(bits)


def calibrated_sinr_db(reception: SymbolReception, sent: torch.Tensor) -> torch.Tensor:
    """Post-equalisation SINR [dB] of every symbol of `sent` [B, n]; hopeless in messages that were not detected.

    The receiver may be wrong about its noise (errors of channel estimation): what is there counts, where it detects.
    """
    ratio = ((reception.symbols - sent).abs().square() / reception.noise_variance)[~reception.lost]
    actual = ratio.mean() if len(ratio) else torch.ones(())
    return -10 * torch.log10(reception.noise_variance * actual)


class SuccessPrediction:
    """Probability that a transport block arrives, over channels drawn once per radio."""

    def __init__(self, radio: Radio) -> None:
        self._radio = radio.rehearsal or radio
        self._link = SymbolLink(self._radio)
        self._fading = self._radio.draw(CALIBRATION_DRAWS, 1, CALIBRATION_SEED)
        self._sinr: dict[tuple[int, float], torch.Tensor] = {}
        self._known: dict[tuple[Mcs, int, int, float], float] = {}

    def probability(self, mcs: Mcs, payload_bytes: int, num_symbols: int, es_n0_db: float) -> float:
        """P(all CRCs hold) of `payload_bytes` in `num_symbols` data symbols with `mcs`, transmitter blind: 0…1."""
        key = (mcs, payload_bytes, num_symbols, es_n0_db)
        if key not in self._known:
            sinr_db = self._sinr_db(num_symbols, es_n0_db) - GAP_DB
            kept = at_sinr(bicm_information(mcs.modulation_order), sinr_db).sum(1)
            variance = normal_variance(sinr_db).sum(1)
            needed = 8 * payload_bytes + transport_crc_length(8 * payload_bytes)
            self._known[key] = float(torch.special.ndtr((kept - needed) / variance.sqrt()).mean())
        return self._known[key]

    def _sinr_db(self, num_symbols: int, es_n0_db: float) -> torch.Tensor:
        """Post-equalisation SINR [dB] of every symbol of every calibration channel, [draws, num_symbols]."""
        key = (num_symbols, es_n0_db)
        if key not in self._sinr:
            air = AirInterface(self._radio, self._fading, es_n0_db, CALIBRATION_NOISE_SEED).forward(0)
            sent = calibration_symbols(air.batch, num_symbols)
            reception = self._link.send(sent, air)
            self._sinr = {key: calibrated_sinr_db(reception, sent)}
        return self._sinr[key]


@lru_cache(maxsize=16)
def success_prediction(radio: Radio) -> SuccessPrediction:
    """The prediction that all links of one radio share: a memo, it changes no result."""
    return SuccessPrediction(radio)
