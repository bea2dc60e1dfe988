"""The writer of SigMF recordings, which are never half written. Both interpreters import this module."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from taskwave.phy.files import StorageError, write_text
from taskwave.phy.gnuradio.sigmf import DATA, META, RecordingError, base_of
from taskwave.phy.gnuradio.wire import Samples

_VERSION = "1.0.0"
"""Version of SigMF in which recordings are written."""


def new_files(name: str) -> tuple[Path, Path]:
    """Return the files of the metadata and of the samples of a new recording.

    Raises:
        RecordingError: one of them is there, or their folder cannot be written to.
    """
    base = base_of(name)
    if not base.name:
        raise RecordingError(f"{name!r} names no recording: give a path such as recordings/monday")
    meta, data = base.with_name(base.name + META), base.with_name(base.name + DATA)
    for path in (meta, data):
        if path.exists():
            raise RecordingError(f"{path} exists: remove it or name another recording, none is overwritten")
    if not base.parent.is_dir() or not os.access(base.parent, os.W_OK):
        raise RecordingError(f"{base.parent} is no folder that can be written to: create it for {meta.name}")
    return meta, data


@dataclass
class RecordingWriter:
    """Writes a recording of complex64 samples; nothing is on the disk before its first sample.

    Raises:
        RecordingError: there is such a recording already, or its folder cannot be written to.
    """

    name: str
    """Path of the recording, with or without ending."""
    sample_rate: float
    """Sample rate, samples per second."""
    frequency: float
    """Centre frequency [Hz]."""
    hardware: str
    """What recorded it."""
    general: Mapping[str, Any] = field(default_factory=dict)
    """Further keys of `global`."""
    captures: list[dict[str, Any]] = field(default_factory=list)
    """Captures so far."""
    annotations: list[dict[str, Any]] = field(default_factory=list)
    """Annotations, which the caller appends."""
    count: int = 0
    """Number of samples written."""

    def __post_init__(self) -> None:
        self.meta, self.data = new_files(self.name)
        self._file: BinaryIO | None = None
        self._hash = hashlib.sha512()

    def begin_capture(self) -> None:
        """Begin a capture at the next sample, since samples before it are missing."""
        utc = datetime.now(timezone.utc)  # noqa: UP017 - GNU Radio may run under Python 3.10
        now = utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        capture = {"core:sample_start": self.count, "core:frequency": self.frequency, "core:datetime": now}
        self.captures.append(capture)

    def write(self, samples: Samples) -> None:
        """Append samples [n] complex64.

        Raises:
            StorageError: the disk is full or gone.
        """
        if not len(samples):
            return
        if not self.captures:
            self.begin_capture()
        raw = np.ascontiguousarray(samples, dtype="<c8").tobytes()
        view = memoryview(raw)
        try:
            if self._file is None:
                self._file = self.data.open("xb", buffering=0)
            while view:  # An unbuffered file may take a part of them only.
                view = view[self._file.write(view) :]
        except OSError as error:
            raise StorageError(
                f"{self.data} cannot be written: {error.strerror}; up to sample {self.count} it is good. Make room and "
                "record under another name"
            ) from None
        first = self.count == 0
        self._hash.update(raw)
        self.count += len(samples)
        if first:
            self.write_meta()

    def write_meta(self, sha512: str | None = None) -> None:
        """Put the metadata so far in place, whole."""
        general = {
            "core:datatype": "cf32_le",
            "core:sample_rate": self.sample_rate,
            "core:version": _VERSION,
            "core:recorder": "TaskWave",
            "core:hw": self.hardware,
            **({} if sha512 is None else {"core:sha512": sha512}),
            **self.general,
        }
        values = {"global": general, "captures": self.captures, "annotations": self.annotations}
        write_text(self.meta, json.dumps(values, indent=1, allow_nan=False) + "\n")

    def close(self) -> None:
        """Finish the recording; one without samples leaves no file."""
        if self._file is None:
            return
        self._file.close()
        self._file = None
        if self.count:
            self.write_meta(self._hash.hexdigest())
        else:
            self.data.unlink(missing_ok=True)
            self.meta.unlink(missing_ok=True)
