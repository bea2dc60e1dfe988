"""Objects of an image: boxes with classes and texts, and the tables `boxes.csv` that hold them."""

import csv
import io
import math
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from taskwave.semantic.text import read_text

Corners = tuple[float, float, float, float]
"""Left, upper, right and lower edge of a box in pixels, the right and lower ones just outside it."""

OVERLAP = 0.5
"""Intersection over union from which two boxes are taken for one object."""

_IMAGES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif", ".jp2", ".ppm")
"""Extensions that names of images may have."""
_MORE = "\0"
"""Key of the cells of a line that belong to no column."""
_EDGES = (("x0", "y0", "x1", "y1"), ("xmin", "ymin", "xmax", "ymax"))


@dataclass(frozen=True)
class Objects:
    """Holds the N annotated objects of one image."""

    boxes: torch.Tensor
    """Edges [N, 4] float32: left, upper, right and lower one in pixels."""
    classes: tuple[str, ...]
    """Class of each object."""
    texts: tuple[str, ...]
    """What is written on each object; empty where nothing is, or where it is not known."""

    def __len__(self) -> int:
        return len(self.classes)

    @classmethod
    def of(cls, rows: Sequence[tuple[Corners, str, str]]) -> "Objects":
        """Return objects of (edges, class, text)."""
        boxes = torch.tensor([list(edges) for edges, _, _ in rows], dtype=torch.float32).reshape(-1, 4)
        return cls(boxes, tuple(name for _, name, _ in rows), tuple(text for _, _, text in rows))

    def of_classes(self, wanted: Collection[str]) -> "Objects":
        """Return the objects whose class is among those wanted."""
        kept = [i for i, name in enumerate(self.classes) if name in wanted]
        return Objects(self.boxes[kept], tuple(self.classes[i] for i in kept), tuple(self.texts[i] for i in kept))


def read_table(path: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Read a table, CSV in UTF-8 whose first line names the columns.

    Returns:
        Names of the columns, and for each line its number (from 1) and its cells by column, empty where there is none.

    Raises:
        ValueError: it is no such table, names a column twice, or a line has more cells than there are columns.
    """
    table = csv.DictReader(io.StringIO(read_text(path)), restkey=_MORE, restval="", strict=True)
    try:
        columns = [name.strip() for name in table.fieldnames or ()]
        table.fieldnames = columns
        rows = [(table.line_num, row) for row in table]
    except csv.Error as error:
        raise ValueError(
            f"{path}: line {table.line_num + 1}: not readable as CSV ({error}); correct its quotation marks"
        ) from error
    twice = [name for name in columns if name and columns.count(name) > 1]
    if twice:
        raise ValueError(f"{path}: the column {twice[0]} is named twice in the first line; take one out")
    for line, row in rows:
        if _MORE in row:
            raise ValueError(
                f"{path}: line {line} has more cells than the {len(columns)} columns of the first line; put a text "
                "with commas in quotation marks"
            )
    return columns, rows


def read_boxes(path: Path, scale: float = 1.0) -> dict[str, list[tuple[Corners, str, str]]]:
    """Read a table of boxes with the columns image, class, x0, y0, x1, y1 and, if there is one, text.

    The columns may be in any order and named xmin, ymin, xmax and ymax; others are left out. The name of an image may
    have an extension. Boxes of no extent are refused; whether they lie in the image is checked with the image.

    Args:
        path: the table, CSV in UTF-8.
        scale: factor from the pixels of the table to those of the images.

    Returns:
        For every name of an image, without extension, its objects in the order of the table.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a column is missing, or a line cannot be used; the message has line and remedy.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: the table of boxes is missing; restore it from the data set's source")
    columns, rows = read_table(path)
    edges = next((e for e in _EDGES if set(e) <= set(columns)), None)
    missing = [name for name in ("image", "class") if name not in columns]
    if edges is None:
        missing += [name for name in _EDGES[0] if name not in columns]
    if missing or edges is None:
        raise ValueError(
            f"{path}: columns {', '.join(missing)} are missing (there are {', '.join(columns) or 'none'}); the first "
            "line names the columns image,class,x0,y0,x1,y1 and, if there are texts, text"
        )
    found: dict[str, list[tuple[Corners, str, str]]] = {}
    for line, row in rows:
        corners = _corners(path, line, row, edges, scale)
        name, kind = row["image"].strip(), row["class"].strip()
        if not name or not kind:
            raise ValueError(f"{path}: line {line}: the {'class' if name else 'image'} is empty; fill it in")
        stem = unicodedata.normalize("NFC", Path(name).stem if Path(name).suffix.lower() in _IMAGES else name)
        found.setdefault(stem, []).append((corners, kind, (row.get("text") or "").strip()))
    return found


def _corners(path: Path, line: int, row: Mapping[str, str], names: Sequence[str], scale: float) -> Corners:
    """Return the edges of one line; `ValueError` where they are no box."""
    try:
        left, upper, right, lower = (float(row[name]) * scale for name in names)
    except ValueError as error:
        given = ",".join(row[name] for name in names)
        raise ValueError(f"{path}: line {line}: {given!r} are not four numbers; give {', '.join(names)}") from error
    if not all(map(math.isfinite, (left, upper, right, lower))) or right <= left or lower <= upper:
        raise ValueError(
            f"{path}: line {line}: the box from ({left:g}, {upper:g}) to ({right:g}, {lower:g}) has no extent; "
            f"allowed: {names[0]} < {names[2]} and {names[1]} < {names[3]}"
        )
    return left, upper, right, lower


def check_inside(objects: Objects, height: int, width: int, name: str) -> None:
    """Raise ValueError if a box of an image of this size lies outside it by more than a pixel."""
    for box, kind in zip(objects.boxes.tolist(), objects.classes, strict=True):
        if box[0] < -1 or box[1] < -1 or box[2] > width + 1 or box[3] > height + 1:
            raise ValueError(
                f"image {name!r}, {width}x{height}: the box of {kind!r} from ({box[0]:g}, {box[1]:g}) to ({box[2]:g}, "
                f"{box[3]:g}) leaves it; correct the table of boxes, whose pixels must be those of the stored image"
            )


def overlaps(boxes: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """Return the intersection over union [N, M] of boxes [N, 4] and others [M, 4]."""
    low = torch.maximum(boxes[:, None, :2], others[None, :, :2])
    high = torch.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    areas, theirs = ((b[:, 2:] - b[:, :2]).clamp(min=0).prod(-1) for b in (boxes, others))
    return shared / (areas[:, None] + theirs[None, :] - shared).clamp(min=1e-9)


def matches(boxes: torch.Tensor, kinds: Sequence[str], true: Objects) -> list[int | None]:
    """Match objects found with true ones of their class that they overlap, the surest first, each true one once.

    Args:
        boxes: boxes found [N, 4], the surest first.
        kinds: class of each.
        true: objects that there are.

    Returns:
        For each object found the index of the true one, or None.
    """
    shared, free = overlaps(boxes, true.boxes), [True] * len(true)
    found: list[int | None] = []
    for i, kind in enumerate(kinds):
        candidates = [j for j in range(len(true)) if free[j] and true.classes[j] == kind and shared[i, j] >= OVERLAP]
        best = max(candidates, key=lambda j, i=i: float(shared[i, j]), default=None)  # type: ignore[misc]
        found.append(best)
        if best is not None:
            free[best] = False
    return found
