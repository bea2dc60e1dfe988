"""The grids whose points a folder holds, and what may be added to them.

A folder keeps the records of one scenario. Run again, the scenario may have grown: more SNRs, distances, budgets,
links, tasks, images or fades than before, and none of the old ones left out. All that was there then stays in the
records, and what is missing is computed. More images means a multiple of their number, since they are spread evenly.
They are other batches, whose channels are drawn anew: where the new grid has a record of an old image as well, the new
one stands in the records, and the old point stays on the disk.

With `append` the grid may also lack old values; the records then hold both grids, and where both have a record of the
same link, task, SNR, budget, image and fade, that of the grid run last.

Everything else has to be the same (radio, seed, weights, …), since no column would tell the rows apart.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from taskwave.phy.files import StorageError, write_text
from taskwave.scenarios.config.scenario import Scenario

GRIDS = "grids.json"
"""Name of the file in `out/points` that lists the grids of a folder and the names of their points."""
SCENARIO_FILE = "scenario.json"
"""Name of the file beside the records that holds the scenario as it was run last, overrides included."""

_AXES = ("sweep.es_n0_db", "sweep.distance_m", "sweep.budgets", "sweep.links", "tasks")
_NUMBERS = ("images.count", "sweep.fades")
_WORDS = ("description", "strip")
"""Keys that no record depends on."""


class OtherScenarioError(ValueError):
    """Raised when a folder holds the results of another scenario."""


@dataclass(frozen=True)
class Grid:
    """Holds one scenario of a folder with the names of its points."""

    scenario: Scenario
    """Scenario as it was run, overrides included."""
    columns: dict[str, str]
    """Columns that are equal in all its records, see `Evaluator.grid_columns`."""
    keys: tuple[str, ...]
    """Names of its points in their order."""


def read_grids(out: Path) -> tuple[Grid, ...]:
    """Return the grids of a folder, the one run last at the end; there are none in a folder without results.

    A folder of version 0.1 has one grid, without names of points.

    Raises:
        StorageError: the file is damaged, or of another version of the program.
    """
    path, before = out / "points" / GRIDS, out / SCENARIO_FILE
    try:
        if path.is_file():
            entries = json.loads(path.read_text(encoding="utf-8"))
            return tuple(Grid(_scenario(e["scenario"]), dict(e["columns"]), tuple(e["keys"])) for e in entries)
        path = before
        if path.is_file():
            return (Grid(_scenario(json.loads(path.read_text(encoding="utf-8"))), {}, ()),)
    except (ValueError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise StorageError(
            f"{path}: damaged, or of another version of TaskWave ({reason}); choose another folder (--out)"
        ) from error
    return ()


def write_grids(out: Path, grids: tuple[Grid, ...]) -> None:
    """Write the grids of a folder, the last one as `SCENARIO_FILE`, and each as a file that `taskwave run` takes.

    Raises:
        StorageError: they cannot be written.
    """
    entries = [{"scenario": g.scenario.model_dump(mode="json"), "columns": g.columns, "keys": g.keys} for g in grids]
    write_text(out / "points" / GRIDS, json.dumps(entries))
    write_text(out / SCENARIO_FILE, grids[-1].scenario.model_dump_json(indent=2))
    for path, grid in zip(scenario_files(out, len(grids)), grids, strict=True):
        write_text(path, to_toml(grid.scenario))
    for path in out.glob("scenario-*.toml"):  # Those of grids that have left the list.
        if path not in scenario_files(out, len(grids)):
            path.unlink(missing_ok=True)


def scenario_files(out: Path, number: int) -> list[Path]:
    """Return the paths of the TOML files of `number` grids."""
    return [out / ("scenario.toml" if i == 0 else f"scenario-{i + 1}.toml") for i in range(number)]


def same_points(one: Scenario, other: Scenario) -> bool:
    """Return whether two scenarios that may share a folder have the same points."""
    return (one.sweep, one.tasks, one.images) == (other.sweep, other.tasks, other.images)


def check_grows(out: Path, before: Sequence[Scenario], now: Scenario, *, append: bool) -> None:
    """Check that the points of a scenario may join those of a folder.

    Args:
        out: the folder, for the message.
        before: scenarios of the grids of the folder, at least one.
        now: scenario to be run.
        append: whether old values of the grid may be missing.

    Raises:
        OtherScenarioError: they may not; the message names every key that differs, with both values.
    """
    new = _flat(now)
    for scenario in reversed(before):
        old = _flat(scenario)
        differing = [key for key in {**old, **new} if old.get(key) != new.get(key) and key.split(".")[0] not in _WORDS]
        fixed = [key for key in differing if key not in (*_AXES, *_NUMBERS, "name")]
        lacking = [key for key in differing if key not in fixed and not _grown(key, old, new)]
        if fixed:
            raise OtherScenarioError(
                f"{out} holds another scenario: {_told(fixed, old, new)}. Rows of both could not be told apart in one "
                "table of records: choose another folder with --out"
            )
        if append or not lacking:
            return
    old = _flat(before[-1])
    lacking = [key for key in (*_AXES, *_NUMBERS, "name") if not _grown(key, old, new)]
    raise OtherScenarioError(
        f"{out} holds another scenario: {_told(lacking, old, new)}. Records would leave its table: keep the old values "
        "beside the new ones, give --append (in Python append=True) to hold both grids in one table, or choose another "
        "folder with --out"
    )


def covers(now: Scenario, before: Scenario) -> bool:
    """Return whether `now` has a record wherever `before` has one: the same link, task, SNR, budget, image and fade."""
    if now.images.count % before.images.count:
        return False  # Images are spread evenly: others than multiples have other ones.
    tasks = [{task.name for task in scenario.parsed_tasks()} for scenario in (before, now)]
    return (
        set(before.conditions) <= set(now.conditions)
        and set(before.sweep.budgets) <= set(now.sweep.budgets)
        and set(before.sweep.links) <= set(now.sweep.links)
        and before.sweep.fades <= now.sweep.fades
        and tasks[0] <= tasks[1]
    )


def to_toml(scenario: Scenario) -> str:
    """Return a scenario as a TOML file that `loading.load` reads as the same scenario."""
    return tomli_w.dumps(scenario.model_dump(mode="json", exclude_none=True))


def _scenario(tables: Any) -> Scenario:
    """Return a scenario from JSON; `ValueError` where a key or value is unknown."""
    return Scenario.model_validate_json(json.dumps(tables))


def _flat(scenario: Scenario) -> dict[str, Any]:
    """Return the values of a scenario by dotted key, those of tables inside lists as they are."""
    found: dict[str, Any] = {}

    def add(table: dict[str, Any], prefix: str) -> None:
        for key, value in table.items():
            if isinstance(value, dict):
                add(value, f"{prefix}{key}.")
            elif value is not None:
                found[prefix + key] = value

    add(scenario.model_dump(mode="json"), "")
    return found


def _grown(key: str, old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Return whether a key of the grid has all old values, and perhaps more."""
    if key == "name":
        return bool(new[key] == old[key])
    if key == "images.count":
        return bool(new[key] % old[key] == 0)
    if key in _NUMBERS:
        return bool(new[key] >= old[key])
    return set(old.get(key, ())) <= set(new.get(key, ()))


def _told(keys: Sequence[str], old: dict[str, Any], new: dict[str, Any]) -> str:
    """Return the values of some keys before and now."""
    return "; ".join(f"{key}: {_short(old.get(key))} there, {_short(new.get(key))} now" for key in keys)


def _short(value: Any) -> str:
    """Return a value as JSON writes it, `not given` for None, cut where it is long."""
    text = "not given" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}…"
