"""Photographs of streets: CamVid (eleven classes), LabelMeFacade (labelled) and CARLA frames (not labelled)."""

from pathlib import Path

from taskwave.semantic.classes import IGNORE, NAMES, NUM_CLASSES
from taskwave.semantic.data.base import DEFAULT_SIZE, SPLITS, Sample, Size, check_index, check_size, check_split
from taskwave.semantic.data.files import find_folder, fit, read_label, read_list, read_picture

_EXTENSIONS = (".webp", ".png", ".jpg")
_IDS = {**{i: i for i in range(NUM_CLASSES)}, 11: IGNORE, IGNORE: IGNORE}
"""Ids allowed in a file: the classes, CamVid's own "unlabelled" (11), and IGNORE itself."""


class CamVid:
    """One split: frames `<split>/NAME.webp|png|jpg`, label maps `<split>annot/NAME.png`, order of `<split>.txt`.

    Without a list, all frames of the folder in the order of their names. Any set of the user's own in the same layout
    works. Raises FileNotFoundError (no folder, frame missing) or ValueError (unknown split, size); `[i]` raises
    FileNotFoundError, OSError or ValueError with the file's name for a label map that is missing, a corrupt file, a
    label map of another size or with ids other than 0-10 and 11 or 255 (ignored).
    """

    def __init__(self, split: str, folder: Path | None = None, size: Size = DEFAULT_SIZE) -> None:
        check_split(split, SPLITS, "camvid")
        check_size(size)
        root = find_folder("camvid", folder, ", or run `taskwave download camvid --to FOLDER`")
        frames = root / split
        if not frames.is_dir():
            raise FileNotFoundError(f"{frames}: no such folder; a CamVid folder holds {split}/ and {split}annot/")
        files = {p.stem: p for p in sorted(frames.iterdir()) if p.suffix in _EXTENSIONS}
        listing = root / f"{split}.txt"
        self.names = read_list(listing) if listing.is_file() else tuple(files)
        if not self.names:
            raise FileNotFoundError(f"{frames}: holds no image ({', '.join(_EXTENSIONS)})")
        missing = [name for name in self.names if name not in files]
        if missing:
            raise FileNotFoundError(
                f"{frames / missing[0]}.png (or .webp, .jpg): missing, with {len(missing) - 1} more of the "
                f"{len(self.names)} that {listing} names; restore the files or shorten the list"
            )
        self._frames = tuple(files[name] for name in self.names)
        self._labels = root / f"{split}annot"
        self._size = size

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Sample:
        """Sample `index` (0 to len - 1), resized to the set's size."""
        check_index(index, len(self))
        picture = read_picture(self._frames[index])
        label = read_label(self._labels / f"{self.names[index]}.png", _IDS, picture.size)
        return fit(self.names[index], picture, label, self._size)


_FACADE_NAMES = ("", "building", "car", "building", "pavement", "road", "sky", "tree", "building")
_FACADE_IDS = {i: NAMES.index(name) if name else IGNORE for i, name in enumerate(_FACADE_NAMES)}
"""The nine ids (various, building, car, door, pavement, road, sky, vegetation, window) as street classes."""


class _Listed:
    """Pictures `images/NAME.jpg` in the order of one list; label maps only where the subclass has them."""

    _labels: Path | None = None

    def __init__(self, root: Path, names: tuple[str, ...], size: Size) -> None:
        check_size(size)
        self.names = names
        self._images = root / "images"
        self._size = size

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Sample:
        """Sample `index` (0 to len - 1), cut to the set's aspect ratio about the centre and resized."""
        check_index(index, len(self))
        name = self.names[index]
        picture = read_picture(self._images / f"{name}.jpg")
        label = None
        if self._labels is not None:
            label = read_label(self._labels / f"{name}.png", _FACADE_IDS, picture.size)
        return fit(name, picture, label, self._size)


class LabelMeFacade(_Listed):
    """LabelMeFacade (Froehlich, Rodner, Denzler, ICPR 2010), splits train and test, ids mapped to the street classes.

    Pictures named in `suspect.txt` (road drawn as vegetation by the source's tools) are left out.
    """

    def __init__(self, split: str, folder: Path | None = None, size: Size = DEFAULT_SIZE) -> None:
        check_split(split, ("train", "test"), "labelmefacade")
        root = find_folder("labelmefacade", folder)
        suspects = root / "suspect.txt"
        suspect = frozenset(read_list(suspects)) if suspects.is_file() else frozenset()
        super().__init__(root, tuple(n for n in read_list(root / f"{split}.txt") if n not in suspect), size)
        self._labels = root / "labels"


class CarlaFrames(_Listed):
    """Frames of the CARLA simulator (Carla-Object-Detection-Dataset, MIT); every label is IGNORE."""

    def __init__(self, split: str, folder: Path | None = None, size: Size = DEFAULT_SIZE) -> None:
        check_split(split, SPLITS, "carla")
        root = find_folder("carla_det", folder)
        super().__init__(root, read_list(root / f"{split}.txt"), size)
