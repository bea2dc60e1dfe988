"""The folders of judges: a detector, where there is one a reader of patches, and how sure an answer has to be.

A judge is a folder with `judge.json`: its `name`, the `folder` of its detector, that of its reader or null, and the
smallest confidence (`least`) of an object that it names. A folder with `config.json` is a segmentation network.
"""

import json
from pathlib import Path

from taskwave.semantic.judges.base import Judge
from taskwave.semantic.judges.detector import DetectorNet
from taskwave.semantic.judges.objects import ObjectJudge
from taskwave.semantic.judges.ocr import OcrJudge
from taskwave.semantic.judges.reader import PatchNet
from taskwave.semantic.weights.bundle import (
    HERE,
    check_target,
    folder_digest,
    forget_origin,
    load_network,
    load_task_network,
)

INDEX = "judge.json"
"""Name of the file that makes a folder a judge."""
OCR = "rapidocr"
"""Name of the judge of texts."""
BESIDE: dict[str, tuple[str, ...]] = {"gtsdb": ("gtsdb", OCR), "roadsigns": ("roadsigns", OCR), "carla": ("carla",)}
"""Judges of the image sets that have boxes."""


def bundled_judges() -> tuple[str, ...]:
    """Return the names of the judges that come with the project."""
    return (*sorted(path.parent.name for path in (HERE / "judges").glob(f"*/{INDEX}")), OCR)


def load_judge(name_or_folder: str | Path) -> Judge:
    """Load a judge that comes with the project by name, or one of the user by folder.

    Args:
        name_or_folder: one of `bundled_judges`, a folder with `judge.json`, or one of a segmentation network.

    Raises:
        FileNotFoundError: there is no such judge.
        ModuleNotFoundError: it needs an extra that is not installed.
        ValueError: its files are damaged.
    """
    if str(name_or_folder) == OCR:
        return OcrJudge()
    bundled = HERE / "judges" / str(name_or_folder)
    folder = bundled if (bundled / INDEX).is_file() else Path(name_or_folder)
    if not (folder / INDEX).is_file():
        try:
            return load_task_network(folder)
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"{error}. A folder of a judge holds {INDEX}; those of the project are {', '.join(bundled_judges())}"
            ) from error
    try:
        index = json.loads((folder / INDEX).read_text())
        name, reader, least = str(index["name"]), bool(index["reader"]), float(index["least"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{folder / INDEX} is damaged ({error!r}): restore it or export the judge again") from error
    return ObjectJudge(
        name=name,
        digest=folder_digest(folder),
        detector=load_network(DetectorNet, folder / "detector"),
        reader=load_network(PatchNet, folder / "reader") if reader else None,
        least=least,
    )


def save_judge(folder: Path, name: str, detector: DetectorNet, reader: PatchNet | None, least: float) -> None:
    """Write a judge in half precision.

    Raises:
        ValueError: the folder exists and is not empty.
    """
    check_target(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for part, network in (("detector", detector), ("reader", reader)):
        if network is not None:
            network.half().save_pretrained(folder / part)
            network.float()
            forget_origin(folder / part / "config.json")
    index = {"name": name, "reader": reader is not None, "least": least}
    (folder / INDEX).write_text(json.dumps(index, indent=1) + "\n")
