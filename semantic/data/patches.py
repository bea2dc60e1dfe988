"""Patches of traffic signs for the training of a reader: GTSRB in sheets of tiles."""

import csv
import io
from pathlib import Path

import numpy as np
import torch

from taskwave.semantic.data.base import check_split
from taskwave.semantic.data.files import read_image
from taskwave.semantic.data.folders import find_folder
from taskwave.semantic.text import read_text

SIDE = 48
"""Height and width of a patch in pixels."""


def sign_patches(split: str, folder: Path | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """Read the patches of one split of GTSRB, divided by tracks: no sign is in both splits.

    Args:
        split: "train" or "val".
        folder: folder of the set, or None for the default of `find_folder`.

    Returns:
        Patches [N, 3, 48, 48] uint8 and their ids [N] int64, indices of `taskwave.semantic.signs.SIGNS`.

    Raises:
        FileNotFoundError: the folder or a sheet is missing.
        OSError: a sheet is damaged.
        ValueError: an unknown split.
    """
    check_split(split, ("train", "val"), "gtsrb")
    root = find_folder("gtsrb", folder)
    rows = [row for row in csv.DictReader(io.StringIO(read_text(root / "labels.csv"))) if row["split"] == split]
    sheets: dict[str, torch.Tensor] = {}
    patches = []
    for row in rows:
        name = row["sheet"]
        if name not in sheets:
            sheets[name] = _tiles(root / name)
        patches.append(sheets[name][int(row["index"])])
    return torch.stack(patches), torch.tensor([int(row["class_id"]) for row in rows])


def _tiles(path: Path) -> torch.Tensor:
    """Return the tiles of a sheet, row by row, [N, 3, 48, 48] uint8."""
    sheet = torch.from_numpy(np.array(read_image(path)))
    rows, columns = sheet.shape[0] // SIDE, sheet.shape[1] // SIDE
    tiles = sheet.unflatten(0, (rows, SIDE)).unflatten(2, (columns, SIDE))
    patches: torch.Tensor = tiles.permute(0, 2, 4, 1, 3)
    return patches.reshape(-1, 3, SIDE, SIDE)
