"""Folders of images and lists of names: what is in them, and what is left out nowhere in silence."""

import os
import re
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path

from taskwave.semantic.data.files import SUFFIXES
from taskwave.semantic.text import read_text

_BESIDE_CHECKOUT = Path(__file__).resolve().parents[3] / "shared" / "data"
"""Folder of data sets beside the checkout."""

_FOREIGN = frozenset(
    (*(".heic", ".heif", ".jxl", ".svg", ".psd", ".exr", ".hdr", ".dng", ".cr2", ".nef", ".arw"), *(".tga", ".ico"))
)
"""Extensions of images that are not read."""

_WITH_EXTENSION = re.compile(rf"(.+?({'|'.join(map(re.escape, SUFFIXES))}))(\s.*)?", re.IGNORECASE)
"""Line of a list that begins with the name of an image file; names may have spaces."""


def find_folder(name: str, folder: Path | None, remedy: str = "") -> Path:
    """Return the folder of data set `name`.

    Args:
        name: name of the data set, which is also the name of its folder.
        folder: the folder itself, where the user gave one. Else it is $TASKWAVE_DATA/name where that variable is set,
            else ../shared/data/name beside the checkout.
        remedy: end of the error message, for what else helps.

    Raises:
        FileNotFoundError: the folder does not exist; the message names it and how to give another.
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


def entries(folder: Path) -> list[Path]:
    """Return what is directly in a folder in the order of names, without hidden files.

    Raises:
        FileNotFoundError: there is no such folder.
        OSError: it cannot be read.
        ValueError: a name is not text.
    """
    try:
        found = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(f"{folder}: no such folder; restore it or name another") from error
    except OSError as error:
        raise OSError(f"{folder}: cannot be read ({error.strerror}); allow reading it or name another") from error
    for path in found:
        if not path.name.isprintable():
            raise ValueError(f"{str(path)!r}: the name holds what is not printable text in UTF-8; rename the file")
    return found


def _stem(path: Path) -> str:
    """Return the name of an image: that of its file without extension, its accents as single characters (NFC)."""
    return unicodedata.normalize("NFC", path.stem)


def image_files(paths: Iterable[Path], suffixes: tuple[str, ...] = SUFFIXES) -> dict[str, Path]:
    """Return the image files among the `entries` of a folder by their names without extension, in the given order.

    Args:
        paths: entries of one folder.
        suffixes: extensions of the files that are wanted, in lower case; files may have them in any case.

    Raises:
        ValueError: two files have one name (but for case and extension), one is in a format that is not read, or is
            none although its name says so.
    """
    files: dict[str, Path] = {}
    taken: dict[str, Path] = {}
    for path in paths:
        suffix = path.suffix.lower()
        if suffix in _FOREIGN:
            raise ValueError(f"{path}: {suffix} images are not read; convert it to PNG or move it away")
        if suffix not in suffixes:
            continue
        if not path.is_file():
            raise ValueError(f"{path}: named like an image, but no file; remove it or restore what it points to")
        twin = taken.setdefault(_stem(path).casefold(), path)
        if twin != path:
            raise ValueError(
                f"{twin} and {path}: two files of one name, which labels, lists and results could not tell apart; "
                "rename or remove one"
            )
        files[_stem(path)] = path
    return files


def find_list(root: Path, split: str) -> Path | None:
    """Return the list `<split>.txt` in any case of letters; None where there is none.

    Raises:
        ValueError: there are two.
    """
    found = [path for path in entries(root) if path.name.lower() == f"{split}.txt"]
    if len(found) > 1:
        raise ValueError(f"{found[0]} and {found[1]}: two lists of one split; remove one")
    return found[0] if found else None


def _name(line: str, files: Mapping[str, Path], images: Path) -> str:
    """Return the name of the image of a line, as `read_list` describes it.

    Raises:
        ValueError: the path leads to another folder; without file and line.
    """
    text = unicodedata.normalize("NFC", line)
    found = _WITH_EXTENSION.fullmatch(text)
    if found:
        *parents, last = re.split(r"[/\\]", found[1])
        name = last[: -len(found[2])]
    else:
        *parents, name = re.split(r"[/\\]", text)
        if name not in files and len(text.split()) > 1:
            *parents, name = re.split(r"[/\\]", text.split()[0])
    if ".." in parents or (parents and parents[-1] not in ("", ".", images.name)):
        raise ValueError(
            f"{line!r} leads to another folder than {images.name}; name images of {images} only, with or without it"
        )
    return name


def read_list(path: Path, files: Mapping[str, Path], images: Path) -> dict[str, int]:
    """Return the names of the images on a list with their lines (from 1), in its order.

    A line holds a name or a path with or without extension, its last folder being that of the images; whatever follows
    after white space (such as the path of a label map) is left out, as are empty lines and those that begin with # and
    name no image. The file is UTF-8, or UTF-16 with its byte order mark.

    Args:
        path: the list.
        files: images that there are, by name.
        images: folder of the images.

    Raises:
        FileNotFoundError: the list is missing.
        ValueError: the list is no text or names no image, an image twice or another folder; the message has the line.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: the split's list is missing; restore it from the data set's source")
    lines: dict[str, int] = {}
    for number, raw in enumerate(re.split(r"\r\n|\r|\n", read_text(path, utf_16=True)), 1):
        line = raw.strip()
        if not line:
            continue
        try:
            name = _name(line, files, images)
        except ValueError as error:
            if line.startswith("#"):
                continue
            raise ValueError(f"{path}: line {number}: {error}") from error
        if name not in files and line.startswith("#"):
            continue
        if name in lines:
            raise ValueError(
                f"{path}: line {number}: {name!r} is named twice, first in line {lines[name]}; remove one of the lines"
            )
        lines[name] = number
    if not lines:
        raise ValueError(f"{path}: names no image; restore it from the data set's source")
    return lines


def listed(path: Path, files: Mapping[str, Path], images: Path) -> tuple[str, ...]:
    """Return the names of `read_list`, all of which have to exist.

    Raises:
        FileNotFoundError: the list or an image is missing; also what `read_list` raises.
    """
    lines = read_list(path, files, images)
    missing = [name for name in lines if name not in files]
    if missing:
        near = next((name for name in files if name.casefold() == missing[0].casefold()), None)
        hint = f" (there is {near!r})" if near else ""
        raise FileNotFoundError(
            f"{images / missing[0]}.png (or .webp, .jpg): missing{hint}, with {len(missing) - 1} more of the "
            f"{len(lines)} that {path} names, this one in line {lines[missing[0]]}; restore the files or shorten the "
            "list"
        )
    return tuple(lines)
