"""Image sets of streets in files: CamVid and LabelMeFacade."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image

from taskwave.semantic.classes import IGNORE, NAMES, NUM_CLASSES
from taskwave.semantic.data.base import SPLITS, Sample, Size, check_index, check_size, check_split
from taskwave.semantic.data.files import LABEL_SUFFIXES, SUFFIXES, fit, read_image, read_label
from taskwave.semantic.data.folders import entries, find_folder, find_list, image_files, listed, read_list

_CAMVID_IDS = {**{i: i for i in range(NUM_CLASSES)}, 11: IGNORE, IGNORE: IGNORE}
"""Class id of every id in a label map of CamVid: the classes, "unlabelled" (11) and `IGNORE` itself."""

_FACADE_NAMES = ("", "building", "car", "building", "pavement", "road", "sky", "tree", "building")
_FACADE_IDS = {i: NAMES.index(name) if name else IGNORE for i, name in enumerate(_FACADE_NAMES)}
"""Class id of the nine ids of LabelMeFacade: various, building, car, door, pavement, road, sky, vegetation, window."""


def drive(name: str) -> str:
    """Return the drive of an image of a video: `0006R0` of `0006R0_f00930`, the whole name without such a number."""
    found = re.fullmatch(r"(.+)_f?\d+", name)
    return found[1] if found else name


class _Photographs:
    """Reads images from files, without label maps, fitted to one size.

    Args:
        files: file of every image, by its name.
        names: names of the images in their order, all in `files`.
        size: height and width to which images are fitted, in pixels.
    """

    def __init__(self, files: Mapping[str, Path], names: Sequence[str], size: Size) -> None:
        check_size(size)
        self._files, self.names, self._size = files, tuple(names), size

    def __len__(self) -> int:
        return len(self.names)

    def size(self, index: int) -> Size:
        """Return height and width of sample `index`, the same for all."""
        check_index(index, len(self))
        return self._size

    def __getitem__(self, index: int) -> Sample:
        """Return sample `index` (0 to len - 1), cut to the set's aspect ratio about the centre and resized."""
        check_index(index, len(self))
        name = self.names[index]
        image = read_image(self._files[name])
        return replace(fit(name, image, self._label(name, image), self._size), group=self._group(name))

    def _label(self, name: str, image: Image.Image) -> Image.Image | None:
        """Return the label map of an image; None: it has none."""
        return None

    def _group(self, name: str) -> str:
        """Return the drive, clip or series of an image; by default its own name."""
        return name


class _Labels:
    """Finds the label maps of images in a folder, `NAME.png` with the extension in any case."""

    def __init__(self, folder: Path, ids: dict[int, int]) -> None:
        self._folder, self._ids = folder, ids
        self._files = image_files(entries(folder), LABEL_SUFFIXES) if folder.is_dir() else {}

    def read(self, name: str, image: Image.Image) -> Image.Image:
        """Return the label map of an image, checked as `read_label` does."""
        return read_label(self._files.get(name, self._folder / f"{name}.png"), self._ids, image.size)


class CamVid(_Photographs):
    """Reads one split of CamVid: images `<split>/NAME.webp|png|jpg|…`, label maps `<split>annot/NAME.png`.

    Extensions may be in any case. The list `<split>.txt` gives choice and order; without it, the set holds all images
    of the folder in the order of their names. A set of the user's own in the same layout works, too. Ids 0 to 10 of the
    label maps are classes; 11 and 255 are ignored. Images called DRIVE_NUMBER are of one group, their drive.

    Args:
        split: "train", "val" or "test".
        folder: folder of the set, or None for the default of `find_folder`.
        size: height and width to which images are fitted, in pixels.

    Raises:
        FileNotFoundError: the folder or an image is missing; on `[i]`, the label map is missing.
        OSError: on `[i]`, a corrupt file.
        ValueError: unknown split, bad size, two files of one name, or a list that names an image twice; on `[i]`, a
            label map of another size or with other ids.
    """

    def __init__(self, split: str, folder: Path | None, size: Size) -> None:
        check_split(split, SPLITS, "camvid")
        root = find_folder("camvid", folder, ", or run `taskwave download camvid --to FOLDER`")
        images = root / split
        if not images.is_dir():
            raise FileNotFoundError(f"{images}: no such folder; a CamVid folder holds {split}/ and {split}annot/")
        files = image_files(entries(images))
        if not files:
            raise FileNotFoundError(f"{images}: holds no image ({', '.join(SUFFIXES)})")
        listing = find_list(root, split)
        super().__init__(files, tuple(files) if listing is None else listed(listing, files, images), size)
        self._labels = _Labels(root / f"{split}annot", _CAMVID_IDS)

    def _label(self, name: str, image: Image.Image) -> Image.Image:
        """Return the label map of an image."""
        return self._labels.read(name, image)

    def _group(self, name: str) -> str:
        """Return the drive of an image."""
        return drive(name)


class LabelMeFacade(_Photographs):
    """Reads LabelMeFacade (Froehlich, Rodner, Denzler, ICPR 2010), its ids mapped to the street classes.

    The splits are train and test. Images named in `suspect.txt` (road drawn as vegetation by the source's tools) are
    left out. Arguments and errors are those of `CamVid`.
    """

    def __init__(self, split: str, folder: Path | None, size: Size) -> None:
        check_split(split, ("train", "test"), "labelmefacade")
        root = find_folder("labelmefacade", folder)
        files, names = _listed_images(root, split)
        suspects = find_list(root, "suspect")
        suspect = () if suspects is None else read_list(suspects, files, root / "images")
        super().__init__(files, [name for name in names if name not in suspect], size)
        self._labels = _Labels(root / "labels", _FACADE_IDS)

    def _label(self, name: str, image: Image.Image) -> Image.Image:
        """Return the label map of an image."""
        return self._labels.read(name, image)


def _listed_images(root: Path, split: str) -> tuple[dict[str, Path], tuple[str, ...]]:
    """Return the files in the folder `images` of a set, by name, and the names on the list of a split."""
    files = image_files(entries(root / "images"))
    return files, listed(find_list(root, split) or root / f"{split}.txt", files, root / "images")
