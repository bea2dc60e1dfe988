"""The commands `plot` and `compare`, on records that are written as a run leaves them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from taskwave.scenarios.sweep.records import STRIP

KINDS = {"new": "semantic", "new-uniform": "semantic", "old": "bitwise", "answer": "answer"}


@pytest.fixture(autouse=True)
def nothing_is_nan(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no command print nan, whatever it is asked."""
    read = capsys.readouterr

    def checked():
        written = read()
        assert "nan" not in (written.out + written.err).replace("nano", "")
        return written

    monkeypatch.setattr(capsys, "readouterr", checked)


def _records(
    seed: int = 1, tasks: tuple[str, ...] = ("car",), es_n0_dbs: tuple[float, ...] = (0.0, 10.0)
) -> pd.DataFrame:
    """Return records of four links: accuracy rises with the budget, `new` needs about a quarter of the uses."""
    generator = np.random.default_rng(seed)
    rows = []
    for link, kind in KINDS.items():
        for es_n0_db in es_n0_dbs:
            for budget in (400, 1600, 6400):
                effective = budget * (4 if link == "new" else 2 if link == "new-uniform" else 1)
                for task in tasks:
                    for i in range(12):
                        hits = int(min(99, 8 * np.log(effective) + generator.integers(0, 4)))
                        rows.append((link, kind, task, es_n0_db, budget, budget / 147456, f"{i:02d}", hits))
    columns = ["link", "kind", "task", "es_n0_db", "budget", "bandwidth_ratio", "image", "numerator"]
    records = pd.DataFrame(rows, columns=columns)
    return records.assign(
        prompt=records["task"],
        channel="cdl-c",
        distance_m=np.nan,
        channel_uses=records["budget"],
        feedback_uses=0,
        accuracy=records["numerator"] / 100,
        denominator=100,
        outage=False,
        seed=1,
    )


def _write(folder: Path, records: pd.DataFrame) -> Path:
    """Write records as a run of the first format left them."""
    folder.mkdir(parents=True, exist_ok=True)
    records.to_parquet(folder / "records.parquet", index=False)
    return folder


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    return _write(tmp_path / "finished", _records())


def _is_figure(path: Path) -> bool:
    with Image.open(path) as image:
        return image.format == "PNG" and min(image.size) > 300


def test_plot_of_one_run_draws_both_figures(call, finished: Path) -> None:
    code, out, _ = call("plot", finished, "--budget", "1600", "--es-n0-db", "10")
    assert code == 0
    for name in ("accuracy-vs-snr.png", "accuracy-vs-bandwidth.png"):
        assert _is_figure(finished / name) and name in out
    assert not (finished / "accuracy-vs-distance.png").exists()
    code, _, err = call("plot", finished, "--budget", "17")
    assert code == 2 and "budget 17" in err and "400, 1600, 6400" in err
    (finished / STRIP).write_bytes(b"PK")
    code, out, err = call("plot", finished)
    assert code == 0 and f"{STRIP}: damaged" in err and "strip.png" not in out


def test_plot_over_several_channels_keeps_every_snr_and_says_what_it_leaves_out(call, tmp_path: Path) -> None:
    first = _write(tmp_path / "near", _records(es_n0_dbs=(0.0, 5.0, 10.0, 15.0)))
    second = _write(tmp_path / "far", _records(2, es_n0_dbs=(-5.0, 0.0)).assign(channel="awgn"))
    code, out, err = call("plot", first, second, "--out", tmp_path / "out")
    assert code == 0 and _is_figure(tmp_path / "out" / "accuracy-vs-snr-with-far.png")
    assert "accuracy-vs-bandwidth-with-far.png: without SNRs -5, 5, 10, 15 (choose with --es-n0-db)" in err
    for by in ("channel", "run", "task", "budget"):
        code, out, err = call("plot", first, second, "--by", by, "--label", "A", "--label", "B", "--out", tmp_path / by)
        assert code == 0, err
        assert len(list((tmp_path / by).glob(f"*-with-B-by-{by}.png"))) == 2 == len(out.split())


def test_plot_draws_what_is_asked_for_and_refuses_what_has_no_room(call, tmp_path: Path) -> None:
    run = _write(tmp_path / "run", _records(tasks=("car", "sign")))
    code, _, err = call("plot", run, "--by", "channel")
    assert code == 0 and "drawn for mean of tasks; not for car, sign (choose with --task)" in err
    assert call("plot", run, "--by", "budget", "--budget", "400", "--task", "car", "--task", "sign")[0] == 0
    code, _, err = call("plot", run, "--by", "run", "--task", "car", "--task", "sign")
    assert code == 2 and "room for one" in err
    code, _, err = call("plot", run, "--task", "tree")
    assert code == 2 and "task tree" in err and "car, mean of tasks, sign" in err
    code, _, err = call("plot", run, "--link", "pigeon")
    assert code == 2 and "link pigeon: no records of it; there are" in err


def test_plot_draws_the_links_that_are_asked_for(call, tmp_path: Path) -> None:
    records = _records()
    whole = _write(tmp_path / "whole", records)
    fewer = _write(tmp_path / "fewer", records[records["link"].isin(["new", "old"])])
    figures = []
    for run, links in ((whole, ()), (whole, ("--link", "new", "--link", "old")), (fewer, ())):
        assert call("plot", run, *links)[0] == 0
        figures.append(Image.open(run / "accuracy-vs-snr.png").tobytes())
    assert figures[0] != figures[1] == figures[2]


def test_plot_of_runs_of_other_tasks_has_no_mean(call, tmp_path: Path) -> None:
    cars, signs = _write(tmp_path / "cars", _records()), _write(tmp_path / "signs", _records(2, ("sign",)))
    code, _, err = call("plot", cars, signs)
    assert code == 0 and "no mean of tasks" in err
    assert _is_figure(cars / "accuracy-vs-snr-with-signs.png")


def test_compare_of_runs_that_share_nothing_is_one_message(call, tmp_path: Path) -> None:
    cars, signs = _write(tmp_path / "cars", _records()), _write(tmp_path / "signs", _records(2, ("sign",)))
    code, out, err = call("compare", cars, signs)
    assert code == 2 and "share no task" in err and "cars has car; signs has sign" in err and not out


def test_a_single_semantic_link_of_other_tasks_gives_no_key_error(call, tmp_path: Path) -> None:
    records = _records().query("link == 'new' and image == '00'")
    cars, signs = _write(tmp_path / "cars", records), _write(tmp_path / "signs", records.assign(task="sign"))
    assert call("compare", cars, signs)[0] == 2
    assert call("plot", cars, signs)[0] == 0


def test_labels_are_one_for_each_run(call, finished: Path) -> None:
    code, _, err = call("plot", finished, "--label", "a", "--label", "b")
    assert code == 2 and "2 for 1 runs" in err
    code, _, err = call("plot", finished, finished)
    assert code == 2 and "called" in err


def test_records_without_labels_draw_nothing_and_say_so(call, tmp_path: Path) -> None:
    run = _write(tmp_path / "run", _records().assign(accuracy=np.nan, numerator=0, denominator=0))
    code, out, err = call("plot", run)
    assert code == 0 and not out and "no accuracy" in err and not list(run.glob("*.png"))
    code, _, err = call("compare", run)
    assert code == 2 and "no accuracy" in err


def test_a_run_over_distances_has_its_figure_and_others_beside_it_are_named(call, tmp_path: Path) -> None:
    records = _records()
    swept = _write(tmp_path / "swept", records.assign(distance_m=records["es_n0_db"].map({0.0: 400.0, 10.0: 200.0})))
    code, out, _ = call("plot", swept)
    assert code == 0 and "accuracy-vs-distance.png" in out
    code, out, err = call("plot", swept, _write(tmp_path / "other", _records(2)))
    assert code == 0 and "accuracy-vs-distance-with-other.png: without new, other" in err


def test_compare_prints_gains_with_intervals_and_paired_differences(call, finished: Path) -> None:
    code, out, _ = call("compare", finished)
    assert code == 0
    assert "Semantic gain of new over the best of old" in out and "new minus new-uniform" in out
    assert "not reached" in out and "times fewer channel uses than old" in out
    summary = pd.read_csv(finished / "gain-summary.csv")
    assert summary["mean_gain"].to_numpy() == pytest.approx(4, rel=0.25)
    assert (summary["mean_gain_from"] < summary["mean_gain"]).all()
    assert (summary["mean_gain_to"] > summary["mean_gain"]).all()
    for name in ("gain.csv", "gain-summary.csv", "differences.csv"):
        assert (finished / name).is_file() and name in out


def test_compare_gives_no_gain_at_what_is_answered_with_nothing_sent(call, tmp_path: Path) -> None:
    records = _records()
    half = records[records["link"] == "old"].assign(link="nothing", kind="floor", numerator=65, accuracy=0.65)
    run = _write(tmp_path / "run", pd.concat([records, half]))
    assert call("compare", run)[0] == 0
    assert pd.read_csv(run / "gain.csv")["accuracy"].min() > 0.65
    assert (pd.read_csv(run / "gain-summary.csv")["low"] >= 0.65).all()


def test_compare_takes_the_baseline_that_is_named(call, finished: Path) -> None:
    code, out, _ = call("compare", finished, "--baseline", "new-uniform")
    assert code == 0 and "Semantic gain of new over the best of new-uniform" in out
    code, _, err = call("compare", finished, "--baseline", "new")
    assert code == 2 and "'new' is under test and a baseline" in err
    code, _, err = call("compare", finished, "--scheme", "newer")
    assert code == 2 and "'newer'" in err


def test_compare_of_one_group_claims_no_interval(call, tmp_path: Path) -> None:
    code, out, err = call("compare", _write(tmp_path / "run", _records().query("image == '00'")))
    assert code == 0 and "one group (00): no interval over groups" in err and " to " not in out


def test_compare_of_two_runs_is_over_what_they_share(call, finished: Path, tmp_path: Path) -> None:
    other = _write(tmp_path / "other", _records(2))
    code, out, _ = call("compare", finished, other)
    assert code == 0 and "new minus new (other)" in out
    looped = _records(2).assign(channel="cdl-c/gnuradio")
    code, looped_out, _ = call("compare", finished, _write(other, looped))
    assert code == 0 and looped_out == out, "a channel and the same in GNU Radio are paired"
    fewer = _records(2).query("image < '08' and es_n0_db == 0")
    code, _, err = call("compare", finished, _write(other, fewer))
    assert code == 0 and "4 of 12 images are left out" in err
    assert "SNR 10 dB: no results of old (other), new (other)" in err
    code, _, err = call(
        "compare", finished, _write(other, _records(2).assign(image=lambda records: "x" + records["image"]))
    )
    assert code == 2 and "share no image" in err
