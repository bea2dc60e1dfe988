"""What a training has to do, what of it is done, and how long the rest will take; nothing here loads torch."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

COST = {"reader": 0.06}
"""Time of one image in a stage relative to that in others: a patch of the reader to a crop of the detector."""


@dataclass(frozen=True)
class StagePlan:
    """Says what a stage has to do and what of it is done."""

    name: str
    """Name of the stage."""
    steps: int
    """Number of training steps."""
    batch: int
    """Number of images per step."""
    done: int
    """Number of steps in the checkpoint."""

    @property
    def left(self) -> int:
        """Number of steps still to do."""
        return self.steps - self.done

    @property
    def work(self) -> float:
        """Time of one step relative to that of other stages."""
        return COST.get(self.name, 1.0) * self.batch


def steps_in(checkpoint: Path) -> int:
    """Return the number of steps that a checkpoint holds, 0 where there is none or it is damaged."""
    try:
        with checkpoint.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            header = json.loads(stream.read(min(length, 2**24)))
        return int(header["__metadata__"]["step"])
    except (OSError, ValueError, KeyError, TypeError):  # the training says what is wrong with a damaged one
        return 0


class Clock:
    """Estimates the time that a plan still takes from the steps that it saw, and refines it with every one.

    Args:
        plan: stages to train, in order.
        now: clock, in seconds.
    """

    def __init__(self, plan: Sequence[StagePlan], now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._plan = {stage.name: stage for stage in plan}
        self._done = {stage.name: stage.steps - stage.left for stage in plan}
        self._work = self._seconds = 0.0
        self._stage, self._first, self._start = "", 0, 0.0

    def begin(self, stage: str, done: int) -> None:
        """Start to measure a stage of which `done` steps are done."""
        self._keep()
        self._stage, self._first, self._start = stage, done, self._now()
        self._done[stage] = done

    def advance(self, done: int) -> None:
        """Learn that `done` steps of the stage are done."""
        self._done[self._stage] = done

    def end(self) -> None:
        """End the measurement of the stage."""
        self._keep()
        self._stage = ""

    def speed(self) -> float | None:
        """Return the steps per second of the stage, None before its second step."""
        steps, seconds = self._done.get(self._stage, 0) - self._first, self._now() - self._start
        return steps / seconds if steps > 0 and seconds > 0 else None

    def stage_left(self) -> float | None:
        """Return the seconds that the stage still takes, None where nothing is measured."""
        speed, stage = self.speed(), self._plan.get(self._stage)
        return None if speed is None or stage is None else (stage.steps - self._done[self._stage]) / speed

    def left(self) -> float | None:
        """Return the seconds that all stages still take, None where nothing is measured.

        Later stages count with the times of `COST` relative to those measured, the stage at work with its own.
        """
        work, seconds = self._work, self._seconds
        own = self.stage_left()
        if own is not None:
            work += (self._done[self._stage] - self._first) * self._plan[self._stage].work
            seconds += self._now() - self._start
        if not work:
            return None
        others = [s for s in self._plan.values() if own is None or s.name != self._stage]
        return (own or 0.0) + seconds / work * sum((s.steps - self._done[s.name]) * s.work for s in others)

    def _keep(self) -> None:
        """Add the measurement of the stage to those of the stages before it."""
        if self._stage in self._plan:
            self._work += (self._done[self._stage] - self._first) * self._plan[self._stage].work
            self._seconds += self._now() - self._start


def duration(seconds: float) -> str:
    """Return a time as people say it, such as `40 s`, `12 min` or `3.5 h`."""
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
