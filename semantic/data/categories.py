"""Image sets with one class for each image: CIFAR-10."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path, PurePosixPath

from PIL import Image

from taskwave.semantic.classes import CIFAR10_CLASSES
from taskwave.semantic.data.base import SPLITS, Sample, Size, check_index, check_split
from taskwave.semantic.data.files import as_it_is, read_image
from taskwave.semantic.data.folders import entries, find_folder, image_files
from taskwave.semantic.data.objects import read_table

_SIDE, _COLUMNS, _ROWS = 32, 25, 20
"""Side of an image in pixels, and images of a sheet."""
_VAL_SHEETS = 2
"""Sheets at the beginning of train that are the split val, which the source does not have. (The last ones have fewer
images of some classes.)"""
_FIELDS = ("sheet", "index", "class", "source")


class Cifar10:
    """Reads CIFAR-10 (Krizhevsky 2009) in sheets of 25x20 images of 32x32 pixels; the class is the `category`.

    The folder holds `train_00.webp`, `train_01.webp`, … and `test_00.webp`, …, and the tables `train_labels.csv` and
    `test_labels.csv` with the columns sheet, index (0 to 499, row by row), class and source, the path that names the
    image. The source has no split val: the first two sheets of train are val, and train has the others. Every image is
    a group of its own, and every label is `IGNORE`.

    Args:
        split: "train", "val" or "test".
        folder: folder of the set, or None for the default of `find_folder`.

    Raises:
        FileNotFoundError: the folder, a table or a sheet is missing.
        OSError: on `[i]`, a corrupt sheet.
        ValueError: unknown split, or a table that cannot be used; on `[i]`, a sheet of another size.
    """

    def __init__(self, split: str, folder: Path | None) -> None:
        check_split(split, SPLITS, "cifar10")
        root = find_folder("cifar10", folder)
        table = root / f"{'test' if split == 'test' else 'train'}_labels.csv"
        files = image_files(entries(root))
        rows = _read_table(table, files)
        if split != "test":
            sheets = sorted({sheet for sheet, _, _ in rows.values()})
            if len(sheets) <= _VAL_SHEETS:
                raise ValueError(
                    f"{table}: names {len(sheets)} sheets; needed: {_VAL_SHEETS} for val and more for train"
                )
            held = sheets[:_VAL_SHEETS]
            rows = {name: row for name, row in rows.items() if (row[0] in held) == (split == "val")}
        self.names, self._rows = tuple(rows), tuple(rows.values())
        self._sheet = lru_cache(maxsize=4)(lambda sheet: _read_sheet(files[sheet]))

    def __len__(self) -> int:
        return len(self.names)

    def size(self, index: int) -> Size:
        """Return height and width of sample `index`, the same for all."""
        check_index(index, len(self))
        return _SIDE, _SIDE

    def __getitem__(self, index: int) -> Sample:
        """Return sample `index` (0 to len - 1)."""
        check_index(index, len(self))
        sheet, place, category = self._rows[index]
        left, upper = place % _COLUMNS * _SIDE, place // _COLUMNS * _SIDE
        tile = self._sheet(sheet).crop((left, upper, left + _SIDE, upper + _SIDE))
        return replace(as_it_is(self.names[index], tile), category=category)


def _read_table(path: Path, files: Mapping[str, Path]) -> dict[str, tuple[str, int, str]]:
    """Return for every name of an image its sheet, its place there and its class, in the order of the table."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: the table of classes is missing; restore it from the data set's source")
    columns, table = read_table(path)
    missing = [name for name in _FIELDS if name not in columns]
    if missing:
        raise ValueError(f"{path}: columns {', '.join(missing)} are missing; allowed: a first line {','.join(_FIELDS)}")
    rows: dict[str, tuple[str, int, str]] = {}
    for line, row in table:
        where, sheet, name = f"{path}: line {line}", Path(row["sheet"]).stem, _name(row["source"])
        if row["class"] not in CIFAR10_CLASSES:
            raise ValueError(f"{where}: class {row['class']!r}; allowed: {', '.join(CIFAR10_CLASSES)}")
        if not row["index"].isdecimal() or int(row["index"]) >= _COLUMNS * _ROWS:
            raise ValueError(f"{where}: index {row['index']!r}; allowed: 0 to {_COLUMNS * _ROWS - 1}")
        if not name or name in rows:
            raise ValueError(f"{where}: source {row['source']!r} is {'named twice' if name else 'empty'}; correct it")
        if sheet not in files:
            raise FileNotFoundError(f"{where}: sheet {row['sheet']!r} is not in {path.parent}; restore it")
        rows[name] = sheet, int(row["index"]), row["class"]
    if not rows:
        raise ValueError(f"{path}: names no image; restore it from the data set's source")
    return rows


def _name(source: str) -> str:
    """Return the name of an image: the path at its source without split and extension, such as `dog/pug_s_000012`."""
    path = PurePosixPath(source.strip()).with_suffix("") if source.strip() else PurePosixPath()
    return "/".join(path.parts[-2:])


def _read_sheet(path: Path) -> Image.Image:
    """Return a sheet; `ValueError` where it has another size."""
    sheet = read_image(path)
    if sheet.size != (_COLUMNS * _SIDE, _ROWS * _SIDE):
        raise ValueError(
            f"{path}: sheet of {sheet.width}x{sheet.height}; allowed: {_COLUMNS * _SIDE}x{_ROWS * _SIDE}, which are "
            f"{_COLUMNS}x{_ROWS} images of {_SIDE}x{_SIDE}; restore it"
        )
    return sheet
