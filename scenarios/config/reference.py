"""Every key of a scenario file, its meaning, what is allowed and its default: as a page, and as a commented file."""

import json
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from taskwave.scenarios.config.scenario import Scenario

_EXAMPLE: dict[str, Any] = {
    "tasks": ["cars", "road and pavement"],
    "images.source": "streets",
    "images.split": "val",
    "images.count": 8,
    "sweep.es_n0_db": [0, 10, 20],
    "sweep.budgets": [500, 1000, 2000],
    "sweep.links": ["task-adaptive", "task-adaptive-uniform", "avif"],
}
"""Values of the keys that the commented file sets; all others are comments with their defaults."""
_BOUNDS = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to", "exclusiveMaximum": "below"}
"""Words for the bounds of JSON schemas."""


@dataclass(frozen=True)
class Key:
    """Describes one key of a scenario file."""

    table: str
    """Dotted name of its table; "" for the top of the file."""
    name: str
    """Name of the key."""
    text: str
    """Meaning, one paragraph."""
    allowed: str
    """Values that are allowed."""
    default: str | None
    """Default as TOML; "" where leaving the key out has a meaning of its own; None: the key must be given."""


@dataclass(frozen=True)
class Table:
    """Describes one table of a scenario file."""

    name: str
    """Dotted name; "" for the top of the file."""
    text: str
    """What the table is for."""
    optional: bool
    """Whether its mere presence means something: it is left out by default."""
    keys: tuple[Key, ...]


def tables() -> Iterator[Table]:
    """Yield all tables, each before those within it."""
    schema = Scenario.model_json_schema()
    yield from _tables("", schema, schema["$defs"], optional=False)


def _tables(name: str, table: Mapping[str, Any], defs: Mapping[str, Any], *, optional: bool) -> Iterator[Table]:
    """Yield a table of a JSON schema, then those within it."""
    required, keys, inner = table.get("required", []), [], []
    for key, value in table["properties"].items():
        within = _within(value, defs)
        if within is not None:
            inner.append((f"{name}.{key}".lstrip("."), within, value.get("default", ...) is None))
        else:
            default = None if key in required else _toml(value.get("default"))
            keys.append(Key(name, key, _line(value.get("description", "")), _allowed(value, defs), default))
    yield Table(name, _line(table.get("description", "").partition("\n\n")[0]), optional, tuple(keys))
    for inner_name, inner_table, left_out in inner:
        yield from _tables(inner_name, inner_table, defs, optional=left_out)


def _within(value: Mapping[str, Any], defs: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the schema of the table that a key holds; None for a key that holds a value."""
    for branch in (value, *value.get("anyOf", [])):
        if "$ref" in branch:
            table = defs[branch["$ref"].rpartition("/")[2]]
            if "properties" in table:
                found: Mapping[str, Any] = table
                return found
    return None


def _allowed(value: Mapping[str, Any], defs: Mapping[str, Any]) -> str:
    """Return what a JSON schema allows, in words."""
    if "$ref" in value:
        return _allowed(defs[value["$ref"].rpartition("/")[2]], defs)
    if "anyOf" in value:
        return " or ".join(_allowed(branch, defs) for branch in value["anyOf"] if branch.get("type") != "null")
    if "enum" in value or "const" in value:
        return ", ".join(map(_toml, value.get("enum", [value.get("const")])))
    kind = value.get("type")
    if kind == "array":
        if "prefixItems" in value:
            return f"a list of {len(value['prefixItems'])}: {_allowed(value['prefixItems'][0], defs)}"
        return f"a list of: {_allowed(value['items'], defs)}"
    names = {"integer": "a whole number", "number": "a number", "boolean": "true, false", "string": "text"}
    words = [names.get(str(kind), str(kind))]
    for bound, word in (
        ("minimum", "from"),
        ("exclusiveMinimum", "above"),
        ("maximum", "to"),
        ("exclusiveMaximum", "below"),
    ):
        if bound in value:
            words.append(f"{word} {value[bound]:g}" if abs(value[bound]) < 1e6 else f"{word} {value[bound]}")
    return " ".join(words)


def _toml(value: Any) -> str:
    """Return a value of JSON as TOML; "" for null."""
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False)


def _line(text: str) -> str:
    """Return a docstring as one line."""
    return " ".join(text.split())


def page() -> str:
    """Return the reference of all keys as a page of Markdown."""
    lines = [
        "# Keys of a scenario file",
        "",
        "Written by `taskwave keys`; `taskwave new FILE` writes a file with all of them as comments. On the command",
        "line: `--set TABLE.KEY=VALUE`. Unknown keys and values of another type are refused.",
    ]
    for table in tables():
        lines += ["", f"## `[{table.name}]`" if table.name else "## Top of the file", ""]
        if table.name:
            lines += [table.text + (" Left out by default." if table.optional else ""), ""]
        if table.keys:
            lines += ["| key | meaning | allowed | default |", "|---|---|---|---|"]
            lines += [
                f"| `{key.name}` | {_cell(key.text)} | {_cell(key.allowed)} | {_default(key)} |" for key in table.keys
            ]
    return "\n".join([*lines, ""])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _default(key: Key) -> str:
    """Return the default of a key for the page."""
    if key.default is None:
        return "must be given"
    return f"`{key.default}`" if key.default else "–"


def template(name: str) -> str:
    """Return a scenario file called `name` that runs as it is and has every other key as a comment."""
    lines = [f"# A scenario of TaskWave. Run it: taskwave run {name}.toml", ""]
    for table in tables():
        off = "# " if table.optional else ""
        if table.name:
            lines += ["", *_comment(table.text), f"{off}[{table.name}]"]
        for key in table.keys:
            given = {"name": name, **_EXAMPLE}.get(f"{table.name}.{key.name}".lstrip("."))
            lines += _comment(f"{key.text} Allowed: {key.allowed}.")
            if given is not None:
                lines.append(f"{key.name} = {_toml(given)}")
            else:
                lines.append(f"# {key.name} = {key.default or '…'}")
    return "\n".join([*lines, ""])


def _comment(text: str) -> list[str]:
    """Return text as lines of a comment."""
    return textwrap.wrap(text, 118, initial_indent="# ", subsequent_indent="# ")
