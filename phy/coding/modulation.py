"""Coded bits to symbols and back: scrambling, QAM with the Gray labelling of TS 38.211 clause 5.1, interleaving."""

import math
from functools import cache, lru_cache

import torch

from taskwave.phy.seeds import generator

MODULATION_ORDERS = (2, 4, 6, 8)


class Modulation:
    """Maps bits to QAM symbols of unit mean energy and back to log-likelihood ratios.

    Args:
        order: bits per symbol m (2, 4, 6, 8), not the number of points 2**m.

    Raises:
        ValueError: another order.
    """

    def __init__(self, order: int) -> None:
        from sionna.phy.mapping import Mapper  # noqa: PLC0415 - Sionna takes seconds to import

        if order not in MODULATION_ORDERS:
            raise ValueError(
                f"modulation order {order} is not one of {MODULATION_ORDERS}: give the bits of one symbol, "
                "for example 4 for 16-QAM."
            )
        self.order = order
        self._mapper = Mapper("qam", order, device="cpu")
        # Even bits choose the real part, odd bits the imaginary one, by the same rule: an amplitude per axis label.
        half = order // 2
        labels = (torch.arange(2**half)[:, None] >> torch.arange(half - 1, -1, -1)) & 1
        self._amplitudes = self._mapper(labels.repeat_interleave(2, dim=1).float())[:, 0].real
        self._ones = labels.bool().T

    def map(self, bits: torch.Tensor) -> torch.Tensor:
        """[B, n * order] bits of any dtype to [B, n] complex64 symbols."""
        symbols: torch.Tensor = self._mapper(bits.float())
        return symbols

    def llr(self, symbols: torch.Tensor, noise_variance: torch.Tensor) -> torch.Tensor:
        """[B, n] symbols and the variance of *their* noise, after equalisation, to [B, n * order] logits.

        Exact log P(1) / P(0), one axis at a time: the noise of real and imaginary part is independent.
        """
        axes, scale = torch.view_as_real(symbols), noise_variance.reciprocal().neg().unsqueeze(-1)
        metric = [(axes - amplitude).square() * scale for amplitude in self._amplitudes.tolist()]
        bits = [
            _log_sum([m for m, one in zip(metric, ones, strict=True) if one])
            - _log_sum([m for m, one in zip(metric, ones, strict=True) if not one])
            for ones in self._ones.tolist()
        ]
        # [B, n, bit of the axis, axis]: the axes take turns.
        return torch.stack(bits, dim=-2).flatten(1)

    def moments(self, symbols: torch.Tensor, noise_variance: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Posterior mean [...] complex64 and variance [...] float32 of what was sent; arguments as for `llr`."""
        chance = self._metric(symbols, noise_variance).softmax(dim=-1)
        amplitudes = self._amplitudes.to(chance.device)
        mean = chance @ amplitudes
        variance = (chance @ amplitudes.square() - mean.square()).sum(-1)
        return torch.view_as_complex(mean), variance.clamp_min(0)

    def _metric(self, symbols: torch.Tensor, noise_variance: torch.Tensor) -> torch.Tensor:
        """Log-likelihood [..., axis, amplitude] up to a constant."""
        axes = torch.view_as_real(symbols).unsqueeze(-1)
        metric: torch.Tensor = -(axes - self._amplitudes.to(axes.device)).square() / noise_variance[..., None, None]
        return metric


def _log_sum(terms: list[torch.Tensor]) -> torch.Tensor:
    """Logarithm of the sum of exponentials of 2**k tensors; in pairs it is several times faster than `logsumexp`."""
    while len(terms) > 1:
        terms = [torch.logaddexp(first, second) for first, second in zip(terms[::2], terms[1::2], strict=True)]
    return terms[0]


_C_INIT = 1
"""Any fixed identity: there is one transmitter only."""


def scrambling_bits(length: int) -> torch.Tensor:
    """[length] float32 zeros and ones of the pseudo-random sequence of TS 38.211 clause 5.2.1."""
    return _sequence(1 << math.ceil(math.log2(max(length, 1024))))[:length]


@lru_cache
def _sequence(length: int) -> torch.Tensor:
    from sionna.phy.nr.utils import generate_prng_seq  # noqa: PLC0415 - Sionna takes seconds to import

    return torch.tensor(generate_prng_seq(length, _C_INIT), dtype=torch.float32)


_SEED = 0x1EAF


@cache
def interleaver(length: int) -> torch.Tensor:
    """Pseudo-random permutation [length] int64 that both ends know: place i carries symbol `interleaver(length)[i]`.

    Neighbouring latents are alike and of like energy; on neighbouring subcarriers their sum has peaks that amplifiers
    clip. Spread, they look like noise, as scrambled QAM does.
    """
    return torch.randperm(length, generator=generator(_SEED, length))
