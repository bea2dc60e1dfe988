"""Records: their columns, those of earlier versions, and files that are no records."""

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from taskwave.phy.files import StorageError
from taskwave.scenarios.sweep.records import FORMAT, PARQUET, SCHEMA, read_records, write_records

ROW: dict[str, Any] = {
    **{"run": "r", "link": "new", "kind": "semantic", "task": "car", "task_prompt": "cars", "asked": "", "heard": None},
    **{"channel": "cdl-c", "num_tx_ant": 1, "num_rx_ant": 2, "num_layers": 1, "csi": "ls", "es_n0_db": 5.0},
    **{"distance_m": None, "budget": 400, "channel_uses": 400, "feedback_uses": 0, "airtime_s": 0.001},
    **{"bandwidth_ratio": 0.1, "image": "a", "group": "drive", "fade": 0, "split": "test", "weights": "roads"},
    **{"accuracy": None, "numerator": 0.0, "denominator": 0.0, "outage": False, "seed": 1},
    **{"psnr_db": None, "ms_ssim": None, "agreement": None, "task_kind": "segmentation", "judge": None},
}
OLD = pa.schema(
    [
        *((name, pa.string()) for name in ("link", "kind", "task", "prompt", "channel")),
        *(("es_n0_db", pa.float64()), ("distance_m", pa.float64()), ("budget", pa.int64())),
        *(("channel_uses", pa.int64()), ("feedback_uses", pa.int64()), ("bandwidth_ratio", pa.float64())),
        *(("image", pa.string()), ("accuracy", pa.float64()), ("intersection", pa.int64()), ("union", pa.int64())),
        *(("outage", pa.bool_()), ("seed", pa.int64())),
    ]
)
"""Columns of version 1."""


def _table(**changes: Any) -> pa.Table:
    return pa.Table.from_pylist([ROW, ROW | changes], SCHEMA)


def test_written_records_are_read(tmp_path: Path) -> None:
    assert set(ROW) == set(SCHEMA.names)
    write_records(tmp_path, _table(image="b", asked="cars left", heard="cars"), {"note": "x"})
    read = read_records(tmp_path)
    assert list(read.columns) == SCHEMA.names and list(read["asked"]) == ["", "cars left"]
    assert list(read["heard"].isna()) == [True, False]
    assert pq.read_schema(tmp_path / PARQUET).metadata == {b"format": str(FORMAT).encode(), b"note": b"x"}


def test_records_of_version_1_are_read(tmp_path: Path) -> None:
    row = {name: ROW.get(name, "please, cars") for name in OLD.names} | {"intersection": 3, "union": 4}
    pq.write_table(pa.Table.from_pylist([row], OLD), tmp_path / PARQUET)
    (read,) = read_records(tmp_path).to_dict("records")
    assert (read["task_prompt"], read["group"], read["fade"], read["link"]) == ("please, cars", "a", 0, "new")
    assert (read["numerator"], read["denominator"], read["task_kind"]) == (3, 4, "segmentation")
    assert all(pd.isna(read[name]) for name in ("run", "asked", "heard", "csi", "num_layers", "airtime_s", "split"))


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("es_n0_db", None, "column es_n0_db has 1 empty values (the first in row 1)"),
        ("es_n0_db", float("nan"), "column es_n0_db has 1 values that are not finite"),
        ("bandwidth_ratio", float("inf"), "column bandwidth_ratio has 1 values that are not finite"),
        ("budget", 0, "column budget has the value 0, the least possible is 1"),
        ("numerator", None, "column numerator has 1 empty values"),
        ("denominator", -1, "column denominator has the value -1, the least possible is 0"),
        ("link", None, "column link has 1 empty values"),
    ],
)
def test_values_that_no_record_has_are_named(tmp_path: Path, name: str, value: Any, told: str) -> None:
    write_records(tmp_path, _table(**{name: value}), {})
    with pytest.raises(StorageError) as caught:
        read_records(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / PARQUET}: {told}") and "\n" not in str(caught.value)


def test_a_column_of_another_type_is_named(tmp_path: Path) -> None:
    table = _table()
    index = table.schema.get_field_index("budget")
    table = table.set_column(index, "budget", pa.array(["400", "many"]))
    pq.write_table(table.replace_schema_metadata({"format": "2"}), tmp_path / PARQUET)
    with pytest.raises(StorageError, match=r"records.parquet: column budget is string, it must be int64"):
        read_records(tmp_path)


def test_files_that_are_no_records_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="taskwave run"):
        read_records(tmp_path)
    pq.write_table(pa.table({"a": [1]}), tmp_path / PARQUET)
    with pytest.raises(StorageError, match="columns missing: run, link"):
        read_records(tmp_path)
    pq.write_table(_table().replace_schema_metadata({"format": "4"}), tmp_path / PARQUET)
    with pytest.raises(StorageError, match="records of format 4, this program reads 1 to 3"):
        read_records(tmp_path)
    write_records(tmp_path, SCHEMA.empty_table(), {})
    with pytest.raises(ValueError, match="no records yet"):
        read_records(tmp_path)


def test_records_that_cannot_be_are_named(tmp_path: Path) -> None:
    write_records(tmp_path, _table(image="b", numerator=2.0, denominator=1.0), {})
    with pytest.raises(StorageError, match="numerator 2 is above denominator 1 in row 1"):
        read_records(tmp_path)
    write_records(tmp_path, _table(), {})
    with pytest.raises(StorageError, match="row 1 and an earlier one are of the same link"):
        read_records(tmp_path)
