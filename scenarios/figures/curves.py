"""Figures of accuracy, or another metric, over SNR, distance and bandwidth, with 95 % bands."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, MultipleLocator, NullFormatter, NullLocator

from taskwave.phy.drawing import dress
from taskwave.scenarios.figures.layout import METRICS, Layout, Metric, layout, spread, value_name, with_names
from taskwave.scenarios.figures.legends import draw_legend, write_caption
from taskwave.scenarios.figures.style import CurveStyle, curve_styles, value_styles

__all__ = ["accuracy_vs_bandwidth", "accuracy_vs_distance", "accuracy_vs_snr", "draw_curves", "spread"]


_FEW = 6
"""Largest number of SNRs in a narrow span that are all written along the axis."""


def accuracy_vs_snr(table: pd.DataFrame, budgets: Sequence[float]) -> Figure:
    """Draw accuracy over Es/N0, a panel for each task (columns) and budget (rows).

    `table` is that of `pooling.Pooled`.
    """
    return draw_curves(table, layout("link", "es_n0_db"), budgets)


def accuracy_vs_distance(table: pd.DataFrame, budgets: Sequence[float]) -> Figure:
    """Draw accuracy over distance, with the Es/N0 of each, a panel for each task (columns) and budget (rows)."""
    return draw_curves(table, layout("link", "distance_m"), budgets)


def accuracy_vs_bandwidth(table: pd.DataFrame, es_n0_dbs: Sequence[float]) -> Figure:
    """Draw accuracy over the bandwidth ratio spent, a panel for each task (columns) and Es/N0 [dB] (rows)."""
    return draw_curves(table, layout("link", "bandwidth_ratio"), es_n0_dbs)


def draw_curves(
    table: pd.DataFrame, layout: Layout, rows: Sequence[Any], metric: Metric = METRICS["accuracy"]
) -> Figure:
    """Draw a metric in panels, each curve where it has results.

    Args:
        table: the one of `pooling.Pooled`.
        layout: what is line, column and row.
        rows: values of column `layout.rows`, from top to bottom.
        metric: what is drawn upwards.

    Raises:
        ValueError: nothing in the table has a value of the metric in these rows.
    """
    table = with_names(table)
    drawn = table[table[metric.column].notna() & table[layout.rows].isin(rows) & table[layout.x].notna()]
    if drawn.empty:
        raise ValueError(f"no {metric.column} to draw: every value is undefined (without labels there is none)")
    rows = [row for row in rows if (drawn[layout.rows] == row).any()]
    columns = list(drawn[layout.columns].unique())
    styles = _styles(drawn, layout.lines)
    share_y: bool | Literal["col", "row"] = True  # Panels of one task have one scale.
    if "task" in (layout.columns, layout.rows):
        share_y = "col" if layout.columns == "task" else "row"
    figure, axes = _grid(len(rows), [value_name(layout.columns, column) for column in columns], share_y)
    for panels, row in zip(axes, rows, strict=True):
        for axis, column in zip(panels, columns, strict=True):
            part = drawn[(drawn[layout.columns] == column) & (drawn[layout.rows] == row)]
            _curves(axis, part, layout, styles, metric)
        panels[0].set_ylabel(f"{value_name(layout.rows, row)}\n{metric.label}", fontsize=9)
    _AXES[layout.x](axes, drawn)
    if metric.from_zero:
        for axis in (axis for panels in axes for axis in panels):
            axis.set_ylim(bottom=0)
    names = {line: value_name(layout.lines, line) for line in styles}
    kinds = dict(zip(drawn[layout.lines], drawn["kind"], strict=True)) if layout.lines == "series" else {}
    write_caption(figure, drawn)
    draw_legend(figure, names, styles, kinds)
    return figure


def _styles(table: pd.DataFrame, lines: str) -> dict[Any, CurveStyle]:
    """Return the style of every line, by its value: from the kind of its link where lines are links."""
    if lines == "series":
        return curve_styles(table.assign(link=table["series"]))
    values = table[lines].unique()
    return value_styles(sorted(values) if pd.api.types.is_numeric_dtype(table[lines]) else list(values))


def _grid(
    num_rows: int, titles: Sequence[str], share_y: bool | Literal["col", "row"]
) -> tuple[Figure, list[list[Axes]]]:
    """Return an empty figure and its panels, rows of one panel for each title, whose vertical axes are shared."""
    size = (max(2.75 * len(titles) + 0.5, 5.2), 2.35 * num_rows + 1.15)
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(num_rows, len(titles), sharex=True, sharey=share_y, squeeze=False).tolist()
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title, fontsize=10, fontweight="bold")
    for axis in (axis for row in axes for axis in row):
        dress(axis)
    return figure, axes


def _curves(axis: Axes, part: pd.DataFrame, layout: Layout, styles: dict[Any, CurveStyle], metric: Metric) -> None:
    """Draw value and band of every line of a panel; a panel without any says so."""
    for line, style in styles.items():
        curve = part[part[layout.lines] == line].sort_values(layout.x)
        if curve.empty:
            continue
        if layout.x == "bandwidth_ratio" and (curve[layout.x] == 0).all():  # No place on a logarithmic axis.
            axis.axhline(curve[metric.column].mean(), color=style.colour, linestyle=style.line, linewidth=style.width)
            continue
        band = curve[curve["low"].notna()]
        axis.fill_between(band[layout.x], band["low"], band["high"], color=style.colour, alpha=0.13, linewidth=0)
        axis.plot(
            curve[layout.x],
            curve[metric.column],
            color=style.colour,
            linestyle=style.line,
            marker=style.marker,
            markersize=4.5,
            linewidth=style.width,
            zorder=style.front,
            clip_on=False,  # Else the axis would cut the markers of zero.
        )
    if part.empty:
        axis.text(
            0.5, 0.5, "no results", ha="center", va="center", fontsize=8, color="#777777", transform=axis.transAxes
        )


def _snr_axis(axes: list[list[Axes]], table: pd.DataFrame) -> None:
    """Describe the axis of Es/N0."""
    values = sorted(table["es_n0_db"].unique())
    span = values[-1] - values[0]
    for axis in (axis for row in axes for axis in row):
        if len(values) <= _FEW and (span < 5 or len(values) == 1):
            axis.set_xticks(values, [f"{value:g}" for value in values])
        else:
            axis.xaxis.set_major_locator(MultipleLocator(5) if 5 <= span <= 40 else MaxNLocator(6))
    for axis in axes[-1]:
        axis.set_xlabel("$E_s/N_0$ (dB)", fontsize=9)


def _distance_axis(axes: list[list[Axes]], table: pd.DataFrame) -> None:
    """Describe the axis of distance, with the Es/N0 of each distance where all curves have the same."""
    swept = table[["distance_m", "es_n0_db"]].drop_duplicates().sort_values("distance_m")
    same = not swept["distance_m"].duplicated().any()
    labels = [
        f"{row.distance_m:g}\n{row.es_n0_db:.0f}" if same else f"{row.distance_m:g}" for row in swept.itertuples()
    ]
    for axis in (axis for row in axes for axis in row):
        axis.set_xscale("log")
        axis.set_xticks(swept["distance_m"], labels)
        axis.xaxis.set_minor_locator(NullLocator())
    for axis in axes[-1]:
        axis.set_xlabel("distance (m)\n$E_s/N_0$ (dB)" if same else "distance (m)", fontsize=9)


def _bandwidth_axis(axes: list[list[Axes]], table: pd.DataFrame) -> None:
    """Describe the axis of the bandwidth ratio, and of channel uses above where all images have one size."""
    table = table[table["bandwidth_ratio"] > 0]
    span = table["bandwidth_ratio"].max() / table["bandwidth_ratio"].min()
    for axis in (axis for row in axes for axis in row):
        axis.set_xscale("log")
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if span > 5 else (1, 1.5, 2, 3, 5, 7)))
        axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        axis.xaxis.set_minor_formatter(NullFormatter())
    for axis in axes[-1]:
        axis.set_xlabel("bandwidth ratio (uses / 3HW)", fontsize=9)
    num_values = table["channel_uses"] / table["bandwidth_ratio"]
    if num_values.max() / num_values.min() < 1.001:
        for axis in axes[0]:
            _uses_on_top(axis, float(num_values.median()), wide=span > 10)


def _uses_on_top(axis: Axes, num_values: float, *, wide: bool) -> None:
    """Write channel uses along the upper edge of a panel over the bandwidth ratio; `num_values` is 3 H W."""
    top = axis.secondary_xaxis(
        "top", functions=(lambda x: np.asarray(x) * num_values, lambda u: np.asarray(u) / num_values)
    )
    top.xaxis.set_major_locator(LogLocator(subs=(1, 3) if wide else (1, 2, 5)))
    top.xaxis.set_major_formatter(FuncFormatter(lambda uses, _: f"{uses:,.0f}"))
    top.xaxis.set_minor_formatter(NullFormatter())
    top.tick_params(labelsize=7, colors="#666666")
    top.set_xlabel("channel uses", fontsize=8, color="#666666")


_AXES: dict[str, Callable[[list[list[Axes]], pd.DataFrame], None]] = {
    "es_n0_db": _snr_axis,
    "distance_m": _distance_axis,
    "bandwidth_ratio": _bandwidth_axis,
}
"""Functions that describe the horizontal axis of the panels, by its column."""
