"""Image sets with boxes: GTSDB, Road Signs, CARLA, and a user's own in the same layout."""

import re
from dataclasses import replace
from pathlib import Path

from taskwave.semantic.data.base import SPLITS, Sample, Size, check_index, check_split
from taskwave.semantic.data.files import as_it_is, image_size, read_image
from taskwave.semantic.data.folders import entries, find_folder, find_list, image_files, listed
from taskwave.semantic.data.objects import Objects, check_inside, read_boxes
from taskwave.semantic.data.photographs import drive


class Annotated:
    """Reads one split of images with boxes: `images/NAME.jpg|png|…`, `boxes.csv` and the list `<split>.txt`.

    Images keep the size that they have. Every label is `IGNORE`. Images of a folder that no line of `boxes.csv` names
    show no object.

    Args:
        split: "train", "val" or "test".
        folder: folder of the set.
        name: name of the set, for the default folder and errors.
        scale: factor from the pixels of `boxes.csv` to those of the images.

    Raises:
        FileNotFoundError: the folder, the list, the table or an image is missing.
        OSError: on `[i]` and `size`, a corrupt file.
        ValueError: unknown split, two files of one name, or a table that `read_boxes` refuses; on `[i]`, a box that
            leaves its image.
    """

    def __init__(self, split: str, folder: Path | None, name: str = "boxes", scale: float = 1.0) -> None:
        check_split(split, SPLITS, name)
        root = find_folder(name, folder)
        self._files = image_files(entries(root / "images"))
        self.names = listed(find_list(root, split) or root / f"{split}.txt", self._files, root / "images")
        table = root / "boxes.csv"
        self._objects = read_boxes(table, scale)
        strangers = sorted(set(self._objects) - set(self._files))
        if strangers:
            raise FileNotFoundError(
                f"{table}: {len(strangers)} images it names are not in {root / 'images'}, {strangers[0]!r} for one: "
                "restore them or remove their lines"
            )

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes that the table of boxes names, in alphabetical order."""
        return tuple(sorted({kind for objects in self._objects.values() for _, kind, _ in objects}))

    def __len__(self) -> int:
        return len(self.names)

    def size(self, index: int) -> Size:
        """Return height and width of sample `index`."""
        check_index(index, len(self))
        return image_size(self._files[self.names[index]])

    def __getitem__(self, index: int) -> Sample:
        """Return sample `index` (0 to len - 1)."""
        check_index(index, len(self))
        name = self.names[index]
        image, objects = read_image(self._files[name]), Objects.of(self._objects.get(name, ()))
        check_inside(objects, image.height, image.width, name)
        return replace(as_it_is(name, image), group=self.group(name), objects=objects)

    def group(self, name: str) -> str:
        """Return the drive, clip or series of an image: its name but for a number at the end, behind an underscore."""
        return drive(name)


class Gtsdb(Annotated):
    """Reads crops of the German Traffic Sign Detection Benchmark (Houben et al., IJCNN 2013).

    Each photograph is a group of its own. Arguments and errors are those of `Annotated`.
    """

    def __init__(self, split: str, folder: Path | None) -> None:
        super().__init__(split, folder, "gtsdb")

    def group(self, name: str) -> str:
        """Return the photograph itself."""
        return name


class RoadSigns(Annotated):
    """Reads Road Sign Detection (Kaggle, andrewmvd, 2020), photographs of lights, crossings, stop signs and limits.

    Ten photographs of consecutive numbers are a group: they come in bursts past one sign. Arguments and errors are
    those of `Annotated`.
    """

    def __init__(self, split: str, folder: Path | None) -> None:
        super().__init__(split, folder, "roadsigns")

    def group(self, name: str) -> str:
        """Return the ten photographs among which an image is."""
        found = re.search(r"\d+$", name)
        return f"road{int(found[0]) // 10}x" if found else name


class Carla(Annotated):
    """Reads images of the CARLA simulator (Carla-Object-Detection-Dataset, MIT), reduced to 256 x 152.

    A group is a run of the simulator, such as Town05. Arguments and errors are those of `Annotated`.
    """

    def __init__(self, split: str, folder: Path | None) -> None:
        super().__init__(split, folder, "carla_det", scale=0.4)
