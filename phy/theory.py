"""Closed forms and bounds that a radio is measured against: bit error rates, capacity, finite block length, SINR.

Arguments called `snr` are linear, not in decibels; block lengths are complex channel uses.
"""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import ndtr, ndtri

from taskwave.phy.coding.modulation import Modulation

Floats = npt.NDArray[np.float64]

_NODES, _WEIGHTS = np.polynomial.hermite.hermgauss(48)
"""Nodes and weights of the Gauss-Hermite rule."""


def _ber_qam(order: int, mean_erfc: Callable[[float], float]) -> float:
    """Return the bit error rate of square Gray-mapped QAM by the sum of Cho and Yoon 2002.

    `mean_erfc(a)` is the mean of erfc(sqrt(a * snr)) over the fading.
    """
    side = 2 ** (order // 2)
    total = 0.0
    for k in range(1, order // 2 + 1):
        for i in range(int((1 - 2.0**-k) * side)):
            step = i * 2 ** (k - 1) / side
            weight = (-1) ** math.floor(step) * (2 ** (k - 1) - math.floor(step + 0.5))
            total += weight * mean_erfc((2 * i + 1) ** 2 * 1.5 / (side**2 - 1)) / side
    return total / (order // 2)


def ber_qam_awgn(order: int, es_n0_db: float) -> float:
    """Return the exact bit error rate of square Gray-mapped QAM in AWGN.

    Source: Cho and Yoon, IEEE Trans. Commun. 50(7), 2002.

    Args:
        order: bits per symbol (2, 4, 6, 8).
        es_n0_db: symbol energy over noise variance of one complex dimension [dB].
    """
    return _ber_qam(order, lambda a: math.erfc(math.sqrt(a * 10 ** (es_n0_db / 10))))


def ber_qam_rayleigh(order: int, es_n0_db: float, branches: int = 1) -> float:
    """Return the exact mean bit error rate of square Gray-mapped QAM over Rayleigh fading.

    Independent branches are joined by maximum ratio combining. The mean of the Gaussian tail over a sum of exponentials
    is that of Proakis, Digital Communications, chapter on fading channels.

    Args:
        order: bits per symbol (2, 4, 6, 8).
        es_n0_db: mean Es/N0 of each branch [dB].
        branches: number of receive antennas.
    """

    def mean_erfc(a: float) -> float:
        mu = math.sqrt(a * 10 ** (es_n0_db / 10) / (1 + a * 10 ** (es_n0_db / 10)))
        tail = sum(math.comb(branches - 1 + k, k) * ((1 + mu) / 2) ** k for k in range(branches))
        return 2 * ((1 - mu) / 2) ** branches * tail

    return _ber_qam(order, mean_erfc)


def awgn_capacity(snr: npt.ArrayLike) -> Floats:
    """Return the capacity of the complex AWGN channel for Gaussian symbols [bit per channel use] (Shannon 1948)."""
    return np.asarray(np.log2(1 + np.asarray(snr, dtype=float)))


def awgn_dispersion(snr: npt.ArrayLike) -> Floats:
    """Return the dispersion of the complex AWGN channel [bit^2 per channel use].

    It is that of two real uses, S (S + 2) / (2 (S + 1)^2) log2(e)^2 each, S being `snr` (Polyanskiy, Poor and Verdú
    2010, theorem 54).
    """
    return np.asarray((1 - (1 + np.asarray(snr, dtype=float)) ** -2) / math.log(2) ** 2)


def bicm_moments(order: int, es_n0_db: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Return mean and variance of the information that bit-wise demapping of Gray-mapped QAM gives in AWGN.

    Both belong to the information density of a symbol, the sum over its bits: the mean is BICM capacity (Caire, Taricco
    and Biglieri 1998) [bit per symbol], the variance its dispersion [bit^2 per symbol]. Real and imaginary part are
    independent and alike; the noise is integrated by the Gauss-Hermite rule.

    Args:
        order: bits per symbol (2, 4, 6, 8).
        es_n0_db: [...] Es/N0 [dB].

    Returns:
        Mean and variance, each [...] float64.
    """
    half = order // 2
    labels = np.arange(1 << half)[:, None] >> np.arange(half) & 1
    bits = np.zeros((1 << half, order))
    bits[:, ::2] = labels  # the even bits choose the real part (TS 38.211 clause 5.1)
    levels = Modulation(order).map(torch.from_numpy(bits))[:, 0].real.double().numpy()
    es_n0_dbs = np.asarray(es_n0_db, dtype=float)
    sigma = np.sqrt(10 ** (-es_n0_dbs.reshape(-1) / 10))[:, None, None]  # exp(-t^2) has variance 1/2, as has no / 2
    received = levels[None, :, None] + sigma * _NODES  # [snr, sent, node]
    metric = -(((received[..., None] - levels) / sigma[..., None]) ** 2)  # log-likelihood, [snr, sent, node, level]
    every = np.logaddexp.reduce(metric, axis=-1)
    density = np.zeros(received.shape)
    for position in range(half):
        same = labels[:, position][:, None] == labels[:, position]
        agreeing = np.logaddexp.reduce(np.where(same[None, :, None, :], metric, -np.inf), axis=-1)
        density += 1 - (every - agreeing) / math.log(2)
    weights = _WEIGHTS / math.sqrt(math.pi) / len(levels)
    mean = (density * weights).sum(axis=(1, 2))
    variance = ((density - mean[:, None, None]) ** 2 * weights).sum(axis=(1, 2))
    return 2 * mean.reshape(es_n0_dbs.shape), 2 * variance.reshape(es_n0_dbs.shape)


def normal_approximation_bler(
    num_bits: npt.ArrayLike, num_uses: npt.ArrayLike, information: npt.ArrayLike, dispersion: npt.ArrayLike
) -> Floats:
    """Return the approximate least block error rate of k = `num_bits` in n = `num_uses` complex channel uses.

    It is Q((n C - k + log2(2 n) / 2) / sqrt(n V)) (Polyanskiy, Poor and Verdú 2010; the logarithm, for 2 n real uses,
    Tan and Tomamichel 2015). `information` C and `dispersion` V per use are those of `awgn_capacity` and
    `awgn_dispersion`, or of `bicm_moments`.
    """
    n, k = np.asarray(num_uses, dtype=float), np.asarray(num_bits, dtype=float)
    margin = n * np.asarray(information) - k + np.log2(2 * n) / 2
    with np.errstate(divide="ignore"):  # without dispersion the rate is 0 or 1
        return np.asarray(ndtr(-margin / np.sqrt(n * np.asarray(dispersion))))


def normal_approximation_bits(
    bler: npt.ArrayLike, num_uses: npt.ArrayLike, information: npt.ArrayLike, dispersion: npt.ArrayLike
) -> Floats:
    """Return the most bits that `num_uses` complex channel uses carry at block error rate `bler`.

    This is the inverse of `normal_approximation_bler`.
    """
    n = np.asarray(num_uses, dtype=float)
    back_off = np.sqrt(n * np.asarray(dispersion)) * ndtri(1 - np.asarray(bler, dtype=float))
    return np.asarray(n * np.asarray(information) - back_off + np.log2(2 * n) / 2)


def lmmse_sinr(h: npt.NDArray[np.complex128], no: npt.ArrayLike) -> Floats:
    """Return the linear SINR of each layer after LMMSE equalisation, 1 / [(I + H^H H / no)^-1]_kk - 1.

    Source: Kay 1993, theorem 11.1.

    Args:
        h: [..., M, K] channels of K layers of unit energy to M antennas.
        no: [...] noise variance of one complex dimension.

    Returns:
        SINR [..., K] float64.
    """
    gram = np.conj(np.swapaxes(h, -1, -2)) @ h / np.asarray(no, dtype=float)[..., None, None]
    inverse = np.linalg.inv(np.eye(h.shape[-1]) + gram)
    return np.asarray(1 / np.diagonal(inverse, axis1=-2, axis2=-1).real - 1)
