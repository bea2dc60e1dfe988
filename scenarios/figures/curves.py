"""Figures of task accuracy over SNR, distance and bandwidth, with 95 % bands."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MultipleLocator, NullFormatter, NullLocator

from taskwave.phy.drawing import dress
from taskwave.scenarios.figures.style import KIND_NAMES, CurveStyle, channel_label, curve_styles

MAX_ROWS = 3
"""Largest number of rows of panels in a figure if the rows are not chosen by the user."""


def spread(values: Sequence[float]) -> list[float]:
    """Return at most `MAX_ROWS` of the values, sorted: the ends and those evenly between."""
    ordered = sorted(values)
    if len(ordered) <= MAX_ROWS:
        return ordered
    return [ordered[round(i * (len(ordered) - 1) / (MAX_ROWS - 1))] for i in range(MAX_ROWS)]


def accuracy_vs_snr(table: pd.DataFrame, budgets: Sequence[float]) -> Figure:
    """Draw accuracy over Es/N0, a panel for each task (columns) and budget (rows).

    `table` is that of `pooling.Pooled`.
    """

    def ticks(axis: Axes) -> None:
        axis.xaxis.set_major_locator(MultipleLocator(5))

    return _at_budgets(table, budgets, "es_n0_db", "$E_s/N_0$ (dB)", ticks)


def accuracy_vs_distance(table: pd.DataFrame, budgets: Sequence[float]) -> Figure:
    """Draw accuracy over distance, with the Es/N0 of each, a panel for each task (columns) and budget (rows)."""
    swept = table[["distance_m", "es_n0_db"]].drop_duplicates().sort_values("distance_m")
    labels = [f"{row.distance_m:g}\n{row.es_n0_db:.0f}" for row in swept.itertuples()]

    def ticks(axis: Axes) -> None:
        axis.set_xscale("log")
        axis.set_xticks(swept["distance_m"], labels)
        axis.xaxis.set_minor_locator(NullLocator())

    return _at_budgets(table, budgets, "distance_m", "distance (m)\n$E_s/N_0$ (dB)", ticks)


def accuracy_vs_bandwidth(table: pd.DataFrame, es_n0_dbs: Sequence[float]) -> Figure:
    """Draw accuracy over the bandwidth ratio spent, a panel for each task (columns) and Es/N0 [dB] (rows)."""
    tasks = list(table["task"].unique())
    figure, axes = _grid(len(es_n0_dbs), tasks)
    styles = curve_styles(table)
    num_values = (table["channel_uses"] / table["bandwidth_ratio"]).median()
    for row, es_n0_db in zip(axes, es_n0_dbs, strict=True):
        for axis, task in zip(row, tasks, strict=True):
            part = table[(table["task"] == task) & (table["es_n0_db"] == es_n0_db)]
            axis.set_xscale("log")
            _curves(axis, part, "bandwidth_ratio", styles)
            axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
            axis.xaxis.set_minor_formatter(NullFormatter())
        row[0].set_ylabel(f"$E_s/N_0$ = {es_n0_db:g} dB\ntask accuracy (IoU)")
    for axis in axes[0]:
        _uses_on_top(axis, num_values)
    for axis in axes[-1]:
        axis.set_xlabel("bandwidth ratio (uses / 3HW)")
    _finish(figure, axes, table, styles)
    return figure


def _at_budgets(
    table: pd.DataFrame, budgets: Sequence[float], x: str, label: str, ticks: Callable[[Axes], None]
) -> Figure:
    """Draw a row of panels for each budget, over column `x`, the axis of which `label` and `ticks` describe."""
    tasks = list(table["task"].unique())
    figure, axes = _grid(len(budgets), tasks)
    styles = curve_styles(table)
    for row, budget in zip(axes, budgets, strict=True):
        for axis, task in zip(row, tasks, strict=True):
            _curves(axis, table[(table["task"] == task) & (table["budget"] == budget)], x, styles)
            ticks(axis)
        row[0].set_ylabel(f"{budget:,.0f} channel uses\ntask accuracy (IoU)")
    for axis in axes[-1]:
        axis.set_xlabel(label)
    _finish(figure, axes, table, styles)
    return figure


def _grid(num_rows: int, tasks: Sequence[str]) -> tuple[Figure, list[list[Axes]]]:
    """Return an empty figure and its panels, rows of one panel for each task."""
    figure = Figure(figsize=(2.75 * len(tasks) + 0.5, 2.35 * num_rows + 1.15), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(num_rows, len(tasks), sharex=True, sharey="col", squeeze=False).tolist()
    for axis, task in zip(axes[0], tasks, strict=True):
        axis.set_title(task.replace("+", " + "), fontsize=10, fontweight="bold")
    for axis in (axis for row in axes for axis in row):
        dress(axis)
    return figure, axes


def _curves(axis: Axes, part: pd.DataFrame, x: str, styles: dict[str, CurveStyle]) -> None:
    """Draw pooled accuracy and band of every link."""
    for link, style in styles.items():
        curve = part[part["link"] == link].sort_values(x)
        if curve.empty:
            continue
        axis.fill_between(curve[x], curve["low"], curve["high"], color=style.colour, alpha=0.13, linewidth=0)
        axis.plot(
            curve[x],
            curve["accuracy"],
            color=style.colour,
            linestyle=style.line,
            marker=style.marker,
            markersize=4.5,
            linewidth=style.width,
            zorder=style.front,
        )


def _uses_on_top(axis: Axes, num_values: float) -> None:
    """Write channel uses along the upper edge of a panel over the bandwidth ratio; `num_values` is 3 H W."""
    top = axis.secondary_xaxis(
        "top", functions=(lambda x: np.asarray(x) * num_values, lambda u: np.asarray(u) / num_values)
    )
    top.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
    top.xaxis.set_major_formatter(FuncFormatter(lambda uses, _: f"{uses:,.0f}"))
    top.xaxis.set_minor_formatter(NullFormatter())
    top.tick_params(labelsize=7, colors="#666666")
    top.set_xlabel("channel uses", fontsize=8, color="#666666")


def _finish(figure: Figure, axes: list[list[Axes]], table: pd.DataFrame, styles: dict[str, CurveStyle]) -> None:
    """Start accuracy axes at zero, write what the bands mean, and draw a legend below with a column for each kind."""
    for axis in axes[0]:  # Rows share their axes.
        axis.set_ylim(bottom=0)
    channels = ", ".join(map(channel_label, table["channel"].unique()))
    figure.suptitle(
        f"{channels}, {int(table['images'].max())} images; bands: 95 % intervals, bootstrap over images",
        fontsize=9,
        color="#555555",
    )
    kinds = dict(table[["link", "kind"]].drop_duplicates().itertuples(index=False, name=None))
    columns = [
        (kind, [link for link in styles if kinds[link] == kind]) for kind in KIND_NAMES if kind in kinds.values()
    ]
    height = max(len(links) for _, links in columns)
    handles: list[Line2D] = []
    for kind, links in columns:
        handles.append(Line2D([], [], linestyle="none", label=KIND_NAMES[kind]))
        for link in links:
            look = styles[link]
            handles.append(
                Line2D(
                    [], [], color=look.colour, linestyle=look.line, marker=look.marker, linewidth=look.width, label=link
                )
            )
        handles += [Line2D([], [], linestyle="none", label=" ")] * (height - len(links))
    legend = figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=len(columns),
        frameon=False,
        fontsize=8,
        markerscale=0.8,
        handlelength=3.2,
        columnspacing=2.5,
    )
    for text in legend.get_texts():
        if text.get_text() in KIND_NAMES.values():
            text.set_fontweight("bold")
            text.set_color("#444444")
