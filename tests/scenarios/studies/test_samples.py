"""Measures of how sure answers are, and how alike pictures look, against what they are defined as."""

import numpy as np
import pytest

from taskwave.scenarios.studies.samples import calibration_error, cross_fitted, kernel_distance, separation


def claims(count: int, sharpness: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Claims that are right as often as they say where `sharpness` is 1, and surer or less sure of it elsewhere."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0.3, 0.99, count)
    right = rng.uniform(size=count) < truth
    said = 1 / (1 + (1 / truth - 1) ** sharpness)
    return said, right, [f"g{i % 40}" for i in range(count)]


def test_calibration_error_by_hand() -> None:
    sure, right = np.array([0.95, 0.95, 0.55, 0.52]), np.array([True, True, False, True])
    assert calibration_error(sure, right) == pytest.approx(0.5 * 0.05 + 0.5 * abs(0.535 - 0.5))
    assert np.isnan(calibration_error(np.zeros(0), np.zeros(0, dtype=bool)))


@pytest.mark.parametrize("sharpness", [0.5, 2.5])
def test_two_numbers_from_other_groups_calibrate_what_is_too_sure_or_not_sure_enough(sharpness: float) -> None:
    said, right, groups = claims(4000, sharpness)
    assert calibration_error(said, right) > 0.08
    assert calibration_error(cross_fitted(said, right, groups), right) < 0.04


def test_what_is_calibrated_stays_so_and_the_order_within_a_half_is_kept() -> None:
    said, right, groups = claims(4000, 1.0)
    fitted = cross_fitted(said, right, groups)
    assert calibration_error(fitted, right) < 0.04
    half = np.array([sorted(set(groups)).index(group) % 2 for group in groups]) == 0
    assert np.array_equal(np.argsort(said[half]), np.argsort(fitted[half]))


def test_a_half_is_not_calibrated_by_itself() -> None:
    """Where the other half has nothing wrong, there is nothing to learn from."""
    said, groups = np.array([0.6, 0.7, 0.8, 0.9]), ["a", "b", "a", "b"]
    fitted = cross_fitted(said, np.array([True, True, False, True]), groups)
    assert np.array_equal(fitted[[0, 2]], said[[0, 2]]) and not np.array_equal(fitted[[1, 3]], said[[1, 3]])


def test_separation_is_the_share_of_pairs_in_order() -> None:
    sure, right = np.array([0.9, 0.8, 0.4, 0.6]), np.array([True, True, True, False])
    assert separation(sure, right) == pytest.approx(2 / 3)
    assert np.isnan(separation(sure, np.ones(4, dtype=bool)))


def test_kernel_distance_is_about_zero_for_one_distribution_and_grows_with_the_shift() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(400, 32)) + 1, rng.normal(size=(400, 32)) + 1
    near, far = b + np.linspace(0, 1, 32), b + np.linspace(0, 4, 32)
    same = kernel_distance(a, b)
    assert abs(same) < 10 < kernel_distance(a, near) < kernel_distance(a, far)
    assert kernel_distance(3 * a, a[::-1]) == pytest.approx(kernel_distance(a, a[::-1])), "only directions count"
