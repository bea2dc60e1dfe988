"""Execution of points: one after the other in this process, or in several processes at once."""

import os
import pickle
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

import loky
import torch
from loky.process_executor import BrokenProcessPool

from taskwave.links.base import BudgetError
from taskwave.scenarios.config.scenario import Scenario
from taskwave.scenarios.sweep.evaluation import Evaluator
from taskwave.scenarios.sweep.points import SweepPoint
from taskwave.scenarios.sweep.store import PointStore

_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "LOKY_MAX_MEMORY_LEAK_SIZE": "1e12"}
"""Environment of other processes. What links remember of images is no leak, for which they would start anew."""


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
        records, notes = evaluator.records(point, evaluator.deliver(point)), {}
    except BudgetError as error:
        records, notes = [], {"skipped": str(error)}
    store.put(key, records, notes)


def in_this_process(evaluators: Sequence[Evaluator], tasks: Sequence[Task], out: Path) -> Iterator[Task]:
    """Compute tasks in their order in one thread, and yield each before it is computed."""
    store = PointStore(out)
    with _one_thread(), interrupts_kept() as check:
        for task in tasks:
            check()
            yield task
            compute(evaluators[task.grid], task.point, store, task.key)


def in_processes(evaluators: Sequence[Evaluator], tasks: Sequence[Task], out: Path, jobs: int) -> Iterator[Task]:
    """Compute tasks in this process and `jobs - 1` others of one thread each, and yield each after it is computed.

    Points are pure functions, so their records are those of `in_this_process` bit for bit. Every process keeps its
    points itself: what is finished stays when the run is interrupted. The others take groups of tasks from the front,
    while this one takes from the back those that none of them has begun: it works while they still load.

    Raises:
        RuntimeError: a process ended by itself; also what the links raise.
    """
    groups = deque(_groups(tasks, jobs))
    others = min(jobs, len(groups)) - 1
    if not others:
        yield from in_this_process(evaluators, tasks, out)
        return
    store, theirs = PointStore(out), set[Future[list[Task]]]()
    try:
        with _started(evaluators, out, others) as pool, _one_thread(), interrupts_kept() as check:

            def finished() -> Iterator[Task]:
                """Yield what the others have finished, and give them more: one group each ahead of what they do."""
                done = {other for other in theirs if other.done()}
                theirs.difference_update(done)
                while groups and len(theirs) < 2 * others:
                    theirs.add(pool.submit(_work, groups.popleft()))
                for other in done:
                    yield from other.result()

            yield from finished()
            while groups:
                for task in groups.pop():
                    check()
                    compute(evaluators[task.grid], task.point, store, task.key)
                    yield task
                    yield from finished()
            for other in loky.as_completed(theirs):
                yield from other.result()
    except BrokenProcessPool as error:
        raise RuntimeError(
            f"one of the {jobs} processes ended by itself, perhaps for want of memory: finished points are kept; give "
            "fewer --jobs and run the same command again to continue"
        ) from error


@contextmanager
def interrupts_kept() -> Iterator[Callable[[], None]]:
    """Give a function that raises an interrupt again if one was lost: Python drops what falls into a destructor.

    Of what it drops it would tell at length, and of an interrupt it does not.

    Where interrupts are ignored, or another thread handles them, it does nothing.
    """
    before, seen = signal.getsignal(signal.SIGINT), list[int]()
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield lambda: None
        return

    def remember(number: int, frame: FrameType | None) -> None:
        seen.append(number)
        before(number, frame)

    def check() -> None:
        if seen:
            raise KeyboardInterrupt

    def tell(dropped: "sys.UnraisableHookArgs") -> None:
        if not issubclass(dropped.exc_type, KeyboardInterrupt):
            told(dropped)

    told, sys.unraisablehook = sys.unraisablehook, tell
    signal.signal(signal.SIGINT, remember)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, before)
        sys.unraisablehook = told


@contextmanager
def _started(evaluators: Sequence[Evaluator], out: Path, number: int) -> Iterator[loky.ProcessPoolExecutor]:
    """Start processes for `_work`, and end them, at once where the body raises."""
    with TemporaryDirectory() as folder:
        # A pipe would hold this process up until the others have imported the modules of the networks.
        models = Path(folder) / "models.pickle"
        models.write_bytes(pickle.dumps(evaluators[-1].models))
        scenarios = [evaluator.scenario for evaluator in evaluators]
        with _without_interrupts():
            pool = loky.ProcessPoolExecutor(
                number, initializer=_start, initargs=(scenarios, models, out), env=_ENVIRONMENT
            )
            pool.submit(os.getpid)  # The first task starts the processes.
        finished = False
        try:
            yield pool
            finished = True
        finally:
            pool.shutdown(wait=True, kill_workers=not finished)


def _groups(tasks: Sequence[Task], jobs: int) -> list[list[Task]]:
    """Divide tasks into groups that one process computes.

    A link keeps what it finds out about an image (codestreams, their worth) and about an SNR (the calibration). So all
    points of a link on a batch of images stay together, unless that makes too few groups to keep the processes busy.
    """
    by_link: dict[tuple[int, int, int, str], list[Task]] = {}
    for task in tasks:
        point = task.point
        by_link.setdefault((task.grid, point.fade, point.batch, point.link), []).append(task)
    if len(by_link) >= 4 * jobs:
        return list(by_link.values())
    by_es_n0 = [groupby(group, lambda task: task.point.es_n0_db) for group in by_link.values()]
    return [list(group) for groups in by_es_n0 for _, group in groups]


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute in one thread: sums in another order would change the last digits of records."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


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


def _start(scenarios: Sequence[Scenario], models: Path, out: Path) -> None:
    """Prepare a process for `_work`; `models` is the file of the networks."""
    torch.set_num_threads(1)
    last = Evaluator(scenarios[-1], pickle.loads(models.read_bytes()))  # noqa: S301  `_started` has just written it
    _evaluators[:] = [*(last.on_grid(scenario) for scenario in scenarios[:-1]), last]
    _store[:] = [PointStore(out)]


def _work(tasks: list[Task]) -> list[Task]:
    """Compute tasks in a process that `_start` prepared, and return them."""
    for task in tasks:
        compute(_evaluators[task.grid], task.point, _store[0], task.key)
    return tasks
