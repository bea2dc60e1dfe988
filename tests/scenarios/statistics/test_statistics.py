"""Pooling, intervals and semantic gain against numbers worked out by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from taskwave.scenarios.statistics import gain, pooling


def _records(rows: list[tuple[str, str, str, float, int, str, int, int]]) -> pd.DataFrame:
    """Return records from (link, kind, task, es_n0_db, budget, image, intersection, union)."""
    keys = ["link", "kind", "task", "es_n0_db", "budget", "image", "intersection", "union"]
    records = pd.DataFrame(rows, columns=keys)
    return records.assign(
        channel="awgn",
        distance_m=math.nan,
        channel_uses=records["budget"] - 10,
        feedback_uses=4,
        bandwidth_ratio=(records["budget"] - 10) / 100,
        outage=records["intersection"] == 0,
    )


def _many(link: str, kind: str, hits: np.ndarray, budget: int = 100, task: str = "car") -> list:
    return [(link, kind, task, 0.0, budget, f"{i:03d}", int(hit), 100) for i, hit in enumerate(hits)]


def test_accuracy_is_the_quotient_of_sums_not_the_mean_of_quotients() -> None:
    rows = [("a", "semantic", "car", 0.0, 100, "x", 10, 20), ("a", "semantic", "car", 0.0, 100, "y", 0, 80)]
    (row,) = pooling.pool(_records(rows)).table.itertuples()
    assert row.accuracy == pytest.approx(0.1)
    assert (row.channel_uses, row.feedback_uses, row.images) == (90, 4, 2)
    assert row.bandwidth_ratio == pytest.approx(0.9)
    assert row.outage == pytest.approx(0.5)


def test_mean_of_tasks_counts_every_task_alike() -> None:
    rows = [("a", "semantic", "car", 0.0, 100, "x", 90, 100), ("a", "semantic", "pole", 0.0, 100, "x", 1, 10)]
    table = pooling.pool(_records(rows)).table.set_index("task")
    assert table.loc[pooling.MEAN_OF_TASKS, "accuracy"] == pytest.approx(0.5)
    assert len(table) == 3


def test_interval_agrees_with_the_normal_approximation() -> None:
    hits = np.random.default_rng(1).integers(0, 101, size=400)
    (row,) = pooling.pool(_records(_many("a", "semantic", hits))).table.itertuples()
    half = 1.96 * hits.std() / 100 / math.sqrt(len(hits))
    assert row.high - row.accuracy == pytest.approx(half, rel=0.1)
    assert row.accuracy - row.low == pytest.approx(half, rel=0.1)


def test_the_difference_is_paired() -> None:
    """Check that a constant advantage is certain however much the images differ: its interval has no width."""
    hits = np.random.default_rng(2).integers(0, 90, size=50)
    rows = _many("a", "semantic", hits + 5) + _many("b", "bitwise", hits)
    pooled = pooling.pool(_records(rows))
    (row,) = pooling.paired_differences(pooled, "a", "b").itertuples()
    assert (row.difference, row.low, row.high) == pytest.approx((0.05, 0.05, 0.05))
    own = pooled.table.set_index("link").loc["a"]
    assert own["high"] - own["low"] > 0.1


def test_a_task_that_no_image_has_is_undefined_and_not_zero() -> None:
    rows = [("a", "semantic", "car", 0.0, 100, "x", 0, 0), ("a", "semantic", "car", 0.0, 100, "y", 0, 0)]
    (row,) = pooling.pool(_records(rows)).table.itertuples()
    assert math.isnan(row.accuracy) and math.isnan(row.low)


def test_the_same_records_give_the_same_intervals() -> None:
    records = _records(_many("a", "semantic", np.arange(40)))
    pd.testing.assert_frame_equal(pooling.pool(records).table, pooling.pool(records).table)


def _points(link: str, uses: list[float], accuracy: list[float], es_n0_db: float = 0.0) -> pd.DataFrame:
    return pd.DataFrame({"link": link, "channel_uses": uses, "accuracy": accuracy, "es_n0_db": es_n0_db, "task": "car"})


def test_uses_are_interpolated_over_their_logarithm() -> None:
    curve = gain.envelope(_points("a", [100, 10000], [0.2, 0.4]))
    assert curve.uses_at(0.3) == pytest.approx(1000)
    assert curve.uses_at(0.1) == pytest.approx(100)
    assert curve.uses_at(0.41) == math.inf


def test_the_envelope_never_falls_and_takes_the_best_link() -> None:
    points = pd.concat([_points("a", [100, 200, 400], [0.3, 0.2, 0.6]), _points("b", [200, 300], [0.4, 0.35])])
    curve = gain.envelope(points)
    assert curve.uses.tolist() == [100, 200, 400]
    assert curve.accuracy.tolist() == [0.3, 0.4, 0.6]
    assert curve.links == ("a", "b", "a")


def test_a_scheme_that_needs_a_quarter_gains_four() -> None:
    """Two parallel curves: the gain is 4 at every accuracy, so the averaged one is 4 too."""
    accuracy = [0.2, 0.4, 0.5]
    table = pd.concat([_points("new", [100, 400, 1600], accuracy), _points("old", [400, 1600, 6400], accuracy)])
    (row,) = gain.gain_summary(table, "new", ["old"]).itertuples()
    assert (row.gain_at_low, row.mean_gain, row.gain_at_high) == pytest.approx((4, 4, 4))
    assert (row.low, row.high) == (0.2, 0.5)
    detail = gain.gains(table, "new", ["old"])
    assert detail["gain"].tolist() == pytest.approx([4, 4, 4])
    assert set(detail["relation"]) == {"="}


def test_the_averaged_gain_of_diverging_curves_is_geometric() -> None:
    """log gain rises linearly from log 2 to log 8 over the accuracies: the mean is log 4."""
    table = pd.concat([_points("new", [100, 100.0001], [0.2, 0.4]), _points("old", [200, 800], [0.2, 0.4])])
    (row,) = gain.gain_summary(table, "new", ["old"]).itertuples()
    assert row.mean_gain == pytest.approx(4, rel=1e-4)


def test_what_a_baseline_does_not_reach_is_said_and_only_bounded() -> None:
    table = pd.concat([_points("new", [100, 200], [0.3, 0.6]), _points("old", [500, 1000], [0.1, 0.2])])
    detail = gain.gains(table, "new", ["old"])
    assert set(detail["baseline"]) == {"not reached"} and set(detail["relation"]) == {">="}
    assert detail["gain"].tolist() == [10, 5]
    (row,) = gain.gain_summary(table, "new", ["old"]).itertuples()
    assert math.isnan(row.mean_gain) and math.isnan(row.low)


def test_a_baseline_that_does_better_with_its_smallest_budget_bounds_from_above() -> None:
    table = pd.concat([_points("new", [100], [0.3]), _points("old", [50, 80], [0.5, 0.6])])
    (row,) = gain.gains(table, "new", ["old"]).itertuples()
    assert row.relation == "<=" and row.gain == pytest.approx(0.5)
