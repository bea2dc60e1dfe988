"""Tables and notes of sweeps for the terminal."""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
from rich.table import Table

from taskwave.phy.drawing import make_table
from taskwave.phy.radio import Radio
from taskwave.scenarios.figures.layout import METRICS, Metric
from taskwave.scenarios.figures.style import curve_styles
from taskwave.scenarios.sweep.runner import Skipped

_RELATIONS = {"=": "", ">=": "≥ ", "<=": "≤ "}
"""Signs in front of a gain, by its relation in `gain.gains`."""


def accuracy_tables(
    pooled: pd.DataFrame, tasks: Sequence[str] | None = None, metric: Metric = METRICS["accuracy"]
) -> list[Table]:
    """Return a table of a pooled metric for each of `tasks` (all if None), links and budgets down and SNRs across.

    Intervals are left out, because they do not fit the width of a terminal: curves and accuracy.csv have them.
    Undefined values are dashes; a task in which all are undefined has no table.
    """
    es_n0_dbs = sorted(pooled["es_n0_db"].unique())
    tables = []
    for task, part in pooled.groupby("task", sort=False):
        if part[metric.column].isna().all() or (tasks is not None and task not in tasks):
            continue
        rows = []
        for link in curve_styles(pooled):
            for budget, cells in part[part["link"] == link].groupby("budget"):
                by_es_n0_db = cells.set_index("es_n0_db")
                spent = f"{cells['channel_uses'].mean():,.0f}"
                rows.append([link, f"{budget:,}", spent, *(_cell(by_es_n0_db, x, metric.column) for x in es_n0_dbs)])
        distances = pooled.drop_duplicates("es_n0_db").set_index("es_n0_db")["distance_m"]
        heads = (f"{x:g} dB" if pd.isna(distances[x]) else f"{distances[x]:g} m, {x:g} dB" for x in es_n0_dbs)
        columns = ["link", "budget", "uses", *heads]
        title = f"{metric.label[0].upper()}{metric.label[1:]}: {task}"
        tables.append(make_table(title, columns, rows))
    return tables


def _cell(by_es_n0_db: pd.DataFrame, es_n0_db: float, column: str) -> str:
    """Return the cell of an SNR, a dash where there is no record or the metric is undefined."""
    if es_n0_db not in by_es_n0_db.index or pd.isna(by_es_n0_db.loc[es_n0_db][column]):
        return "–"
    return f"{by_es_n0_db.loc[es_n0_db][column]:.3f}"


def interval_text(low: float, high: float, form: str = ".2f") -> str:
    """Return the 95 % interval of a gain in brackets; "" where there is none, an end that is unbounded left open."""
    if pd.isna(low) or pd.isna(high):
        return ""
    ends = format(low, form), "…" if math.isinf(high) else format(high, form)
    return f" ({ends[0]} to {ends[1]})"


def gain_summary_table(summary: pd.DataFrame, scheme: str, baselines: str) -> Table:
    """Return the summary of `gain.gain_summary` as a table, gains with their 95 % intervals."""
    rows = []
    for row in summary.to_dict("records"):
        cells = [row["task"], f"{row['es_n0_db']:g} dB", f"{row['scheme_best']:.3f}", f"{row['baseline_best']:.3f}"]
        if pd.isna(row["low"]):
            cells += ["none", "–", "–", "–"]
        else:
            cells.append(f"{row['low']:.3f}…{row['high']:.3f}")
            cells += [_gain(row, name) for name in ("gain_at_low", "mean_gain", "gain_at_high")]
        rows.append(cells)
    columns = ["task", "Es/N0", "best", "baseline best", "both reach", "gain at low end", "mean gain", "at high end"]
    title = f"Semantic gain of {scheme} over the best of {baselines} (channel uses, both directions; 95 % intervals)"
    return make_table(title, columns, rows)


def _gain(row: Mapping[Hashable, Any], name: str) -> str:
    """Return the cell of a gain with its interval, a dash where it is undefined."""
    if pd.isna(row[name]):
        return "–"
    return f"{row[name]:.2f}x[dim]{interval_text(row[f'{name}_from'], row[f'{name}_to'])}[/dim]"


def gain_notes(summary: pd.DataFrame, resamples: int) -> list[str]:
    """Return lines on resamples that bound a gain only, or do not count, and on intervals that are not there.

    Args:
        summary: table of `gain.gain_summary`.
        resamples: number of resamples.
    """
    lines = []
    there = summary[summary["low"].notna()]
    apart, undefined = (0 if there.empty else int(there[name].max()) for name in ("apart", "undefined"))
    if apart:
        lines.append(
            f"in up to {apart:,} of {resamples:,} resamples the two share no accuracy: the gain is only bounded there, "
            "and intervals are as wide as these bounds allow (… = no upper end)"
        )
    if undefined:
        lines.append(f"in up to {undefined:,} of {resamples:,} resamples a mean gain is undefined: they do not count")
    if there["mean_gain_from"].isna().any():
        lines.append("no interval where more than half of the resamples do not count, or there is one group of images")
    if len(there) < len(summary):
        lines.append(
            "both reach none: one is no better than nothing sent, or worse with its most channel uses than the other "
            "with its fewest, so the gain is only bounded (≥, ≤ in the table above)"
        )
    return lines


def gain_table(gains: pd.DataFrame, scheme: str) -> Table:
    """Return the gains of `gain.gains` as a table, with their 95 % intervals."""
    rows = [
        [
            row.task,
            f"{row.es_n0_db:g} dB",
            f"{row.accuracy:.3f}",
            f"{row.scheme_uses:,.0f}",
            f"{row.baseline_uses:,.0f}"
            if row.relation == "="
            else f"{_RELATIONS[row.relation]}{row.baseline_uses:,.0f}",
            row.baseline,
            f"{_RELATIONS[row.relation]}{row.gain:.2f}x[dim]{interval_text(row.gain_from, row.gain_to)}[/dim]",
        ]
        for row in gains.itertuples()
    ]
    columns = ["task", "Es/N0", "accuracy", "its uses", "baseline's uses", "best baseline", "gain"]
    return make_table(f"Channel uses at the accuracies of {scheme}", columns, rows)


def difference_table(differences: pd.DataFrame, link: str, other: str) -> Table:
    """Return the differences of `pooling.paired_differences` as a table, with budgets down and SNRs across.

    A star marks intervals that exclude zero.
    """
    es_n0_dbs = sorted(differences["es_n0_db"].unique())
    rows = []
    for (task, budget), part in differences.groupby(["task", "budget"], sort=False):
        by_es_n0_db = part.set_index("es_n0_db")
        rows.append([str(task), f"{budget:,}", *(_difference(by_es_n0_db, x) for x in es_n0_dbs)])
    columns = ["task", "budget", *(f"{x:g} dB" for x in es_n0_dbs)]
    title = f"Accuracy of {link} minus {other} (paired 95 % interval, * = excludes zero)"
    return make_table(title, columns, rows)


def _difference(by_es_n0_db: pd.DataFrame, es_n0_db: float) -> str:
    """Return the cell of an SNR, a dash where there is no record."""
    if es_n0_db not in by_es_n0_db.index:
        return "–"
    cell = by_es_n0_db.loc[es_n0_db]
    if pd.isna(cell["low"]):
        return f"{cell['difference']:+.3f}"
    sure = "*" if cell["low"] > 0 or cell["high"] < 0 else " "
    return f"{cell['difference']:+.3f}{sure} [dim]{cell['low']:+.2f}…{cell['high']:+.2f}[/dim]"


def stage_tables(times: pd.DataFrame) -> list[Table]:
    """Return the times of `profiling.StageTimes.table` as one table for each link."""
    return [
        make_table(
            f"Time of {link} per image and task",
            ["stage", "ms", "share"],
            [[row.stage, f"{row.ms:,.1f}", f"{row.share:.0%}"] for row in part.itertuples()],
        )
        for link, part in times.groupby("link", sort=False)
    ]


def prefix_note(radios: Sequence[Radio]) -> str | None:
    """Return a note on energy of the channels beyond the cyclic prefix, which resource elements do not show.

    It is None where there is no such energy, or where the waveform really goes through a flowgraph.
    """
    share, config = max(radio.channel.beyond_prefix for radio in radios), radios[0].config
    if share == 0 or config.flowgraph is not None:
        return None
    return (
        f"note: {share:.1e} of the energy of {config.channel} arrives beyond the cyclic prefix of "
        f"{config.prefix_s * 1e6:.2f} us; on the air it would be interference of at most "
        f"{10 * math.log10(share):.0f} dB of the signal, which is left out here"
    )


def skipped_lines(entries: Iterable[Skipped], num_conditions: int) -> list[str]:
    """Return a line for each link and budget that were skipped, in a sweep over `num_conditions` SNRs."""
    lines = []
    for entry in entries:
        everywhere = len(entry.es_n0_dbs) == num_conditions
        where = "every SNR" if everywhere else ", ".join(f"{x:g} dB" for x in entry.es_n0_dbs)
        lines.append(f"skipped: {entry.link} at a budget of {entry.budget:,} ({where}): {entry.reason}")
    return lines
