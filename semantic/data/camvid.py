"""CamVid in its eleven-class grouping (Brostow et al. 2009; folder layout of the SegNet tutorial)."""

from pathlib import Path

from taskwave.semantic.classes import IGNORE, NUM_CLASSES
from taskwave.semantic.data.base import DEFAULT_SIZE, SPLITS, Sample, Size, check_index, check_size, check_split
from taskwave.semantic.data.folders import find_folder, read_list
from taskwave.semantic.data.pictures import fit, read_label, read_picture

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
