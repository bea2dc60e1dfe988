"""Pooling and intervals against numbers worked out by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from taskwave.scenarios.statistics import pooling


def _records(rows: list[tuple[str, str, str, float, int, str, int, int]]) -> pd.DataFrame:
    """Return records from (link, kind, task, es_n0_db, budget, image, intersection, union)."""
    keys = ["link", "kind", "task", "es_n0_db", "budget", "image", "numerator", "denominator"]
    records = pd.DataFrame(rows, columns=keys)
    return records.assign(
        channel="awgn",
        distance_m=math.nan,
        channel_uses=records["budget"] - 10,
        feedback_uses=4,
        bandwidth_ratio=(records["budget"] - 10) / 100,
        outage=records["numerator"] == 0,
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
