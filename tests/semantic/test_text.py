"""Text files of users: with and without a byte order mark, and the refusal of other encodings by line and remedy."""

from pathlib import Path

import pytest

from taskwave.semantic.text import read_text


@pytest.mark.parametrize("raw", ["ä\nb".encode(), b"\xef\xbb\xbf" + "ä\nb".encode()])
def test_utf_8_is_read_with_or_without_its_mark(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "a").write_bytes(raw)
    assert read_text(tmp_path / "a") == "ä\nb"


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_read_where_it_is_asked_for(tmp_path: Path, codec: str) -> None:
    (tmp_path / "a").write_bytes("\ufeffä\nb".encode(codec))
    assert read_text(tmp_path / "a", utf_16=True) == "ä\nb"
    with pytest.raises(ValueError, match="text in UTF-16; allowed: UTF-8; save it again as UTF-8"):
        read_text(tmp_path / "a")


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"a\nb\xe9\n", r"line 2 is not text in UTF-8 \(byte 0xe9\); save it again as UTF-8"),
        (b"\xef\xbb\xbfa\n\n\x80", r"line 3 is not text in UTF-8 \(byte 0x80\)"),
        ("ab\n".encode("utf-16-be"), "line 1 holds a zero byte, as UTF-16"),
        (b"a\nb\0", "line 2 holds a zero byte"),
    ],
)
def test_other_encodings_are_refused(tmp_path: Path, raw: bytes, message: str) -> None:
    (tmp_path / "a").write_bytes(raw)
    with pytest.raises(ValueError, match=message):
        read_text(tmp_path / "a")
