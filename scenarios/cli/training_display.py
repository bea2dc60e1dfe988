"""Progress of a training on standard error: bars on a terminal, lines now and then elsewhere, and its interruption."""

import shlex
import signal
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from types import FrameType

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from taskwave.scenarios.cli.app import messages
from taskwave.semantic.training.monitor import Monitor
from taskwave.semantic.training.plan import Clock, StagePlan, duration

FIRST_LINE, LAST_LINE = 5.0, 60.0
"""Seconds before the first line about a piece of work, and the longest time between two; each time doubles the last."""
MEASURED = 4.0
"""Seconds of training after which the time of all stages is told."""


class Terminated(KeyboardInterrupt):
    """Raised by SIGTERM, so that a training ends as with Ctrl-C."""


class Display(Monitor):
    """Shows notes, validations and the time of all stages, whatever shows the steps."""

    def __init__(self, plan: Sequence[StagePlan]) -> None:
        self.clock = Clock(plan)
        self.stages = {stage.name for stage in plan}
        self.name, self.total, self.done, self.loss = "", 0, 0, None
        self._start = time.monotonic()
        self._told = len(self.stages) < 2

    name: str
    total: int
    done: int
    loss: float | None

    def note(self, text: str) -> None:
        """Print one line."""
        messages.print(text, markup=False, soft_wrap=True)

    def begin(self, name: str, total: int, done: int = 0) -> None:
        """Start the clock of a stage or of the reading of images."""
        self.name, self.total, self.done, self.loss = name, total, done, None
        self._start = time.monotonic()
        self.clock.begin(name, done)

    def advance(self, done: int, loss: float | None = None) -> None:
        """Learn about one more step, and tell the time of all stages once enough of them are measured."""
        self.done, self.loss = done, loss
        self.clock.advance(done)
        left = self.clock.left()
        if not self._told and self.name in self.stages and time.monotonic() - self._start > MEASURED and left:
            self._told = True
            self.note(f"all stages: about {duration(left)}, judged by the first steps of {self.name}")

    def validated(self, record: dict[str, float]) -> None:
        """Print the numbers of a validation."""
        numbers = ", ".join(f"{key} {value:.4g}" for key, value in record.items() if key != "step")
        self.note(f"{self.name} validated at step {record['step']:g}: {numbers}")

    def end(self) -> None:
        """Stop the clock of the stage."""
        self.clock.end()
        if self.name in self.stages:
            self.note(f"{self.name} trained in {duration(time.monotonic() - self._start)}")

    def state(self) -> str:
        """Return speed and time left of the work in hand, as far as they are measured."""
        speed = self.clock.speed()
        if speed is None:
            return ""
        unit = "steps" if self.name in self.stages else "images"
        pace = f"{speed:.3g} {unit}/s" if speed >= 1 else f"{1 / speed:.2g} s a {unit[:-1]}"
        text = f"{pace}, {duration((self.total - self.done) / speed)} left"
        left = self.clock.left()
        more = left is not None and self.name in self.stages and len(self.stages) > 1
        return f"{text} (all stages: {duration(left or 0)})" if more else text


class Lines(Display):
    """Prints a line about the steps now and then, for a file or a pipe."""

    _next = FIRST_LINE

    def begin(self, name: str, total: int, done: int = 0) -> None:
        """Print what begins or goes on."""
        super().begin(name, total, done)
        self._next = FIRST_LINE
        unit = "steps" if name in self.stages else "images"
        self.note(f"{name}: goes on at step {done} of {total}" if done else f"{name}: {total} {unit}")

    def advance(self, done: int, loss: float | None = None) -> None:
        """Print the state when it is time."""
        super().advance(done, loss)
        elapsed = time.monotonic() - self._start
        if elapsed >= self._next and done < self.total:
            self._next = elapsed + min(LAST_LINE, self._next)
            value = "" if loss is None else f" loss {loss:.4g},"
            self.note(f"{self.name} {done}/{self.total}:{value} {self.state()}")


class Bars(Display):
    """Shows a bar for every stage on a terminal."""

    def __init__(self, plan: Sequence[StagePlan], progress: Progress) -> None:
        super().__init__(plan)
        self._progress = progress
        self._task: TaskID | None = None

    def begin(self, name: str, total: int, done: int = 0) -> None:
        """Add a bar."""
        super().begin(name, total, done)
        self._task = self._progress.add_task(escape(name), total=total, completed=done, loss="", state="")

    def advance(self, done: int, loss: float | None = None) -> None:
        """Move the bar."""
        super().advance(done, loss)
        if self._task is not None:
            value = "" if loss is None else f"loss {loss:.4g}"
            self._progress.update(self._task, completed=done, loss=value, state=self.state())

    def end(self) -> None:
        """Leave the bar full, without a time left."""
        if self._task is not None:
            self._progress.update(self._task, completed=self.total, state="")
        super().end()


@contextmanager
def show(plan: Sequence[StagePlan]) -> Generator[Display]:
    """Show a training; SIGINT and SIGTERM end it with one line that says how to go on, and exit code 130 or 143."""

    def stop(_: int, __: FrameType | None) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, stop)
    display: Display = Lines(plan)
    try:
        if messages.is_terminal:
            texts = ("{task.completed}/{task.total}", "{task.fields[loss]}", "{task.fields[state]}")
            columns = (TextColumn("{task.description:<13}"), BarColumn(24), *map(TextColumn, texts))
            with Progress(*columns, console=messages) as progress:
                display = Bars(plan, progress)
                yield display
        else:
            yield display
    except KeyboardInterrupt as error:
        at = f" at step {display.done} of {display.name}" if display.name in display.stages else ""
        command = shlex.join(["taskwave", *sys.argv[1:]])
        display.note(f"stopped{at}; what is done is kept. Go on with: {command}")
        raise typer.Exit(143 if isinstance(error, Terminated) else 130) from None
    finally:
        signal.signal(signal.SIGTERM, before)
