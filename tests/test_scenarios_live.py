"""Where the live link has its pictures from, and what its command does with the keyboard."""

import sys
from itertools import islice
from pathlib import Path

import pytest
from PIL import Image

from taskwave.scenarios.live_pictures import open_pictures, read_picture


def test_pictures_of_a_folder_come_over_and_over(tmp_path: Path) -> None:
    for name, colour in (("a.jpg", (255, 0, 0)), ("b.PNG", (0, 0, 255))):
        Image.new("RGB", (30, 40), colour).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    found = list(islice(open_pictures(tmp_path), 3))
    assert [name for name, _ in found] == ["a.jpg", "b.PNG", "a.jpg"]
    assert all(picture.shape == (3, 192, 256) for _, picture in found)
    assert float(found[1][1][2].mean()) > 0.98


def test_the_middle_of_a_picture_is_taken(tmp_path: Path) -> None:
    wide = Image.new("RGB", (1000, 192), (255, 0, 0))
    wide.paste((0, 255, 0), (372, 0, 628, 192))
    wide.save(tmp_path / "wide.png")
    assert float(read_picture(tmp_path / "wide.png")[1].min()) > 0.9


def test_bad_pictures_are_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="neither a camera nor a folder with pictures"):
        open_pictures(tmp_path)
    (tmp_path / "b.png").write_bytes(b"not a picture")
    with pytest.raises(ValueError, match=r"b\.png cannot be read as a picture"):
        next(open_pictures(tmp_path))


def fake_ffmpeg(folder: Path, monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """A program in place of ffmpeg, which has no camera here."""
    path = folder / "ffmpeg"
    path.write_text(f"#!{sys.executable}\nimport sys, time\n{program}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_a_camera_gives_its_latest_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = "[(sys.stdout.buffer.write(bytes([c]) * 147456), sys.stdout.flush(), time.sleep(0.3)) for c in (0, 255)]"
    fake_ffmpeg(tmp_path, monkeypatch, f"assert '/dev/zero' in sys.argv; {frames}; time.sleep(30)")
    camera = open_pictures(Path("/dev/zero"))
    (name, first), (_, second) = next(camera), next(camera)
    assert name == "zero"
    assert (float(first.max()), float(second.min())) == (0, 1)
    camera.close()  # type: ignore[attr-defined]


def test_a_dead_camera_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("taskwave.scenarios.live_pictures._CAMERA_SECONDS", 1.0)
    fake_ffmpeg(tmp_path, monkeypatch, "sys.exit('no such device')")
    with pytest.raises(RuntimeError, match="camera /dev/zero gives no picture: no such device"):
        next(open_pictures(Path("/dev/zero")))
    (tmp_path / "ffmpeg").unlink()
    with pytest.raises(RuntimeError, match="ffmpeg is not installed"):
        next(open_pictures(Path("/dev/zero")))
