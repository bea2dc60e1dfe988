"""What a realised channel could carry, and how likely a transport block is to arrive, without decoding anything.

Success is predicted by mutual information, as link-to-system mappings do (mutual-information effective SINR mapping,
Brueninghaus et al., PIMRC 2005), with the normal approximation for the finite block length (Polyanskiy, Poor and
Verdú 2010). The channels it is averaged over come from seeds of their own: nothing is known of those of a run.
"""

import math
from functools import cache, lru_cache

import numpy as np
import torch

from taskwave.phy.air import Air, AirInterface, Radio
from taskwave.phy.definitions import noise_variance
from taskwave.phy.mcs import Mcs
from taskwave.phy.modulation import Modulation
from taskwave.phy.seeds import generator
from taskwave.phy.symbol_link import SymbolLink
from taskwave.phy.transport_block import transport_crc_length

CALIBRATION_SEED = 0x7A5C
CALIBRATION_DRAWS = 128

_GAP_DB = 0.8
"""How much better than the channel a code of the standard must find it, to do as the normal approximation says."""
_GRID_DB = torch.linspace(-25.0, 45.0, 281)


def capacity_bits(link: SymbolLink, num_symbols: int, air: Air) -> torch.Tensor:
    """Capacity of each image's realised channel over the data REs of a message of `num_symbols`: [B] float64, bits.

    log2 det(I + H H^H / no) summed over REs, with the true channel H (layer powers included), Gaussian symbols and
    equal power on every layer: no code, constellation, estimator or equaliser on these REs carries more.
    """
    no = noise_variance(air.es_n0_db)
    total = torch.zeros(air.batch, dtype=torch.float64)
    for slot, allocation in enumerate(link.allocator.allocate(num_symbols)):
        h = air.frequency_response(allocation, slot)[..., list(allocation.data_ofdm_symbols), :]
        h_re = h.permute(0, 3, 4, 1, 2).to(torch.complex128) / math.sqrt(allocation.num_layers)
        gram = h_re.mH @ h_re / no + torch.eye(h_re.shape[-1])
        total += torch.linalg.slogdet(gram).logabsdet.sum((1, 2)) / math.log(2)
    return total


@cache
def _information(modulation_order: int) -> torch.Tensor:
    """Bits per symbol that bit-wise demapping of Gray-mapped QAM in AWGN keeps, over `_GRID_DB`.

    BICM capacity (Caire, Taricco and Biglieri 1998), of the two independent real dimensions, by Gauss-Hermite rule.
    """
    half = modulation_order // 2
    labels = torch.arange(1 << half)[:, None] >> torch.arange(half) & 1
    bits = torch.zeros(1 << half, modulation_order)
    bits[:, ::2] = labels.float()  # the even bits choose the real part (TS 38.211 clause 5.1)
    levels = Modulation(modulation_order).map(bits)[:, 0].real.double()
    nodes, weights = (torch.from_numpy(v) for v in np.polynomial.hermite.hermgauss(48))
    sigma = (10 ** (-_GRID_DB.double() / 10)).sqrt()[:, None, None]  # exp(-t^2) has variance 1/2, as has no / 2
    received = levels[None, :, None] + sigma * nodes  # [grid, sent, node]
    metric = -(((received[..., None] - levels) / sigma[..., None]) ** 2)  # log-likelihood, [grid, sent, node, level]
    kept = torch.zeros(len(_GRID_DB), dtype=torch.float64)
    for position in range(half):
        same = labels[:, position][:, None] == labels[:, position]
        agreeing = metric.masked_fill(~same[None, :, None, :], -torch.inf).logsumexp(-1)
        lost = ((metric.logsumexp(-1) - agreeing) * weights).sum(-1).mean(-1) / math.sqrt(math.pi) / math.log(2)
        kept += 2 * (1 - lost)
    return kept.clamp(min=0).float()


def _at_sinr(curve: torch.Tensor, sinr_db: torch.Tensor) -> torch.Tensor:
    """Linear interpolation of a curve over `_GRID_DB`."""
    step = float(_GRID_DB[1] - _GRID_DB[0])
    position = ((sinr_db - _GRID_DB[0]) / step).clamp(0, len(_GRID_DB) - 1.001)
    before = position.long()
    weight = position - before
    return curve[before] * (1 - weight) + curve[before + 1] * weight


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
            sinr_db = self._sinr_db(num_symbols, es_n0_db) - _GAP_DB
            information = _at_sinr(_information(mcs.modulation_order), sinr_db).sum(1)
            variance = (1 - (1 + 10 ** (sinr_db / 10)) ** -2).sum(1) / math.log(2) ** 2
            needed = 8 * payload_bytes + transport_crc_length(8 * payload_bytes)
            self._known[key] = float(torch.special.ndtr((information - needed) / variance.sqrt()).mean())
        return self._known[key]

    def _sinr_db(self, num_symbols: int, es_n0_db: float) -> torch.Tensor:
        """Post-equalisation SINR [dB] of every symbol of every calibration channel, [draws, num_symbols]."""
        key = (num_symbols, es_n0_db)
        if key not in self._sinr:
            air = AirInterface(self._radio, self._fading, es_n0_db, CALIBRATION_SEED).forward(0)
            sent = self._symbols(air.batch, num_symbols)
            reception = self._link.send(sent, air)
            # The receiver may be wrong about its noise (errors of channel estimation): count what is there.
            actual = ((reception.symbols - sent).abs().square() / reception.noise_variance).mean()
            self._sinr = {key: -10 * torch.log10(reception.noise_variance * actual)}
        return self._sinr[key]

    def _symbols(self, batch: int, num_symbols: int) -> torch.Tensor:
        """Pilots alone tell most estimators of the channel; one that looks at data must not see them all alike."""
        if self._radio.neural is None:
            return torch.ones(batch, num_symbols, dtype=torch.complex64)
        seed = generator(CALIBRATION_SEED)
        return torch.randn((batch, num_symbols), dtype=torch.complex64, generator=seed)


@lru_cache(maxsize=4)
def success_prediction(radio: Radio) -> SuccessPrediction:
    """The prediction that all links of one radio share: a memo, it changes no result."""
    return SuccessPrediction(radio)
