"""Study of the headroom of tasks: what judges answer on clean images, on smaller ones, and on nothing received."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import pandas as pd
from rich.table import Table

from taskwave.links.nothing import Prior
from taskwave.phy.drawing import make_table
from taskwave.scenarios.sweep.judge import Jury, truths_or_agreed
from taskwave.scenarios.sweep.points import ImageBatch
from taskwave.semantic.tasks.base import Answer, Task
from taskwave.semantic.training.judges.augmentation import reduced
from taskwave.semantic.weights import Models

ENOUGH = 0.15
"""Least difference between clean and quarter-size images with which a task can show what a link is worth."""
CLEAN = "clean"
"""Column of the answers on the images as they are."""
DIVISORS = {CLEAN: 1, "half": 2, "quarter": 4, "eighth": 8}
"""Columns of the table, each with the number that divides height and width of its images."""
NOTHING = "nothing"
"""Column of the answers on the image of the receiver's prior."""


def measure_headroom(
    batches: Iterable[ImageBatch],
    tasks: Sequence[Task],
    jury: Jury,
    models: Models,
    observe: Callable[[int], None] = lambda done: None,
) -> pd.DataFrame:
    """Return a row for each task and judge of it: `task`, `kind`, `judge`, the accuracy by size and on nothing.

    The first judge of a task is the one that answers in scenarios.

    An accuracy is the quotient of the sums of all images, None where the images say nothing about the task. Where no
    image of a batch has annotations, what the judge answers on the clean images stands for them: agreement.

    Args:
        batches: images with annotations.
        tasks: the questions.
        jury: judges of the tasks.
        models: networks, whose prior stands for nothing received.
        observe: function that is told how many batches are done.
    """
    judges = {task.name: jury.panel.all_of(task) for task in tasks}
    sums = defaultdict[tuple[str, str, str], list[float]](lambda: [0.0, 0.0])
    prior = Prior(models)
    for done, batch in enumerate(batches, start=1):
        seen = {name: reduced(batch.images, factor).clamp(0, 1) for name, factor in DIVISORS.items()}
        seen[NOTHING] = prior.image(*batch.images.shape[-2:]).expand_as(batch.images).contiguous()
        answers = defaultdict[str, dict[str, list[Answer]]](dict)
        for name, images in seen.items():
            for task in tasks:
                for judge in judges[task.name]:
                    by_size = answers[judge.name]
                    if name not in by_size:
                        by_size[name] = judge.answer(images, batch.truths)
                    truths = truths_or_agreed(task, by_size[CLEAN], batch.truths)
                    for answer, truth in zip(by_size[name], truths, strict=True):
                        score, total = task.score(answer, truth), sums[task.name, judge.name, name]
                        total[0] += score.numerator
                        total[1] += score.denominator
        observe(done)
    rows = []
    for task in tasks:
        for judge in judges[task.name]:
            found = {name: sums[task.name, judge.name, name] for name in (*DIVISORS, NOTHING)}
            values = {name: right / asked if asked else None for name, (right, asked) in found.items()}
            rows.append({"task": task.name, "kind": task.kind, "judge": judge.name, **values})
    return pd.DataFrame(rows)


def headroom_table(values: pd.DataFrame) -> Table:
    """Return a table of what `measure_headroom` gave, with the headroom and whether it is enough."""

    def text(value: float | None) -> str:
        return "–" if value is None or pd.isna(value) else f"{value:.3f}"

    rows = []
    for row in values.to_dict("records"):
        numbers = [row[name] for name in (*DIVISORS, NOTHING)]
        known = row["clean"] is not None and row["quarter"] is not None
        gap = row["clean"] - row["quarter"] if known else None
        verdict = "–" if gap is None else ("" if gap >= ENOUGH else "no headroom")
        rows.append([row["task"], row["judge"], *map(text, numbers), text(gap), verdict])
    return make_table(
        "Accuracy by size of the image", ["task", "judge", *DIVISORS, NOTHING, "clean − quarter", ""], rows
    )
