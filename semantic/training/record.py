"""The record of what made the results in a training folder, so that nothing continues what something else began."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

RECORD = "training.json"
"""Name of the file beside a checkpoint that says what determines its weights."""
CHECKPOINT = "checkpoint.safetensors"
"""Name of the checkpoint."""


def check(folder: Path, made_from: dict[str, Any]) -> None:
    """Refuse a folder whose results were made from something else than `made_from`, a tree of JSON values.

    A leaf of None, here or there, stands for what is not known yet and differs from nothing.

    Raises:
        ValueError: the record differs, is damaged, or is missing beside results.
    """
    path = folder / RECORD
    remedy = f"name another --out, or remove {folder} to train it anew"
    if not path.is_file():
        if (folder / CHECKPOINT).exists() or (folder / "final").exists():
            raise ValueError(f"{folder} holds results without {RECORD}, which says what made them: {remedy}")
        return
    try:
        there = _leaves(json.loads(path.read_text()))
    except (ValueError, AttributeError) as error:
        raise ValueError(f"{path} is damaged ({error}): {remedy}") from error
    here = _leaves(made_from)
    different = [
        f"{key} = {there.get(key, '(none)')} there, {here.get(key, '(none)')} now"
        for key in dict.fromkeys((*here, *there))
        if here.get(key, "") != there.get(key, "") and None not in (here.get(key, ""), there.get(key, ""))
    ]
    if different:
        more = f" (and {len(different) - 3} more)" if len(different) > 3 else ""
        raise ValueError(f"{folder} was trained from something else: {'; '.join(different[:3])}{more}; {remedy}")


def claim(folder: Path, made_from: dict[str, Any]) -> None:
    """Check a folder as `check` does, and write `made_from` down in it."""
    check(folder, made_from)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / RECORD, json.dumps(made_from, indent=1) + "\n")


def write_whole(path: Path, text: str) -> None:
    """Write a text file beside its place and put it there whole."""
    partial = path.with_name(f"{path.name}.partial")
    try:
        partial.write_text(text)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OSError(f"{path} cannot be written ({error}): free space there or name another folder") from error


@contextmanager
def alone(folder: Path) -> Generator[None]:
    """Keep every other training out of a folder within the block.

    Raises:
        ValueError: there is a file in the place of the folder or of one above it.
        RuntimeError: another training is at work there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise ValueError(f"{folder} cannot be a folder, because a file is there ({error}): name another") from error
    try:
        with FileLock(folder / ".lock", timeout=0):
            yield
    except Timeout as error:
        raise RuntimeError(
            f"another training is at work in {folder}: wait for its end or name another folder"
        ) from error


def _leaves(tree: dict[str, Any], before: str = "") -> dict[str, Any]:
    """Return the leaves of a tree of tables by their dotted keys."""
    leaves: dict[str, Any] = {}
    for key, value in tree.items():
        leaves |= _leaves(value, f"{before}{key}.") if isinstance(value, dict) else {f"{before}{key}": value}
    return leaves
