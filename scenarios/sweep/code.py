"""Digests of the code that results depend on: that of the package, and that of links from other packages."""

import ast
import hashlib
import importlib.util
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

import taskwave
from taskwave.links import registry

_ROOT = Path(str(taskwave.__file__)).parent
_COUNTED = ("phy", "semantic", "links", "scenarios/sweep/points.py", "scenarios/sweep/evaluation.py")
"""Folders and files that decide the records of a point."""
_LEFT_OUT = ("phy/validation", "phy/benchmark", "semantic/training")
"""Rooms that nothing else imports: they check, time and train what results depend on."""
_KINDS = {".py", ".toml", ".npz"}
"""Suffixes of files that count. Weights have digests of their own, see `Models.digests`."""


@cache
def code_digest() -> str:
    """Return the SHA-256 digest of the code that results depend on, as it was when the process first asked.

    Comments, docstrings and the layout of lines do not count. Another version of Python may give another digest.
    """
    return _digest(_ROOT, _files())


def _files() -> Iterator[Path]:
    """Yield the files of the package that count."""
    for name in _COUNTED:
        path = _ROOT / name
        for file in (path,) if path.is_file() else path.rglob("*"):
            inside = file.relative_to(_ROOT).as_posix()
            if file.suffix in _KINDS and not inside.startswith(tuple(f"{room}/" for room in _LEFT_OUT)):
                yield file


def link_digest(name: str) -> str | None:
    """Return the SHA-256 digest of the code of a link from another package, or None for a built-in link.

    The package (or the single module) that the entry point names counts with all its Python files, found as an import
    would find it: so changes in an editable installation count as well, although its version stays the same.
    """
    if registry.origin(name) == f"taskwave {taskwave.__version__}":
        return None
    (point,) = entry_points(group=registry.GROUP, name=name)
    spec = importlib.util.find_spec(point.module.partition(".")[0])
    if spec is None:
        return None
    if spec.submodule_search_locations:
        digests = (_digest(Path(root), Path(root).rglob("*.py")) for root in spec.submodule_search_locations)
        return hashlib.sha256("".join(digests).encode()).hexdigest()
    return _digest(Path(str(spec.origin)).parent, [Path(str(spec.origin))])


def _digest(root: Path, files: Iterable[Path]) -> str:
    """Return the digest of files with their names below `root`."""
    total = hashlib.sha256()
    for file in sorted(files):
        total.update(file.relative_to(root).as_posix().encode() + b"\0")
        total.update(_meaning(file))
    return total.hexdigest()


def _meaning(file: Path) -> bytes:
    """Return what counts of a file: of Python its syntax tree without docstrings, of others every byte."""
    content = file.read_bytes()
    if file.suffix != ".py":
        return hashlib.sha256(content).digest()
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):
        return hashlib.sha256(content).digest()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):  # A text that stands alone as a statement is a docstring.
            node.body = [statement for statement in body if not _is_text(statement)]  # type: ignore[attr-defined]
    return hashlib.sha256(ast.dump(tree).encode()).digest()


def _is_text(statement: ast.stmt) -> bool:
    """Return whether a statement is nothing but a text."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
