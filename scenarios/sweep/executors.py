"""Execution of points: one after the other in this process, or in several processes at once."""

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import loky
import torch
from loky.process_executor import BrokenProcessPool

from taskwave.links.base import BudgetError
from taskwave.scenarios.config.scenario import Scenario
from taskwave.scenarios.sweep.evaluation import Evaluator
from taskwave.scenarios.sweep.points import SweepPoint
from taskwave.scenarios.sweep.store import PointStore
from taskwave.semantic.weights import Models


@dataclass(frozen=True)
class Task:
    """Holds one point to compute."""

    grid: int
    """Index of the evaluator that computes it."""
    point: SweepPoint
    """The point."""
    key: str
    """Name of the point in the store."""


def compute(evaluator: Evaluator, point: SweepPoint, store: PointStore, key: str) -> None:
    """Run one point and keep its records; a budget that is too small is kept as a result as well."""
    try:
        store.put(key, evaluator.records(point, evaluator.deliver(point)), {})
    except BudgetError as error:
        store.put(key, [], {"skipped": str(error)})


def in_this_process(evaluators: Sequence[Evaluator], tasks: Sequence[Task], out: Path) -> Iterator[Task]:
    """Compute tasks in their order, and yield each before it is computed."""
    store = PointStore(out)
    for task in tasks:
        yield task
        compute(evaluators[task.grid], task.point, store, task.key)


def in_processes(evaluators: Sequence[Evaluator], tasks: Sequence[Task], out: Path, jobs: int) -> Iterator[Task]:
    """Compute tasks in `jobs` processes of one thread each, and yield each after it is computed.

    Points are pure functions, so their records are those of `in_this_process` bit for bit. Every process keeps its
    points itself: what is finished stays when the run is interrupted.

    Raises:
        RuntimeError: a process ended by itself; also what the links raise.
    """
    together: dict[tuple[int, int, int, float, str], list[Task]] = {}
    for task in tasks:  # What a link prepares for an SNR serves all budgets.
        point = task.point
        together.setdefault((task.grid, point.fade, point.batch, point.es_n0_db, point.link), []).append(task)
    groups = list(together.values())
    scenarios, models = [evaluator.scenario for evaluator in evaluators], evaluators[-1].models
    with _without_interrupts():
        pool = loky.ProcessPoolExecutor(
            min(jobs, len(groups)),
            initializer=_start,
            initargs=(scenarios, models, out),
            env={"OMP_NUM_THREADS": "1"},
        )
        futures = [pool.submit(_work, group) for group in groups]
    finished = False
    try:
        for future in loky.as_completed(futures):
            yield from future.result()
        finished = True
    except BrokenProcessPool as error:
        raise RuntimeError(
            f"one of the {jobs} processes ended by itself, perhaps for want of memory: finished points are kept; give "
            "fewer --jobs and run the same command again to continue"
        ) from error
    finally:
        pool.shutdown(wait=True, kill_workers=not finished)


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Block Ctrl-C in the processes that the body starts: this one ends them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_evaluators: list[Evaluator] = []
"""Evaluators of a process that `in_processes` started."""
_store: list[PointStore] = []
"""Store of such a process."""


def _start(scenarios: Sequence[Scenario], models: Models, out: Path) -> None:
    """Prepare a process for `_work`."""
    torch.set_num_threads(1)
    last = Evaluator(scenarios[-1], models)
    _evaluators[:] = [*(last.on_grid(scenario) for scenario in scenarios[:-1]), last]
    _store[:] = [PointStore(out)]


def _work(tasks: list[Task]) -> list[Task]:
    """Compute tasks in a process that `_start` prepared, and return them."""
    for task in tasks:
        compute(_evaluators[task.grid], task.point, _store[0], task.key)
    return tasks
