"""The checksummed download against a real HTTP server on this machine."""

import functools
import tarfile
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from taskwave.semantic.data.download import CAMVID, Archive, download_camvid, tree_digest


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the test's output stays clean."""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The folder the server offers, with a small archive shaped like the real one."""
    root = tmp_path / "home" / "Repo-123"
    (root / "CamVid" / "val").mkdir(parents=True)
    (root / "CamVid" / "val" / "a.png").write_bytes(b"frame a")
    (root / "CamVid" / "val" / "b.png").write_bytes(b"frame b" * 3000)
    (root / "CamVid" / "val.txt").write_text("a\nb\n")
    (root / "README.md").write_text("not wanted")
    with tarfile.open(tmp_path / "home" / "a.tar.gz", "w:gz") as tar:
        tar.add(root, "Repo-123")
    return tmp_path / "home"


@pytest.fixture
def archive(home: Path) -> Iterator[Archive]:
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(home))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        source = home / "Repo-123" / "CamVid"
        digests = {name: tree_digest(source / name) for name in ("val", "val.txt")}
        yield Archive(f"http://127.0.0.1:{server.server_port}/a.tar.gz", "CamVid", digests)
        server.shutdown()
        thread.join()


def test_the_wanted_part_arrives(archive: Archive, tmp_path: Path) -> None:
    target = tmp_path / "new" / "camvid"
    download_camvid(target, archive)
    assert sorted(p.relative_to(target).as_posix() for p in target.rglob("*.*")) == [
        "val.txt",
        "val/a.png",
        "val/b.png",
    ]
    assert (target / "val" / "b.png").read_bytes() == b"frame b" * 3000
    assert [p.name for p in target.parent.iterdir()] == ["camvid"]  # no scratch left


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
    (folder / "z.png").write_bytes(b"frame A")
    assert len({before, renamed, tree_digest(folder)}) == 3


@pytest.mark.parametrize("keep", [0, 40, 150])
def test_a_broken_transfer(archive: Archive, home: Path, tmp_path: Path, keep: int) -> None:
    path = home / "a.tar.gz"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(OSError, match=r"not downloaded .*try again"):
        download_camvid(tmp_path / "camvid", archive)
    assert not (tmp_path / "camvid").exists()


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
        tar.add(home / "Repo-123" / "CamVid", "Repo-123/CamVid")
    download_camvid(tmp_path / "deep" / "camvid", archive)
    assert not list(tmp_path.rglob("escaped.txt"))


def test_camvid_is_fully_listed() -> None:
    parts = {f"{split}{tail}" for split in ("train", "val", "test") for tail in ("", "annot", ".txt")}
    assert set(CAMVID.digests) == parts
    assert all(len(d) == 64 for d in CAMVID.digests.values())
