"""The live link: its sources of images, its keyboard, and how engine and flowgraph end together."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from taskwave.phy.config.radio import RadioConfig
from taskwave.scenarios.live.command import live_config
from taskwave.scenarios.live.images import open_live_images, read_image
from taskwave.scenarios.sweep.records import read_records


def test_images_of_a_folder_come_over_and_over(tmp_path: Path) -> None:
    for name, colour in (("a.jpg", (255, 0, 0)), ("b.PNG", (0, 0, 255))):
        Image.new("RGB", (30, 40), colour).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no image")
    found = list(islice(open_live_images(tmp_path, print), 3))
    assert [name for name, _ in found] == ["a.jpg", "b.PNG", "a.jpg"]
    assert all(image.shape == (3, 192, 256) for _, image in found)
    assert float(found[1][1][2].mean()) > 0.98


def test_the_middle_of_an_image_is_taken(tmp_path: Path) -> None:
    wide = Image.new("RGB", (1000, 192), (255, 0, 0))
    wide.paste((0, 255, 0), (372, 0, 628, 192))
    wide.save(tmp_path / "wide.png")
    assert float(read_image(tmp_path / "wide.png")[1].min()) > 0.9


def test_bad_images_are_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="neither a camera nor a folder with images"):
        open_live_images(tmp_path, print)
    (tmp_path / "b.png").write_bytes(b"not an image")
    with pytest.raises(ValueError, match=r"b\.png cannot be read as an image"):
        next(open_live_images(tmp_path, print))


def test_an_image_that_cannot_be_read_is_named_once_and_left_out(tmp_path: Path) -> None:
    Image.new("RGB", (30, 40)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"not an image")
    notes: list[str] = []
    found = [name for name, _ in islice(open_live_images(tmp_path, notes.append), 4)]
    assert found == ["a.png"] * 4
    (note,) = notes
    assert note.startswith(f"left out: {tmp_path}/b.png cannot be read as an image: ")


def test_images_are_turned_by_their_tags(tmp_path: Path) -> None:
    """A camera held on its side: left is up in the file."""
    upright = Image.new("RGB", (256, 192))
    upright.paste((255, 0, 0), (0, 0, 256, 96))
    tag = Image.Exif()
    tag[0x0112] = 6
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "a.png", exif=tag)
    image = read_image(tmp_path / "a.png")
    assert float(image[0, :90].min()) > 0.9
    assert float(image[0, 102:].max()) < 0.1


def fake_ffmpeg(folder: Path, monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """Put a program in the place of ffmpeg, which has no camera here."""
    path = folder / "ffmpeg"
    path.write_text(f"#!{sys.executable}\nimport sys, time\n{program}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_a_camera_gives_its_latest_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = "[(sys.stdout.buffer.write(bytes([c]) * 147456), sys.stdout.flush(), time.sleep(0.3)) for c in (0, 255)]"
    fake_ffmpeg(tmp_path, monkeypatch, f"assert '/dev/zero' in sys.argv; {images}; time.sleep(30)")
    camera = open_live_images(Path("/dev/zero"), print)
    (name, first), (_, second) = next(camera), next(camera)
    assert name == "zero"
    assert (float(first.max()), float(second.min())) == (0, 1)
    camera.close()  # type: ignore[attr-defined]


def test_a_dead_camera_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_ffmpeg(tmp_path, monkeypatch, "sys.exit('no such device')")
    with pytest.raises(RuntimeError, match=r"camera /dev/zero gives no image \(no such device\)"):
        next(open_live_images(Path("/dev/zero"), print))
    (tmp_path / "ffmpeg").unlink()
    with pytest.raises(RuntimeError, match="ffmpeg is not installed"):
        next(open_live_images(Path("/dev/zero"), print))


TASKWAVE = Path(sys.executable).parent / "taskwave"
QUICK = ["--set", "images.count=1", "--set", "sweep.budgets=[2000]", "--set", 'sweep.links=["jpeg"]']


def child_of(pid: int, word: str, seconds: float = 60.0) -> int:
    """Return the process that `pid` started with `word` in its command."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            with contextlib.suppress(OSError):
                if word.encode() in Path(f"/proc/{child}/cmdline").read_bytes():
                    return int(child)
        time.sleep(0.05)
    raise AssertionError(f"process {pid} started no {word}")


def ended(pid: int, seconds: float = 15.0) -> bool:
    deadline = time.monotonic() + seconds
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    return not Path(f"/proc/{pid}").exists()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a live link that sends two images over and over."""
    for i in range(2):
        Image.effect_noise((256, 192), 60).save(tmp_path / f"{i}.png")
    command = [str(TASKWAVE), "radio", str(tmp_path), "--listen", f"ipc://{tmp_path}/engine", "--every", "0.3"]
    process = subprocess.Popen(
        [*command, "--count", "12", "--out", str(tmp_path / "out")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    yield process
    process.kill()
    process.communicate()


@pytest.mark.gnuradio
@pytest.mark.slow
def test_tasks_are_typed_while_images_go(engine: subprocess.Popen[str], tmp_path: Path) -> None:
    assert engine.stdin is not None
    assert engine.stdout is not None
    for line in engine.stdout:
        if line.startswith("1.png"):
            break
    out, err = engine.communicate("the vhicle\nsigns and poles\n")
    assert engine.returncode == 0, err
    assert "'cars'" in line
    assert "not understood" in out
    assert "'signs and poles'" in out.splitlines()[-1]
    assert len(list((tmp_path / "out").glob("*.png"))) == 12


@pytest.mark.gnuradio
@pytest.mark.slow
def test_a_flowgraph_ends_with_its_engine(engine: subprocess.Popen[str]) -> None:
    assert engine.stdout is not None
    next(line for line in engine.stdout if line.startswith("0.png"))
    flowgraph = child_of(engine.pid, "taskwave_loopback")
    engine.kill()
    assert ended(flowgraph)


@pytest.mark.gnuradio
@pytest.mark.slow
def test_a_flowgraph_that_dies_ends_the_engine(engine: subprocess.Popen[str]) -> None:
    assert engine.stdout is not None
    next(line for line in engine.stdout if line.startswith("0.png"))
    os.kill(child_of(engine.pid, "taskwave_loopback"), signal.SIGKILL)
    _, err = engine.communicate(timeout=60)
    assert engine.returncode == 1
    assert "Traceback" not in err
    assert "flowgraph ended with status -9" in err or "no flowgraph with a source" in err


@pytest.mark.gnuradio
@pytest.mark.slow
def test_a_scenario_keeps_its_points_when_gnu_radio_dies(tmp_path: Path) -> None:
    run = [
        str(TASKWAVE),
        "run",
        "gnuradio",
        *QUICK,
        "--set",
        "sweep.es_n0_db=[8, 9, 10]",
        "--out",
        str(tmp_path),
    ]
    process = subprocess.Popen(run, stderr=subprocess.PIPE, text=True)
    worker = child_of(process.pid, "gnuradio.worker")
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("points/*.parquet")) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(worker, signal.SIGKILL)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "the GNU Radio process ended with status -9" in err
    assert "Traceback" not in err
    kept = len(read_records(tmp_path))
    assert kept >= 5  # five tasks a point
    subprocess.run(run, check=True, capture_output=True)
    assert len(read_records(tmp_path)) == 15


@pytest.mark.parametrize("change", [{"impairments": {}}, {"csi": "perfect"}])
def test_a_live_link_takes_hardware_and_channel_as_they_are(change: dict[str, Any]) -> None:
    config = RadioConfig.model_validate({"sync_symbols": True, **change})
    with pytest.raises(ValueError, match="that are there"):
        live_config(config)
