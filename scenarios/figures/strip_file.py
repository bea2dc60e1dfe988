"""The content of an image strip as a file in the folder of a run, so that it is drawn again without transmitting.

The file holds arrays without pickle, images as 8-bit numbers, and titles and notes as JSON.
"""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from taskwave.phy.files import write_atomically
from taskwave.scenarios.config.scenario import StripConfig
from taskwave.scenarios.figures.strip import Column, Strip, evaluate_strip
from taskwave.scenarios.sweep.evaluation import Evaluator
from taskwave.scenarios.sweep.points import SweepPoint
from taskwave.scenarios.sweep.records import STRIP, identity


def kept_strip(evaluator: Evaluator, config: StripConfig, out: Path) -> Strip:
    """Return the strip of a scenario: from the folder of its run if it is there, else transmitted and kept there.

    Raises:
        BudgetError: the budget is too small for a link; also what the links raise.
        StorageError: the strip cannot be written.
    """
    links = (config.link, config.baseline)
    points = [evaluator.key(SweepPoint(0, config.es_n0_db, config.budget, link)) for link in links]
    key = identity({"points": points, "strip": config.model_dump(mode="json")})
    kept = _read(out / STRIP, key)
    if kept is None:
        _write(out / STRIP, evaluate_strip(evaluator, config), key)
        kept = _read(out / STRIP, key)
        assert kept is not None
    return kept


def read_strip(out: Path) -> Strip | None:
    """Return the strip that the last run of a folder kept, or None where there is none or it cannot be read."""
    return _read(out / STRIP, None)


def _write(path: Path, strip: Strip, key: str) -> None:
    """Write a strip under the name `key`."""
    arrays: dict[str, Any] = {}
    columns = []
    for i, column in enumerate(strip.columns):
        columns.append({"title": column.title, "notes": column.notes})
        if column.images is not None:
            arrays[f"images{i}"] = (column.images * 255).round().clamp(0, 255).to(torch.uint8).numpy()
        if column.answers is not None:
            arrays[f"answers{i}"] = column.answers.numpy()
        if column.heat is not None:
            arrays[f"heat{i}"] = column.heat.numpy()
    if strip.closeups is not None:
        arrays["closeups"] = strip.closeups.numpy()
    texts = json.dumps({"key": key, "columns": columns, "caption": strip.caption})
    write_atomically(path, lambda file: np.savez_compressed(file, texts=np.array(texts), **arrays))


def _read(path: Path, key: str | None) -> Strip | None:
    """Return the strip in a file, or None where there is none of the name `key` (of any, if that is None)."""
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: torch.from_numpy(file[name]) for name in file.files if name != "texts"}
            texts = json.loads(str(file["texts"]))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None  # It is transmitted anew.
    if key not in (None, texts["key"]):
        return None
    columns = []
    for i, column in enumerate(texts["columns"]):
        pixels = arrays.get(f"images{i}")
        images = None if pixels is None else pixels.float() / 255
        parts = arrays.get(f"answers{i}"), arrays.get(f"heat{i}")
        columns.append(Column(column["title"], images, *parts, tuple(column["notes"])))
    return Strip(tuple(columns), texts["caption"], arrays.get("closeups"))
