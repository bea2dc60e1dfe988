"""Bounds on every bit-wise link: the best that codes can do on a channel, and image codecs over such codes.

Shannon capacity, outage, and the normal approximation for finite blocks.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import torch

from taskwave.links.base import BudgetError, Delivery, LinkKind
from taskwave.links.bitwise.source import codec_source
from taskwave.links.transport.arrival import arrival_probability
from taskwave.links.transport.rate import PayloadReception, choose
from taskwave.phy.channel.air import Air, AirInterface
from taskwave.phy.definitions import noise_variance
from taskwave.phy.links.calibration import CALIBRATION_NOISE_SEED, CALIBRATION_SEED
from taskwave.phy.links.symbol import SymbolLink
from taskwave.phy.radio import Radio
from taskwave.phy.seeds import generator
from taskwave.phy.theory import awgn_capacity, awgn_dispersion
from taskwave.semantic.tasks.base import Task
from taskwave.semantic.weights import Models

Code = Literal["outage", "finite"]

_CALIBRATION_DRAWS = 128
_DRAW = 2**20 + 1
"""Sets the draws that decide whether a finite block arrives apart from others of the same seed."""


def information(link: SymbolLink, num_symbols: int, air: Air) -> tuple[torch.Tensor, torch.Tensor]:
    """Compute capacity and dispersion of each image's realised channel over the data REs of a message, [B] float64.

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
    """Compute the eigenvalues [..., K] of Hermitian matrices; small ones in closed form, LAPACK takes them singly."""
    if gram.shape[-1] == 1:
        return gram.real[..., 0]
    if gram.shape[-1] == 2:
        half = (gram[..., 0, 0] + gram[..., 1, 1]).real / 2
        root = (((gram[..., 0, 0] - gram[..., 1, 1]).real / 2).square() + gram[..., 0, 1].abs().square()).sqrt()
        return torch.stack((half - root, half + root), dim=-1)
    eigenvalues: torch.Tensor = torch.linalg.eigvalsh(gram)
    return eigenvalues


class Limit:
    """Predicts whether a block of the best code of fixed rate arrives when the transmitter knows only the mean SNR.

    Args:
        radio: the radio.
        code: "outage": of infinite length, it arrives if the realised channel carries it; "finite": of the message's
            own length, by the normal approximation.
    """

    def __init__(self, radio: Radio, code: Code) -> None:
        self.code = code
        self.link = SymbolLink(radio.rehearsal or radio)
        self._fading = self.link.radio.draw(_CALIBRATION_DRAWS, 1, CALIBRATION_SEED)
        self._known: dict[tuple[int, float], tuple[torch.Tensor, torch.Tensor]] = {}

    def success(self, payload_bytes: torch.Tensor, num_symbols: int, es_n0_db: float) -> torch.Tensor:
        """Compute the probability [N] float64 that payloads [N] arrive, over channels of seeds of their own."""
        capacity, dispersion = self._calibration(num_symbols, es_n0_db)
        return self._arrival(payload_bytes[:, None], capacity, dispersion, num_symbols).mean(1)

    def mean_capacity(self, num_symbols: int, es_n0_db: float) -> float:
        """Count the mean bits of a message when the transmitter is told each channel (ergodic capacity)."""
        return float(self._calibration(num_symbols, es_n0_db)[0].mean())

    def arrives(self, payload_bytes: torch.Tensor, num_symbols: int, air: Air) -> torch.Tensor:
        """Decide whether payloads of `payload_bytes` [B] arrive over the realised channels of `air`, [B] bool."""
        chance = self._arrival(payload_bytes, *information(self.link, num_symbols, air), num_symbols)
        draws = [float(torch.rand((), generator=generator(air.seed, i, _DRAW))) for i in air.images.tolist()]
        return torch.tensor(draws, dtype=torch.float64) < chance

    def _calibration(self, num_symbols: int, es_n0_db: float) -> tuple[torch.Tensor, torch.Tensor]:
        key = (num_symbols, es_n0_db)
        if key not in self._known:
            air = AirInterface(self.link.radio.config, self._fading, es_n0_db, CALIBRATION_NOISE_SEED).forward(0)
            self._known[key] = information(self.link, num_symbols, air)
        return self._known[key]

    def _arrival(
        self, payload_bytes: torch.Tensor, capacity: torch.Tensor, dispersion: torch.Tensor, num_symbols: int
    ) -> torch.Tensor:
        bits = 8 * payload_bytes.double()
        if self.code == "outage":
            return (capacity >= bits).double()
        # The logarithm is that of the normal approximation, for 2 n real uses (see `taskwave.phy.theory`).
        return arrival_probability(capacity, dispersion, bits - math.log2(2 * num_symbols) / 2)


@lru_cache(maxsize=8)
def limit(radio: Radio, code: Code) -> Limit:
    """Return the limit that all links of one radio share: a memo, it changes no result."""
    return Limit(radio, code)


_FINER = 1.04
"""Factor from one rate that is tried to the next."""


@dataclass(frozen=True)
class _Rate:
    """Holds a payload size and its chance to arrive."""

    payload_bytes: int
    success: float


class IdealLink:
    """Sends images over codes that are bounds, by what the transmitter knows and how long the code is.

    - "ideal": it is told the capacity of each realised channel, and each image gets as many whole bytes; there is no
      outage unless not even the smallest rung fits.
    - "outage": it knows the mean SNR only; a code of infinite length arrives if the realised channel carries it.
    - "finite": the same with a code as long as the message, by the normal approximation.

    Those that are not told choose rate and rung as the bit-wise links do, by chance × worth. Pilots occupy their REs as
    for every link; the channel is known at the receiver.
    """

    kind: LinkKind = "bound"

    def __init__(
        self, models: Models, radio: Radio, codec: str, code: Literal["ideal", "outage", "finite"] = "ideal"
    ) -> None:
        self.name = f"{code}-{codec}"
        self._source = codec_source(codec, models)
        self._symbols = SymbolLink(radio)
        self._limit = None if code == "ideal" else limit(radio, code)

    @torch.no_grad()
    def run(self, images: torch.Tensor, tasks: Sequence[Task], budget: int, air: AirInterface) -> list[Delivery]:
        """Implement `taskwave.links.base.Link.run`; one transmission serves all tasks."""
        num_symbols = self._symbols.capacity(budget)
        if num_symbols == 0:
            raise BudgetError(
                f"{self.name}: a budget of {budget} channel uses carries no symbol; "
                f"allow at least {self._symbols.channel_uses(1)}"
            )
        send = self._told if self._limit is None else self._blind
        uses = torch.full((len(images),), self._symbols.channel_uses(num_symbols))
        slots = torch.full_like(uses, self._symbols.slots(num_symbols))
        received = PayloadReception(send(images, num_symbols, air), uses, torch.zeros_like(uses), slots)
        return self._source.deliver(received, images, len(tasks))

    def _told(self, images: torch.Tensor, num_symbols: int, air: AirInterface) -> list[bytes | None]:
        """Find what arrives when each channel's capacity is known."""
        limits = (information(self._symbols, num_symbols, air.forward(0))[0] // 8).long().tolist()
        rungs = [self._source.rungs(image).best(most) for image, most in zip(images, limits, strict=True)]
        return [None if rung is None else rung.payload for rung in rungs]

    def _blind(self, images: torch.Tensor, num_symbols: int, air: AirInterface) -> list[bytes | None]:
        """Find what arrives of the most promising rates."""
        assert self._limit is not None
        rates = self._rates(self._source.smallest(images.shape[-2], images.shape[-1]), num_symbols, air.es_n0_db)
        chosen = [choose(rates, self._source.offers(image)) for image in images]
        sizes = torch.tensor([0 if choice is None else len(choice[1].payload) for choice in chosen])
        arrived = self._limit.arrives(sizes, num_symbols, air.forward(0)).tolist()
        return [c[1].payload if c is not None and ok else None for c, ok in zip(chosen, arrived, strict=True)]

    def _rates(self, smallest: int, num_symbols: int, es_n0_db: float) -> list[_Rate]:
        """List payloads by falling chance, from the smallest message to twice what the mean channel carries."""
        assert self._limit is not None
        most = self._limit.mean_capacity(num_symbols, es_n0_db) / 4
        sizes = [smallest]
        while sizes[-1] < most:
            sizes.append(max(sizes[-1] + 1, int(sizes[-1] * _FINER)))
        chances = self._limit.success(torch.tensor(sizes), num_symbols, es_n0_db).tolist()
        return [_Rate(size, chance) for size, chance in zip(sizes, chances, strict=True)]
