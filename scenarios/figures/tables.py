"""Tables and notes of sweeps for the terminal."""

import math
from collections.abc import Iterable, Sequence

import pandas as pd
from rich.table import Table

from taskwave.phy.drawing import make_table
from taskwave.phy.radio import Radio
from taskwave.scenarios.figures.style import curve_styles
from taskwave.scenarios.sweep.runner import Skipped

_RELATIONS = {"=": "", ">=": "≥ ", "<=": "≤ "}
"""Signs in front of a gain, by its relation in `gain.gains`."""


def accuracy_tables(pooled: pd.DataFrame) -> list[Table]:
    """Return a table of pooled accuracy for each task, with links and budgets down and SNRs across.

    Intervals are left out, because they do not fit the width of a terminal: curves and accuracy.csv have them.
    """
    es_n0_dbs = sorted(pooled["es_n0_db"].unique())
    tables = []
    for task, part in pooled.groupby("task", sort=False):
        rows = []
        for link in curve_styles(pooled):
            for budget, cells in part[part["link"] == link].groupby("budget"):
                by_es_n0_db = cells.set_index("es_n0_db")
                spent = f"{cells['channel_uses'].mean():,.0f}"
                rows.append([link, f"{budget:,}", spent, *(_accuracy(by_es_n0_db, x) for x in es_n0_dbs)])
        distances = pooled.drop_duplicates("es_n0_db").set_index("es_n0_db")["distance_m"]
        heads = (f"{x:g} dB" if pd.isna(distances[x]) else f"{distances[x]:g} m, {x:g} dB" for x in es_n0_dbs)
        columns = ["link", "budget", "uses", *heads]
        tables.append(make_table(f"Task accuracy (IoU): {task}", columns, rows))
    return tables


def _accuracy(by_es_n0_db: pd.DataFrame, es_n0_db: float) -> str:
    """Return the cell of an SNR, a dash where there is no record."""
    if es_n0_db not in by_es_n0_db.index:
        return "–"
    return f"{by_es_n0_db.loc[es_n0_db]['accuracy']:.3f}"


def gain_summary_table(summary: pd.DataFrame, scheme: str, baselines: str) -> Table:
    """Return the summary of `gain.gain_summary` as a table."""
    rows = []
    for row in summary.itertuples():
        cells = [row.task, f"{row.es_n0_db:g} dB", f"{row.scheme_best:.3f}", f"{row.baseline_best:.3f}"]
        if pd.isna(row.low):
            cells += ["none", "–", "–", "–"]
        else:
            gains = (row.gain_at_low, row.mean_gain, row.gain_at_high)
            cells += [f"{row.low:.3f}…{row.high:.3f}", *("–" if pd.isna(g) else f"{g:.2f}x" for g in gains)]
        rows.append(cells)
    columns = ["task", "Es/N0", "best", "baseline best", "both reach", "gain at low end", "mean gain", "at high end"]
    return make_table(
        f"Semantic gain of {scheme} over the best of {baselines} (channel uses, both directions)", columns, rows
    )


def gain_table(gains: pd.DataFrame, scheme: str) -> Table:
    """Return the gains of `gain.gains` as a table."""
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
            f"{_RELATIONS[row.relation]}{row.gain:.2f}x",
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
