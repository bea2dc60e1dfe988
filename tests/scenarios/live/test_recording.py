"""Tests of recordings of the live link: what is written, and that it is decoded again to the same answers."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from taskwave.phy.gnuradio.sigmf import RecordingError, open_recording
from taskwave.scenarios.live.recording import open_heard

TASKWAVE = str(Path(sys.executable).parent / "taskwave")


def test_recordings_of_others_are_refused(tmp_path: Path) -> None:
    meta = {"global": {"core:version": "1.0.0", "core:datatype": "cf32_le"}, "captures": [], "annotations": []}
    (tmp_path / "x.sigmf-meta").write_text(json.dumps(meta))
    (tmp_path / "x.sigmf-data").write_bytes(bytes(80))
    with pytest.raises(RecordingError, match="has no taskwave:scenario"):
        open_heard(f"{tmp_path}/x")
    meta["global"]["taskwave:scenario"] = {"name": 7}  # type: ignore[index]
    (tmp_path / "x.sigmf-meta").write_text(json.dumps(meta))
    with pytest.raises(RecordingError, match="taskwave:scenario is none of this release"):
        open_heard(f"{tmp_path}/x")


@pytest.mark.gnuradio
@pytest.mark.slow
@pytest.mark.parametrize("link", ["jpeg", "task-adaptive"])
def test_a_recording_is_decoded_to_the_same_answers(link: str, tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for i in range(2):
        Image.effect_noise((256, 192), 60 + 40 * i).save(images / f"{i}.png")
    name = str(tmp_path / "heard")
    command = [TASKWAVE, "radio", str(images), "--listen", f"ipc://{tmp_path}/engine", "--count", "2"]
    command += ["--record", name, "--out", str(tmp_path / "live"), "--set", f'sweep.links=["{link}"]']
    live = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert live.returncode == 0, live.stderr
    recording = open_recording(name)  # its SHA-512 is checked
    assert recording.values["global"]["taskwave:scenario"]["seed"] == 8
    assert [note["taskwave:image"] for note in recording.values["annotations"]] == ["0.png", "1.png"]
    replay = [TASKWAVE, "replay", f"{name}.sigmf-meta", "--out", str(tmp_path / "again")]
    again = subprocess.run(replay, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert again.stdout.count("the same answer") == 2
    for path in (tmp_path / "live").iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()
    lines = zip(live.stdout.splitlines(), again.stdout.splitlines(), strict=True)
    assert all(a.rpartition("; ")[0] == b.rpartition("; ")[0] for a, b in lines)
    # Without the samples there is no answer: it is they that are decoded.
    data = np.fromfile(f"{name}.sigmf-data", dtype="<c8")
    noise = np.random.default_rng(1).normal(size=(2, len(data)))
    (noise[0] + 1j * noise[1]).astype("<c8").tofile(f"{name}.sigmf-data")
    meta = json.loads(Path(f"{name}.sigmf-meta").read_text())
    del meta["global"]["core:sha512"]
    Path(f"{name}.sigmf-meta").write_text(json.dumps(meta))
    lost = subprocess.run(replay, capture_output=True, text=True, check=False)
    if link == "jpeg":
        assert lost.returncode == 1
    else:  # a receiver whose prompt is lost asks again, which nobody recorded
        assert lost.returncode == 2 and "no further reverse burst of this image" in lost.stderr
    assert "Traceback" not in lost.stderr
