"""Where a data set lies: a folder the user names, the environment's, or the one beside the checkout."""

import os
from pathlib import Path

_BESIDE_CHECKOUT = Path(__file__).resolve().parents[3] / "shared" / "data"


def find_folder(name: str, folder: Path | None, remedy: str = "") -> Path:
    """The folder of data set `name`: `folder` if given, else $TASKWAVE_DATA/name, else ../shared/data/name.

    Raises FileNotFoundError that names the places tried and how to give another.
    """
    if folder is not None:
        chosen, origin = folder, "the folder given"
    elif os.environ.get("TASKWAVE_DATA"):
        chosen, origin = Path(os.environ["TASKWAVE_DATA"]) / name, "from the environment variable TASKWAVE_DATA"
    elif _BESIDE_CHECKOUT.is_dir():
        chosen, origin = _BESIDE_CHECKOUT / name, "the default beside the checkout"
    else:
        raise FileNotFoundError(
            f"no folder of {name} images was named: name the folder that holds them, or set TASKWAVE_DATA to the "
            f"folder that holds {name}/{remedy}"
        )
    if not chosen.is_dir():
        raise FileNotFoundError(
            f"{chosen}: no such folder ({origin} for {name} images); name the folder that holds them"
            f", or set TASKWAVE_DATA to the folder that holds {name}/{remedy}"
        )
    return chosen


def read_list(path: Path) -> tuple[str, ...]:
    """Base names of a split list: one image a line, its first word a name or a path with or without extension."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: the split's list is missing; restore it from the data set's source")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not a UTF-8 text file ({error}); restore it from the data set's source") from error
    words = [line.split()[0].rsplit("/", 1)[-1] for line in lines if line.strip()]
    names = tuple(word.removesuffix(".png").removesuffix(".jpg").removesuffix(".webp") for word in words)
    if not names:
        raise ValueError(f"{path}: names no image; restore it from the data set's source")
    return names
