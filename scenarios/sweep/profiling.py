"""Times of the stages of a link, measured from outside: links have no timing code.

A stage is the first call from a link's own module into another module of the package (a codec, a prior, a symbol
link). What remains is the link's own work and the libraries it calls directly.
"""

import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import pandas as pd

OWN = "(in the link itself)"
"""Name of the stage that holds the work of a link outside all other stages."""


@dataclass
class LinkRun:
    """Holds the times of one call of a link."""

    link: str
    """Name of the link."""
    answers: int
    """Number of images times number of tasks."""
    seconds: float = 0.0
    """Wall-clock time of the call [s]."""
    stages: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    """Wall-clock time [s] by stage, `module.function` without the name of the package."""


class StageTimes:
    """Collects the times of all calls of links in a run."""

    def __init__(self) -> None:
        self.runs: list[LinkRun] = []

    @contextmanager
    def measure(self, link: str, module: str, answers: int) -> Iterator[None]:
        """Time the body, one call of a link that is defined in `module`; calls of other threads are not seen."""
        run = LinkRun(link, answers)
        outermost: FrameType | None = None
        entered = 0.0

        def observe(frame: FrameType, event: str, _: Any) -> None:
            nonlocal outermost, entered
            if outermost is None and event == "call":
                name = frame.f_globals.get("__name__", "")
                if name.startswith("taskwave.") and name not in (module, __name__):
                    outermost, entered = frame, time.perf_counter()
            elif event == "return" and frame is outermost:
                stage = f"{frame.f_globals['__name__'].removeprefix('taskwave.')}.{frame.f_code.co_qualname}"
                run.stages[stage] += time.perf_counter() - entered
                outermost = None

        start = time.perf_counter()
        previous = sys.getprofile()
        sys.setprofile(observe)
        try:
            yield
        finally:
            sys.setprofile(previous)
        run.seconds = time.perf_counter() - start
        self.runs.append(run)

    def table(self) -> pd.DataFrame:
        """Return columns link, stage, `ms` (per image and task), `share` (of the link's time); slowest stage first.

        The first run of each link fills caches and is left out where there is another one. Stages below one percent
        are added to `OWN`.
        """
        rows = []
        for link in dict.fromkeys(run.link for run in self.runs):
            runs = [run for run in self.runs if run.link == link]
            runs = runs[1:] or runs
            answers, seconds = sum(run.answers for run in runs), sum(run.seconds for run in runs)
            stages: dict[str, float] = defaultdict(float)
            for run in runs:
                for stage, spent in run.stages.items():
                    stages[stage] += spent
            stages = {stage: spent for stage, spent in stages.items() if spent >= 0.01 * seconds}
            stages[OWN] = seconds - sum(stages.values())
            for stage, spent in sorted(stages.items(), key=lambda item: -item[1]):
                rows.append({"link": link, "stage": stage, "ms": 1e3 * spent / answers, "share": spent / seconds})
            rows.append({"link": link, "stage": "total", "ms": 1e3 * seconds / answers, "share": 1.0})
        return pd.DataFrame(rows, columns=["link", "stage", "ms", "share"])
