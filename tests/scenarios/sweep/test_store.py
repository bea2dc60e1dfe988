"""The folder of finished points."""

from pathlib import Path

import pytest

from taskwave.phy.files import StorageError
from taskwave.scenarios.sweep.store import PointStore


def test_store_keeps_notes_and_tells_what_it_has(tmp_path: Path) -> None:
    store = PointStore(tmp_path)
    store.put("k", [], {"skipped": "too small"})
    assert store.has("k") and not store.has("other") and store.keys() == ["k"]
    assert store.notes("k") == {"skipped": "too small"} and store.get("k").num_rows == 0
    (store.folder / "k.parquet").write_bytes(b"PAR1")
    with pytest.raises(StorageError, match=r"k\.parquet: damaged"):
        store.get("k")
