"""Download of CamVid with checksums, from a real HTTP server on the local host."""

import functools
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from taskwave.semantic.data import download
from taskwave.semantic.data.download import CAMVID, Archive, download_camvid, tree_digest


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Log nothing, so that the output of the tests stays clean."""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return the folder that the server offers, with a small archive shaped like the real one."""
    root = tmp_path / "home" / "Repo-123"
    (root / "CamVid" / "val").mkdir(parents=True)
    (root / "CamVid" / "val" / "a.png").write_bytes(b"image a")
    (root / "CamVid" / "val" / "b.png").write_bytes(b"image b" * 3000)
    (root / "CamVid" / "val.txt").write_text("a\nb\n")
    (root / "README.md").write_text("not wanted")
    with tarfile.open(tmp_path / "home" / "a.tar.gz", "w:gz") as tar:
        tar.add(root, "Repo-123")
    return tmp_path / "home"


@contextmanager
def serve(home: Path, handler: type[SimpleHTTPRequestHandler]) -> Iterator[str]:
    """Serve the folder and yield the address of the archive in it."""
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=str(home))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/a.tar.gz"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def archive(home: Path) -> Iterator[Archive]:
    """Yield the archive while it is served."""
    source = home / "Repo-123" / "CamVid"
    digests = {name: tree_digest(source / name) for name in ("val", "val.txt")}
    with serve(home, _Quiet) as url:
        yield Archive(url, "CamVid", digests)


def test_the_wanted_part_arrives(archive: Archive, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "new" / "camvid"
    download_camvid(target, archive)
    assert sorted(p.relative_to(target).as_posix() for p in target.rglob("*.*")) == [
        "val.txt",
        "val/a.png",
        "val/b.png",
    ]
    assert (target / "val" / "b.png").read_bytes() == b"image b" * 3000
    assert [p.name for p in target.parent.iterdir()] == ["camvid"]  # Nothing else is left behind.
    assert capfd.readouterr() == ("", "")  # There is no progress bar and no log.


def test_a_wrong_checksum_names_both(archive: Archive, tmp_path: Path) -> None:
    right = archive.digests["val"]
    wrong = Archive(archive.url, "CamVid", {**archive.digests, "val": "0" * 64})
    with pytest.raises(ValueError, match=f"CamVid/val has SHA-256 {right}, expected {'0' * 64}"):
        download_camvid(tmp_path / "camvid", wrong)
    assert not (tmp_path / "camvid").exists()


def test_a_missing_part_is_found(archive: Archive, tmp_path: Path) -> None:
    more = Archive(archive.url, "CamVid", {**archive.digests, "test": "1" * 64})
    with pytest.raises(ValueError, match="CamVid/test has SHA-256 nothing"):
        download_camvid(tmp_path / "camvid", more)


def test_digest_depends_on_names_and_bytes(home: Path) -> None:
    folder = home / "Repo-123" / "CamVid" / "val"
    before = tree_digest(folder)
    (folder / "a.png").rename(folder / "z.png")
    renamed = tree_digest(folder)
    (folder / "z.png").write_bytes(b"image A")
    assert len({before, renamed, tree_digest(folder)}) == 3


@pytest.mark.parametrize("keep", [0, 40, 150])
def test_a_broken_archive(archive: Archive, home: Path, tmp_path: Path, keep: int) -> None:
    path = home / "a.tar.gz"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(OSError, match=r"not downloaded .*try again"):
        download_camvid(tmp_path / "camvid", archive)
    assert not (tmp_path / "camvid").exists()


class _Breaking(_Quiet):
    def copyfile(self, source: Any, outputfile: Any) -> None:
        """Send the first half of what the header announces."""
        body = source.read()
        outputfile.write(body[: len(body) // 2])


def test_a_broken_transfer(home: Path, archive: Archive, tmp_path: Path) -> None:
    (tmp_path / "camvid").mkdir()
    with serve(home, _Breaking) as url, pytest.raises(OSError, match=rf"{url}: not downloaded .*try again"):
        download_camvid(tmp_path / "camvid", Archive(url, "CamVid", archive.digests))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["camvid", "home"]
    assert not list((tmp_path / "camvid").iterdir())


def test_too_large_an_archive_is_refused(archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "_LARGEST", 100)
    with pytest.raises(ValueError, match=rf"{archive.url}: larger than 100 bytes; it is not the known archive"):
        download_camvid(tmp_path / "camvid", archive)
    monkeypatch.setattr(download, "_LARGEST", 20_000)  # The archive has less, its 21,000 bytes of one image more.
    with pytest.raises(ValueError, match=rf"{archive.url}: unpacks to more than 20000 bytes"):
        download_camvid(tmp_path / "camvid", archive)
    assert [p.name for p in tmp_path.iterdir()] == ["home"]


def test_no_such_address(archive: Archive, tmp_path: Path) -> None:
    gone = Archive(archive.url.replace("a.tar.gz", "b.tar.gz"), "CamVid", archive.digests)
    with pytest.raises(OSError, match="404"):
        download_camvid(tmp_path / "camvid", gone)


def test_a_folder_in_use_is_left_alone(archive: Archive, tmp_path: Path) -> None:
    (tmp_path / "camvid").mkdir()
    (tmp_path / "camvid" / "mine").write_text("keep")
    with pytest.raises(FileExistsError, match="not empty"):
        download_camvid(tmp_path / "camvid", archive)
    assert (tmp_path / "camvid" / "mine").read_text() == "keep"


def test_paths_that_lead_out_are_not_followed(home: Path, archive: Archive, tmp_path: Path) -> None:
    with tarfile.open(home / "a.tar.gz", "w:gz") as tar:
        tar.add(home / "Repo-123" / "README.md", "Repo-123/CamVid/val/../../../escaped.txt")
        tar.add(home / "Repo-123" / "README.md", "Repo-123/CamVid")
        tar.add(home / "Repo-123" / "CamVid", "Repo-123/CamVid")
    download_camvid(tmp_path / "deep" / "camvid", archive)
    assert not list(tmp_path.rglob("escaped.txt"))


def test_camvid_is_fully_listed() -> None:
    parts = {f"{split}{tail}" for split in ("train", "val", "test") for tail in ("", "annot", ".txt")}
    assert set(CAMVID.digests) == parts
    assert all(len(d) == 64 for d in CAMVID.digests.values())
