"""Tests of SigMF recordings: what is read right, what is refused by name, and what is left on the disk."""

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from taskwave.phy.gnuradio.interpreter import environment, interpreter
from taskwave.phy.gnuradio.recorder import RecordingWriter
from taskwave.phy.gnuradio.sigmf import RecordingError, open_recording, read_samples

SENT = (0.5 * np.exp(2j * np.pi * np.arange(200) / 40)).astype(np.complex64)
PARTS = SENT.view(np.float32).astype(np.float64)
STEPS = {"8": 1 / 127, "16": 1 / 32767}
"""Full step of the narrow datatypes, the tolerance of a round trip."""


def write(folder: Path, raw: bytes, captures: list[dict[str, Any]] | None = None, **keys: Any) -> str:
    """Write a recording with keys of `global` and return its path without ending."""
    general = {"core:version": "1.0.0", "core:datatype": "cf32_le", "core:sample_rate": 1e6}
    general |= {"core:" + key: value for key, value in keys.items()}
    captures = captures if captures is not None else [{"core:sample_start": 0, "core:frequency": 2.4e9}]
    meta = {"global": general, "captures": captures, "annotations": []}
    (folder / "r.sigmf-meta").write_text(json.dumps(meta))
    (folder / "r.sigmf-data").write_bytes(raw)
    return str(folder / "r")


def encode(datatype: str) -> bytes:
    """Return `SENT` in a datatype, as a recorder of that type quantises it."""
    name, order = [*datatype.split("_"), "le"][:2]
    kind, bits = name[1], int(name[2:])
    dtype = np.dtype(f"{'<' if order == 'le' else '>'}{kind}{bits // 8}")
    half = 2.0 ** (bits - 1)
    values = {"f": PARTS, "i": np.round(PARTS * half), "u": np.round(PARTS * (half - 0.5) + half - 0.5)}[kind]
    return values.astype(dtype).tobytes()


ALL = ["ci8", "cu8", *(f"c{k}_{o}" for k in ("f32", "f64", "i16", "i32", "u16", "u32") for o in ("le", "be"))]


@pytest.mark.parametrize("datatype", ALL)
def test_every_datatype_comes_at_full_scale_one(datatype: str, tmp_path: Path) -> None:
    recording = open_recording(write(tmp_path, encode(datatype), datatype=datatype))
    samples = read_samples(recording)
    assert samples.dtype == np.complex64
    assert np.abs(samples - SENT).max() <= next((step for bits, step in STEPS.items() if bits in datatype), 1e-6)


def test_samples_of_captures_only_are_played(tmp_path: Path) -> None:
    """Samples before the first capture belong to none; headers lie before their captures, a trailer at the end."""
    late = [{"core:sample_start": 50}]
    assert np.array_equal(read_samples(open_recording(write(tmp_path, SENT.tobytes(), late))), SENT[50:])
    raw = SENT.tobytes()
    framed = b"abc" + raw[: 8 * 80] + b"12345" + raw[8 * 80 :] + b"end!"
    two = [
        {"core:sample_start": 0, "core:header_bytes": 3},
        {"core:sample_start": 80, "core:header_bytes": 5},
    ]
    (tmp_path / "file.bin").write_bytes(framed)
    name = write(tmp_path, b"not this one", two, dataset="file.bin", trailing_bytes=4)
    assert np.array_equal(read_samples(open_recording(name)), SENT)
    moved = [{"core:sample_start": 1030}]
    assert np.array_equal(read_samples(open_recording(write(tmp_path, raw, moved, offset=1000))), SENT[30:])
    assert np.array_equal(read_samples(open_recording(write(tmp_path, raw, []))), SENT)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"datatype": "rf32_le"}, "core:datatype is 'rf32_le', real samples, which is not supported: allowed are"),
        ({"datatype": "ci16"}, "core:datatype is 'ci16' which is not supported"),
        ({"datatype": "cu8_le"}, "'cu8_le'"),
        ({"datatype": "cf16_le"}, "'cf16_le'"),
        ({"datatype": 7}, "core:datatype is 7"),
        ({"version": "2.0.0"}, "core:version is '2.0.0', versions 1.x are supported"),
        ({"version": "0.0.2"}, "core:version is '0.0.2'"),
        ({"num_channels": 2}, "core:num_channels is 2, only 1 is supported"),
        ({"sample_rate": "fast"}, "core:sample_rate is 'fast'"),
        ({"sample_rate": -1}, "core:sample_rate is -1"),
        ({"trailing_bytes": 3}, "no whole number of samples of 8 bytes .* with 3 bytes of headers and trailer"),
        ({"trailing_bytes": -3}, "core:trailing_bytes is -3"),
        ({"trailing_bytes": 1600}, "core:sample_start is 0, .* has 0 samples"),
        ({"trailing_bytes": 16000}, "no whole number of samples"),
        ({"dataset": "../r.sigmf-data"}, "it is the name of a file in the same folder"),
        ({"dataset": "gone.bin"}, "gone.bin is missing"),
        ({"metadata_only": True}, "core:metadata_only"),
        ({"sha512": "00"}, "is not what was recorded"),
        ({"extensions": [{"name": "antenna", "version": "1.0.0", "optional": False}]}, "demands 'antenna'"),
        ({"captures": [{"core:sample_start": 200}]}, "core:sample_start is 200, .* has 200 samples"),
        ({"captures": [{"core:sample_start": 5}, {"core:sample_start": 2}]}, "core:sample_start of the captures"),
        ({"captures": [{"core:sample_start": "5"}]}, "core:sample_start is '5'"),
        ({"captures": [{"core:frequency": "high"}]}, "core:frequency is 'high'"),
        ({"captures": 7}, "captures is '7'"),
    ],
)  # fmt: skip
def test_what_is_not_supported_is_refused_by_name(keys: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=words) as refused:
        open_recording(write(tmp_path, SENT.tobytes(), **keys))
    assert "\n" not in str(refused.value)
    assert str(tmp_path) in str(refused.value)


@pytest.mark.parametrize(
    ("meta", "words"),
    [
        (b"{", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"\xff\xfe", "no text in UTF-8"),
        (b"[]", "no object `global`"),
        (b'{"global": 7}', "no object `global`"),
        (b'{"global": {}}', "core:datatype is 'missing'"),
        (b'{"global": {"core:datatype": "cu8"}, "captures": []}', "core:version is 'missing'"),
    ],
)
def test_broken_metadata_are_told(meta: bytes, words: str, tmp_path: Path) -> None:
    name = write(tmp_path, SENT.tobytes())
    (tmp_path / "r.sigmf-meta").write_bytes(meta)
    with pytest.raises(RecordingError, match=words):
        open_recording(name)


def test_files_that_are_not_there_or_short_are_told(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"no recording .*r\.sigmf-data: give the path of one"):
        open_recording(str(tmp_path / "r"))
    (tmp_path / "r.sigmf-data").write_bytes(bytes(8))
    with pytest.raises(RecordingError, match=r"r\.sigmf-meta is missing"):
        open_recording(str(tmp_path / "r"))
    with pytest.raises(RecordingError, match="archive"):
        open_recording(str(tmp_path / "r.sigmf"))
    with pytest.raises(RecordingError, match="is empty"):
        open_recording(write(tmp_path, b""))
    with pytest.raises(RecordingError, match="1599 bytes, which are no whole number"):
        open_recording(write(tmp_path, SENT.tobytes()[:-1]))
    (tmp_path / "r.sigmf-data").unlink()
    with pytest.raises(RecordingError, match=r"r\.sigmf-data is missing"):
        open_recording(str(tmp_path / "r.sigmf-meta"))
    broken = SENT.copy()
    broken[7] = np.nan
    with pytest.raises(RecordingError, match="sample 7 is not a finite number"):
        read_samples(open_recording(write(tmp_path, broken.tobytes())))


def test_a_recording_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    writer = RecordingWriter(f"{tmp_path}/new", 1e6, 2.4e9, "test")
    writer.close()
    assert not list(tmp_path.iterdir())
    writer.write(SENT[:120])
    assert len(read_samples(open_recording(writer.name))) == 120  # readable while it is written
    writer.begin_capture()
    writer.write(SENT[120:])
    writer.close()
    recording = open_recording(f"{tmp_path}/new.sigmf-data")
    assert np.array_equal(read_samples(recording), SENT)
    assert recording.frequencies == (2.4e9,)
    assert {"core:sha512", "core:hw", "core:recorder"} <= recording.values["global"].keys()
    assert [capture["core:sample_start"] for capture in recording.values["captures"]] == [0, 120]
    assert all(capture["core:datetime"].endswith("Z") for capture in recording.values["captures"])
    with pytest.raises(RecordingError, match="exists: remove it or name another"):
        RecordingWriter(f"{tmp_path}/new", 1e6, 2.4e9, "test")
    with pytest.raises(RecordingError, match="no folder that can be written to"):
        RecordingWriter(f"{tmp_path}/nowhere/new", 1e6, 2.4e9, "test")


PLAY = """
import sys
import numpy as np
from gnuradio import blocks, gr
from taskwave.phy.gnuradio.radios import radio_source

graph, received = gr.top_block(), blocks.vector_sink_c()
graph.connect(radio_source("sigmf:" + sys.argv[1], float(sys.argv[2]), float(sys.argv[3])), received)
graph.run()
np.save(sys.argv[4], np.array(received.data(), dtype=np.complex64))
"""


def play(name: str, rate: float, frequency: float, out: Path) -> subprocess.CompletedProcess[str]:
    command = [interpreter(), "-c", PLAY, name, str(rate), str(frequency), str(out)]
    return subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)


@pytest.mark.gnuradio
def test_a_flowgraph_plays_what_was_recorded(tmp_path: Path) -> None:
    name = write(tmp_path, encode("ci16_be"), [{"core:sample_start": 40, "core:frequency": 2.4e9}], datatype="ci16_be")
    done = play(name, 1e6, 2.4e9, tmp_path / "out.npy")
    assert done.returncode == 0, done.stderr
    assert np.abs(np.load(tmp_path / "out.npy") - SENT[40:]).max() < 1e-4


@pytest.mark.gnuradio
@pytest.mark.parametrize(
    ("captures", "keys", "words"),
    [
        (None, {"sample_rate": 2e6}, "2000000 samples per second, the flowgraph runs at 1000000"),
        (None, {"sample_rate": None}, "core:sample_rate is missing"),
        ([{"core:frequency": 2.5e9}], {}, "2500000000 Hz, the flowgraph is tuned to 2400000000 Hz"),
        ([{"core:frequency": 2.4e9}, {"core:sample_start": 9, "core:frequency": 2.5e9}], {}, "captures differ"),
        (None, {"datatype": "rf32_le"}, "real samples"),
    ],
)
def test_a_flowgraph_ends_with_one_line(
    captures: list[dict[str, Any]] | None, keys: dict[str, Any], words: str, tmp_path: Path
) -> None:
    done = play(write(tmp_path, SENT.tobytes(), captures, **keys), 1e6, 2.4e9, tmp_path / "out.npy")
    (line,) = [line for line in done.stderr.splitlines() if ":info:" not in line]
    assert done.returncode == 1
    assert line.startswith("error: ")
    assert words in line
