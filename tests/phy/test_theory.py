"""Tests of closed forms against published values, limits and one another."""

import math

import numpy as np
import pytest
from scipy.integrate import quad

from taskwave.phy.theory import (
    awgn_capacity,
    awgn_dispersion,
    ber_qam_awgn,
    ber_qam_rayleigh,
    bicm_moments,
    lmmse_sinr,
    normal_approximation_bits,
    normal_approximation_bler,
)


@pytest.mark.parametrize("order", [2, 4, 6, 8])
@pytest.mark.parametrize("branches", [1, 2, 4])
def test_fading_is_the_mean_over_the_gamma_distribution(order: int, branches: int) -> None:
    es_n0_db = 8.0

    def integrand(gain: float) -> float:
        density = gain ** (branches - 1) * math.exp(-gain) / math.factorial(branches - 1)
        return density * ber_qam_awgn(order, es_n0_db + 10 * math.log10(gain))

    expected, _ = quad(integrand, 1e-12, 60, limit=200)
    assert ber_qam_rayleigh(order, es_n0_db, branches) == pytest.approx(expected, rel=1e-6)


def test_capacity_and_dispersion_are_of_the_complex_channel() -> None:
    # Polyanskiy, Poor and Verdú 2010: at 0 dB a real use has C = 1/2 bit and V = 3/8 log2(e)^2; two of them.
    assert float(awgn_capacity(1.0)) == pytest.approx(1.0)
    assert float(awgn_dispersion(1.0)) == pytest.approx(2 * 0.375 / math.log(2) ** 2)
    assert float(awgn_dispersion(1e9)) == pytest.approx(1 / math.log(2) ** 2)


def test_normal_approximation_is_that_of_twice_as_many_real_uses() -> None:
    # n C - sqrt(n V) Q^-1(1e-3) + log2(n) / 2 of 1000 real uses at 0 dB; Q^-1(1e-3) = 3.0902.
    expected = 1000 * 0.5 - math.sqrt(1000 * 0.375) / math.log(2) * 3.0902 + math.log2(1000) / 2
    bits = normal_approximation_bits(1e-3, 500, awgn_capacity(1.0), awgn_dispersion(1.0))
    assert float(bits) == pytest.approx(expected, abs=0.01)


def test_normal_approximation_has_its_inverse() -> None:
    for bler in (0.3, 1e-2, 1e-5):
        bits = normal_approximation_bits(bler, 300, awgn_capacity(4.0), awgn_dispersion(4.0))
        assert float(normal_approximation_bler(bits, 300, awgn_capacity(4.0), awgn_dispersion(4.0))) == pytest.approx(
            bler
        )
    assert float(normal_approximation_bler(10, 300, 2.0, 0.0)) == 0.0


@pytest.mark.parametrize("order", [2, 4, 6, 8])
def test_bicm_lies_below_capacity_and_saturates(order: int) -> None:
    es_n0_db = np.linspace(-10, 45, 30)
    information, dispersion = bicm_moments(order, es_n0_db)
    assert bool((information < awgn_capacity(10 ** (es_n0_db / 10))).all())
    assert bool((np.diff(information) > -1e-9).all()) and bool((dispersion >= 0).all())
    assert information[-1] == pytest.approx(order) and dispersion[-1] == pytest.approx(0, abs=1e-9)


def test_bicm_of_qpsk_is_that_of_two_binary_channels() -> None:
    # Capacity of the binary-input AWGN channel at Es/N0 = 0 dB (noise variance 1/2): 0.7215 bit.
    (information, _) = bicm_moments(2, 10 * math.log10(2))
    assert float(information) / 2 == pytest.approx(0.7215, abs=2e-4)


def test_sinr_of_one_layer_is_the_matched_filter() -> None:
    h = np.array([[[1.0 + 1j], [0.5j]]])
    assert lmmse_sinr(h, [0.5])[0, 0] == pytest.approx(2.25 / 0.5)
