"""What no code can do better on a channel: Shannon capacity, outage, and the normal approximation for finite blocks."""

import math
from functools import lru_cache
from typing import Literal

import torch

from taskwave.links.link_abstraction import CALIBRATION_DRAWS, CALIBRATION_NOISE_SEED, CALIBRATION_SEED
from taskwave.phy.air import Air, AirInterface, Radio
from taskwave.phy.definitions import noise_variance
from taskwave.phy.seeds import generator
from taskwave.phy.symbol_link import SymbolLink
from taskwave.phy.theory import awgn_capacity, awgn_dispersion, normal_approximation_bler

Code = Literal["outage", "finite"]

_DRAW = 2**20 + 1
"""Of the seed that decides whether a finite block arrives."""


def information(link: SymbolLink, num_symbols: int, air: Air) -> tuple[torch.Tensor, torch.Tensor]:
    """Capacity and dispersion of each image's realised channel over the data REs of a message, two [B] float64.

    In bits and bits squared, summed over the eigenmodes of all REs, with the true channel (layer powers included),
    Gaussian symbols and equal power on every layer; estimation costs nothing but the pilots' REs. Precoders are those
    that the transmitter would use, error and age of its knowledge included.
    """
    no = noise_variance(air.es_n0_db)
    air = link.precoded(air, num_symbols)
    capacity, dispersion = torch.zeros(2, air.batch, dtype=torch.float64)
    for slot, allocation in enumerate(link.allocator.allocate(num_symbols)):
        h = air.frequency_response(allocation, slot)[..., list(allocation.data_ofdm_symbols), :]
        h_re = h.permute(0, 3, 4, 1, 2).to(torch.complex128) / math.sqrt(allocation.num_layers)
        snr = (_eigenvalues(h_re.mH @ h_re).clamp_min(0) / no).numpy()
        capacity += torch.from_numpy(awgn_capacity(snr).sum((1, 2, 3)))
        dispersion += torch.from_numpy(awgn_dispersion(snr).sum((1, 2, 3)))
    return capacity, dispersion


def _eigenvalues(gram: torch.Tensor) -> torch.Tensor:
    """[..., K] of Hermitian [..., K, K]; the small ones in closed form, as LAPACK takes them one by one."""
    if gram.shape[-1] == 1:
        return gram.real[..., 0]
    if gram.shape[-1] == 2:
        half = (gram[..., 0, 0] + gram[..., 1, 1]).real / 2
        root = (((gram[..., 0, 0] - gram[..., 1, 1]).real / 2).square() + gram[..., 0, 1].abs().square()).sqrt()
        return torch.stack((half - root, half + root), dim=-1)
    eigenvalues: torch.Tensor = torch.linalg.eigvalsh(gram)
    return eigenvalues


class Limit:
    """How likely a block of the best code of fixed rate arrives when the transmitter knows only the mean SNR.

    Args:
        radio: the radio.
        code: "outage": of infinite length, it arrives if the realised channel carries it; "finite": of the message's
            own length, by the normal approximation.
    """

    def __init__(self, radio: Radio, code: Code) -> None:
        self.code = code
        self.link = SymbolLink(radio.rehearsal or radio)
        self._fading = self.link.radio.draw(CALIBRATION_DRAWS, 1, CALIBRATION_SEED)
        self._known: dict[tuple[int, float], tuple[torch.Tensor, torch.Tensor]] = {}

    def success(self, payload_bytes: torch.Tensor, num_symbols: int, es_n0_db: float) -> torch.Tensor:
        """Probability [N] float64 that payloads of `payload_bytes` [N] arrive, over channels of seeds of their own."""
        capacity, dispersion = self._calibration(num_symbols, es_n0_db)
        return self._arrival(payload_bytes[:, None], capacity, dispersion, num_symbols).mean(1)

    def mean_capacity(self, num_symbols: int, es_n0_db: float) -> float:
        """Bits that a message carries on average when the transmitter is told each channel (ergodic capacity)."""
        return float(self._calibration(num_symbols, es_n0_db)[0].mean())

    def arrives(self, payload_bytes: torch.Tensor, num_symbols: int, air: Air) -> torch.Tensor:
        """Whether payloads of `payload_bytes` [B] arrive over the realised channels of `air`, [B] bool."""
        chance = self._arrival(payload_bytes, *information(self.link, num_symbols, air), num_symbols)
        draws = [float(torch.rand((), generator=generator(air.seed, i, _DRAW))) for i in air.images.tolist()]
        return torch.tensor(draws, dtype=torch.float64) < chance

    def _calibration(self, num_symbols: int, es_n0_db: float) -> tuple[torch.Tensor, torch.Tensor]:
        key = (num_symbols, es_n0_db)
        if key not in self._known:
            air = AirInterface(self.link.radio, self._fading, es_n0_db, CALIBRATION_NOISE_SEED).forward(0)
            self._known[key] = information(self.link, num_symbols, air)
        return self._known[key]

    def _arrival(
        self, payload_bytes: torch.Tensor, capacity: torch.Tensor, dispersion: torch.Tensor, num_symbols: int
    ) -> torch.Tensor:
        bits = 8 * payload_bytes.double()
        if self.code == "outage":
            return (capacity >= bits).double()
        n = num_symbols
        return 1 - torch.from_numpy(normal_approximation_bler(bits, n, capacity / n, dispersion / n))


@lru_cache(maxsize=8)
def limit(radio: Radio, code: Code) -> Limit:
    """The limit that all links of one radio share: a memo, it changes no result."""
    return Limit(radio, code)
