"""The folders of judges: a detector, where there is one a reader of patches, and how sure an answer has to be.

A judge is a folder with `judge.json`, which holds its `name` and its `kind`:

- "objects": a detector in `detector`; `reader` says whether there is a reader in `reader`; `least` is the smallest
  confidence of an object that is named.
- "segmentation" and "classification": a network in `network`.

A folder with `config.json` is a segmentation network.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from taskwave.semantic.judges.base import Judge
from taskwave.semantic.judges.detector import DetectorNet
from taskwave.semantic.judges.objects import ObjectJudge
from taskwave.semantic.judges.ocr import OcrJudge
from taskwave.semantic.judges.onnx import SUFFIX, OnnxJudge
from taskwave.semantic.judges.reader import PatchNet
from taskwave.semantic.judges.scenes import Classifier, ClassifierNet, SceneNet
from taskwave.semantic.judges.segmentation import Segmenter
from taskwave.semantic.weights.bundle import HERE, check_target, folder_digest, load_task_network
from taskwave.semantic.weights.storage import load_network, save_network

INDEX = "judge.json"
"""Name of the file that makes a folder a judge."""
OCR = "rapidocr"
"""Name of the judge of texts."""
BESIDE: dict[str, tuple[str, ...]] = {
    "": ("gtsdb", OCR, "camvid"),
    "streets": ("streets", "streets-maps", OCR, "streets-second"),
    "gtsdb": ("gtsdb", OCR, "gtsdb-second"),
    "roadsigns": ("roadsigns", OCR),
    "carla": ("carla",),
    "camvid": ("camvid", "camvid-second"),
    "cifar10": ("cifar10",),
    "boxes": (OCR,),
}
"""Judges of the image sets, and of "" for images of none: of several for one kind of task the first one answers, the
others confirm."""


def bundled_judges() -> tuple[str, ...]:
    """Return the names of the judges that come with the project."""
    return (*sorted(path.parent.name for path in (HERE / "judges").glob(f"*/{INDEX}")), OCR)


def load_judge(name_or_folder: str | Path) -> Judge:
    """Load a judge that comes with the project by name, or one of the user by folder or ONNX file.

    Args:
        name_or_folder: one of `bundled_judges`, a folder with `judge.json`, one of a segmentation network, or an ONNX
            file with its description beside it, see `OnnxJudge`.

    Raises:
        FileNotFoundError: there is no such judge.
        ModuleNotFoundError: it needs an extra that is not installed.
        ValueError: its files are damaged.
    """
    if str(name_or_folder) == OCR:
        return OcrJudge()
    if Path(name_or_folder).suffix.lower() == SUFFIX:
        return OnnxJudge(Path(name_or_folder))
    bundled = HERE / "judges" / str(name_or_folder)
    folder = bundled if (bundled / INDEX).is_file() else Path(name_or_folder)
    if not (folder / INDEX).is_file():
        try:
            return load_task_network(folder)
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"{error}. A folder of a judge holds {INDEX}; those of the project are "
                f"{', '.join(bundled_judges())}; a network of your own is an ONNX file, FILE{SUFFIX}"
            ) from error
    try:
        index = json.loads((folder / INDEX).read_text())
        name, make = str(index["name"]), _KINDS[index["kind"]]
        return make(folder, name, index)
    except (LookupError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{folder / INDEX} is damaged ({error!r}): restore it or export the judge again") from error


def _objects(folder: Path, name: str, index: dict[str, Any]) -> Judge:
    reader, least = bool(index["reader"]), index["least"]
    if not isinstance(least, float):
        raise TypeError(f"least is {least!r}, not a number from 0 to 1")
    return ObjectJudge(
        name=name,
        digest=folder_digest(folder),
        detector=load_network(DetectorNet, folder / "detector"),
        reader=load_network(PatchNet, folder / "reader") if reader else None,
        least=least,
    )


def _segmentation(folder: Path, name: str, _: dict[str, Any]) -> Judge:
    return Segmenter(load_network(SceneNet, folder / "network"), folder_digest(folder), name)


def _classification(folder: Path, name: str, _: dict[str, Any]) -> Judge:
    return Classifier(load_network(ClassifierNet, folder / "network"), name, folder_digest(folder))


_KINDS: dict[str, Callable[[Path, str, dict[str, Any]], Judge]] = {
    "objects": _objects,
    "segmentation": _segmentation,
    "classification": _classification,
}


def save_object_judge(folder: Path, name: str, detector: DetectorNet, reader: PatchNet | None, least: float) -> None:
    """Write a judge of objects.

    Raises:
        ValueError: the folder exists and is not empty.
    """
    check_target(folder)
    for part, network in (("detector", detector), ("reader", reader)):
        if network is not None:
            save_network(network, folder / part)
    _write_index(folder, {"name": name, "kind": "objects", "reader": reader is not None, "least": least})


def save_scene_judge(folder: Path, name: str, network: SceneNet | ClassifierNet) -> None:
    """Write a judge that answers on the whole of an image.

    Raises:
        ValueError: the folder exists and is not empty.
    """
    check_target(folder)
    save_network(network, folder / "network")
    kind = "segmentation" if isinstance(network, SceneNet) else "classification"
    _write_index(folder, {"name": name, "kind": kind})


def _write_index(folder: Path, index: dict[str, Any]) -> None:
    (folder / INDEX).write_text(json.dumps(index, indent=1) + "\n")
