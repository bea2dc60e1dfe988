"""The run of a scenario: points that are not on disk yet are computed and kept, and all are joined into records."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from taskwave.links.base import BudgetError
from taskwave.scenarios.sweep.evaluation import Evaluator, SweepPoint, code_digest, sweep_points
from taskwave.scenarios.sweep.records import PointStore, StorageError, write_atomically

SCENARIO_FILE = "scenario.json"
"""Name of the file beside the records that holds the scenario as it was run, overrides included."""

Observer = Callable[[int, int, SweepPoint], None]
"""Function called before each point with (points finished, points in all, the point that is next)."""


@dataclass(frozen=True)
class Skipped:
    """Describes a link that cannot work within a budget."""

    link: str
    """Name of the link."""
    budget: int
    """Budget that is too small."""
    es_n0_dbs: tuple[float, ...]
    """SNRs [dB] at which it is too small, in ascending order."""
    reason: str
    """Message of the link at the first of these points."""


@dataclass(frozen=True)
class Outcome:
    """Holds the results of a run."""

    records: pd.DataFrame
    """Records of all points, in the columns of `records.SCHEMA`."""
    computed: int
    """Number of points computed now; the others were on disk."""
    total: int
    """Number of points of the scenario."""
    skipped: tuple[Skipped, ...]
    """Links and budgets that were skipped anywhere."""
    other_code: int
    """Number of points on disk that another state of the code computed."""


def run(evaluator: Evaluator, out: Path, observe: Observer) -> Outcome:
    """Compute the points that are missing in `out` and assemble records.csv and records.parquet.

    Whatever ends the run early (`KeyboardInterrupt` included) passes through after the finished points were
    assembled; running again continues.

    Raises:
        StorageError: results cannot be written.
    """
    store, code = PointStore(out), code_digest()
    description = evaluator.scenario.model_dump_json(indent=2).encode()
    write_atomically(out / SCENARIO_FILE, lambda file: file.write(description))
    points = list(sweep_points(evaluator.scenario))
    keys: list[str] = []
    computed = 0
    try:
        for done, point in enumerate(points):
            observe(done, len(points), point)
            key = evaluator.key(point)
            if not store.has(key):
                _compute(evaluator, point, store, key, code)
                computed += 1
            keys.append(key)
    except BaseException:
        with contextlib.suppress(StorageError):
            store.assemble(keys)
        raise
    notes = [store.notes(key) for key in keys]
    return Outcome(
        records=store.assemble(keys),
        computed=computed,
        total=len(points),
        skipped=_skipped(points, notes),
        other_code=sum(note["code"] != code for note in notes),
    )


def _compute(evaluator: Evaluator, point: SweepPoint, store: PointStore, key: str, code: str) -> None:
    """Run one point and keep its records; a budget that is too small is kept as a result as well."""
    try:
        rows = evaluator.records(point, evaluator.deliver(point))
        store.put(key, rows, {"code": code})
    except BudgetError as error:
        store.put(key, [], {"code": code, "skipped": str(error)})


def _skipped(points: list[SweepPoint], notes: list[dict[str, str]]) -> tuple[Skipped, ...]:
    """Return one entry for each link and budget that were skipped anywhere."""
    found: dict[tuple[str, int], tuple[set[float], str]] = {}
    for point, note in zip(points, notes, strict=True):
        if "skipped" in note:
            es_n0_dbs, _ = found.setdefault((point.link, point.budget), (set(), note["skipped"]))
            es_n0_dbs.add(point.es_n0_db)
    return tuple(
        Skipped(link, budget, tuple(sorted(es_n0_dbs)), reason) for (link, budget), (es_n0_dbs, reason) in found.items()
    )
