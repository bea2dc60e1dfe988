"""The folder of finished points, one Parquet file each."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from taskwave.phy.files import StorageError, write_atomically
from taskwave.scenarios.sweep.records import FORMAT, SCHEMA


class PointStore:
    """Keeps finished points in `out/points`, one Parquet file each, named by what determines the point.

    Several processes may use one folder: a point is written whole or not at all, and two processes that compute the
    same point write the same records.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.folder = out / "points"

    def _path(self, key: str) -> Path:
        """Return the file of a point."""
        return self.folder / f"{key}.parquet"

    def has(self, key: str) -> bool:
        """Return whether a point is finished."""
        return self._path(key).is_file()

    def keys(self) -> list[str]:
        """Return the names of all finished points, those of earlier code and scenarios included."""
        return sorted(path.stem for path in self.folder.glob("*.parquet"))

    def put(self, key: str, rows: Sequence[Mapping[str, Any]], notes: Mapping[str, str]) -> None:
        """Keep one finished point.

        Args:
            key: name of the point, see `records.identity`.
            rows: records of the point.
            notes: texts to keep with it: `skipped`, the reason why there are no records.

        Raises:
            StorageError: the point cannot be written.
        """
        table = pa.Table.from_pylist(list(rows), SCHEMA).replace_schema_metadata({"format": str(FORMAT), **notes})
        write_atomically(self._path(key), lambda file: pq.write_table(table, file))

    def get(self, key: str) -> pa.Table:
        """Return the records of one finished point.

        Raises:
            StorageError: the file is damaged or has other columns; the message names it.
        """
        try:
            table = pq.read_table(self._path(key))
        except (pa.ArrowException, OSError) as error:
            raise StorageError(f"{self._path(key)}: damaged ({error}); delete it and run again") from error
        if table.schema.names != SCHEMA.names:
            raise StorageError(f"{self._path(key)}: has other columns than {SCHEMA.names}; delete it and run again")
        return table

    def notes(self, key: str) -> dict[str, str]:
        """Return the notes kept with a finished point."""
        metadata = self.get(key).schema.metadata or {}
        return {name.decode(): text.decode() for name, text in metadata.items() if name != b"format"}
