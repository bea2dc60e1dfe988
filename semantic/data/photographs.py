"""Image sets of streets in files: CamVid (eleven classes), LabelMeFacade (labelled) and CARLA (not labelled)."""

from pathlib import Path

from taskwave.semantic.classes import IGNORE, NAMES, NUM_CLASSES
from taskwave.semantic.data.base import SPLITS, Sample, Size, check_index, check_size, check_split
from taskwave.semantic.data.files import find_folder, fit, read_image, read_label, read_list

_EXTENSIONS = (".webp", ".png", ".jpg")

_CAMVID_IDS = {**{i: i for i in range(NUM_CLASSES)}, 11: IGNORE, IGNORE: IGNORE}
"""Class id of every id in a label map of CamVid: the classes, "unlabelled" (11) and `IGNORE` itself."""

_FACADE_NAMES = ("", "building", "car", "building", "pavement", "road", "sky", "tree", "building")
_FACADE_IDS = {i: NAMES.index(name) if name else IGNORE for i, name in enumerate(_FACADE_NAMES)}
"""Class id of the nine ids of LabelMeFacade: various, building, car, door, pavement, road, sky, vegetation, window."""


class CamVid:
    """Reads one split of CamVid: images `<split>/NAME.webp|png|jpg`, label maps `<split>annot/NAME.png`.

    The list `<split>.txt` gives choice and order; without it, the set holds all images of the folder in the order of
    their names. A set of the user's own in the same layout works, too. Ids 0 to 10 of the label maps are classes; 11
    and 255 are ignored.

    Args:
        split: "train", "val" or "test".
        folder: folder of the set, or None for the default of `find_folder`.
        size: height and width to which images are fitted, in pixels.

    Raises:
        FileNotFoundError: the folder or an image is missing; on `[i]`, the label map is missing.
        OSError: on `[i]`, a corrupt file.
        ValueError: unknown split or bad size; on `[i]`, a label map of another size or with other ids.
    """

    def __init__(self, split: str, folder: Path | None, size: Size) -> None:
        check_split(split, SPLITS, "camvid")
        check_size(size)
        root = find_folder("camvid", folder, ", or run `taskwave download camvid --to FOLDER`")
        images = root / split
        if not images.is_dir():
            raise FileNotFoundError(f"{images}: no such folder; a CamVid folder holds {split}/ and {split}annot/")
        files = {p.stem: p for p in sorted(images.iterdir()) if p.suffix in _EXTENSIONS}
        listing = root / f"{split}.txt"
        self.names = read_list(listing) if listing.is_file() else tuple(files)
        if not self.names:
            raise FileNotFoundError(f"{images}: holds no image ({', '.join(_EXTENSIONS)})")
        missing = [name for name in self.names if name not in files]
        if missing:
            raise FileNotFoundError(
                f"{images / missing[0]}.png (or .webp, .jpg): missing, with {len(missing) - 1} more of the "
                f"{len(self.names)} that {listing} names; restore the files or shorten the list"
            )
        self._images = tuple(files[name] for name in self.names)
        self._labels = root / f"{split}annot"
        self._size = size

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Sample:
        """Return sample `index` (0 to len - 1), cut to the set's aspect ratio about the centre and resized."""
        check_index(index, len(self))
        image = read_image(self._images[index])
        label = read_label(self._labels / f"{self.names[index]}.png", _CAMVID_IDS, image.size)
        return fit(self.names[index], image, label, self._size)


class _Listed:
    """Reads images `images/NAME.jpg` in the order of one list, and label maps only where the subclass has them."""

    _labels: Path | None = None

    def __init__(self, root: Path, names: tuple[str, ...], size: Size) -> None:
        check_size(size)
        self.names = names
        self._images = root / "images"
        self._size = size

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Sample:
        """Return sample `index` (0 to len - 1), cut to the set's aspect ratio about the centre and resized."""
        check_index(index, len(self))
        name = self.names[index]
        image = read_image(self._images / f"{name}.jpg")
        label = None
        if self._labels is not None:
            label = read_label(self._labels / f"{name}.png", _FACADE_IDS, image.size)
        return fit(name, image, label, self._size)


class LabelMeFacade(_Listed):
    """Reads LabelMeFacade (Froehlich, Rodner, Denzler, ICPR 2010), its ids mapped to the street classes.

    The splits are train and test. Images named in `suspect.txt` (road drawn as vegetation by the source's tools) are
    left out. Arguments and errors are those of `CamVid`.
    """

    def __init__(self, split: str, folder: Path | None, size: Size) -> None:
        check_split(split, ("train", "test"), "labelmefacade")
        root = find_folder("labelmefacade", folder)
        suspects = root / "suspect.txt"
        suspect = frozenset(read_list(suspects)) if suspects.is_file() else frozenset()
        super().__init__(root, tuple(n for n in read_list(root / f"{split}.txt") if n not in suspect), size)
        self._labels = root / "labels"


class Carla(_Listed):
    """Reads images of the CARLA simulator (Carla-Object-Detection-Dataset, MIT); every label is `IGNORE`.

    Arguments and errors are those of `CamVid`.
    """

    def __init__(self, split: str, folder: Path | None, size: Size) -> None:
        check_split(split, SPLITS, "carla")
        root = find_folder("carla_det", folder)
        super().__init__(root, read_list(root / f"{split}.txt"), size)
