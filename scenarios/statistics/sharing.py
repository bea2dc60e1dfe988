"""What runs and links have in common: runs as one table of records, the images of all, values that some lack."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

RUN = "label"
"""Column of the run that a record is of, by its label."""
CELL = ["link", "kind", "channel", "es_n0_db", "budget", "task"]
"""Columns that are equal in all records that are pooled into one accuracy."""
DIMENSIONS = {"task": "task", "image": "image", "es_n0_db": "SNR", "budget": "budget"}
"""Columns that links or runs must share to be compared, and their names in messages."""
_SHOWN = 4
"""Largest number of values that a message lists."""


@dataclass(frozen=True)
class Shared:
    """Holds the records of the images that every link has at every SNR and budget."""

    records: pd.DataFrame
    """Records, with the columns `group` and `fade`."""
    complete: bool
    """Whether all accuracies are over the same images and fades. False: they have none in common."""
    notes: tuple[str, ...]
    """Lines that say what was left out."""


def cell_columns(table: pd.DataFrame) -> list[str]:
    """Return the columns that tell cells apart: `CELL`, and the run where there are several."""
    return [RUN, *CELL] if RUN in table else CELL


def join(runs: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the records of runs, by their labels, as one table with a column `RUN`."""
    return pd.concat([records.assign(**{RUN: label}) for label, records in runs.items()], ignore_index=True)


def join_paired(runs: Mapping[str, pd.DataFrame], *, mark_first: bool = False) -> pd.DataFrame:
    """Return the records of runs over the same channel as one table in which links are told apart by name.

    A link that several runs have bears the label of its run, "avif (label)", but in the first run its own name. A
    channel is the same whatever medium it runs through, and bears its name in the first run.

    Args:
        runs: records of each run by its label.
        mark_first: whether the links of the first run bear its label as well.
    """
    joined = join(runs).drop(columns=RUN) if len(runs) == 1 else join(runs)
    if len(runs) == 1:
        return joined
    simulated = joined["channel"].str.partition("/")[0]
    joined["channel"] = simulated.map(joined["channel"].groupby(simulated).first())
    several = joined.groupby("link")[RUN].transform("nunique") > 1
    marked = several if mark_first else several & (joined[RUN] != next(iter(runs)))
    joined["link"] = joined["link"].where(~marked, joined["link"] + " (" + joined[RUN] + ")")
    return joined.drop(columns=RUN)


def require_shared(runs: Mapping[str, pd.DataFrame]) -> None:
    """Check that runs have a task, an image, an SNR and a channel in common.

    Raises:
        ValueError: they have none; the message names what each has.
    """
    if len(runs) < 2:
        return
    for column, name in {**DIMENSIONS, "channel": "channel"}.items():
        if column == "budget":
            continue  # Gains compare curves over the channel uses, at whatever budgets they were measured.
        values = {label: _values(records, column) for label, records in runs.items()}
        if not set.intersection(*(set(own) for own in values.values())):
            have = "; ".join(f"{label} has {_listed(own)}" for label, own in values.items())
            raise ValueError(
                f"the runs share no {name}, so nothing can be compared: {have}; give runs that share one, or draw "
                "them with `taskwave plot`"
            )


def _values(records: pd.DataFrame, column: str) -> list[str]:
    """Return the sorted values of a column as text; a channel without the medium it runs through."""
    found = records[column].str.partition("/")[0] if column == "channel" else records[column]
    return [value if isinstance(value, str) else f"{value:g}" for value in sorted(found.dropna().unique())]


def _listed(values: Sequence[str]) -> str:
    """Return values as a list for a message, the first few of them."""
    rest = f" and {len(values) - _SHOWN:,} more" if len(values) > _SHOWN else ""
    return ", ".join(values[:_SHOWN]) + rest


def unshared_lines(table: pd.DataFrame, links: Sequence[str]) -> list[str]:
    """Return a line for the tasks, SNRs and budgets that only some of `links` have in a table of accuracies."""
    lines = []
    for column in ("task", "es_n0_db", "budget"):
        have = {link: set(table.loc[table["link"] == link, column]) for link in links}
        everywhere = set.intersection(*have.values()) if have else set()
        for value in sorted(set().union(*have.values()) - everywhere):
            without = [link for link in links if value not in have[link]]
            text = value if isinstance(value, str) else f"{value:g}"
            unit = " dB" if column == "es_n0_db" else ""
            lines.append(f"{DIMENSIONS[column]} {text}{unit}: no results of {_listed(without)}")
    return lines


def share_images(records: pd.DataFrame) -> Shared:
    """Keep the images and fades that every cell has: those that only some have would favour or harm these.

    Records without `group` or `fade` are of images that stand for themselves, over one fade.
    """
    records = records.assign(
        group=records["group"].fillna(records["image"]) if "group" in records else records["image"],
        fade=records["fade"].fillna(0).astype(int) if "fade" in records else 0,
    )
    keys = cell_columns(records)
    cells = records.groupby(keys, sort=False, dropna=False).ngroup().to_numpy()
    units = records.groupby(["image", "fade"], sort=False).ngroup().to_numpy()
    there = np.zeros((cells.max() + 1, units.max() + 1), dtype=bool)
    there[cells, units] = True
    common: npt.NDArray[np.bool_] = np.logical_and.reduce(there)
    if common.all():
        return Shared(records, complete=True, notes=())
    fewest = records.iloc[int(np.flatnonzero(cells == there.sum(axis=1).argmin())[0])]
    where = (
        f"{fewest['link']} at {fewest['es_n0_db']:g} dB and {fewest['budget']:,} channel uses has "
        f"{there.sum(axis=1).min()} of {len(common)} images"
    )
    if not common.any():
        return Shared(records, complete=False, notes=(f"no image is common to all curves ({where}): not paired",))
    note = f"{(~common).sum()} of {len(common)} images are left out, for they are not in every curve: {where}"
    return Shared(records[common[units]].reset_index(drop=True), complete=True, notes=(note,))
