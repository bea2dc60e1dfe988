"""Bit error rates against closed forms: AWGN (Cho and Yoon 2002), Rayleigh and diversity (Proakis).

Trials are independent: one bit of every symbol in AWGN, one bit of every image in fading, the bit positions in turn.
With n of them and theory p, k errors pass when |k - np| <= 5 sqrt(np(1 - p)) + 1, np >= 100.
"""

import math

import pytest
import torch

from taskwave.phy.coding.modulation import Modulation
from taskwave.phy.definitions import eb_n0_to_es_n0_db
from taskwave.phy.theory import ber_qam_awgn, ber_qam_rayleigh
from taskwave.phy.validation.uncoded import bit_errors


def assert_within(errors: int, trials: int, p: float) -> None:
    assert trials * p >= 100
    assert abs(errors - trials * p) <= 5 * math.sqrt(trials * p * (1 - p)) + 1, (errors, trials * p)


@pytest.mark.parametrize(("order", "es_n0_db"), [(2, 3.0), (2, 7.0), (4, 12.0), (6, 17.0), (8, 24.0)])
def test_awgn(order: int, es_n0_db: float) -> None:
    errors, trials = bit_errors(order, "awgn", 1, es_n0_db, 30_000, 3)
    assert_within(errors, trials, ber_qam_awgn(order, es_n0_db))
    # The test sees slips: noise per real dimension (3 dB) and 2**m in place of m would be far outside.
    for slip_db in (3.01, 10 * math.log10(2**order / order)):
        with pytest.raises(AssertionError):
            assert_within(errors, trials, ber_qam_awgn(order, es_n0_db - slip_db))


def test_qpsk_reaches_the_familiar_value() -> None:
    # BER 0.0786 at Eb/N0 0 dB, from any textbook: pins the closed form itself and the step from Eb/N0.
    assert ber_qam_awgn(2, eb_n0_to_es_n0_db(0.0, 2)) == pytest.approx(0.0786, abs=5e-5)
    assert ber_qam_rayleigh(2, eb_n0_to_es_n0_db(10.0, 2)) == pytest.approx(0.02327, abs=5e-5)


@pytest.mark.parametrize(("order", "es_n0_db"), [(2, 8.0), (4, 12.0), (6, 16.0), (8, 22.0)])
def test_rayleigh(order: int, es_n0_db: float) -> None:
    errors, trials = bit_errors(order, "rayleigh", 1, es_n0_db, 4000, 3)
    p = ber_qam_rayleigh(order, es_n0_db)
    assert_within(errors, trials, p)
    with pytest.raises(AssertionError):
        assert_within(errors, trials, max(ber_qam_awgn(order, es_n0_db), 100 / trials))


@pytest.mark.parametrize(("branches", "es_n0_db"), [(2, 3.0), (4, -3.0)])
def test_receive_diversity(branches: int, es_n0_db: float) -> None:
    errors, trials = bit_errors(2, "rayleigh", branches, es_n0_db, 4000, 3)
    assert_within(errors, trials, ber_qam_rayleigh(2, es_n0_db, branches))


def test_receive_array_gain_in_awgn() -> None:
    # es_n0_db is per receive antenna: two of them give 3 dB.
    errors, trials = bit_errors(2, "awgn", 2, 3.0, 30_000, 3)
    assert_within(errors, trials, ber_qam_awgn(2, 3.0 + 10 * math.log10(2)))


@pytest.mark.parametrize("order", [2, 4, 6, 8])
def test_llrs_are_those_of_sionna(order: int) -> None:
    from sionna.phy.mapping import Demapper  # noqa: PLC0415 - slow to import

    seed = torch.Generator().manual_seed(1)
    y = torch.randn((4, 200), generator=seed, dtype=torch.complex64)
    no = torch.rand((4, 200), generator=seed) + 0.02
    reference = Demapper("app", "qam", order, device="cpu")(y, no)
    assert torch.allclose(Modulation(order).llr(y, no), reference, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("order", [0, 1, 3, 10, 16])
def test_impossible_orders_are_refused(order: int) -> None:
    with pytest.raises(ValueError, match="bits of one symbol"):
        Modulation(order)
