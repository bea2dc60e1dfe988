"""What a figure of curves shows where: its metric, its axis, and which values are lines, columns and rows of panels."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from taskwave.scenarios.figures.style import channel_label

MAX_ROWS = 3
"""Largest number of rows of panels in a figure if the rows are not chosen by the user."""
RUN, SERIES, PLACE = "label", "series", "place"
"""Columns of the run's label, of a line that stands for a link, and of a line that stands for a channel."""


@dataclass(frozen=True)
class Metric:
    """Describes what is drawn upwards."""

    column: str
    """Column of the records and of the pooled table."""
    label: str
    """Label of the axis."""
    from_zero: bool = False
    """Whether the axis begins at zero."""


METRICS = {
    metric.column: metric
    for metric in (
        Metric("accuracy", "task accuracy", from_zero=True),
        Metric("psnr_db", "PSNR (dB)"),
        Metric("ms_ssim", "MS-SSIM"),
        Metric("agreement", "agreement of answers", from_zero=True),
    )
}
"""Metrics that curves can show, by the column of the records."""


@dataclass(frozen=True)
class Layout:
    """Describes a figure by columns of the pooled table."""

    x: str
    """Column of the horizontal axis: `es_n0_db`, `distance_m` or `bandwidth_ratio`."""
    lines: str
    """Column whose values are the lines of a panel."""
    columns: str
    """Column whose values are the columns of panels."""
    rows: str
    """Column whose values are the rows of panels."""


def layout(by: str, x: str) -> Layout:
    """Return the layout of a figure over `x` whose lines differ in `by`: link, channel, run, task or budget.

    Budgets lie along the axis of bandwidth, so SNRs take their place there.
    """
    third = "es_n0_db" if x == "bandwidth_ratio" else "budget"
    if by == "link":
        return Layout(x, SERIES, "task", third)
    if by == "task":
        return Layout(x, "task", SERIES, third)
    if by == "budget":
        return Layout(x, third, SERIES, "task")
    return Layout(x, RUN if by == "run" else PLACE, "link", third)


def one_task(by: str) -> bool:
    """Return whether a figure by `by` has room for one task only."""
    return by in ("channel", "run", "budget")


def with_names(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with the columns `SERIES` and `PLACE`: names with as much of channel and run as it takes."""
    named = table.assign(_channel=table["channel"].map(channel_label), _run=table.get(RUN, ""))
    pairs = named[["_channel", "_run"]].drop_duplicates()
    both = named["_channel"] + " (" + named["_run"] + ")"
    place = named["_channel"] if pairs["_channel"].is_unique else both
    detail = place if pairs["_channel"].is_unique or not pairs["_run"].is_unique else named["_run"]
    several = (named["_channel"] + "|" + named["_run"]).groupby(named["link"]).transform("nunique") > 1
    return table.assign(**{SERIES: named["link"].where(~several, named["link"] + ", " + detail), PLACE: place})


def value_name(column: str, value: object) -> str:
    """Return a value of a column as figures write it."""
    if column == "budget":
        return f"{value:,.0f} channel uses"
    if column == "es_n0_db":
        return f"$E_s/N_0$ = {value:g} dB".replace("-", "−")
    return str(value).replace("+", " + ") if column == "task" else str(value)


def spread(values: Sequence[float]) -> list[float]:
    """Return at most `MAX_ROWS` of the values, sorted: the ends and those evenly between."""
    ordered = sorted(values)
    if len(ordered) <= MAX_ROWS:
        return ordered
    return [ordered[round(i * (len(ordered) - 1) / (MAX_ROWS - 1))] for i in range(MAX_ROWS)]


def shared_spread(table: pd.DataFrame, column: str, lines: str) -> list[float]:
    """Return a few values of a column as `spread` does, of those that all lines have where there are such."""
    own = [set(part[column]) for _, part in table.groupby(lines, sort=False)]
    return spread(list(set.intersection(*own) or set.union(*own)))
