"""Text files that users write, read with or without a byte order mark; what cannot be read is named by its line."""

import codecs
from pathlib import Path

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_REMEDY = "save it again as UTF-8"


def read_text(path: Path, *, utf_16: bool = False) -> str:
    """Return the text of a file in UTF-8, without the byte order mark that some editors put in front of it.

    Args:
        path: file of text.
        utf_16: whether UTF-16 with a byte order mark is read, too.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not such text; the message names the line and the remedy.
    """
    raw = path.read_bytes()
    if raw.startswith(_UTF_16):
        if not utf_16:
            raise ValueError(f"{path}: text in UTF-16; allowed: UTF-8; {_REMEDY}")
        try:
            return raw.decode("utf-16")
        except UnicodeDecodeError as error:
            raise ValueError(f"{path}: damaged text in UTF-16 ({error.reason}); {_REMEDY}") from error
    raw = raw.removeprefix(codecs.BOM_UTF8)
    if b"\0" in raw:
        line = raw[: raw.index(b"\0")].count(b"\n") + 1
        raise ValueError(f"{path}: line {line} holds a zero byte, as UTF-16 without its mark does; {_REMEDY}")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        byte = raw[error.start]
        raise ValueError(f"{path}: line {line} is not text in UTF-8 (byte 0x{byte:02x}); {_REMEDY}") from error
