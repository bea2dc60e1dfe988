"""Resampling by group, and means and differences over what all links share."""

import math

import numpy as np
import pandas as pd
import pytest

from taskwave.scenarios.statistics import pooling, sharing


def _table(rows: list[tuple[str, str, str, int, int]], **columns: object) -> pd.DataFrame:
    """Return records from (link, task, image, intersection, union); `columns` add or replace others."""
    records = pd.DataFrame(rows, columns=["link", "task", "image", "numerator", "denominator"])
    given = {
        **{"kind": "semantic", "channel": "awgn", "es_n0_db": 0.0, "distance_m": math.nan, "budget": 100},
        **{"channel_uses": 90, "feedback_uses": 4, "bandwidth_ratio": 0.9, "outage": False},
        **columns,
    }
    for name, value in given.items():
        if name not in records:
            records[name] = value
    return records


def _images(link: str, hits: np.ndarray, task: str = "car") -> list[tuple[str, str, str, int, int]]:
    return [(link, task, f"{i:03d}", int(hit), 100) for i, hit in enumerate(hits)]


def test_images_of_a_group_are_drawn_together() -> None:
    """Ten drives whose images are equal have the interval of ten images, not that of a hundred."""
    drives = np.random.default_rng(1).integers(0, 101, 10)
    rows = _images("a", np.repeat(drives, 10))
    grouped = pooling.pool(_table(rows, group=np.repeat([f"drive {i}" for i in range(10)], 10))).table.loc[0]
    few = pooling.pool(_table(_images("a", drives))).table.loc[0]
    many = pooling.pool(_table(rows)).table.loc[0]
    assert (grouped["low"], grouped["high"]) == pytest.approx((few["low"], few["high"]))
    assert grouped["high"] - grouped["low"] > 2 * (many["high"] - many["low"])
    assert (grouped["images"], grouped["groups"]) == (100, 10)


def test_groups_of_one_image_are_the_images_themselves_whatever_their_names() -> None:
    hits = np.random.default_rng(2).integers(0, 101, 20)
    plain = pooling.pool(_table(_images("a", hits)))
    named = pooling.pool(_table(_images("a", hits), group=[f"clip {99 - i}" for i in range(20)]))
    np.testing.assert_array_equal(plain.resampled, named.resampled)


def test_fades_of_an_image_are_drawn_with_it() -> None:
    """Four equal fades of each image add no certainty."""
    hits = np.random.default_rng(3).integers(0, 101, 20)
    one = pooling.pool(_table(_images("a", hits)))
    rows = _images("a", hits) * 4
    four = pooling.pool(_table(rows, fade=np.repeat(range(4), 20)))
    np.testing.assert_allclose(one.resampled, four.resampled)
    assert four.table.loc[0, "fades"] == 4 and four.table.loc[0, "images"] == 20


def test_one_group_claims_no_interval_and_says_so() -> None:
    pooled = pooling.pool(_table(_images("a", np.arange(8)), group="0016E5"))
    assert pooled.table[["low", "high"]].isna().all(axis=None)
    assert "one group (0016E5): no interval over groups" in pooled.notes
    assert pooled.table.loc[0, "accuracy"] == pytest.approx(0.035)


def test_a_task_in_one_image_only_has_no_interval() -> None:
    rows = [("a", "car", "x", 50, 100), ("a", "car", "y", 0, 0)]
    pooled = pooling.pool(_table(rows))
    assert pooled.table.loc[0, "accuracy"] == 0.5 and math.isnan(pooled.table.loc[0, "low"])
    assert any("car: in one group only" in note for note in pooled.notes)


def test_a_mean_is_over_the_same_tasks_for_all_links() -> None:
    """No image has a pole; b answers with a false one, a with none: the mean leaves poles out for both."""
    rows = [(link, "car", image, 60, 100) for link in "ab" for image in "xy"]
    rows += [(link, "road", image, 80, 100) for link in "ab" for image in "xy"]
    rows += [(link, "pole", image, 0, 5 * (link == "b")) for link in "ab" for image in "xy"]
    pooled = pooling.pool(_table(rows))
    means = pooled.table[pooled.table["task"] == pooling.MEAN_OF_TASKS].set_index("link")["accuracy"]
    assert means["a"] == means["b"] == pytest.approx(0.7)
    assert any("pole undefined" in note and "car, road" in note for note in pooled.notes)


def test_an_outage_counts_as_nothing_found_of_a_rare_task() -> None:
    """One image has a pole, which b loses in an outage: its accuracy is 0, and its mean over both tasks stays."""
    rows = [(link, "car", image, 50, 100) for link in "ab" for image in "xyz"]
    rows += [
        (link, "pole", image, 9 * (link == "a" and image == "x"), 10 * (image == "x"))
        for link in "ab"
        for image in "xyz"
    ]
    pooled = pooling.pool(_table(rows))
    table = pooled.table.set_index(["link", "task"])["accuracy"]
    assert table["b", "pole"] == 0 and table["b", pooling.MEAN_OF_TASKS] == 0.25
    assert table["a", pooling.MEAN_OF_TASKS] == pytest.approx(0.7)


def test_resamples_without_a_task_are_left_out_of_all_links_alike() -> None:
    """b answers with false pixels everywhere: resamples without a pole do not count as zero for b alone."""
    rows = [("a", "pole", image, 8 * (image < "c"), 10 * (image < "c")) for image in "abcdef"]
    rows += [("b", "pole", image, 8 * (image < "c"), 10 * (image < "c") + 1) for image in "abcdef"]
    pooled = pooling.pool(_table(rows))
    lost = np.isnan(pooled.resampled)
    assert lost.any() and not lost.all()
    np.testing.assert_array_equal(lost[:, 0], lost[:, 1])
    assert any("pole" in note and "do not count" in note for note in pooled.notes)


def test_links_are_held_against_each_other_over_the_images_of_both() -> None:
    rows = [*_images("a", np.array([90, 90, 10])), *_images("b", np.array([80, 80]))]
    pooled = pooling.pool(_table(rows))
    accuracy = pooled.table.set_index("link")["accuracy"]
    assert accuracy["a"] == pytest.approx(0.9) and accuracy["b"] == pytest.approx(0.8)
    assert any("1 of 3 images are left out" in note and "b at 0 dB" in note for note in pooled.notes)


def test_links_of_other_tasks_have_no_mean() -> None:
    rows = [("a", "car", "x", 5, 10), ("b", "sign", "x", 5, 10)]
    pooled = pooling.pool(_table(rows))
    assert pooling.MEAN_OF_TASKS not in set(pooled.table["task"])
    assert any(note.startswith("no mean of tasks") for note in pooled.notes)


def test_a_mean_is_over_the_tasks_that_all_links_ran() -> None:
    rows = [(link, task, "x", hits, 10) for link in "ab" for task, hits in (("car", 4), ("road", 8))]
    pooled = pooling.pool(_table([*rows, ("a", "sign", "x", 10, 10)]))
    means = pooled.table[pooled.table["task"] == pooling.MEAN_OF_TASKS]
    assert means["accuracy"].tolist() == pytest.approx([0.6, 0.6])
    assert any("sign undefined or not run by all links" in note for note in pooled.notes)


def test_records_without_labels_have_no_accuracy_and_say_so() -> None:
    records = _table([("a", "car", image, 0, 0) for image in "xy"]).assign(numerator=math.nan, denominator=math.nan)
    pooled = pooling.pool(records)
    assert pooled.table["accuracy"].isna().all()
    assert any("no accuracy" in note for note in pooled.notes)


def test_other_metrics_are_means_over_images() -> None:
    records = _table(_images("a", np.arange(10))).assign(psnr_db=np.arange(10.0) + 20)
    row = pooling.pool(records, "psnr_db").table.loc[0]
    assert row["psnr_db"] == pytest.approx(24.5) and row["low"] < 24.5 < row["high"]


def test_joined_runs_keep_links_apart_and_share_a_channel_through_gnuradio() -> None:
    first = _table(_images("a", np.arange(4)))
    joined = sharing.join_paired({"one": first, "two": first.assign(channel="awgn/gnuradio")})
    assert list(joined["link"].unique()) == ["a", "a (two)"] and set(joined["channel"]) == {"awgn"}
    both = sharing.join_paired({"one": first, "two": first}, mark_first=True)
    assert list(both["link"].unique()) == ["a (one)", "a (two)"]


@pytest.mark.parametrize(
    ("column", "value", "name"),
    [("task", "sign", "task"), ("image", "other", "image"), ("es_n0_db", 3.0, "SNR"), ("channel", "cdl-c", "channel")],
)
def test_runs_that_share_nothing_cannot_be_compared(column: str, value: object, name: str) -> None:
    records = _table(_images("a", np.arange(4)))
    with pytest.raises(ValueError, match=f"the runs share no {name}.*one has .*; two has "):
        sharing.require_shared({"one": records, "two": records.assign(**{column: value})})


def test_what_only_some_links_have_is_said() -> None:
    pooled = pooling.pool(_table(_images("a", np.arange(4)))).table
    other = pooled.assign(link="b")
    lines = sharing.unshared_lines(pd.concat([pooled, pooled.assign(es_n0_db=5.0), other]), ["a", "b"])
    assert lines == ["SNR 5 dB: no results of b"]
