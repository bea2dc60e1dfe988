"""Loading of scenario files by name or path, with overrides; every fault is named by file, key, value and remedy."""

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from taskwave.semantic.text import read_text

if TYPE_CHECKING:  # `taskwave list` must not wait for torch.
    from taskwave.scenarios.config.scenario import Scenario


class ScenarioError(ValueError):
    """Raised when a scenario cannot be run as written."""


def built_in() -> dict[str, Path]:
    """Return the scenarios that come with the package, name to file."""
    folder = Path(str(resources.files("taskwave.scenarios"))) / "library"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def find(name_or_file: str) -> Path:
    """Return the file of a built-in scenario, or the path itself.

    Raises:
        ScenarioError: neither exists; the message has the names of the built-in scenarios.
    """
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
    """Return the tables of a TOML file.

    Raises:
        ScenarioError: the file is not TOML in UTF-8.
    """
    try:
        text = read_text(path)
    except ValueError as error:
        raise ScenarioError(str(error)) from error
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # Also numbers of thousands of digits, and tables as deep.
        raise ScenarioError(f"{path}: not valid TOML: {error}") from error


def parse_override(text: str) -> tuple[tuple[str, ...], Any]:
    """Split `a.b=value` into (`("a", "b")`, value); the value is TOML, a bare word (`awgn`, a path) is a string.

    Raises:
        ScenarioError: the text cannot be read as one key and one value.
    """
    text = text.removeprefix("\ufeff")  # A text that was read from a file may begin with its byte order mark.
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
    except (ValueError, RecursionError) as error:
        raise ScenarioError(f"--set {_short(text)}: the value cannot be read: {error}") from error
    if set(parsed) != {"value"}:
        raise ScenarioError(f"--set {text!r}: one value at a time")
    return parts, parsed["value"]


def override(tables: dict[str, Any], parts: Sequence[str], value: Any) -> dict[str, Any]:
    """Return `tables` with the value at the dotted key `parts` replaced; the argument is left as it was.

    Raises:
        ScenarioError: the key leads through a value that is no table.
    """
    changed = {**tables}
    inner = changed
    for depth, name in enumerate(parts[:-1], 1):
        below = inner.get(name, {})
        if not isinstance(below, dict):
            through = ".".join(parts[:depth])
            raise ScenarioError(f"--set {'.'.join(parts)}: {through} is a value, not a table with keys of its own")
        inner[name] = {**below}
        inner = inner[name]
    inner[parts[-1]] = value
    return changed


def load(name_or_file: str, overrides: Sequence[str | tuple[str, Any]] = ()) -> "Scenario":
    """Return the checked scenario, with every override applied in turn: text `key=value`, or a dotted key and a value.

    Raises:
        ScenarioError: the file or an override is faulty; one line per fault: file, key, value, what is allowed.
    """
    from taskwave.scenarios.config.scenario import Scenario  # noqa: PLC0415  loads torch

    path = find(name_or_file)
    tables = {"name": path.stem, **read(path)}
    seen: dict[tuple[str, ...], object] = {}
    for given in overrides:
        parts, value = parse_override(given) if isinstance(given, str) else (tuple(given[0].split(".")), given[1])
        if seen.setdefault(parts, value) != value:
            raise ScenarioError(f"--set {'.'.join(parts)} is given twice: as {_short(seen[parts])} and {_short(value)}")
        tables = override(tables, parts, value)
    try:
        return Scenario.model_validate(tables)
    except ValidationError as error:
        raise ScenarioError(explain(path, error, Scenario)) from error


def explain(path: Path, error: ValidationError, model: type[BaseModel]) -> str:
    """Return one line per fault of a pydantic error: file, dotted key, value, what is allowed."""
    return "\n".join(_fault(path, fault, model) for fault in error.errors())


def _fault(path: Path, fault: Mapping[str, Any], model: type[BaseModel]) -> str:
    """Return the line of one fault, an entry of `ValidationError.errors()`."""
    # Where a key allows several types, pydantic adds their names, which are no keys.
    keys = [part for part in fault["loc"] if isinstance(part, int) or part.replace("_", "").isalnum()]
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in keys).lstrip(".")
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
    """Return the keys allowed in the table that the names `tables` lead to from the root `model`."""
    for name in tables:
        annotation = model.model_fields[str(name)].annotation
        inner = [annotation, *getattr(annotation, "__args__", ())]
        model = next(t for t in inner if isinstance(t, type) and issubclass(t, BaseModel))
    return sorted(model.model_fields)


def _short(value: Any) -> str:
    """Return a value as Python writes it, cut to 60 characters where it has more than 80."""
    try:
        text = repr(value)
    except ValueError:
        return "a number of thousands of digits"
    return text if len(text) <= 80 else f"{text[:60]}… ({len(text)} characters)"
