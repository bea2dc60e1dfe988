"""The provenance of results: configuration, code, versions, weights, machine, date and command line."""

import json
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch

import taskwave
from taskwave.phy.files import StorageError, write_text
from taskwave.scenarios.sweep.code import code_digest, link_digest
from taskwave.scenarios.sweep.evaluation import Evaluator
from taskwave.scenarios.sweep.records import FORMAT, PARQUET

PROVENANCE = "provenance.json"
"""Name of the file in the folder of a run."""
PACKAGES = (
    *("torch", "sionna-no-rt", "sionna", "numpy", "scipy", "pillow", "diffusers", "transformers", "tokenizers"),
    *("pandas", "pyarrow", "matplotlib", "imagecodecs", "pillow-heif", "onnxruntime", "rapidocr"),
)
"""Packages whose versions are noted, as far as they are installed."""

Provenance = dict[str, Any]


def collect(evaluator: Evaluator) -> Provenance:
    """Return the provenance of what an evaluator computes now, in values that JSON can hold."""
    commit, dirty = _commit()
    scenario = evaluator.scenario
    others = {name: digest for name in scenario.sweep.links if (digest := link_digest(name)) is not None}
    return {
        "format": FORMAT,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "taskwave": taskwave.__version__,
        "commit": commit,
        "dirty": dirty,
        "code": code_digest(),
        "links_of_other_packages": others,
        "python": platform.python_version(),
        "packages": _packages(),
        "device": f"cpu ({platform.system()} {platform.machine()}, threads: {torch.get_num_threads()})",
        "seed": scenario.seed,
        "weights": evaluator.models.digests,
        "judges": evaluator.judges,
        "configuration": scenario.model_dump(mode="json"),
    }


def continued(before: Provenance | None, session: Provenance) -> Provenance:
    """Return the provenance of a folder after a session: that of the first one, with later ones in `sessions`."""
    if before is None:
        return {**session, "sessions": []}
    return {**before, "sessions": [*before.get("sessions", []), session]}


def read(out: Path) -> Provenance | None:
    """Return the provenance of the run in a folder, or None where it has none (runs of version 0.1).

    Raises:
        StorageError: the file is damaged.
    """
    path = out / PROVENANCE
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise StorageError(f"{path}: damaged ({error}); delete it, the records stay readable") from error
    if not isinstance(found, dict):
        raise StorageError(f"{path}: damaged (no table); delete it, the records stay readable")
    return found


def read_anywhere(out: Path) -> Provenance | None:
    """Return the provenance of a run from its file, or from the metadata of its records; None where it has none.

    Raises:
        StorageError: the file is damaged.
    """
    found, records = read(out), out / PARQUET
    if found is None and records.is_file():
        metadata = pq.read_schema(records).metadata or {}
        found = from_texts({name.decode(): text.decode() for name, text in metadata.items()})
    return found


def write(out: Path, provenance: Provenance) -> None:
    """Write the provenance of the run in a folder.

    Raises:
        StorageError: it cannot be written.
    """
    write_text(out / PROVENANCE, json.dumps(provenance, indent=2, ensure_ascii=False) + "\n")


def texts(provenance: Provenance | None) -> dict[str, str]:
    """Return a provenance as texts by keyword, for the metadata of Parquet files and the text chunks of PNG files.

    `provenance` holds all of it as JSON, the others what a viewer of images shows. Without a provenance there are none.
    """
    if provenance is None:
        return {}
    return {
        "provenance": json.dumps(provenance, ensure_ascii=False),
        "Software": f"TaskWave {provenance['taskwave']}",
        "Creation Time": str(provenance["date"]),
    }


def from_texts(metadata: Mapping[str, str]) -> Provenance | None:
    """Return the provenance among the texts that `texts` made, or None where there is none."""
    return json.loads(metadata["provenance"]) if "provenance" in metadata else None


def _packages() -> dict[str, str]:
    """Return the versions of the packages that are installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _commit() -> tuple[str | None, bool | None]:
    """Return the commit and whether files differ from it, (None, None) unless the package runs from a git checkout."""
    package = Path(str(taskwave.__file__)).resolve().parent

    def git(*arguments: str) -> str | None:
        command = ["git", "--no-optional-locks", "-C", str(package), *arguments]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    # A package that is installed into some other project's checkout is not tracked there.
    if git("ls-files", "--error-unmatch", "__init__.py") is None:
        return None, None
    status = git("status", "--porcelain", "--untracked-files=no")
    return git("rev-parse", "HEAD"), None if status is None else bool(status)
