"""Tests of SNR, noise variance and bandwidth ratio."""

import math

import pytest

from taskwave.phy.definitions import bandwidth_ratio, eb_n0_to_es_n0_db, noise_variance


@pytest.mark.parametrize(("es_n0_db", "expected"), [(0.0, 1.0), (10.0, 0.1), (-10.0, 10.0), (3.0, 0.501187)])
def test_noise_variance_is_of_the_complex_sample(es_n0_db: float, expected: float) -> None:
    assert noise_variance(es_n0_db) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("es_n0_db", [math.nan, math.inf, -math.inf, 101.0, -101.0])
def test_noise_variance_refuses_numbers_that_are_no_snr(es_n0_db: float) -> None:
    with pytest.raises(ValueError, match=r"es_n0_db is .*finite"):
        noise_variance(es_n0_db)


def test_eb_n0_counts_bits_not_points() -> None:
    # 16-QAM of rate 1/2 carries two bits in a symbol; 2**m in place of m would give eight.
    assert eb_n0_to_es_n0_db(1.0, 4, 0.5) == pytest.approx(1.0 + 10 * math.log10(2))
    assert eb_n0_to_es_n0_db(1.0, 2) == pytest.approx(1.0 + 10 * math.log10(2))


@pytest.mark.parametrize(("order", "rate"), [(0, 0.5), (2, 0.0), (2, 1.5)])
def test_eb_n0_refuses_impossible_rates(order: int, rate: float) -> None:
    with pytest.raises(ValueError, match="num_bits_per_symbol"):
        eb_n0_to_es_n0_db(1.0, order, rate)


def test_bandwidth_ratio_is_per_colour_sample() -> None:
    assert bandwidth_ratio(3 * 192 * 256 // 12, 192, 256) == pytest.approx(1 / 12)


@pytest.mark.parametrize(("uses", "height", "width"), [(-1, 10, 10), (10, 0, 10), (10, 10, 0)])
def test_bandwidth_ratio_refuses_impossible_counts(uses: int, height: int, width: int) -> None:
    with pytest.raises(ValueError, match="channel_uses"):
        bandwidth_ratio(uses, height, width)
