"""Training images of a recipe, drawn or decoded once and then mapped from files in the user's cache folder."""

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from platformdirs import user_cache_path

from taskwave.semantic import data
from taskwave.semantic.classes import IGNORE
from taskwave.semantic.data import ImageSet, open_images
from taskwave.semantic.data.folders import find_folder
from taskwave.semantic.training.batches import ImagePool
from taskwave.semantic.training.monitor import Monitor
from taskwave.semantic.training.recipe import ImageSource

_CODE = Path(data.__file__).parent
"""Folder of the code that draws and reads images."""
_FOLDERS = {"carla": "carla_det"}
"""Names of the folders of data sets that are not called like their source."""


@dataclass(frozen=True)
class Images:
    """Holds images that were found but not read yet."""

    source: ImageSource
    """Choice of the recipe."""
    images: ImageSet
    """Image set that draws or reads them."""
    count: int
    """Number of images taken from its start."""
    content: str
    """Digest of what determines the images: names and sizes of the files, or the code that draws them."""
    file: Path
    """File of the cache."""


def cache_folder() -> Path:
    """Return the folder of the cache, `taskwave/images` in the user's cache folder."""
    return user_cache_path("taskwave") / "images"


def find(source: ImageSource, key: str) -> Images:
    """Find the images of `source` without reading them; `key` is the key of the recipe that names them.

    Raises:
        FileNotFoundError: the files are missing.
        ValueError: unknown source or split, or fewer images than `count`.
    """
    try:
        folder = None if source.folder is None else Path(source.folder).expanduser()
        images = open_images(source.source, source.split, folder, source.size)
        drawn = source.source == "streets"
        root = None if drawn else find_folder(_FOLDERS.get(source.source, source.source), folder)
    except (ValueError, FileNotFoundError) as error:
        raise type(error)(f"{key}: {error}") from error
    if source.count is not None and source.count > len(images):
        raise ValueError(
            f"{key}.count = {source.count}: {source.source} {source.split} holds {len(images)} images; allowed are 1 "
            f"to {len(images)}, or no count for all"
        )
    count = source.count or len(images)
    if root is None:
        content = made = _digest_code([*sorted((_CODE / "streets").glob("*.py")), _CODE / "base.py"])
    else:
        files = sorted(p for p in root.rglob("*") if p.is_file())
        listing = [(p.relative_to(root).as_posix(), p.stat().st_size) for p in files]
        content = hashlib.sha256(json.dumps(listing).encode()).hexdigest()
        times = json.dumps([str(root.resolve()), *(p.stat().st_mtime_ns for p in files)])
        made = hashlib.sha256((content + times + _digest_code(sorted(_CODE.glob("*.py")))).encode()).hexdigest()
    height, width = source.size
    name = f"{source.source}-{source.split}-{height}x{width}-{count}-{made[:16]}.npy"
    return Images(source, images, count, content[:16], cache_folder() / name)


def load(found: Images, device: str, monitor: Monitor) -> ImagePool:
    """Return the images as a pool: mapped from the cache, or else drawn or read now and written there whole.

    The cache is a convenience: where it cannot be written, the images stay in memory and the monitor is told so.
    """
    samples = _cached(found, monitor)
    what = f"{found.count} images of {found.source.source} {found.source.split}"
    if samples is None:
        samples = _read(found, monitor)
        try:
            _write(found.file, samples)
            monitor.note(f"images: {what} kept for the next time in {found.file} ({samples.nbytes / 1e6:.0f} MB)")
        except OSError as error:
            monitor.note(f"images: {what} not kept for the next time: {found.file} cannot be written ({error})")
    else:
        monitor.note(f"images: {what} from {found.file} ({samples.nbytes / 1e6:.0f} MB)")
    tensor = torch.from_numpy(samples)
    return ImagePool.of(tensor[:, :3], tensor[:, 3], device)


def has_labels(pool: ImagePool) -> bool:
    """Tell whether any pixel of a pool has a label."""
    return any(bool((label != IGNORE).any()) for label in pool.labels)


def _shape(found: Images) -> tuple[int, int, int, int]:
    return (found.count, 4, *found.source.size)


def _cached(found: Images, monitor: Monitor) -> NDArray[np.uint8] | None:
    """Map images and labels [N, 4, H, W] from the cache, or return None if they are not there or not whole."""
    if not found.file.is_file():
        return None
    try:
        samples = np.load(found.file, mmap_mode="c", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        monitor.note(f"images: {found.file} is damaged ({error}) and made anew")
        return None
    if samples.shape != _shape(found) or samples.dtype != np.uint8:
        monitor.note(f"images: {found.file} is damaged (shape {samples.shape}, {samples.dtype}) and made anew")
        return None
    return samples  # type: ignore[no-any-return]


def _read(found: Images, monitor: Monitor) -> NDArray[np.uint8]:
    """Draw or read images and labels, [N, 4, H, W] with the class ids last."""
    samples = np.empty(_shape(found), np.uint8)
    verb = "draw" if found.source.source == "streets" else "read"
    monitor.begin(f"{verb} {found.source.source} {found.source.split}", found.count)
    for i in range(found.count):
        sample = found.images[i]
        samples[i, :3], samples[i, 3] = sample.image.numpy(), sample.label.numpy()
        monitor.advance(i + 1)
    monitor.end()
    return samples


def _write(path: Path, samples: NDArray[np.uint8]) -> None:
    """Write beside the place under a name of its own and put it there whole: safe for processes at the same time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f"{path.stem}-", suffix=".partial", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            np.save(stream, samples)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _digest_code(files: list[Path]) -> str:
    total = hashlib.sha256()
    for path in files:
        total.update(path.name.encode() + b"\0" + path.read_bytes())
    return total.hexdigest()
