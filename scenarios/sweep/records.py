"""Flat records, one for each link, task, SNR, budget, image and fade: their columns, and how files of them are read."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from taskwave.phy.files import StorageError, write_atomically

FORMAT = 3
"""Version of the columns, kept in the metadata of files. Version 1 has no metadata."""
SCHEMA = pa.schema(
    [
        ("run", pa.string()),  # identity of the run: configuration, images, weights and code
        ("link", pa.string()),
        ("kind", pa.string()),  # kind that the link declares: semantic, bitwise, bound, answer
        ("task", pa.string()),  # name of the task: class names joined by +, or kind and concept
        ("task_kind", pa.string()),  # segmentation, finding, recognition, reading, counting, presence, classification
        ("task_prompt", pa.string()),  # wording of the task
        ("judge", pa.string()),  # who answered on the image delivered; null where the link sent its answer
        ("asked", pa.string()),  # prompt that the receiver sent back, "" where it asked nothing; null: it never asks
        ("heard", pa.string()),  # what the transmitter understood of it; null where nothing arrived
        ("channel", pa.string()),
        ("num_tx_ant", pa.int64()),
        ("num_rx_ant", pa.int64()),
        ("num_layers", pa.int64()),
        ("csi", pa.string()),  # channel knowledge of the receiver
        ("es_n0_db", pa.float64()),
        ("distance_m", pa.float64()),  # null where SNRs are swept
        ("budget", pa.int64()),  # channel uses allowed
        ("channel_uses", pa.int64()),  # channel uses spent, both directions
        ("feedback_uses", pa.int64()),  # channel uses spent on the reverse link
        ("airtime_s", pa.float64()),  # time on the air [s], both directions, changes of direction included
        ("bandwidth_ratio", pa.float64()),  # channel_uses / (3 H W)
        ("image", pa.string()),
        ("group", pa.string()),  # drive, clip or series of the image; its own name where there is none
        ("fade", pa.int64()),  # index of the fade, from 0
        ("split", pa.string()),
        ("weights", pa.string()),  # name or folder of the trained set
        ("accuracy", pa.float64()),  # numerator / denominator; null where neither truth nor answer says anything
        ("numerator", pa.float64()),  # what was right: pixels of the intersection, twice the hits, or right answers
        ("denominator", pa.float64()),  # what could have been: pixels of the union, objects found and true, or answers
        ("psnr_db", pa.float64()),  # of the received image; null where none is sent
        ("ms_ssim", pa.float64()),  # of the received image, where there are no labels; null else
        ("agreement", pa.float64()),  # IoU with the answer on the sent image, where there are no labels; null else
        ("outage", pa.bool_()),
        ("seed", pa.int64()),
    ]
)
"""Columns of records, with their types."""
POSITION = ("link", "task", "es_n0_db", "distance_m", "budget", "image", "fade")
"""Columns that name one record of a folder."""
CSV, PARQUET, STRIP = "records.csv", "records.parquet", "strip.npz"
"""Names of the files in the folder of a run: its records twice, and the content of its image strip."""

_ADDED = {"run", "task_prompt", "asked", "heard", "num_tx_ant", "num_rx_ant", "num_layers", "csi", "airtime_s", "group"}
_ADDED |= {"fade", "split", "weights", "psnr_db", "ms_ssim", "agreement", "judge", "task_kind"}
"""Columns that older versions do not have. Only there may they be null, `asked` and `heard` apart."""
_RENAMED = {"prompt": "task_prompt", "intersection": "numerator", "union": "denominator"}
"""Columns that older versions name otherwise."""
_NULLABLE = {"asked", "heard", "judge", "distance_m", "accuracy", "psnr_db", "ms_ssim", "agreement"}
_AT_LEAST = {"budget": 1, "channel_uses": 0, "feedback_uses": 0, "numerator": 0, "denominator": 0, "fade": 0}


def identity(what: Mapping[str, Any]) -> str:
    """Return the name of a result, 32 hexadecimal digits, from everything that determines it.

    Args:
        what: values that JSON can hold; equal content gives an equal name.
    """
    return hashlib.sha256(json.dumps(what, sort_keys=True, allow_nan=False).encode()).hexdigest()[:32]


def read_records(out: Path) -> pd.DataFrame:
    """Return the records of a finished or interrupted run, in the columns of `SCHEMA`.

    Runs of older versions are read as well: columns that they lack are null, apart from `group` (the image), `fade`
    (0), `task_kind` (segmentation), `numerator` and `denominator` (their `intersection` and `union`) and, in version 1,
    `task_prompt` (its column `prompt`: what the receiver sent back, else the wording of the task).

    Raises:
        FileNotFoundError: there are none in `out`.
        StorageError: the file is damaged, is not one of records, or has a value that no record can have; the message
            names file and column.
        ValueError: no point is finished yet.
    """
    path = out / PARQUET
    if not path.is_file():
        raise FileNotFoundError(f"{out}: no {PARQUET} here; give the --out folder of a `taskwave run`")
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise StorageError(f"{path}: damaged ({error}); run the scenario again to assemble it anew") from error
    checked = _checked(path, table)
    if checked.num_rows == 0:
        raise ValueError(f"{path}: holds no records yet; let the run finish at least one point")
    return checked.to_pandas()


def write_records(out: Path, records: pa.Table, notes: Mapping[str, str]) -> None:
    """Write records into records.parquet and records.csv of a folder, whole or not at all.

    Args:
        out: the folder.
        records: records in the columns of `SCHEMA`.
        notes: texts for the metadata of the Parquet file, beside the version of the columns.

    Raises:
        StorageError: a file cannot be written.
    """
    noted = records.replace_schema_metadata({"format": str(FORMAT), **notes})
    plain = records.replace_schema_metadata(None)
    write_atomically(out / PARQUET, lambda file: pq.write_table(noted, file))
    write_atomically(out / CSV, lambda file: pa_csv.write_csv(plain, file))


def _checked(path: Path, table: pa.Table) -> pa.Table:
    """Return a table of either version in the columns of `SCHEMA`; `StorageError` at its first fault."""
    version = _version(path, table)
    if version < FORMAT:
        table = _upgraded(table)
    missing = [name for name in SCHEMA.names if name not in table.schema.names]
    if missing:
        raise StorageError(f"{path}: not records of this program, columns missing: {', '.join(missing)}")
    columns = []
    for field in SCHEMA:
        try:
            columns.append(table[field.name].cast(field.type))
        except pa.ArrowException as error:
            raise StorageError(
                f"{path}: column {field.name} is {table[field.name].type}, it must be {field.type} ({error}); "
                "run the scenario again to assemble it anew"
            ) from error
        _check_values(path, field.name, columns[-1], version)
    checked = pa.table(columns, schema=SCHEMA)
    _check_rows(path, checked)
    return checked


def _version(path: Path, table: pa.Table) -> int:
    """Return the version of the columns of a table; `StorageError` for one of a later program."""
    text = (table.schema.metadata or {}).get(b"format", b"1").decode()
    if text not in map(str, range(1, FORMAT + 1)):
        raise StorageError(f"{path}: records of format {text}, this program reads 1 to {FORMAT}: update TaskWave")
    return int(text)


def _upgraded(table: pa.Table) -> pa.Table:
    """Return records of an older version with the columns that they lack; those without an image are left as is."""
    if "image" not in table.schema.names:
        return table
    table = table.rename_columns([_RENAMED.get(name, name) for name in table.schema.names])
    known = {
        "task_kind": pa.array(["segmentation"] * table.num_rows),
        "group": table["image"],
        "fade": pa.array(np.zeros(table.num_rows, np.int64)),
    }
    for name in SCHEMA.names:
        if name in _ADDED and name not in table.schema.names:
            kind = SCHEMA.field(name).type
            table = table.append_column(name, known.get(name, pa.nulls(table.num_rows, kind)))
    return table


def _check_values(path: Path, name: str, column: pa.ChunkedArray, version: int) -> None:
    """Raise `StorageError` for a value that no record can have: a null, NaN, infinity or a negative count."""
    fault = ""
    if column.null_count and name not in _NULLABLE and not (version < FORMAT and name in _ADDED):
        fault = f"has {column.null_count} empty values (the first in row {_first(column.is_null())})"
    elif pa.types.is_floating(column.type) and name not in _NULLABLE and column.null_count < len(column):
        odd = ~np.isfinite(column.drop_null().to_numpy())
        if odd.any():
            fault = f"has {int(odd.sum())} values that are not finite"
    if not fault and name in _AT_LEAST and column.null_count < len(column):
        least = column.drop_null().to_numpy().min()
        if least < _AT_LEAST[name]:
            fault = f"has the value {least:g}, the least possible is {_AT_LEAST[name]}"
    if fault:
        raise StorageError(f"{path}: column {name} {fault}; run the scenario again to assemble the file anew")


def _check_rows(path: Path, records: pa.Table) -> None:
    """Raise `StorageError` where more is right than could be, or two records have one position."""
    too_good = pc.greater(records["numerator"], records["denominator"])
    if pc.any(too_good).as_py():
        row = _first(too_good.fill_null(False))
        counts = [f"{records[name][row].as_py():g}" for name in ("numerator", "denominator")]
        raise StorageError(
            f"{path}: numerator {counts[0]} is above denominator {counts[1]} in row {row}; run the scenario again to "
            "assemble the file anew"
        )
    twice = records.select(POSITION).to_pandas().duplicated().to_numpy()
    if twice.any():
        raise StorageError(
            f"{path}: row {int(twice.argmax())} and an earlier one are of the same link, task, SNR, budget, image and "
            "fade; run the scenario again to assemble the file anew"
        )


def _first(mask: pa.ChunkedArray) -> int:
    """Return the index of the first true value of a mask that has one."""
    return int(mask.to_numpy().argmax())
