"""Flat records, one for each link, task, SNR, budget and image, and the folder in which finished points are kept."""

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

SCHEMA = pa.schema(
    [
        ("link", pa.string()),
        ("kind", pa.string()),  # kind that the link declares: semantic, bitwise, bound, answer
        ("task", pa.string()),  # class names joined by +
        ("prompt", pa.string()),  # prompt that the receiver sent back; the task's own wording where it sends none
        ("channel", pa.string()),
        ("es_n0_db", pa.float64()),
        ("distance_m", pa.float64()),  # null where SNRs are swept
        ("budget", pa.int64()),  # channel uses allowed
        ("channel_uses", pa.int64()),  # channel uses spent, both directions
        ("feedback_uses", pa.int64()),  # channel uses spent on the reverse link
        ("bandwidth_ratio", pa.float64()),  # channel_uses / (3 H W)
        ("image", pa.string()),
        ("accuracy", pa.float64()),  # intersection / union; null where neither label nor answer has the classes
        ("intersection", pa.int64()),  # pixels, summed over the classes of the task
        ("union", pa.int64()),
        ("outage", pa.bool_()),
        ("seed", pa.int64()),
    ]
)
"""Columns of records, with their types."""
CSV, PARQUET = "records.csv", "records.parquet"


class StorageError(OSError):
    """Raised when results cannot be written, or when written ones are damaged."""


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let `write` fill a file beside `path`, force it to the disk, then put it in the place of `path` in one step.

    A crash, a full disk or Ctrl-C leaves either the old file or the new one.

    Raises:
        StorageError: the file cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with partial.open("wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(
            f"{path}: cannot be written: {error.strerror or error}. Finished points stay readable in {path.parent}; "
            "make room (or choose another --out) and run the same command again to continue"
        ) from error


def identity(what: Mapping[str, Any]) -> str:
    """Return the name of a result, 32 hexadecimal digits, from everything that determines it.

    Args:
        what: values that JSON can hold; equal content gives an equal name.
    """
    return hashlib.sha256(json.dumps(what, sort_keys=True, allow_nan=False).encode()).hexdigest()[:32]


class PointStore:
    """Keeps finished points in `out/points`, one Parquet file each, named by what determines the point."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.folder = out / "points"

    def _path(self, key: str) -> Path:
        """Return the file of a point."""
        return self.folder / f"{key}.parquet"

    def has(self, key: str) -> bool:
        """Return whether a point is finished."""
        return self._path(key).is_file()

    def put(self, key: str, rows: Sequence[Mapping[str, Any]], notes: Mapping[str, str]) -> None:
        """Keep one finished point.

        Args:
            key: name of the point, see `identity`.
            rows: records of the point.
            notes: `code`, the digest of the code, and `skipped`, the reason why there are no records.

        Raises:
            StorageError: the point cannot be written.
        """
        table = pa.Table.from_pylist(list(rows), SCHEMA).replace_schema_metadata(notes)
        write_atomically(self._path(key), lambda file: pq.write_table(table, file))

    def get(self, key: str) -> pa.Table:
        """Return the records of one finished point.

        Raises:
            StorageError: the file is damaged or has other columns; the message names it.
        """
        try:
            table = pq.read_table(self._path(key))
        except (pa.ArrowInvalid, OSError) as error:
            raise StorageError(f"{self._path(key)}: damaged ({error}); delete it and run again") from error
        if table.schema.names != SCHEMA.names:
            raise StorageError(f"{self._path(key)}: has other columns than {SCHEMA.names}; delete it and run again")
        return table

    def assemble(self, keys: Sequence[str]) -> pd.DataFrame:
        """Join the finished points among `keys`, in that order, into records.csv and records.parquet; return them."""
        tables = [self.get(key).replace_schema_metadata(None) for key in keys if self.has(key)]
        table = pa.concat_tables(tables) if tables else SCHEMA.empty_table()
        write_atomically(self.out / PARQUET, lambda file: pq.write_table(table, file))
        write_atomically(self.out / CSV, lambda file: pa_csv.write_csv(table, file))
        return table.to_pandas()

    def notes(self, key: str) -> dict[str, str]:
        """Return the notes kept with a finished point."""
        metadata = self.get(key).schema.metadata or {}
        return {name.decode(): text.decode() for name, text in metadata.items()}


def read_records(out: Path) -> pd.DataFrame:
    """Return the records of a finished or interrupted run.

    Raises:
        FileNotFoundError: there are none in `out`.
        StorageError: the file is damaged, or is not one of records.
        ValueError: no point is finished yet.
    """
    path = out / PARQUET
    if not path.is_file():
        raise FileNotFoundError(f"{out}: no {PARQUET} here; give the --out folder of a `taskwave run`")
    try:
        table = pq.read_table(path)
    except pa.ArrowInvalid as error:
        raise StorageError(f"{path}: damaged ({error}); run the scenario again to assemble it anew") from error
    missing = [name for name in SCHEMA.names if name not in table.schema.names]
    if missing:
        raise StorageError(f"{path}: not records of this program, columns missing: {', '.join(missing)}")
    if table.num_rows == 0:
        raise ValueError(f"{path}: holds no records yet; let the run finish at least one point")
    return table.to_pandas()
