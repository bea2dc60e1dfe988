"""Files for a user are written whole or not at all."""

import errno
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO

import pandas as pd
import pytest
from PIL import Image

from taskwave.phy.channel import impulse_responses
from taskwave.phy.drawing import panels, save
from taskwave.phy.files import StorageError, write_atomically, write_text
from taskwave.scenarios.cli.app import write_csv


def _fills_the_disk(file: BinaryIO) -> None:
    file.write(b"half")
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_leaves_the_older_file_and_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    write_text(path, "older")
    with pytest.raises(StorageError, match=r"a\.csv: cannot be written: No space left on device.*make room"):
        write_atomically(path, _fills_the_disk)
    assert path.read_text() == "older" and list(tmp_path.iterdir()) == [path]


def test_ctrl_c_leaves_the_older_file(tmp_path: Path) -> None:
    def stopped(file: BinaryIO) -> None:
        file.write(b"half")
        raise KeyboardInterrupt

    write_text(tmp_path / "a", "older")
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "a", stopped)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["older"]


def test_figures_hold_texts(tmp_path: Path) -> None:
    figure, _ = panels(1)
    path = save(figure, tmp_path / "new" / "figure.png", {"provenance": "Straße", "Software": "TaskWave 1"})
    with Image.open(path) as opened:
        assert opened.text["provenance"] == "Straße" and opened.text["Software"] == "TaskWave 1"


def test_whatever_is_written_for_a_user_survives_a_file_that_cannot_grow(tmp_path: Path) -> None:
    """Limit files to 2 KB, so that the operating system fails the writes as it does on a full disk."""
    figure, _ = panels(1)
    save(figure, tmp_path / "figure.png")
    write_csv(pd.DataFrame({"a": [1]}), tmp_path / "table.csv")
    stored = impulse_responses.read(impulse_responses.find("street-canyon"))
    impulse_responses.write(tmp_path / "record.npz", stored)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    script = f"""
import resource, signal
from pathlib import Path
import pandas as pd
from taskwave.phy.channel import impulse_responses
from taskwave.phy.drawing import panels, save
from taskwave.phy.files import StorageError
from taskwave.scenarios.cli.app import write_csv
out = Path({str(tmp_path)!r})
stored = impulse_responses.read(out / "record.npz")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2048, 2048))
for write in (
    lambda: save(panels(2)[0], out / "figure.png"),
    lambda: write_csv(pd.DataFrame({{"a": range(9999)}}), out / "table.csv"),
    lambda: impulse_responses.write(out / "record.npz", stored),
):
    try:
        write()
    except StorageError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    told = done.stdout.splitlines()
    assert [line.split(":")[0] for line in told] == [
        str(tmp_path / name) for name in ("figure.png", "table.csv", "record.npz")
    ]
    assert all("make room" in line for line in told)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
