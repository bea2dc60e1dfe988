"""Image set of a user's own images without label maps: the files of a folder, of any size."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from taskwave.semantic.data.base import Sample, Size, check_index, check_size
from taskwave.semantic.data.files import SUFFIXES, as_it_is, fit, image_size, read_image
from taskwave.semantic.data.folders import entries, image_files


class ImageFolder:
    """Reads all images of a folder and of the folders in it, in the order of names; every label is `IGNORE`.

    Images of one inner folder are a group of its name; those of the folder itself are groups of their own.

    Args:
        folder: folder of the images.
        size: height and width to which images are cut and resized, in pixels. None: each keeps its own size.

    Raises:
        FileNotFoundError: there is no such folder, or no image in it.
        OSError: on `[i]` and `size`, a corrupt file.
        ValueError: bad size, two files of one name, or a link that leads back; on `[i]`, what `read_image` raises.
    """

    def __init__(self, folder: Path, size: Size | None = None) -> None:
        if size is not None:
            check_size(size)
        if not folder.is_dir():
            raise FileNotFoundError(f"{folder}: no such folder; name the folder that holds the images")
        found = dict(_images(folder, "", (folder.resolve(),)))
        if not found:
            raise FileNotFoundError(f"{folder}: holds no image ({', '.join(SUFFIXES)}); name a folder that does")
        self.names, self._files, self._size = tuple(found), tuple(found.values()), size

    def __len__(self) -> int:
        return len(self.names)

    def size(self, index: int) -> Size:
        """Return height and width of sample `index`."""
        check_index(index, len(self))
        return image_size(self._files[index]) if self._size is None else self._size

    def __getitem__(self, index: int) -> Sample:
        """Return sample `index` (0 to len - 1)."""
        check_index(index, len(self))
        name, image = self.names[index], read_image(self._files[index])
        group = name.rpartition("/")[0] or name
        sample = as_it_is(name, image) if self._size is None else fit(name, image, None, self._size)
        return replace(sample, group=group)


def _images(folder: Path, prefix: str, above: tuple[Path, ...]) -> Iterator[tuple[str, Path]]:
    """Yield name and file of every image in a folder and below it.

    Args:
        folder: folder to look into.
        prefix: beginning of all names: the names of the folders from the first one on, with a slash after each.
        above: resolved paths of `folder` and of those that it is in, which links may not lead back to.
    """
    found = entries(folder)
    inner = [path for path in found if path.is_dir()]
    for name, path in image_files(path for path in found if path not in inner).items():
        yield prefix + name, path
    for path in inner:
        real = path.resolve()
        if real in above:
            raise ValueError(f"{path}: links back to {real}, which it is in; remove the link")
        yield from _images(path, f"{prefix}{path.name}/", (*above, real))
