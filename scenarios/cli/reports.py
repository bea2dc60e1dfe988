"""What the commands show of pooled records: a table, a sentence, figures, and lines that say what is left out."""
# ruff: noqa: PLC0415  Modules that load torch or pandas are imported where they are used, so that help is quick.

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from taskwave.scenarios.cli.app import console, messages

if TYPE_CHECKING:
    import pandas as pd

    from taskwave.scenarios.figures.layout import Layout
    from taskwave.scenarios.statistics.pooling import Pooled
    from taskwave.semantic.data import ImageSet

_MANY_LINES = 12
"""Number of lines in a panel above which another layout reads better."""


@dataclass(frozen=True)
class Choice:
    """Holds what a user wants drawn; what is empty is chosen by `draw`, which says what it leaves out."""

    by: str = "link"
    """What tells lines apart, a value of `curves.By`."""
    budgets: Sequence[float] = ()
    """Budgets of the figures over SNR and distance."""
    es_n0_dbs: Sequence[float] = ()
    """SNRs [dB] of the figure over bandwidth."""
    tasks: Sequence[str] = ()
    """Tasks drawn."""
    links: Sequence[str] = ()
    """Links drawn; none given: all of them."""
    suffix: str = ""
    """End of the names of the files."""
    metadata: Mapping[str, str] | None = None
    """Texts to keep in the files."""


def print_notes(notes: Sequence[str]) -> None:
    """Print notes on results, a line each."""
    for note in notes:
        messages.print(f"note: {note}", markup=False, soft_wrap=True)


def tell_unasked(images: "ImageSet") -> None:
    """Say which classes of the images no question is about: a slip of the pen should not go unseen."""
    from taskwave.scenarios.sweep.points import unasked_classes

    if classes := unasked_classes(images):
        told = f"note: no question is about these classes in boxes.csv, so they count nowhere: {', '.join(classes)}"
        messages.print(told, markup=False, soft_wrap=True)


def draw(pooled: "Pooled", folder: Path, choice: Choice | None = None) -> list[Path]:
    """Draw the figures of pooled records into `folder`, say what they leave out, and return their paths.

    Raises:
        ValueError: there are no records of a budget, SNR, task or link.
    """
    from taskwave.phy.drawing import save
    from taskwave.scenarios.figures import curves
    from taskwave.scenarios.figures.layout import METRICS, layout, with_names

    choice = choice or Choice()
    metric, table = METRICS[pooled.metric], with_names(pooled.table)
    asked_of = {"budget": choice.budgets, "es_n0_db": choice.es_n0_dbs, "task": choice.tasks, "link": choice.links}
    for key, values in asked_of.items():
        _check_asked(table, key, values)
    if choice.links:
        table = table[table["link"].isin(choice.links)]
    table = _of_tasks(table[table[metric.column].notna()], choice)
    if table.empty:
        messages.print(f"no figure of {metric.column}: nothing of it is defined")
        return []
    paths = []
    for name, x in (("snr", "es_n0_db"), ("bandwidth", "bandwidth_ratio"), ("distance", "distance_m")):
        file = f"{metric.column}-vs-{name}{choice.suffix}.png".replace("_", "-")
        there = table[table[x].notna()]
        if there.empty:
            continue  # A sweep over SNRs has no distances.
        notes = [] if len(there) == len(table) else [_without(table, there)]
        plan = layout(choice.by, x)
        asked = choice.es_n0_dbs if plan.lines == "es_n0_db" else choice.budgets
        if plan.rows == "task" and asked:
            there = there[there[plan.lines].isin(asked)]
        rows = _rows(there, plan, choice, notes)
        for note in notes:
            messages.print(f"{file}: {note}", markup=False, soft_wrap=True)
        figure = curves.draw_curves(there, plan, rows, metric)
        paths.append(save(figure, folder / file, choice.metadata))
    return paths


def print_accuracies(pooled: "Pooled", *, verbose: bool = False) -> None:
    """Print the accuracies of a run as a table, those of each task as well if `verbose`, and its result in a sentence.

    With many budgets the table has a few of them; a line says so.
    """
    from taskwave.scenarios.figures import tables
    from taskwave.scenarios.figures.layout import METRICS, spread
    from taskwave.scenarios.statistics.headline import headline
    from taskwave.scenarios.statistics.pooling import main_task

    table = pooled.table
    budgets = sorted(table["budget"].unique()) if verbose else spread(table["budget"].unique())
    shown = table[table["budget"].isin(budgets)]
    task = main_task(table)
    for part in tables.accuracy_tables(shown, None if verbose else [task], METRICS[pooled.metric]):
        console.print(part)
    print_notes(pooled.notes)
    several, fewer = not verbose and table["task"].nunique() > 1, len(budgets) < table["budget"].nunique()
    if several or fewer:
        what = " and ".join(("every task",) * several + ("every budget",) * fewer)
        messages.print(f"accuracy.csv and --verbose have {what}")
    sentence = headline(pooled)
    if sentence:
        console.print(sentence, markup=False, soft_wrap=True)


def _check_asked(table: "pd.DataFrame", key: str, asked: Sequence[object]) -> None:
    """Raise `ValueError` where there are no records of a value that is asked for."""
    there = sorted(table[key].unique())
    missing = [value for value in asked if value not in there]
    if missing:
        known = ", ".join(value if isinstance(value, str) else f"{value:g}" for value in there)
        wrong = missing[0] if isinstance(missing[0], str) else f"{missing[0]:g}"
        raise ValueError(f"{key} {wrong}: no records of it; there are {known}")


def _of_tasks(table: "pd.DataFrame", choice: Choice) -> "pd.DataFrame":
    """Return the rows of the tasks that are drawn: all of them where a figure has room for all."""
    from taskwave.scenarios.figures.layout import one_task
    from taskwave.scenarios.statistics.pooling import main_task

    if len(choice.tasks) > 1 and choice.by in ("channel", "run"):
        raise ValueError(f"--task: {len(choice.tasks)} of them with --by {choice.by}, which has room for one; give one")
    if choice.tasks:
        return table[table["task"].isin(choice.tasks)]
    if table.empty or not one_task(choice.by) or table["task"].nunique() == 1:
        return table
    kept = main_task(table)
    others = ", ".join(name for name in table["task"].unique() if name != kept)
    messages.print(f"drawn for {kept}; not for {others} (choose with --task)", markup=False, soft_wrap=True)
    return table[table["task"] == kept]


def _rows(table: "pd.DataFrame", plan: "Layout", choice: Choice, notes: list[str]) -> list[object]:
    """Return the values of the rows of panels, and add to `notes` which values of budget or SNR are not drawn."""
    from taskwave.scenarios.figures.layout import shared_spread

    third = plan.rows if plan.rows != "task" else plan.lines
    asked = choice.es_n0_dbs if third == "es_n0_db" else choice.budgets
    if plan.rows == "task":
        return list(table["task"].unique())
    rows: list[object] = list(asked) or list(shared_spread(table, third, plan.lines))
    left = [value for value in sorted(table[third].unique()) if value not in rows]
    if plan.lines == "series" and table["series"].nunique() > _MANY_LINES:
        notes.append(f"{table['series'].nunique()} lines a panel; fewer with --by channel or --by run")
    if left and not asked:
        name = "SNRs" if third == "es_n0_db" else "budgets"
        option = "--es-n0-db" if third == "es_n0_db" else "--budget"
        values = ", ".join(f"{value:g}" if third == "es_n0_db" else f"{value:,.0f}" for value in left)
        notes.append(f"without {name} {values} (choose with {option})")
    return rows


def _without(table: "pd.DataFrame", drawn: "pd.DataFrame") -> str:
    """Return the note on lines that have no distances."""
    missing = [name for name in table["series"].unique() if name not in set(drawn["series"])]
    return f"without {', '.join(missing) or 'results'} over SNR, for which there is no distance"
