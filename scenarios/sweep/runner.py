"""The run of a scenario: points that are not on disk yet are computed and kept, and all are joined into records."""

import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from taskwave.phy.files import StorageError
from taskwave.scenarios.config.scenario import Scenario
from taskwave.scenarios.sweep import provenance
from taskwave.scenarios.sweep.assembly import assemble, keep_aside, lock
from taskwave.scenarios.sweep.evaluation import Evaluator
from taskwave.scenarios.sweep.executors import Task, in_processes, in_this_process
from taskwave.scenarios.sweep.grids import (
    Grid,
    OtherScenarioError,
    check_grows,
    covers,
    read_grids,
    same_points,
    write_grids,
)
from taskwave.scenarios.sweep.points import SweepPoint, sweep_points
from taskwave.scenarios.sweep.records import PARQUET, identity
from taskwave.scenarios.sweep.store import PointStore

Observer = Callable[[int, int, SweepPoint], None]
"""Function called with (points finished, points in all, a point): the one that is next, or with several processes one
that has just been finished."""


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
    """Records of all points of the folder, in the columns of `records.SCHEMA`."""
    computed: int
    """Number of points computed now; the others were on disk."""
    total: int
    """Number of points of the scenario, and of grids that were appended to."""
    skipped: tuple[Skipped, ...]
    """Links and budgets that were skipped anywhere."""
    outdated: int
    """Number of points on disk that other code, weights or images made: they were computed anew."""
    kept_aside: Path | None
    """Copy of the records of the outdated points. None: there is none."""
    given_way: int
    """Number of records of earlier grids in whose position a record of a later grid stands now."""


def run(evaluator: Evaluator, out: Path, observe: Observer, *, append: bool = False, jobs: int = 1) -> Outcome:
    """Compute the points that are missing in `out` and assemble records.csv and records.parquet.

    Whatever ends the run early (`KeyboardInterrupt` included) passes through after the finished points were
    assembled; running again continues. `grids` describes which scenarios may share a folder. Several processes may
    run scenarios in one folder at once: points, records and lists are written whole, under a lock where one process
    could undo what another one adds.

    Args:
        evaluator: evaluator of the scenario.
        out: folder of the results.
        observe: function told of the progress.
        append: whether to add a grid beside one that it does not contain.
        jobs: number of processes that compute points.

    Raises:
        OtherScenarioError: `out` holds another scenario.
        StorageError: results cannot be written.
        ValueError: `jobs` is below one.
    """
    if jobs < 1:
        raise ValueError(f"jobs = {jobs}: give the number of processes, 1 or more")
    store, before = PointStore(out), read_grids(out)
    _check(out, evaluator.scenario, before, append=append)
    older = [grid.scenario for grid in before if not same_points(grid.scenario, evaluator.scenario)]
    evaluators = [*map(evaluator.on_grid, older), evaluator]
    grids = [_grid(each) for each in evaluators]
    covered = [covers(evaluator.scenario, scenario) for scenario in older]
    tasks = {
        key: Task(i, point, key)
        for i, grid in enumerate(grids)
        if grid is grids[-1] or not covered[i]
        for point, key in zip(sweep_points(grid.scenario), grid.keys, strict=True)
    }
    missing = [task for key, task in tasks.items() if not store.has(key)]
    outdated = _outdated(store, before, grids)
    kept_aside = keep_aside(store, identity({"points": outdated})[:8]) if outdated else None
    _enter(store, grids)
    if missing or len(grids) > len(before):
        _note_session(store, evaluator)
    finished = len(tasks) - len(missing)
    try:
        for done, task in enumerate(_execute(evaluators, missing, out, jobs), start=finished):
            observe(done, len(tasks), task.point)
    except BaseException:
        with contextlib.suppress(StorageError):
            assemble(store)
        raise
    records, given_way = assemble(store)
    return Outcome(
        records=records,
        computed=len(missing),
        total=len(tasks),
        skipped=_skipped((task.point, store.notes(key)) for key, task in tasks.items()),
        outdated=len(outdated),
        kept_aside=kept_aside,
        given_way=given_way,
    )


def _execute(evaluators: Sequence[Evaluator], missing: Sequence[Task], out: Path, jobs: int) -> Iterable[Task]:
    if jobs == 1 or not missing:
        return in_this_process(evaluators, missing, out)
    return in_processes(evaluators, missing, out, jobs)


def _check(out: Path, scenario: Scenario, before: Sequence[Grid], *, append: bool) -> None:
    """Raise `OtherScenarioError` unless the points of a scenario may join those of a folder."""
    if before:
        check_grows(out, [grid.scenario for grid in before], scenario, append=append)
    elif (out / PARQUET).is_file():
        raise OtherScenarioError(
            f"{out} holds records whose scenario is not known, and they would be replaced: choose another folder with "
            "--out"
        )


def _grid(evaluator: Evaluator) -> Grid:
    """Return the grid of an evaluator."""
    keys = tuple(evaluator.key(point) for point in sweep_points(evaluator.scenario))
    return Grid(evaluator.scenario, evaluator.grid_columns(), keys)


def _outdated(store: PointStore, before: Sequence[Grid], now: Sequence[Grid]) -> list[str]:
    """Return the names of finished points that other code, weights or images made, in ascending order."""
    current = {key for grid in now for key in grid.keys}
    known = {key for grid in before for key in grid.keys}
    if before and not known:  # A folder of version 0.1.
        known = set(store.keys())
    return sorted(key for key in known - current if store.has(key))


def _enter(store: PointStore, grids: Sequence[Grid]) -> None:
    """Enter grids into the list of a folder, the last one as that run last; those that it contains leave the list."""
    *older, last = grids
    with lock(store.out):
        entered = read_grids(store.out)  # Another process may have entered grids meanwhile.
        new = [e for e in entered if not any(same_points(e.scenario, grid.scenario) for grid in grids)]
        others = [
            grid
            for grid in (*older, *new)
            if not set(grid.keys) <= set(last.keys)
            and (not covers(last.scenario, grid.scenario) or any(store.has(key) for key in grid.keys))
        ]
        if (*others, last) != entered:
            write_grids(store.out, (*others, last))


def _note_session(store: PointStore, evaluator: Evaluator) -> None:
    """Add a session to the provenance of a folder."""
    session = provenance.collect(evaluator)
    with lock(store.out):
        provenance.write(store.out, provenance.continued(provenance.read(store.out), session))


def _skipped(points: Iterable[tuple[SweepPoint, dict[str, str]]]) -> tuple[Skipped, ...]:
    """Return one entry for each link and budget that were skipped anywhere."""
    found: dict[tuple[str, int], tuple[set[float], str]] = {}
    for point, note in points:
        if "skipped" in note:
            es_n0_dbs, _ = found.setdefault((point.link, point.budget), (set(), note["skipped"]))
            es_n0_dbs.add(point.es_n0_db)
    return tuple(
        Skipped(link, budget, tuple(sorted(es_n0_dbs)), reason) for (link, budget), (es_n0_dbs, reason) in found.items()
    )
