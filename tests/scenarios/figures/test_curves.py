"""Figures of curves: what is a line, column and row, and that nothing undefined or missing is drawn."""

import math

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from taskwave.scenarios.figures import curves, style, tables
from taskwave.scenarios.figures.layout import METRICS, layout, shared_spread, with_names


def _pooled() -> pd.DataFrame:
    """Return pooled accuracies of two runs over different channels, one of which has fewer links and SNRs."""
    rows = [
        (run, channel, link, kind, task, es_n0_db, budget, 0.1 + es_n0_db / 100 + budget / 10000)
        for run, channel, links, snrs in (
            ("near", "cdl-c", (("new", "semantic"), ("old", "bitwise")), (0.0, 5.0, 10.0)),
            ("far", "awgn", (("new", "semantic"),), (0.0, 7.0)),
        )
        for link, kind in links
        for task in ("car", "pole+sign")
        for es_n0_db in snrs
        for budget in (500, 1000)
    ]
    columns = ["label", "channel", "link", "kind", "task", "es_n0_db", "budget", "accuracy"]
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(
        low=table["accuracy"] - 0.05,
        high=table["accuracy"] + 0.05,
        distance_m=math.nan,
        channel_uses=table["budget"],
        bandwidth_ratio=table["budget"] / 147456,
        images=5,
        groups=3,
        fades=1,
    )


def _panels(figure: Figure) -> list[Axes]:
    return list(figure.axes)


def _lines(axis: Axes) -> dict[tuple[float, ...], str]:
    return {tuple(float(x) for x in line.get_xdata()): str(line.get_color()) for line in axis.get_lines()}


def test_lines_of_several_runs_are_drawn_where_they_have_results() -> None:
    figure = curves.draw_curves(_pooled(), layout("link", "es_n0_db"), [500])
    car = _panels(figure)[0]
    assert car.get_title() == "car" and set(_lines(car)) == {(0, 5, 10), (0, 7)} and len(car.get_lines()) == 3
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert {"new, CDL-C", "new, AWGN", "old", "semantic"} <= set(legend)
    assert "3 groups" in figure.get_suptitle() and "CDL-C, AWGN" in figure.get_suptitle()


@pytest.mark.parametrize(
    ("by", "titles", "labels"),
    [
        ("channel", ["new", "old"], {"CDL-C", "AWGN"}),
        ("run", ["new", "old"], {"near", "far"}),
        ("task", ["new, CDL-C", "old", "new, AWGN"], {"car", "pole + sign"}),
    ],
)
def test_any_of_them_can_tell_lines_apart(by: str, titles: list[str], labels: set[str]) -> None:
    figure = curves.draw_curves(_pooled(), layout(by, "es_n0_db"), [500, 1000])
    shown = [axis.get_title() for axis in _panels(figure) if axis.get_title()]
    assert sorted(shown) == sorted(titles)
    assert {text.get_text() for text in figure.legends[0].get_texts()} == labels


def test_lines_are_named_by_what_they_differ_in() -> None:
    table = _pooled()
    assert set(with_names(table)["series"]) == {"new, CDL-C", "new, AWGN", "old"}
    assert set(with_names(table.assign(channel="awgn"))["series"]) == {"new, near", "new, far", "old"}
    one = with_names(table.drop(columns="label"))
    assert set(one["series"]) == {"new, CDL-C", "new, AWGN", "old"} and set(one["place"]) == {"CDL-C", "AWGN"}
    crossed = pd.concat([table, table.assign(channel="umi")])
    assert "new, CDL-C (near)" in set(with_names(crossed)["series"])


def test_a_figure_of_one_task_names_it() -> None:
    figure = curves.draw_curves(_pooled().query("task == 'pole+sign'"), layout("run", "es_n0_db"), [500])
    assert figure.get_suptitle().startswith("pole + sign: ")


def test_budgets_as_lines_become_snrs_over_bandwidth() -> None:
    table = _pooled()
    over_snr = curves.draw_curves(table, layout("budget", "es_n0_db"), ["car"])
    assert [text.get_text() for text in over_snr.legends[0].get_texts()] == ["500 channel uses", "1,000 channel uses"]
    over_bandwidth = curves.draw_curves(table, layout("budget", "bandwidth_ratio"), ["car"])
    assert len(over_bandwidth.legends[0].get_texts()) == table["es_n0_db"].nunique()


def test_what_is_undefined_is_not_drawn() -> None:
    table = _pooled()
    table.loc[(table["link"] == "old") & (table["es_n0_db"] == 5), ["accuracy", "low", "high"]] = math.nan
    figure = curves.draw_curves(table, layout("link", "es_n0_db"), [500])
    assert (0.0, 10.0) in _lines(_panels(figure)[0])
    assert all(np.isfinite(line.get_ydata()).all() for axis in _panels(figure) for line in axis.get_lines())
    with pytest.raises(ValueError, match="no accuracy to draw"):
        curves.draw_curves(table.assign(accuracy=math.nan), layout("link", "es_n0_db"), [500])


def test_a_panel_without_results_says_so_and_one_without_intervals_has_no_band() -> None:
    table = _pooled().assign(low=math.nan, high=math.nan)
    table = table[(table["task"] == "car") | (table["budget"] == 500)]
    figure = curves.draw_curves(table, layout("link", "es_n0_db"), [500, 1000])
    assert [text.get_text() for text in _panels(figure)[3].texts] == ["no results"]
    assert "no intervals" in figure.get_suptitle()


def test_other_metrics_are_drawn_by_the_same_function() -> None:
    table = _pooled().rename(columns={"accuracy": "psnr_db"})
    figure = curves.draw_curves(table, layout("link", "bandwidth_ratio"), [0.0], METRICS["psnr_db"])
    assert "PSNR (dB)" in _panels(figure)[0].get_ylabel()


def test_styles_come_from_the_kind_and_never_from_the_name() -> None:
    named = pd.DataFrame({"link": ["avif", "task-adaptive"], "kind": ["semantic", "bitwise"]})
    other = pd.DataFrame({"link": ["x", "y"], "kind": ["semantic", "bitwise"]})
    assert list(style.curve_styles(named).values()) == list(style.curve_styles(other).values())


def test_every_kind_has_a_style_and_many_links_differ() -> None:
    """A link of a kind that another package declares is drawn as well, and in the legend."""
    kinds = ["semantic"] * 9 + ["floor", "hologram"]
    styles = style.curve_styles(pd.DataFrame({"link": [f"l{i}" for i in range(11)], "kind": kinds}))
    assert len(styles) == 11
    assert len({(look.colour, look.marker, look.line) for look in styles.values()}) == 11
    assert style.kinds_in_order(kinds)[-1] == "hologram"


def test_a_few_values_are_those_that_all_lines_have() -> None:
    table = with_names(_pooled())
    assert shared_spread(table, "es_n0_db", "series") == [0.0]
    assert shared_spread(table[table["label"] == "near"], "es_n0_db", "series") == [0.0, 5.0, 10.0]


def test_tables_have_dashes_for_what_is_undefined_and_none_for_tasks_without_accuracy() -> None:
    table = _pooled().query("label == 'near'").drop(columns="label")
    table.loc[(table["task"] == "car") & (table["es_n0_db"] == 5), "accuracy"] = math.nan
    table.loc[table["task"] == "pole+sign", "accuracy"] = math.nan
    (shown,) = tables.accuracy_tables(table)
    assert shown.title == "Task accuracy: car"
    assert list(shown.columns[4].cells) == ["–"] * 4
    assert tables.accuracy_tables(table, ["pole+sign"]) == []
