"""SigMF recordings: what their metadata says, checked, and their samples as complex64.

A recording is two files, `NAME.sigmf-meta` (JSON) and `NAME.sigmf-data` (samples), see
https://github.com/sigmf/SigMF, version 1. Both interpreters import this module; it needs NumPy of any version.
"""

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from taskwave.phy.gnuradio.faults import BlockError
from taskwave.phy.gnuradio.wire import Samples

META, DATA = ".sigmf-meta", ".sigmf-data"
"""Endings of the two files of a recording."""
_CHUNK = 1 << 20
"""Samples that are read at a time."""
_DATATYPE = re.compile(r"c(?P<kind>[fiu])(?P<bits>8|16|32|64)(?:_(?P<order>[lb]e))?")
_KNOWN = "cf32_le, cf64_le, ci32_le, ci16_le, cu32_le, cu16_le, the same with _be, ci8 and cu8"
_GENERAL = ("core:datatype", "core:version")
"""Keys that `global` must have."""


class RecordingError(BlockError):
    """Raised when a recording cannot be read or written as asked; the message names file, value and remedy."""


def base_of(name: str) -> Path:
    """Return the path of a recording without its ending, whether `name` has one or not.

    Raises:
        RecordingError: `name` is an archive.
    """
    if name.endswith(".sigmf"):
        raise RecordingError(f"{name} is an archive of SigMF: unpack it with tar -xf and name the .sigmf-meta in it")
    return Path(name.removesuffix(META).removesuffix(DATA))


@dataclass(frozen=True)
class Part:
    """Describes samples that lie together in the file of a recording."""

    offset: int
    """Position of their first byte."""
    count: int
    """Number of samples."""


@dataclass(frozen=True)
class Recording:
    """Describes a recording whose metadata and size have been checked."""

    meta: Path
    """File of the metadata."""
    data: Path
    """File of the samples."""
    datatype: str
    """Datatype as the metadata names it."""
    sample_rate: float | None
    """Sample rate, samples per second; None where the metadata has none."""
    frequencies: tuple[float, ...]
    """Centre frequencies of its captures [Hz], in ascending order, each once; empty where none is given."""
    parts: tuple[Part, ...]
    """Samples of its captures, in order."""
    values: Mapping[str, Any]
    """Metadata as they are in the file."""

    @property
    def count(self) -> int:
        """Number of samples."""
        return sum(part.count for part in self.parts)

    def blocks(self, size: int = _CHUNK) -> Iterator[Samples]:
        """Yield the samples in blocks of at most `size`, complex64, integers scaled to a full scale of one.

        Raises:
            RecordingError: a sample is not finite, or the file has become shorter.
        """
        component, scale, centre = _component(self.datatype, self.meta)
        done = 0
        with self.data.open("rb") as file:
            for part in self.parts:
                file.seek(part.offset)
                for start in range(0, part.count, size):
                    wanted = min(size, part.count - start)
                    raw = np.frombuffer(file.read(2 * wanted * component.itemsize), dtype=component)
                    if len(raw) != 2 * wanted:
                        raise RecordingError(f"{self.data} became shorter while it was read: copy it completely")
                    values = raw.astype(np.float64)
                    values -= centre
                    values /= scale
                    with np.errstate(over="ignore"):
                        samples = values.astype(np.float32).view(np.complex64)
                    if not np.isfinite(samples).all():
                        bad = done + int(np.flatnonzero(~np.isfinite(samples))[0])
                        raise RecordingError(
                            f"{self.data}: sample {bad} is not a finite number of single precision: see whether "
                            f"core:datatype {self.datatype} in {self.meta} is right, or record again"
                        )
                    done += wanted
                    yield samples


def open_recording(name: str) -> Recording:
    """Read the metadata of a recording and check them against its data.

    Args:
        name: path of the recording, with or without the ending of its metadata or data.

    Raises:
        RecordingError: a file is missing, no SigMF of version 1, or holds what is not supported; all are named.
    """
    base = base_of(name)
    if not base.name:
        raise RecordingError(f"{name!r} names no recording: give the path of one, without its ending")
    meta = base.with_name(base.name + META)
    if not meta.exists() and not base.with_name(base.name + DATA).exists():
        raise RecordingError(f"there is no recording {base}{DATA}: give the path of one, without its ending")
    values = _read_meta(meta)
    general, captures = values["global"], values["captures"]
    data = _data_file(base, meta, general)
    component, _, _ = _component(general["core:datatype"], meta)
    channels = general.get("core:num_channels", 1)
    if channels != 1:
        raise RecordingError(
            f"{meta}: core:num_channels is {channels!r}, only 1 is supported: write the wanted channel to a recording "
            "of its own"
        )
    rate = general.get("core:sample_rate")
    if rate is not None and not _positive(rate):
        raise RecordingError(f"{meta}: core:sample_rate is {rate!r}, it is a positive number of samples per second")
    frequencies = {capture["core:frequency"] for capture in captures if "core:frequency" in capture}
    if not all(_number(frequency) for frequency in frequencies):
        raise RecordingError(f"{meta}: core:frequency is {sorted(map(repr, frequencies))[0]}, it is a number of hertz")
    parts = _parts(meta, data, general, captures, 2 * component.itemsize)
    recording = Recording(
        meta, data, general["core:datatype"], rate, tuple(sorted(map(float, frequencies))), parts, values
    )
    _check_hash(recording, general.get("core:sha512"))
    return recording


def read_samples(recording: Recording) -> Samples:
    """Return all samples of a recording, [n] complex64."""
    return np.concatenate(list(recording.blocks()))


def _read_meta(meta: Path) -> dict[str, Any]:
    """Read metadata and check their structure and version."""
    try:
        text = meta.read_bytes().decode("utf-8-sig")
        values = json.loads(text)
    except FileNotFoundError:
        raise RecordingError(
            f"{meta} is missing: put it beside the data, which without it say neither their type nor their rate"
        ) from None
    except OSError as error:
        raise RecordingError(f"{meta} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise RecordingError(f"{meta} is no text in UTF-8 (byte {error.start}): restore it") from None
    except (ValueError, RecursionError) as error:
        raise RecordingError(f"{meta} is not JSON ({error}): restore it") from None
    if not isinstance(values, dict) or not isinstance(values.get("global"), dict):
        raise RecordingError(f"{meta} has no object `global`: it is no metadata of SigMF")
    for key in _GENERAL:
        if not isinstance(values["global"].get(key), str):
            found = values["global"].get(key, "missing")
            raise RecordingError(f"{meta}: {key} is {found!r}, every recording of SigMF has it as a text: add it")
    version = values["global"]["core:version"]
    if not re.fullmatch(r"v?1(\.\d+){0,2}", version):
        raise RecordingError(f"{meta}: core:version is {version!r}, versions 1.x are supported: convert it")
    captures = values.get("captures")
    if not isinstance(captures, list) or not all(isinstance(capture, dict) for capture in captures):
        raise RecordingError(f"{meta}: captures is {str(captures)[:60]!r}, it is a list of objects: restore it")
    needed = [e.get("name") for e in _objects(values["global"].get("core:extensions")) if e.get("optional") is False]
    if any(name != "taskwave" for name in needed):
        raise RecordingError(f"{meta}: core:extensions demands {needed[0]!r}, which is not supported: none is needed")
    return values


def _data_file(base: Path, meta: Path, general: Mapping[str, Any]) -> Path:
    """Return the file of the samples."""
    if general.get("core:metadata_only"):
        raise RecordingError(f"{meta}: core:metadata_only says that it has no samples: name a recording with data")
    name = general.get("core:dataset", base.name + DATA)
    if not isinstance(name, str) or not name or Path(name).name != name or name == "..":
        raise RecordingError(f"{meta}: core:dataset is {name!r}, it is the name of a file in the same folder")
    data = base.with_name(name)
    if not data.is_file():
        raise RecordingError(f"{data} is missing, the samples of {meta}: put it beside the metadata")
    return data


def _component(datatype: str, meta: Path) -> tuple["np.dtype[Any]", float, float]:
    """Return the dtype of real and imaginary parts, their full scale and their centre."""
    match = _DATATYPE.fullmatch(datatype)
    wide = match is not None and match["bits"] != "8"
    known = match is not None and (match["order"] is not None) == wide
    if match is None or not known or match["bits"] in (("8", "16") if match["kind"] == "f" else ("64",)):
        what = ", real samples," if re.fullmatch(r"r[fiu]\d+(_[lb]e)?", datatype) else ""
        raise RecordingError(
            f"{meta}: core:datatype is {datatype!r}{what} which is not supported: allowed are {_KNOWN}; convert it"
        )
    kind, size = match["kind"], int(match["bits"]) // 8
    dtype = np.dtype(f"{'>' if match['order'] == 'be' else '<'}{kind}{size}")
    if kind == "f":
        return dtype, 1.0, 0.0
    half = 2.0 ** (8 * size - 1)
    # Unsigned samples have no zero: the centre lies between the two middle values.
    return dtype, *((half, 0.0) if kind == "i" else (half - 0.5, half - 0.5))


def _parts(
    meta: Path, data: Path, general: Mapping[str, Any], captures: Sequence[Mapping[str, Any]], item: int
) -> tuple[Part, ...]:
    """Return where the samples of the captures lie in the file.

    Samples before the first capture belong to none, and are left out. Bytes of a header lie before those of its
    capture, trailing ones at the end of the file.
    """
    trailing = _whole(meta, general, "core:trailing_bytes")
    first = _whole(meta, general, "core:offset")
    starts = [_whole(meta, capture, "core:sample_start") - first for capture in captures] or [0]
    headers = [_whole(meta, capture, "core:header_bytes") for capture in captures] or [0]
    if starts != sorted(starts) or starts[0] < 0:
        raise RecordingError(
            f"{meta}: core:sample_start of the captures is {starts[:4]} after core:offset, it ascends from 0 up"
        )
    size, around = data.stat().st_size, sum(headers) + trailing
    if size == 0:
        raise RecordingError(f"{data} is empty: record again")
    total, rest = divmod(size - around, item)
    if rest or total < 0:
        raise RecordingError(
            f"{data} has {size} bytes, which are no whole number of samples of {item} bytes "
            f"({general['core:datatype']}) with {around} bytes of headers and trailer: copy it completely, or correct "
            f"core:datatype in {meta}"
        )
    if starts[-1] >= total:
        raise RecordingError(f"{meta}: core:sample_start is {starts[-1]}, {data} has {total} samples: correct it")
    ends = [*starts[1:], total]
    before = np.cumsum(headers).tolist()
    parts = [Part(start * item + skip, end - start) for start, end, skip in zip(starts, ends, before, strict=True)]
    return tuple(part for part in parts if part.count)


def _check_hash(recording: Recording, expected: object) -> None:
    """Check the data against the hash in the metadata, where there is one."""
    if expected is None:
        return
    digest = hashlib.sha512()
    with recording.data.open("rb") as file:
        while chunk := file.read(8 * _CHUNK):
            digest.update(chunk)
    found = digest.hexdigest()
    if found != str(expected).lower():
        raise RecordingError(
            f"{recording.data} is not what was recorded: its SHA-512 is {found[:12]}…, core:sha512 in "
            f"{recording.meta} is {str(expected)[:12]}…; copy it again"
        )


def _whole(meta: Path, values: Mapping[str, Any], key: str) -> int:
    """Return a count of the metadata, 0 where it is not given."""
    value = values.get(key, 0)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise RecordingError(f"{meta}: {key} is {value!r}, it is a whole number from 0 up")
    return value


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _positive(value: Any) -> bool:
    return _number(value) and value > 0
