"""The command that tells what stored results are, what made them and how to repeat them."""
# ruff: noqa: PLC0415  Modules that load torch or pandas are imported where they are used, so that help is quick.

import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from taskwave.scenarios.cli.app import RunFolder, app, console

if TYPE_CHECKING:
    import pandas as pd

    from taskwave.scenarios.sweep.grids import Grid

Rows = Iterator[tuple[str, str]]


@app.command()
def show(folder: RunFolder) -> None:
    """Tell what a run holds, what made it (configuration, code, versions, machine), and how to repeat it."""
    from taskwave.scenarios.sweep.records import read_records

    records = read_records(folder)

    from taskwave.scenarios.sweep.grids import read_grids
    from taskwave.scenarios.sweep.provenance import read_anywhere

    made, grids = read_anywhere(folder), read_grids(folder)
    configuration = (made or {}).get("configuration") or (grids[-1].scenario.model_dump() if grids else {})
    title = configuration.get("name", "a run without scenario")
    about = configuration.get("description", "its scenario is not known")
    console.print(f"{title}: {about}", style="bold", markup=False)
    _print("Records", _contents(folder, records, grids))
    if made is None:
        console.print("\nNo provenance: the run is of TaskWave 0.1, or its folder is not complete.")
    else:
        _print("Made by", _origin(made))
        _print("Weights", ((name, digest[:16]) for name, digest in made["weights"].items()))
        for number, session in enumerate(made.get("sessions", []), start=2):
            _print(f"Session {number}", _changes(made, session))
    _print("To repeat it", _commands(folder, len(grids), configuration))


def _print(title: str, rows: Iterable[tuple[str, str]]) -> None:
    """Print a title and, below it, names with their values."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(_plain(name), _plain(value))
    console.print(f"\n{title}", style="bold", markup=False)
    console.print(table)


def _plain(text: str) -> Any:
    """Return text that rich prints as it is."""
    from rich.text import Text

    return Text(text)


def _contents(folder: Path, records: "pd.DataFrame", grids: "Sequence[Grid]") -> Rows:
    """Yield what the records hold: numbers, links, tasks and axes."""
    from taskwave.scenarios.sweep.store import PointStore

    store = PointStore(folder)
    keys = {key for grid in grids for key in grid.keys}
    if keys and store.folder.is_dir():
        finished = sum(map(store.has, keys))
        more = "" if finished == len(keys) else ": unfinished, or copied without all of its points"
        yield "points", f"{finished:,} of {len(keys):,}{more}"
    yield "records", f"{len(records):,}"
    yield "run", _listed(records["run"])
    yield "links", ", ".join(f"{link} ({kind})" for link, kind in _pairs(records, "link", "kind"))
    yield "tasks", ", ".join(f"{task} ({prompt!r})" for task, prompt in _pairs(records, "task", "task_prompt"))
    antennas = _pairs(records, "num_tx_ant", "num_rx_ant", "num_layers")
    yield "channel", _listed(records["channel"]) + "".join(f", {t:g}x{r:g}, layers: {n:g}" for t, r, n in antennas)
    if records["distance_m"].notna().any():
        yield "distances [m]", _listed(records["distance_m"])
    yield "SNRs [dB]", _listed(records["es_n0_db"])
    yield "budgets", _listed(records["budget"])
    images, groups = records["image"].nunique(), records["group"].nunique()
    split = _listed(records["split"])
    yield "images", f"{images:,} in {groups:,} groups" + (f", split {split}" if split else "")
    yield "fades", f"{records['fade'].nunique()}"
    yield "seed", _listed(records["seed"])
    yield "weights", _listed(records["weights"])


def _origin(made: dict[str, Any]) -> Rows:
    """Yield what made the records."""
    state = {True: ", with changes", False: "", None: ""}[made["dirty"]]
    yield "date", f"{made['date']}"
    yield "command", f"{made['command']}"
    yield "TaskWave", f"{made['taskwave']}" + (f", commit {made['commit']}{state}" if made["commit"] else "")
    yield "code", f"{made['code'][:16]}"
    for link, digest in made["links_of_other_packages"].items():
        yield f"code of {link}", f"{digest[:16]}"
    yield "Python", f"{made['python']}"
    yield "packages", ", ".join(f"{name} {version}" for name, version in made["packages"].items())
    yield "device", f"{made['device']}"
    for task, judge in made.get("judges", {}).items():
        name, _, digest = judge.rpartition(" ")
        yield f"judge of {task}", f"{name} {digest[:16]}".strip()


def _changes(first: dict[str, Any], session: dict[str, Any]) -> Rows:
    """Yield date and command line of a later session, and what differs from the first one."""
    before = dict(_origin(first))
    for name, value in _origin(session):
        if name in ("date", "command") or before.get(name) != value:
            yield name, value
    changed = [name for name, digest in session["weights"].items() if first["weights"].get(name) != digest]
    if changed:
        yield "other weights", ", ".join(changed)


def _commands(folder: Path, number: int, configuration: dict[str, Any]) -> Rows:
    """Yield command lines that repeat the run into a new folder."""
    from taskwave.scenarios.sweep.grids import scenario_files

    files = [path for path in scenario_files(folder, number) if path.is_file()]
    if not files:
        yield "–", "there is no scenario.toml in the folder: it is of TaskWave 0.1, or not complete"
    new = shlex.quote(f"{folder.resolve().name}-again")
    for i, path in enumerate(files):
        yield f"{i + 1}", f"taskwave run {shlex.quote(str(path))} --out {new}{' --append' if i else ''}"
    paths = (configuration.get("images", {}).get("folder"), configuration.get("judge"))
    if any(path is not None and not Path(path).is_absolute() for path in paths):
        yield "", "Relative paths in it start at the folder where the command is given."


def _pairs(records: "pd.DataFrame", *columns: str) -> list[tuple[Any, ...]]:
    """Return the combinations of columns that occur, without those that have no value."""
    found = records[list(columns)].dropna().drop_duplicates()
    return list(found.itertuples(index=False, name=None))


def _listed(column: "pd.Series[Any]") -> str:
    """Return the values of a column, each once, numbers in ascending order."""
    values = column.dropna().unique().tolist()
    if values and isinstance(values[0], str):
        return ", ".join(values)
    return ", ".join(f"{value:g}" if isinstance(value, float) else f"{value:,}" for value in sorted(values))
