"""Pooled task accuracy with 95 % intervals: paired bootstrap over groups of images.

The group (a drive, a clip, a series; an image of no series is its own) is the unit that is resampled, with all its
images and their channel realisations: images of one drive resemble each other, and fades of one image share it (Efron
& Tibshirani 1993, percentile method; Davison & Hinkley 1997, 3.8). One set of resamples serves all links, tasks, SNRs
and budgets, so that the difference of two links is taken group by group and errors that both share cancel.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from taskwave.scenarios.statistics.sharing import RUN, cell_columns, share_images

MEAN_OF_TASKS = "mean of tasks"
"""Name of the task in rows in which every task that all links ran has the same weight, whatever its area."""
RESAMPLES = 2000
"""Number of bootstrap resamples."""
ACCURACY = "accuracy"
"""Metric that is pooled as the quotient of sums, sum(numerator) / sum(denominator)."""
_MEANS = ["channel_uses", "feedback_uses", "bandwidth_ratio", "outage", "airtime_s"]
"""Columns of which the mean over the records is given, where there are such columns."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Pooled:
    """Holds the accuracies of every (link, task, SNR, budget), over the same images."""

    table: pd.DataFrame
    """Table with one row for each cell: `sharing.cell_columns`, `distance_m` (NaN where SNRs are swept), the metric
    (NaN where it is undefined), mean `channel_uses`, `feedback_uses`, `bandwidth_ratio`, rate of `outage`, number of
    `images`, of `groups` and of `fades` of an image, `low`, `high` (NaN where no interval can be given)."""
    resampled: Floats
    """Metric under the common resamples, [`RESAMPLES`, rows of `table`]; NaN where it is undefined, and in all
    resamples of a row that fewer than two groups contribute to."""
    resampled_uses: Floats
    """Mean channel uses under the common resamples, [`RESAMPLES`, rows of `table`]."""
    notes: tuple[str, ...] = ()
    """Lines that say what was left out, and why."""
    metric: str = ACCURACY
    """Column of the metric."""


def pool(records: pd.DataFrame, metric: str = ACCURACY) -> Pooled:
    """Pool records into accuracies with 95 % intervals.

    Accuracy is sum(numerator) / sum(denominator) over images; any other metric is its mean. Images that some cell lacks
    (in an interrupted run) enter no accuracy. With several tasks, rows of task `MEAN_OF_TASKS` hold the mean over the
    tasks that all links ran.
    """
    shared = share_images(records)
    records, notes = shared.records, list(shared.notes)
    weights, where = _resamples(records)
    num_groups = weights.shape[1]
    keys = cell_columns(records)
    grouped = records.groupby(keys, sort=False, dropna=False)
    cell = grouped.ngroup().to_numpy()
    first = np.unique(cell, return_index=True)[1]
    table = records[[*keys, "distance_m"]].iloc[first].reset_index(drop=True).astype({"distance_m": float})

    def summed(values: Floats) -> Floats:
        """Sum values [records] over each cell and group, [cells, groups]."""
        flat = np.bincount(cell * num_groups + where, values, minlength=len(table) * num_groups).astype(float)
        return flat.reshape(len(table), num_groups)

    over, under = (summed(values) for values in _quotient(records, metric))
    uses, counts = summed(records["channel_uses"].to_numpy(float)), summed(np.ones(len(records)))
    with np.errstate(invalid="ignore"):
        table[metric] = over.sum(axis=1) / under.sum(axis=1)
        resampled = (weights @ over.T) / (weights @ under.T)
        resampled_uses = (weights @ uses.T) / (weights @ counts.T)
    present = [key for key in _MEANS if key in records]
    means = grouped[present].mean() if present else pd.DataFrame(index=range(len(table)))
    counted = grouped.agg(images=("image", "nunique"), groups=("group", "nunique"), fades=("fade", "nunique"))
    table = table.join(pd.concat([means, counted], axis=1).reset_index(drop=True))
    _leave_out_undefined(table, resampled, under, metric)
    notes += _notes(records, table, resampled, metric)
    pooled = _with_mean_of_tasks(Pooled(table, resampled, resampled_uses, tuple(notes), metric))
    low, high = interval(pooled.resampled)
    return replace(pooled, table=pooled.table.assign(low=low, high=high))


def _resamples(records: pd.DataFrame) -> tuple[Floats, npt.NDArray[np.intp]]:
    """Return how often each resample draws each group, [`RESAMPLES`, groups], and the group of each record."""
    first = records.groupby("group")["image"].min().sort_values(kind="stable")
    num_groups = len(first)
    chances = np.full(num_groups, 1 / num_groups)
    weights = np.random.default_rng(0).multinomial(num_groups, chances, size=RESAMPLES).astype(float)
    return weights, first.index.get_indexer(pd.Index(records["group"]))


def _quotient(records: pd.DataFrame, metric: str) -> tuple[Floats, Floats]:
    """Return numerator and denominator of what each record contributes to the metric."""
    if metric == ACCURACY:
        counts = records[["numerator", "denominator"]].astype(float).fillna(0.0)
        return counts["numerator"].to_numpy(), counts["denominator"].to_numpy()
    values = records[metric].astype(float)
    return values.fillna(0.0).to_numpy(), values.notna().to_numpy(float)


def _leave_out_undefined(table: pd.DataFrame, resampled: Floats, under: Floats, metric: str) -> None:
    """Set to NaN, in place, the resamples in which a task is undefined, and all those of cells of one group.

    A resample without a labelled pixel of a task is undefined for all links, also those that answer with false ones.
    """
    for _, rows in table[table[metric].notna()].groupby("task", sort=False):
        lost = np.isnan(resampled[:, rows.index]).any(axis=1)
        resampled[np.ix_(lost, rows.index)] = np.nan
    resampled[:, (under > 0).sum(axis=1) < 2] = np.nan


def _notes(records: pd.DataFrame, table: pd.DataFrame, resampled: Floats, metric: str) -> list[str]:
    """Return lines on the accuracies and intervals that are undefined, and why."""
    if table[metric].isna().all():
        return [f"no {metric}: no record has one, as without labels"]
    groups = records["group"].unique()
    lines = [f"one group ({groups[0]}): no interval over groups"] if len(groups) < 2 else []
    for task, rows in table.groupby("task", sort=False):
        empty = rows[metric].isna()
        if empty.any():
            whose = "" if empty.all() else f" for {', '.join(rows.loc[empty, 'link'].unique())}"
            why = "no image here has any of it, nor the answer" if metric == ACCURACY else "no image was sent"
            lines.append(f"{task}: no {metric}{whose}, because {why}")
            continue
        lost = np.isnan(resampled[:, rows.index[0]])
        if len(groups) > 1 and lost.all():
            lines.append(f"{task}: in one group only, no interval over groups")
        elif len(groups) > 1 and lost.any():
            lines.append(f"{task}: {lost.sum():,} of {RESAMPLES:,} resamples have no image with it and do not count")
    return lines


def _with_mean_of_tasks(pooled: Pooled) -> Pooled:
    """Add rows with the mean of the tasks that all links ran and that are defined for all; say which are not in it."""
    table, metric = pooled.table, pooled.metric
    names = list(table["task"].unique())
    if len(names) == 1 or table[metric].isna().all():
        return pooled
    series = [key for key in (RUN, "link", "channel") if key in table]
    ran = [set(part["task"]) for _, part in table.groupby(series, sort=False)]
    undefined = set(table.loc[table[metric].isna(), "task"])
    tasks = [task for task in names if task not in undefined and all(task in own for own in ran)]
    notes = list(pooled.notes)
    left_out = ", ".join(task for task in names if task not in tasks)
    if len(tasks) < 2:
        return replace(pooled, notes=(*notes, f"no {MEAN_OF_TASKS}: {left_out} undefined or not run by all links"))
    if left_out:
        notes.append(f"{MEAN_OF_TASKS} is that of {', '.join(tasks)}: {left_out} undefined or not run by all links")
    keys = [key for key in cell_columns(table) if key != "task"]
    part = table[table["task"].isin(tasks)].reset_index(names="row")
    whole = part.groupby(keys, sort=False, dropna=False)["row"].transform("size") == len(tasks)
    if not whole.all():
        notes.append(f"{MEAN_OF_TASKS}: none where a link lacks a task at an SNR and budget")
    grouped = part[whole].groupby(keys, sort=False, dropna=False)
    rows = np.array(grouped["row"].agg(list).tolist(), dtype=int).reshape(-1, len(tasks))
    added = grouped.mean(numeric_only=True).drop(columns="row").reset_index().assign(task=MEAN_OF_TASKS)
    added = added.astype({name: table[name].dtype for name in ("images", "groups", "fades")})[list(table.columns)]
    return replace(
        pooled,
        table=pd.concat([table, added], ignore_index=True),
        resampled=np.hstack([pooled.resampled, pooled.resampled[:, rows].mean(axis=2)]),
        resampled_uses=np.hstack([pooled.resampled_uses, pooled.resampled_uses[:, rows].mean(axis=2)]),
        notes=tuple(notes),
    )


def main_task(table: pd.DataFrame) -> str:
    """Return the task that stands for all: the mean of tasks where there is one, else the first."""
    names = list(table["task"].unique())
    return MEAN_OF_TASKS if MEAN_OF_TASKS in names else str(names[0])


def interval(resampled: Floats) -> tuple[Floats, Floats]:
    """Return the ends of the 95 % percentile interval of each column, NaN for a column of nothing but NaN."""
    low, high = np.full(resampled.shape[1], np.nan), np.full(resampled.shape[1], np.nan)
    whole = ~np.isnan(resampled).any(axis=0)
    if whole.any():
        low[whole], high[whole] = np.percentile(resampled[:, whole], [2.5, 97.5], axis=0)
    some = ~whole & ~np.isnan(resampled).all(axis=0)
    if some.any():
        low[some], high[some] = np.nanpercentile(resampled[:, some], [2.5, 97.5], axis=0)
    return low, high


def paired_differences(pooled: Pooled, link: str, other: str) -> pd.DataFrame:
    """Return the accuracy of `link` minus that of `other` wherever both have the same task, SNR and budget.

    Columns: channel, es_n0_db, budget, task, `difference`, `low`, `high` (95 % interval, paired; NaN where there is
    none). What is undefined for one of them is left out.
    """
    keys = ["channel", "es_n0_db", "budget", "task"]
    numbered = pooled.table[pooled.table[pooled.metric].notna()].reset_index(names="row")
    both = numbered[numbered["link"] == link].merge(numbered[numbered["link"] == other], on=keys)
    low, high = interval(pooled.resampled[:, both["row_x"]] - pooled.resampled[:, both["row_y"]])
    difference = both[f"{pooled.metric}_x"] - both[f"{pooled.metric}_y"]
    return both[keys].assign(difference=difference, low=low, high=high)
