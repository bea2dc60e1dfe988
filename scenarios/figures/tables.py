"""Tables for the terminal."""

import math
from collections.abc import Iterable, Sequence

import pandas as pd
from rich.table import Table

from taskwave.phy.drawing import make_table
from taskwave.phy.radio import Radio
from taskwave.scenarios.figures.style import curve_styles
from taskwave.scenarios.sweep.runner import Skipped

RELATIONS = {"=": "", ">=": "≥ ", "<=": "≤ "}


def accuracy_tables(pooled: pd.DataFrame) -> list[Table]:
    """One table a task: links and budgets down, SNR across, pooled accuracy.

    Its intervals are on the curves and in accuracy.csv: here they would not fit the width of a terminal.
    """
    ratios = sorted(pooled["es_n0_db"].unique())
    tables = []
    for task, part in pooled.groupby("task", sort=False):
        rows = []
        for link in curve_styles(pooled):
            for budget, cells in part[part["link"] == link].groupby("budget"):
                by_ratio = cells.set_index("es_n0_db")
                spent = f"{cells['channel_uses'].mean():,.0f}"
                rows.append([link, f"{budget:,}", spent, *(_accuracy(by_ratio, ratio) for ratio in ratios)])
        distances = pooled.drop_duplicates("es_n0_db").set_index("es_n0_db")["distance_m"]
        heads = (f"{r:g} dB" if pd.isna(distances[r]) else f"{distances[r]:g} m, {r:g} dB" for r in ratios)
        columns = ["link", "budget", "uses", *heads]
        tables.append(make_table(f"Task accuracy (IoU): {task}", columns, rows))
    return tables


def _accuracy(by_ratio: pd.DataFrame, ratio: float) -> str:
    if ratio not in by_ratio.index:
        return "–"
    return f"{by_ratio.loc[ratio]['accuracy']:.3f}"


def summary(table: pd.DataFrame, scheme: str, baselines: str) -> Table:
    """The table of `gain.summary_table`."""
    rows = []
    for row in table.itertuples():
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


def gains(table: pd.DataFrame, scheme: str) -> Table:
    """The table of `gain.gain_table`."""
    rows = [
        [
            row.task,
            f"{row.es_n0_db:g} dB",
            f"{row.accuracy:.3f}",
            f"{row.scheme_uses:,.0f}",
            f"{row.baseline_uses:,.0f}"
            if row.relation == "="
            else f"{RELATIONS[row.relation]}{row.baseline_uses:,.0f}",
            row.baseline,
            f"{RELATIONS[row.relation]}{row.gain:.2f}x",
        ]
        for row in table.itertuples()
    ]
    columns = ["task", "Es/N0", "accuracy", "its uses", "baseline's uses", "best baseline", "gain"]
    return make_table(f"Channel uses at the accuracies of {scheme}", columns, rows)


def differences(table: pd.DataFrame, link: str, other: str) -> Table:
    """The table of `statistics.paired_differences`, budgets down, SNR across; * where the interval excludes zero."""
    ratios = sorted(table["es_n0_db"].unique())
    rows = []
    for (task, budget), part in table.groupby(["task", "budget"], sort=False):
        by_ratio = part.set_index("es_n0_db")
        rows.append([str(task), f"{budget:,}", *(_difference(by_ratio, ratio) for ratio in ratios)])
    columns = ["task", "budget", *(f"{ratio:g} dB" for ratio in ratios)]
    title = f"Accuracy of {link} minus {other} (paired 95 % interval, * = excludes zero)"
    return make_table(title, columns, rows)


def _difference(by_ratio: pd.DataFrame, ratio: float) -> str:
    if ratio not in by_ratio.index:
        return "–"
    cell = by_ratio.loc[ratio]
    sure = "*" if cell["low"] > 0 or cell["high"] < 0 else " "
    return f"{cell['difference']:+.3f}{sure} [dim]{cell['low']:+.2f}…{cell['high']:+.2f}[/dim]"


def stages(table: pd.DataFrame) -> list[Table]:
    """The table of `profiling.StageTimes`, one for each link."""
    return [
        make_table(
            f"Time of {link} per image and task",
            ["stage", "ms", "share"],
            [[row.stage, f"{row.ms:,.1f}", f"{row.share:.0%}"] for row in part.itertuples()],
        )
        for link, part in table.groupby("link", sort=False)
    ]


def prefix_note(radios: Sequence[Radio]) -> str | None:
    """What channels have that resource elements do not show: energy beyond the cyclic prefix. None: there is none."""
    share, config = max(radio.channel.beyond_prefix for radio in radios), radios[0].config
    if share == 0 or config.flowgraph is not None:
        return None
    return (
        f"note: {share:.1e} of the energy of {config.channel} arrives beyond the cyclic prefix of "
        f"{config.prefix_s * 1e6:.2f} us; on the air it would be interference of at most "
        f"{10 * math.log10(share):.0f} dB of the signal, which is left out here"
    )


def skipped(entries: Iterable[Skipped], num_ratios: int) -> list[str]:
    """One line for each link and budget that were skipped."""
    lines = []
    for entry in entries:
        where = "every SNR" if len(entry.es_n0_db) == num_ratios else ", ".join(f"{r:g} dB" for r in entry.es_n0_db)
        lines.append(f"skipped: {entry.link} at a budget of {entry.budget:,} ({where}): {entry.reason}")
    return lines
