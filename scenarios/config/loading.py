"""From a name or a file, with overrides, to a checked `Scenario`; every fault named by file, key, value and remedy."""

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

if TYPE_CHECKING:  # `taskwave list` must not wait for torch
    from taskwave.scenarios.config.scenario import Scenario


class ScenarioError(ValueError):
    """A scenario that cannot be run as written."""


def built_in() -> dict[str, Path]:
    """The scenarios that come with the package: name to file."""
    folder = Path(str(resources.files("taskwave.scenarios"))) / "library"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def find(name_or_file: str) -> Path:
    """The file of a built-in scenario, or the path itself; `ScenarioError` with the names there are otherwise."""
    known = built_in()
    if name_or_file in known:
        return known[name_or_file]
    path = Path(name_or_file)
    if path.is_file():
        return path
    near = difflib.get_close_matches(name_or_file, known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ScenarioError(
        f"{name_or_file}: neither a file nor a built-in scenario.{hint} Built in: {', '.join(known)}; "
        "or give the path of a TOML file"
    )


def read(path: Path) -> dict[str, Any]:
    """The tables of a TOML file; `ScenarioError` where it is not TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise ScenarioError(f"{path}: not a text file in UTF-8 ({error.reason} at byte {error.start})") from error
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"{path}: not valid TOML: {error}") from error


def parse_override(text: str) -> tuple[tuple[str, ...], Any]:
    """`a.b=value` to (`("a", "b")`, value); the value is TOML, a bare word (`awgn`, a path) is taken as a string."""
    key, separator, raw = text.partition("=")
    parts = tuple(part.strip() for part in key.split("."))
    if not separator or not all(parts):
        raise ScenarioError(f"--set {text!r}: expected key=value, for example --set sweep.es_n0_db=[0,10]")
    raw = raw.strip()
    if not raw:
        raise ScenarioError(f"--set {text!r}: the value is missing")
    try:
        parsed = tomllib.loads(f"value = {raw}")
    except tomllib.TOMLDecodeError as error:
        if raw[0] in "[{\"'" or "\n" in raw:
            raise ScenarioError(f"--set {text!r}: the value is not valid TOML: {error}") from error
        return parts, raw
    if set(parsed) != {"value"}:
        raise ScenarioError(f"--set {text!r}: one value at a time")
    return parts, parsed["value"]


def override(tables: dict[str, Any], parts: Sequence[str], value: Any) -> dict[str, Any]:
    """`tables` with the value at the dotted key `parts` replaced; the argument is left as it was."""
    head, *rest = parts
    if not rest:
        return {**tables, head: value}
    below = tables.get(head, {})
    if not isinstance(below, dict):
        raise ScenarioError(f"--set {'.'.join(parts)}: {head!r} is a value, not a table with keys of its own")
    return {**tables, head: override(below, rest, value)}


def load(name_or_file: str, overrides: Sequence[str] = ()) -> "Scenario":
    """The checked scenario, with every `key=value` of `overrides` applied in turn.

    Raises `ScenarioError` with one line per fault: file, key, value, what is allowed.
    """
    from taskwave.scenarios.config.scenario import Scenario  # noqa: PLC0415  loads torch

    path = find(name_or_file)
    tables = read(path)
    for text in overrides:
        parts, value = parse_override(text)
        tables = override(tables, parts, value)
    try:
        return Scenario.model_validate(tables)
    except ValidationError as error:
        raise ScenarioError(explain(path, error, Scenario)) from error


def explain(path: Path, error: ValidationError, model: type[BaseModel]) -> str:
    """One line per fault of a pydantic error: file, dotted key, value, allowed."""
    return "\n".join(_fault(path, fault, model) for fault in error.errors())


def _fault(path: Path, fault: Mapping[str, Any], model: type[BaseModel]) -> str:
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in fault["loc"]).lstrip(".")
    message = fault["msg"].removeprefix("Value error, ").replace("valid tuple", "list")
    if fault["type"] == "extra_forbidden":
        *tables, key = fault["loc"]
        allowed = _keys(model, tables)
        near = difflib.get_close_matches(str(key), allowed, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        return f"{path}: {where}: unknown key; {hint}Allowed here: {', '.join(allowed)}"
    if fault["type"] == "missing":
        return f"{path}: {where}: this key is missing; add it to the file or give --set {where}=VALUE"
    if not where:
        return f"{path}: {message}"
    return f"{path}: {where} = {_short(fault['input'])}: {message}"


def _keys(model: type[BaseModel], tables: Sequence[str | int]) -> list[str]:
    """The keys allowed in the table that `tables` leads to."""
    for name in tables:
        annotation = model.model_fields[str(name)].annotation
        inner = [annotation, *getattr(annotation, "__args__", ())]
        model = next(t for t in inner if isinstance(t, type) and issubclass(t, BaseModel))
    return sorted(model.model_fields)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:60]}… ({len(text)} characters)"
