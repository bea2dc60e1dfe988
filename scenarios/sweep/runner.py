"""Run a scenario: compute the points that are not on disk yet, keep each as it finishes, join them into records."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from taskwave.links.base import BudgetError
from taskwave.scenarios.sweep.evaluation import Evaluator, SweepPoint, code_digest, sweep_points
from taskwave.scenarios.sweep.records import PointStore, StorageError, write_atomically

SCENARIO_FILE = "scenario.json"
"""The scenario as it was run, overrides included, beside its records."""

Observer = Callable[[int, int, SweepPoint], None]
"""Called before each point with (points finished, points in all, the point that is next)."""


@dataclass(frozen=True)
class Skipped:
    """A link that cannot work within a budget, at which SNRs, and its reason at the first of them."""

    link: str
    budget: int
    es_n0_db: tuple[float, ...]
    reason: str


@dataclass(frozen=True)
class Outcome:
    """What a run left behind."""

    records: pd.DataFrame
    computed: int
    """Points computed now; the others were on disk."""
    total: int
    skipped: tuple[Skipped, ...]
    other_code: int
    """Points on disk that another state of the code had computed."""


def run(evaluator: Evaluator, out: Path, observe: Observer) -> Outcome:
    """Compute what is missing in `out` and assemble records.csv and records.parquet.

    Whatever ends the run early (`KeyboardInterrupt` included) passes through after the finished points were
    assembled; running again continues. Raises `StorageError` when results cannot be written.
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
    """Run one point and keep it; a budget that is too small is a result as well."""
    try:
        rows = evaluator.records(point, evaluator.deliver(point))
        store.put(key, rows, {"code": code})
    except BudgetError as error:
        store.put(key, [], {"code": code, "skipped": str(error)})


def _skipped(points: list[SweepPoint], notes: list[dict[str, str]]) -> tuple[Skipped, ...]:
    """One entry for each link and budget that were skipped anywhere."""
    found: dict[tuple[str, int], tuple[set[float], str]] = {}
    for point, note in zip(points, notes, strict=True):
        if "skipped" in note:
            ratios, _ = found.setdefault((point.link, point.budget), (set(), note["skipped"]))
            ratios.add(point.es_n0_db)
    return tuple(
        Skipped(link, budget, tuple(sorted(ratios)), reason) for (link, budget), (ratios, reason) in found.items()
    )
