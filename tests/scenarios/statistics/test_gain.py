"""Gains and their intervals: against the library, against known gains, and honest where nothing is shared."""

import math

import numpy as np
import pandas as pd
import pytest

from taskwave.scenarios.statistics import gain, pooling
from taskwave.scenarios.statistics.envelopes import envelopes
from taskwave.scenarios.statistics.headline import headline
from taskwave.scenarios.statistics.pooling import Pooled, pool


def _curves(
    advantage: float, seed: int = 1, images: int = 30, budgets: tuple[int, ...] = (400, 800, 1600, 3200, 6400)
) -> pd.DataFrame:
    """Return records of two links; `new` does with `1 / advantage` of the channel uses what `old` does."""
    generator = np.random.default_rng(seed)
    difficulty = generator.normal(0, 60, images)
    rows = []
    for link, kind, factor in (("new", "semantic", advantage), ("old", "bitwise", 1.0)):
        for budget in budgets:
            for i in range(images):
                hits = 100 * math.log(budget * factor / 100) + difficulty[i] + generator.normal(0, 10)
                rows.append((link, kind, budget, budget, f"{i:03d}", int(np.clip(hits, 0, 1000)), 1000))
    columns = ["link", "kind", "budget", "channel_uses", "image", "numerator", "denominator"]
    records = pd.DataFrame(rows, columns=columns)
    return records.assign(channel="awgn", es_n0_db=10.0, distance_m=math.nan, task="car", outage=False)


def _points(link: str, uses: list[float], accuracy: list[float]) -> pd.DataFrame:
    points = {"link": link, "kind": "floor" if link == "nothing" else "bitwise", "channel_uses": uses}
    return pd.DataFrame({**points, "accuracy": accuracy, "es_n0_db": 0.0, "task": "car"})


def _pooled(*parts: pd.DataFrame) -> Pooled:
    """Return points as accuracies that are equal in all of four resamples."""
    table = pd.concat(parts, ignore_index=True)
    repeated = (np.tile(table[name].to_numpy(float), (4, 1)) for name in ("accuracy", "channel_uses"))
    return Pooled(table, *repeated)


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
    pooled = _pooled(_points("new", [100, 400, 1600], accuracy), _points("old", [400, 1600, 6400], accuracy))
    (row,) = gain.gain_summary(pooled, "new", ["old"]).itertuples()
    assert (row.gain_at_low, row.mean_gain, row.gain_at_high) == pytest.approx((4, 4, 4))
    assert (row.mean_gain_from, row.mean_gain_to, row.bd_rate) == pytest.approx((4, 4, -75))
    assert (row.low, row.high, row.apart, row.undefined) == (0.2, 0.5, 0, 0)
    detail = gain.gains(pooled, "new", ["old"])
    for column in ("gain", "gain_from", "gain_to"):
        assert detail[column].tolist() == pytest.approx([4, 4, 4])
    assert set(detail["relation"]) == {"="}


def test_the_averaged_gain_of_diverging_curves_is_geometric() -> None:
    """log gain rises linearly from log 2 to log 8 over the accuracies: the mean is log 4."""
    pooled = _pooled(_points("new", [100, 100.0001], [0.2, 0.4]), _points("old", [200, 800], [0.2, 0.4]))
    (row,) = gain.gain_summary(pooled, "new", ["old"]).itertuples()
    assert row.mean_gain == pytest.approx(4, rel=1e-4)


def test_what_a_baseline_does_not_reach_is_said_and_only_bounded() -> None:
    pooled = _pooled(_points("new", [100, 200], [0.3, 0.6]), _points("old", [500, 1000], [0.1, 0.2]))
    detail = gain.gains(pooled, "new", ["old"])
    assert set(detail["baseline"]) == {"not reached"} and set(detail["relation"]) == {">="}
    assert detail["gain"].tolist() == [10, 5]
    assert detail["gain_from"].tolist() == pytest.approx([10, 5]) and set(detail["gain_to"]) == {math.inf}
    (row,) = gain.gain_summary(pooled, "new", ["old"]).itertuples()
    assert math.isnan(row.mean_gain) and math.isnan(row.low) and math.isnan(row.mean_gain_from)


def test_what_a_baseline_has_already_with_its_fewest_uses_is_an_upper_bound() -> None:
    pooled = _pooled(_points("new", [500, 1000], [0.1, 0.2]), _points("old", [100, 200], [0.3, 0.6]))
    detail = gain.gains(pooled, "new", ["old"])
    assert set(detail["relation"]) == {"<="} and detail["gain"].tolist() == pytest.approx([0.2, 0.1])
    assert set(detail["gain_from"]) == {0} and detail["gain_to"].tolist() == pytest.approx([0.2, 0.1])


def test_there_is_no_gain_at_what_is_answered_with_nothing_sent() -> None:
    scheme, baseline = (
        _points("new", [100, 200, 400], [0.2, 0.3, 0.6]),
        _points("old", [400, 800, 1600], [0.2, 0.3, 0.6]),
    )
    pooled = _pooled(scheme, baseline, _points("nothing", [0], [0.2]))
    assert gain.gains(pooled, "new", ["old"])["accuracy"].tolist() == [0.3, 0.6]
    (row,) = gain.gain_summary(pooled, "new", ["old"]).itertuples()
    assert math.isnan(row.gain_at_low) and row.gain_at_high == pytest.approx(4)
    (row,) = gain.gain_summary(_pooled(scheme, _points("nothing", [0], [0.7])), "new", ["new"]).itertuples()
    assert math.isnan(row.low)


def test_there_is_no_gain_at_an_accuracy_of_zero_which_needs_no_transmission() -> None:
    scheme, baseline = _points("new", [100, 200, 400], [0, 0.3, 0.6]), _points("old", [400, 800, 1600], [0, 0.3, 0.6])
    nothing = _points("nil", [100, 200], [0, 0])
    pooled = _pooled(scheme, baseline, nothing)
    assert gain.gains(pooled, "new", ["old"])["accuracy"].tolist() == [0.3, 0.6]
    (row,) = gain.gain_summary(pooled, "new", ["old"]).itertuples()
    assert (row.low, row.high) == (0, 0.6) and math.isnan(row.gain_at_low) and math.isnan(row.gain_at_low_from)
    assert (row.mean_gain, row.gain_at_high) == pytest.approx((4, 4))
    for pair in (("nil", ["old"]), ("new", ["nil"])):
        (row,) = gain.gain_summary(pooled, *pair).itertuples()
        assert math.isnan(row.low) and math.isnan(row.mean_gain) and math.isnan(row.gain_at_high)
    assert gain.gains(pooled, "nil", ["old"]).empty
    assert set(gain.gains(pooled, "new", ["nil"])["relation"]) == {">="}


@pytest.mark.parametrize("points", [2, 3, 4, 7])
def test_curves_of_resamples_are_those_of_one_curve_and_of_the_library(points: int) -> None:
    """Random curves that also fall: each row equals `Envelope`, and its mean gain the library's."""
    generator = np.random.default_rng(points)
    uses = np.sort(generator.uniform(100, 9000, (2, 60, points)), axis=2)
    accuracy = np.sort(generator.uniform(0, 1, (2, 60, points)), axis=2) + generator.normal(0, 0.05, (2, 60, points))
    mine, theirs = (envelopes(uses[side], accuracy[side]) for side in range(2))
    low, high = np.maximum(mine.lowest, theirs.lowest), np.minimum(mine.highest, theirs.highest)
    means = np.exp(theirs.mean_log_uses(low, high) - mine.mean_log_uses(low, high))
    needed = mine.log_uses_at(np.full(60, 0.5))
    compared = 0
    for row in range(60):
        one, other = (
            gain.envelope(pd.DataFrame({"channel_uses": uses[i, row], "accuracy": accuracy[i, row], "link": "a"}))
            for i in range(2)
        )
        assert mine.count[row] == len(one.uses)
        assert math.exp(needed[row]) == pytest.approx(one.uses_at(0.5))
        expected = gain.bjontegaard_gain(one, other)
        assert means[row] == pytest.approx(expected, nan_ok=True)
        compared += not math.isnan(expected)
    assert compared > 20


def test_the_interval_holds_the_true_gain_and_gets_shorter_with_images() -> None:
    widths = []
    for images in (12, 120):
        pooled = pooling.pool(_curves(3.0, images=images))
        (row,) = gain.gain_summary(pooled, "new", ["old"]).itertuples()
        assert row.mean_gain_from < 3 < row.mean_gain_to
        assert row.mean_gain_from <= row.mean_gain <= row.mean_gain_to
        assert row.bd_rate_from < row.bd_rate < row.bd_rate_to < 0
        widths.append(math.log(row.mean_gain_to / row.mean_gain_from))
    assert widths[1] < widths[0] / 2


def test_one_group_gives_a_gain_without_an_interval() -> None:
    pooled = pooling.pool(_curves(3.0).assign(group="drive"))
    (row,) = gain.gain_summary(pooled, "new", ["old"]).itertuples()
    assert row.mean_gain == pytest.approx(3, rel=0.1)
    assert math.isnan(row.mean_gain_from) and math.isnan(row.mean_gain_to)
    assert "(no interval)" in headline(pool(_curves(3.0).assign(group="drive")))


def test_resamples_without_an_accuracy_do_not_count_and_most_of_them_leave_no_interval() -> None:
    least = np.array([math.nan] * 3 + [0.0] * 7)
    assert gain.gain_interval(least, least) == (1.0, 1.0)
    least[:6] = math.nan
    assert all(math.isnan(end) for end in gain.gain_interval(least, least))


def test_the_headline_says_who_needs_fewer_and_how_sure_that_is() -> None:
    words = headline(pool(_curves(3.0))).split()
    assert headline(pool(_curves(3.0))).startswith("At car accuracy 0.") and words[words.index("new") + 1] == "needs"
    assert "times fewer channel uses than old." in headline(pool(_curves(3.0))) and "10 dB" in headline(
        pool(_curves(3.0))
    )
    assert float(words[words.index("needs") + 1]) == pytest.approx(3, rel=0.1)
    assert "times more channel uses than old." in headline(pool(_curves(1 / 3)))


def test_the_headline_of_equals_says_that_they_are() -> None:
    assert "includes 1" in headline(pool(_curves(1.0)))


def test_the_headline_of_links_that_share_no_accuracy_is_a_bound() -> None:
    sentence = headline(pool(_curves(1000.0, budgets=(200, 400))))
    assert "new needs at least 2.0" in sentence and "fewer channel uses than old, which reaches" in sentence
    sentence = headline(pool(_curves(0.001, budgets=(200_000, 400_000))))
    assert "old needs at least 2.0" in sentence and "fewer channel uses than new" in sentence


def test_the_headline_is_about_more_than_is_answered_with_nothing_sent() -> None:
    records = _curves(3.0)
    best = records[records["budget"] == 6400].groupby("link")["numerator"].sum()
    nothing = records[records["link"] == "old"].assign(link="nothing", kind="floor", channel_uses=0)
    for floor, sentence in (
        (0.9 * best["old"], "At car accuracy 0."),
        (1.1 * best["old"], "new needs at least"),
        (1.1 * best["new"], "Neither new nor old does better than nothing sent"),
    ):
        pooled = pool(pd.concat([records, nothing.assign(numerator=int(floor / 30))]))
        assert sentence in headline(pooled), floor
        for pair in gain.pairs(pooled, "new", ["old"]):
            assert pair.floor == pytest.approx(floor / 30_000, abs=1e-3)


def test_the_headline_of_links_that_are_apart_is_above_what_is_answered_with_nothing_sent() -> None:
    parts = (_points("new", [100, 200], [0.1, 0.5]), _points("old", [400], [0.05]), _points("nothing", [0], [0.2]))
    records = pd.concat([part.loc[part.index.repeat(6)].assign(budget=part["channel_uses"]) for part in parts])
    records = records.assign(
        kind=records["link"].map({"new": "semantic", "old": "bitwise", "nothing": "floor"}),
        image=[f"{i % 6}" for i in range(len(records))],
        numerator=(records["accuracy"] * 100).astype(int),
        **{"denominator": 100, "channel": "awgn", "distance_m": math.nan, "outage": False},
    )
    assert headline(pool(records)).startswith("At car accuracy 0.500 and 0 dB new needs at least 2.0")


def test_there_is_no_headline_without_both_kinds_or_labels() -> None:
    records = _curves(2.0)
    assert headline(pool(records[records["link"] == "new"])) == ""
    assert headline(pool(records.assign(numerator=0, denominator=0))) == ""
