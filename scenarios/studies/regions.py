"""Study of the locator: how many of the objects a question is about lie in the regions that a prompt leads to."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
import torch
from rich.table import Table

from taskwave.links.rivals.regions import find_regions
from taskwave.phy.drawing import make_table
from taskwave.scenarios.sweep.points import ImageBatch
from taskwave.semantic.attention.boxes import boxes_of
from taskwave.semantic.data.objects import OVERLAP, Objects, overlaps
from taskwave.semantic.language.lexicon import naming
from taskwave.semantic.tasks.base import Task
from taskwave.semantic.tasks.objects import AboutObjects
from taskwave.semantic.weights import Models

WIDTHS = (0, 16, 32, 64)
"""Least width [pixels] of each class of objects by size."""
HELD = 0.95
"""Least share of a box that has to lie in regions for its object to count as held."""


@torch.no_grad()
def measure_regions(batches: Iterable[ImageBatch], tasks: Sequence[Task], models: Models) -> pd.DataFrame:
    """Return a row for each question about objects.

    Columns: `task`; for each of `WIDTHS` the number of `objects_…` and the share `held_…`; `objects` and `held` of all;
    `boxed`, the share of them that a box of the locator overlaps by `OVERLAP`; mean area of the regions
    (`area`) and of the true boxes (`true_area`) as shares of the images that show an object.

    Args:
        batches: images with annotated objects.
        tasks: the questions; those that are not about objects are left out.
        models: networks, of which locator and text encoder are used.

    Raises:
        ValueError: no question is about objects.
    """
    asked = [task for task in tasks if isinstance(task, AboutObjects)]
    if not asked:
        raise ValueError("no task asks about objects, so nothing can be located: ask 'find the signs'")
    found: dict[str, list[tuple[float, bool]]] = {task.name: [] for task in asked}
    areas: dict[str, list[tuple[float, float]]] = {task.name: [] for task in asked}
    boxed: dict[str, list[float]] = {task.name: [] for task in asked}
    for batch in batches:
        for task in asked:
            prompt = naming(task.street_classes)
            embedding = models.text_encoder.embed([prompt]).expand(len(batch.images), 1, -1)
            relevance, edges = models.locator.locate(batch.images, embedding)
            for mine, theirs, truth in zip(relevance[:, 0], edges, batch.truths, strict=True):
                true = task.true(truth)
                if len(true):
                    held, area = _held(mine, true, batch.images.shape[-2:])
                    found[task.name] += zip((true.boxes[:, 2] - true.boxes[:, 0]).tolist(), held, strict=True)
                    areas[task.name].append(area)
                    boxes = torch.tensor(boxes_of(mine, theirs)).reshape(-1, 4)
                    boxed[task.name] += [float((row >= OVERLAP).any()) for row in overlaps(true.boxes, boxes)]
    names = [task.name for task in asked]
    rows = [{"task": name, **_row(found[name], areas[name]), "boxed": _mean(boxed[name])} for name in names]
    return pd.DataFrame(rows)


def _held(relevance: torch.Tensor, true: Objects, size: torch.Size) -> tuple[list[bool], tuple[float, float]]:
    """Return which true objects regions hold, and the shares of an image of `size` (H, W) that both cover."""
    covered, boxed = np.zeros(size, dtype=bool), np.zeros(size, dtype=bool)
    for region in find_regions(relevance):
        covered[region.pixels(*size)] = True
    held = []
    for left, upper, right, lower in true.boxes.int().tolist():
        held.append(bool(covered[upper:lower, left:right].mean() >= HELD))
        boxed[upper:lower, left:right] = True
    return held, (float(covered.mean()), float(boxed.mean()))


def _row(found: Sequence[tuple[float, bool]], areas: Sequence[tuple[float, float]]) -> dict[str, float]:
    """Return the columns of one question."""
    row: dict[str, float] = {}
    for least, limit in zip(WIDTHS, (*WIDTHS[1:], float("inf")), strict=True):
        mine = [held for width, held in found if least <= width < limit]
        row[f"objects_{least}"] = len(mine)
        row[f"held_{least}"] = _mean(mine)
    row |= {"objects": len(found), "held": _mean([held for _, held in found])}
    area, true_area = np.mean(areas, axis=0).tolist() if areas else (float("nan"), float("nan"))
    return {**row, "area": area, "true_area": true_area}


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def regions_table(values: pd.DataFrame) -> Table:
    """Return a table of what `measure_regions` gave."""
    columns = ["task", *(f"from {least} px" for least in WIDTHS), "all", "boxed", "area", "true area"]
    rows = []
    for row in values.to_dict("records"):
        parts = [(row[f"held_{least}"], row[f"objects_{least}"]) for least in WIDTHS]
        parts.append((row["held"], row["objects"]))
        cells = [f"{held:.3f} of {number}" if number else "–" for held, number in parts]
        rows.append([row["task"], *cells, *(f"{row[name]:.3f}" for name in ("boxed", "area", "true_area"))])
    return make_table(
        "Objects that regions hold, by their width, and that have a box of their own; areas", columns, rows
    )
