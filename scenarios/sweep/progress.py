"""Progress of a run: a live bar on a terminal, an occasional line in a log."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from taskwave.scenarios.sweep.points import SweepPoint
from taskwave.scenarios.sweep.runner import Observer

LOG_SECONDS = 15.0
"""Least time between two lines in a log [s]."""


def _describe(point: SweepPoint) -> str:
    """Return the text that tells a point from others."""
    where = "" if point.distance_m is None else f"{point.distance_m:g} m, "
    return f"batch {point.batch}, {where}{point.es_n0_db:g} dB, {point.budget:,} uses, {point.link}"


@contextmanager
def progress(console: Console) -> Iterator[Observer]:
    """Give the body an observer for `runner.run` that shows points done, the time left and the next point."""
    if console.is_terminal:
        with _bar(console) as observe:
            yield observe
    else:
        yield _Log(console)


@contextmanager
def _bar(console: Console) -> Iterator[Observer]:
    """Give the body an observer that moves a bar at the bottom of the terminal."""
    bar = Progress(
        MofNCompleteColumn(),
        BarColumn(),
        TextColumn("elapsed"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
        console=console,
        speed_estimate_period=600,  # Links differ in cost, so the average is over many of them.
        transient=True,
    )
    with bar:
        task = bar.add_task("", total=None)
        yield lambda done, total, point: bar.update(
            task, completed=done, total=total, description=_describe(point), refresh=True
        )


class _Log:
    """Prints a line now and then, with the time left judged by the points computed since the start."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._start = self._last = time.monotonic()
        self._first: int | None = None

    def __call__(self, done: int, total: int, point: SweepPoint) -> None:
        now = time.monotonic()
        self._first = done if self._first is None else self._first
        if now - self._last >= LOG_SECONDS and done > self._first:
            self._last = now
            left = (now - self._start) / (done - self._first) * (total - done)
            self._console.print(f"{done} of {total} points, about {left / 60:.1f} min left; next: {_describe(point)}")
