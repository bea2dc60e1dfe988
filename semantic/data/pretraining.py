"""Further street pictures for training codec and prior: LabelMeFacade (labelled) and CARLA frames (not labelled)."""

from pathlib import Path

from taskwave.semantic.classes import IGNORE, NAMES
from taskwave.semantic.data.base import DEFAULT_SIZE, SPLITS, Sample, Size, check_index, check_size, check_split
from taskwave.semantic.data.folders import find_folder, read_list
from taskwave.semantic.data.pictures import fit, read_label, read_picture

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
