"""Pooled task accuracy with 95 % intervals: paired bootstrap over images.

The image, with its own channel realisation, is the unit that is resampled (Efron & Tibshirani 1993, percentile
method). One set of resamples serves all links, tasks, SNRs and budgets, so that the difference of two links is taken
image by image and errors that both share cancel.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

GROUP = ["link", "kind", "channel", "es_n0_db", "budget", "task"]
"""Columns that are equal in all records of a group."""
MEAN_OF_TASKS = "mean of tasks"
"""Name of the task in rows in which every task of the scenario has the same weight, whatever its area."""
RESAMPLES = 2000
"""Number of bootstrap resamples."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Pooled:
    """Holds the accuracies of every (link, task, SNR, budget)."""

    table: pd.DataFrame
    """Table with one row for each group: GROUP, `distance_m` (NaN where SNRs are swept), `accuracy`, `low`, `high`,
    mean `channel_uses`, `feedback_uses`, `bandwidth_ratio`, rate of `outage`, number of `images`."""
    resampled: Floats
    """Accuracies under the common resamples, [`RESAMPLES`, rows of `table`]."""


def pool(records: pd.DataFrame) -> Pooled:
    """Pool records into accuracies, sum(intersection) / sum(union) over images, with 95 % intervals.

    Images that a group lacks (in an interrupted run) do not enter its accuracy. With several tasks, rows of task
    `MEAN_OF_TASKS` hold the mean of the tasks' accuracies.
    """
    images = np.sort(records["image"].unique())
    generator = np.random.default_rng(0)
    weights = generator.multinomial(len(images), np.full(len(images), 1 / len(images)), size=RESAMPLES).astype(float)
    rows, columns = [], []
    for group, part in records.groupby(GROUP, sort=False):
        where = np.searchsorted(images, part["image"].to_numpy())
        hits, areas = np.zeros(len(images)), np.zeros(len(images))
        np.add.at(hits, where, part["intersection"].to_numpy(float))
        np.add.at(areas, where, part["union"].to_numpy(float))
        with np.errstate(invalid="ignore"):
            columns.append((weights @ hits) / (weights @ areas))
            accuracy = hits.sum() / areas.sum()
        means = {key: part[key].mean() for key in ("channel_uses", "feedback_uses", "bandwidth_ratio", "outage")}
        row = {**dict(zip(GROUP, group, strict=True)), "distance_m": part["distance_m"].iloc[0]}
        rows.append({**row, "accuracy": accuracy, **means, "images": part["image"].nunique()})
    table, resampled = _with_mean_of_tasks(pd.DataFrame(rows), np.column_stack(columns))
    low, high = interval(resampled)
    return Pooled(table.assign(low=low, high=high), resampled)


def interval(resampled: Floats) -> tuple[Floats, Floats]:
    """Return the ends of the 95 % percentile interval of each column, NaN for a column of nothing but NaN."""
    low, high = np.full(resampled.shape[1], np.nan), np.full(resampled.shape[1], np.nan)
    defined = ~np.isnan(resampled).all(axis=0)
    if defined.any():
        low[defined], high[defined] = np.nanpercentile(resampled[:, defined], [2.5, 97.5], axis=0)
    return low, high


def _with_mean_of_tasks(table: pd.DataFrame, resampled: Floats) -> tuple[pd.DataFrame, Floats]:
    """Add rows that average the tasks of each (link, SNR, budget); none are added where there is one task."""
    num_tasks = table["task"].nunique()
    if num_tasks == 1:
        return table, resampled
    keys = [key for key in GROUP if key != "task"]
    rows, columns = [], []
    for group, part in table.groupby(keys, sort=False):
        if len(part) == num_tasks:
            means = part.drop(columns=[*keys, "task"]).mean().to_dict()
            rows.append({**dict(zip(keys, group, strict=True)), "task": MEAN_OF_TASKS, **means})
            columns.append(resampled[:, part.index].mean(axis=1))
    added = pd.DataFrame(rows).astype({"images": table["images"].dtype})
    return pd.concat([table, added], ignore_index=True), np.column_stack([resampled, *columns])


def paired_differences(pooled: Pooled, link: str, other: str) -> pd.DataFrame:
    """Return the accuracy of `link` minus that of `other` wherever both have the same task, SNR and budget.

    Columns: channel, es_n0_db, budget, task, `difference`, `low`, `high` (95 % interval, paired).
    """
    keys = ["channel", "es_n0_db", "budget", "task"]
    numbered = pooled.table.reset_index(names="row")
    both = numbered[numbered["link"] == link].merge(numbered[numbered["link"] == other], on=keys)
    low, high = interval(pooled.resampled[:, both["row_x"]] - pooled.resampled[:, both["row_y"]])
    return both[keys].assign(difference=both["accuracy_x"] - both["accuracy_y"], low=low, high=high)
