"""Coded bits as symbols and back: scrambling, QAM with the Gray labelling of TS 38.211 clause 5.1, interleaving."""

import math
from functools import cache, lru_cache

import torch

from taskwave.phy.seeds import generator

MODULATION_ORDERS = (2, 4, 6, 8)
"""Bits per QAM symbol for which there is a modulation."""

_SCRAMBLING_C_INIT = 1
"""Initial value of the scrambling sequence: any fixed one, as there is one transmitter."""
_INTERLEAVER_SEED = 0x1EAF
"""Seed of the permutation that both ends derive."""


@lru_cache
def _sequence(length: int) -> torch.Tensor:
    """Return [length] float32 zeros and ones of the sequence; a memo, as its generation is slow."""
    from sionna.phy.nr.utils import generate_prng_seq  # noqa: PLC0415 - Sionna takes seconds to import

    return torch.tensor(generate_prng_seq(length, _SCRAMBLING_C_INIT), dtype=torch.float32)


def scrambling_bits(length: int) -> torch.Tensor:
    """Return [length] float32 zeros and ones of the pseudo-random sequence of TS 38.211 clause 5.2.1."""
    return _sequence(1 << math.ceil(math.log2(max(length, 1024))))[:length]


def _log_sum(terms: list[torch.Tensor]) -> torch.Tensor:
    """Return the logarithm of the sum of exponentials of 2**k tensors.

    In pairs it is several times faster than `logsumexp`.
    """
    while len(terms) > 1:
        terms = [torch.logaddexp(first, second) for first, second in zip(terms[::2], terms[1::2], strict=True)]
    return terms[0]


class Modulation:
    """Maps bits to QAM symbols of unit mean energy and back to log-likelihood ratios.

    Args:
        order: number of bits per symbol m (2, 4, 6, 8), not the number of points 2**m.

    Raises:
        ValueError: any other order.
    """

    def __init__(self, order: int) -> None:
        from sionna.phy.mapping import Mapper  # noqa: PLC0415 - Sionna takes seconds to import

        if order not in MODULATION_ORDERS:
            raise ValueError(
                f"modulation order {order} is not one of {MODULATION_ORDERS}: give the bits of one symbol, "
                "for example 4 for 16-QAM."
            )
        self.order = order
        """Number of bits per symbol."""
        self._mapper = Mapper("qam", order, device="cpu")
        # Even bits choose the real part and odd bits the imaginary one by the same rule: one amplitude for each label.
        half = order // 2
        labels = (torch.arange(2**half)[:, None] >> torch.arange(half - 1, -1, -1)) & 1
        self._amplitudes = self._mapper(labels.repeat_interleave(2, dim=1).float())[:, 0].real
        self._ones = labels.bool().T

    def map(self, bits: torch.Tensor) -> torch.Tensor:
        """Map bits [B, n * order] of any dtype to symbols [B, n] complex64."""
        symbols: torch.Tensor = self._mapper(bits.float())
        return symbols

    def llr(self, symbols: torch.Tensor, noise_variance: torch.Tensor) -> torch.Tensor:
        """Return the logits [B, n * order] of symbols [B, n] and the variance of *their* noise, after equalisation.

        Logits are the exact log P(1) / P(0), found one axis at a time: the noise of real and imaginary part is
        independent.
        """
        axes, scale = torch.view_as_real(symbols), noise_variance.reciprocal().neg().unsqueeze(-1)
        metric = [(axes - amplitude).square() * scale for amplitude in self._amplitudes.tolist()]
        bits = [
            _log_sum([m for m, one in zip(metric, ones, strict=True) if one])
            - _log_sum([m for m, one in zip(metric, ones, strict=True) if not one])
            for ones in self._ones.tolist()
        ]
        # The shape is [B, n, bit of the axis, axis]: bits of the two axes alternate.
        return torch.stack(bits, dim=-2).flatten(1)

    def moments(self, symbols: torch.Tensor, noise_variance: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return posterior mean [...] complex64 and variance [...] float32 of what was sent; arguments as for `llr`."""
        probability = self._metric(symbols, noise_variance).softmax(dim=-1)
        amplitudes = self._amplitudes.to(probability.device)
        mean = probability @ amplitudes
        variance = (probability @ amplitudes.square() - mean.square()).sum(-1)
        return torch.view_as_complex(mean), variance.clamp_min(0)

    def _metric(self, symbols: torch.Tensor, noise_variance: torch.Tensor) -> torch.Tensor:
        """Return the log-likelihood [..., axis, amplitude] up to a constant."""
        axes = torch.view_as_real(symbols).unsqueeze(-1)
        metric: torch.Tensor = -(axes - self._amplitudes.to(axes.device)).square() / noise_variance[..., None, None]
        return metric


@cache
def interleaver(length: int) -> torch.Tensor:
    """Return the pseudo-random permutation [length] int64 that both ends know.

    Position i carries symbol `interleaver(length)[i]`. Neighbouring latents are alike and of like energy; on
    neighbouring subcarriers their sum has peaks that amplifiers clip. Spread, they look like noise, as scrambled
    QAM does.
    """
    return torch.randperm(length, generator=generator(_INTERLEAVER_SEED, length))
