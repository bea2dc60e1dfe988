"""Files for a user, written whole or not at all: beside their place first, then moved into it."""

import errno
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""Error numbers of a disk, a quota or a file size that is used up."""


class StorageError(OSError):
    """Raised when results cannot be written, or when written ones are damaged."""


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let `write` fill a file beside `path`, force it to the disk, then put it in the place of `path` in one step.

    A crash, a full disk or Ctrl-C leaves either the old file or the new one. Several processes may write the same path
    at once: each fills a file of its own, and the last one to finish stays.

    Args:
        path: file to write; its folder is made if need be.
        write: function that writes the whole content to the open file that it is given.

    Raises:
        StorageError: the file cannot be written; the message has the reason and what to do.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with partial.open("wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        remedy = "make room there or choose" if error.errno in _FULL else "choose"
        raise StorageError(
            f"{path}: cannot be written: {error.strerror or error}. What was written before is unchanged; "
            f"{remedy} another folder (--out), and run the same command again"
        ) from error


def write_text(path: Path, text: str) -> None:
    """Write text in UTF-8 as `write_atomically` does.

    Raises:
        StorageError: the file cannot be written.
    """
    write_atomically(path, lambda file: file.write(text.encode()))
