"""The records of a folder, joined from the finished points of its grids."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
from filelock import FileLock

from taskwave.phy.files import StorageError, write_atomically
from taskwave.scenarios.sweep import provenance
from taskwave.scenarios.sweep.grids import Grid, covers, read_grids, write_grids
from taskwave.scenarios.sweep.records import CSV, PARQUET, POSITION, SCHEMA, write_records
from taskwave.scenarios.sweep.store import PointStore


def lock(out: Path) -> FileLock:
    """Return the lock of a folder: whoever changes its grids, provenance or records holds it meanwhile.

    Raises:
        StorageError: the folder cannot be written.
    """
    path = out / "points" / ".lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    except OSError as error:
        raise StorageError(
            f"{path}: cannot be written: {error.strerror or error}; choose another folder (--out)"
        ) from error
    return FileLock(path)


def assemble(store: PointStore) -> tuple[pd.DataFrame, int]:
    """Join all finished points of all grids of a folder into records.csv and records.parquet.

    Where several grids have a record of the same position, that of the grid run last stays. A grid whose records have
    all given way to those of a finished one leaves the list; its points stay on the disk.

    Returns:
        The records, and how many gave way.

    Raises:
        StorageError: records cannot be written, or a point is damaged.
    """
    with lock(store.out):
        grids = read_grids(store.out)
        tables = [_table(store, grid) for grid in grids]
        table = pa.concat_tables(tables) if tables else SCHEMA.empty_table()
        kept = table
        if len(grids) > 1:
            kept = table.filter(pa.array(~table.select(POSITION).to_pandas().duplicated(keep="last").to_numpy()))
        write_records(store.out, kept, provenance.texts(provenance.read(store.out)))
        remaining = _without_covered(store, grids)
        if remaining != grids:
            write_grids(store.out, remaining)
    return kept.to_pandas(), len(table) - len(kept)


def keep_aside(store: PointStore, name: str) -> Path | None:
    """Copy the records of a folder, before new ones take their place, and return the copy; None where there are none.

    Raises:
        StorageError: the copy cannot be written.
    """
    for file in (CSV, PARQUET):
        source, copy = store.out / file, store.out / f"records-{name}{Path(file).suffix}"
        if not source.is_file():
            return None
        content = source.read_bytes()
        write_atomically(copy, lambda opened, content=content: opened.write(content))  # type: ignore[misc]
    return copy


def _table(store: PointStore, grid: Grid) -> pa.Table:
    """Return the finished records of a grid, with the columns that are equal in all of them."""
    tables = [store.get(key).replace_schema_metadata(None) for key in grid.keys if store.has(key)]
    table = pa.concat_tables(tables) if tables else SCHEMA.empty_table()
    for name, value in grid.columns.items():
        index = table.schema.get_field_index(name)
        table = table.set_column(index, SCHEMA.field(name), pa.array([value] * len(table), pa.string()))
    return table


def _without_covered(store: PointStore, grids: tuple[Grid, ...]) -> tuple[Grid, ...]:
    """Return the grids without those that the last one covers, if all its points are finished."""
    last = grids[-1:]
    if not last or not all(store.has(key) for key in last[0].keys):
        return grids
    return (*(grid for grid in grids[:-1] if not covers(last[0].scenario, grid.scenario)), *last)
