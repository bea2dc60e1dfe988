"""Image files cut down to what the receiver cannot know, and built again from that.

The receiver knows the codec, its fixed settings and the size of the image. Every byte of a file that follows from
those is the same in a *template*: the file of a flat grey image, made with the same settings at the receiver. Only
the rest, the codestream, is put on the air. `rebuild(strip(file), template)` is a file that decodes to the same
pixels, also when zero bytes (padding of the transport block) follow the codestream: no length has to be sent.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

REMEDY = "install the codec from its wheel (pip install pillow or 'taskwave[codecs]'), or use another codec"
"""What helps where a build of a codec writes files of another make."""


@dataclass(frozen=True)
class Container:
    """Takes one file format apart and puts it together."""

    strip: Callable[[bytes, bytes], bytes]
    """Function (file, template) -> codestream; `ValueError` when the file is not what the template promises."""
    rebuild: Callable[[bytes, bytes], bytes]
    """Function (codestream, possibly with zero bytes behind it; template) -> decodable file."""


def same(found: bytes, known: bytes, what: str) -> None:
    """Raise `ValueError` where a part of a file is not that of the template; `what` names it."""
    if found != known:
        raise ValueError(f"{what} differs from that of the receiver's template, so it cannot be stripped: {REMEDY}")


def _jpeg_scan(file: bytes) -> int:
    """Find the offset of the entropy-coded data: behind the start-of-scan segment (ITU-T T.81, B.2.3)."""
    position = 2
    while file[position + 1] != 0xDA:
        position += 2 + int(struct.unpack_from(">H", file, position + 2)[0])
    return position + 2 + int(struct.unpack_from(">H", file, position + 2)[0])


def _strip_jpeg(file: bytes, template: bytes) -> bytes:
    start = _jpeg_scan(file)
    same(file[:start], template[: _jpeg_scan(template)], "the JPEG header")
    return file[start:-2]


def _rebuild_jpeg(codestream: bytes, template: bytes) -> bytes:
    return template[: _jpeg_scan(template)] + codestream + b"\xff\xd9"


def _jpeg2000_tile(file: bytes) -> tuple[int, int]:
    """Find the offsets of the start-of-tile marker and of the packets behind start-of-data (ITU-T T.800, A.4)."""
    position = 2
    while file[position : position + 2] != b"\xff\x90":
        position += 2 + int(struct.unpack_from(">H", file, position + 2)[0])
    return position, file.index(b"\xff\x93", position) + 2


def _strip_jpeg2000(file: bytes, template: bytes) -> bytes:
    tile, data = _jpeg2000_tile(file)
    known_tile, known_data = _jpeg2000_tile(template)
    # Psot, the length of the tile part (4 bytes at tile + 6), is the one header field that varies.
    same(
        file[: tile + 6] + file[tile + 10 : data],
        template[: known_tile + 6] + template[known_tile + 10 : known_data],
        "the JPEG 2000 header",
    )
    return file[data:-2]


def _rebuild_jpeg2000(codestream: bytes, template: bytes) -> bytes:
    tile, data = _jpeg2000_tile(template)
    length = struct.pack(">I", data - tile + len(codestream))
    return template[: tile + 6] + length + template[tile + 10 : data] + codestream + b"\xff\xd9"


# RIFF: 12 bytes, chunk "VP8 " header: 8 bytes, then the VP8 frame: 3 bytes of tag, 7 bytes of start code and size
# (RFC 9649 section 2.5, RFC 6386 section 9.1).
_VP8_FRAME, _VP8_SIZE = 20, slice(23, 30)


def _strip_webp(file: bytes, template: bytes) -> bytes:
    same(file[12:16] + file[_VP8_SIZE], template[12:16] + template[_VP8_SIZE], "the VP8 frame header")
    length = int(struct.unpack_from("<I", file, 16)[0])
    frame = file[_VP8_FRAME : _VP8_FRAME + length]
    return frame[:3] + frame[10:]


def _rebuild_webp(codestream: bytes, template: bytes) -> bytes:
    frame = codestream[:3] + template[_VP8_SIZE] + codestream[3:]
    chunk = b"VP8 " + struct.pack("<I", len(frame)) + frame + bytes(len(frame) % 2)
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


def _box(file: bytes, path: tuple[bytes, ...]) -> tuple[int, int]:
    """Find the start of the content and the end of the box at `path` (ISO/IEC 14496-12); `meta` is a full box."""
    start, end = 0, len(file)
    for name in path:
        while True:
            if start >= end:
                raise ValueError(f"no box {name!r} in an image file of {len(file)} bytes: {REMEDY}")
            length, kind = struct.unpack_from(">I4s", file, start)
            if kind == name:
                break
            start += length
        start, end = start + (12 if name == b"meta" else 8), start + length
    return start, end


def _extent(file: bytes) -> tuple[int, int, int]:
    """Find offset and length of the only item's data, and where `iloc` has that length (ISO/IEC 14496-12, 8.11.3).

    Only what libavif and libheif write for a still image without alpha is accepted: version 0, 4-byte offsets and
    lengths, a base offset of libheif only, one item in one extent.
    """
    start, _ = _box(file, (b"meta", b"iloc"))
    base = 4 if file[start + 5] == 0x40 else 0
    fixed = file[start : start + 5], file[start + 6 : start + 8], file[start + 12 + base : start + 14 + base]
    if fixed != (b"\x00\x00\x00\x00\x44", b"\x00\x01", b"\x00\x01") or file[start + 5] not in (0, 0x40):
        raise ValueError(f"an image file is not one still image in one extent, so it cannot be stripped: {REMEDY}")
    offset, length = struct.unpack_from(">II", file, start + 14 + base)
    if base:
        offset += struct.unpack_from(">I", file, start + 12)[0]
    return int(offset), int(length), start + 18 + base


def _with_item(template: bytes, item: bytes) -> bytes:
    """Return a template with another item in its `mdat` box."""
    offset, _, field = _extent(template)
    start, _ = _box(template, (b"mdat",))
    if start != offset:
        raise ValueError(f"a template's image does not start its mdat box, so it cannot be rebuilt: {REMEDY}")
    file = template[:field] + struct.pack(">I", len(item)) + template[field + 4 : start - 8]
    return file + struct.pack(">I4s", 8 + len(item), b"mdat") + item


def _obu(data: bytes, start: int) -> tuple[int, int]:
    """Find the start of the payload and the end of the open bitstream unit at `start` (AV1 specification, 5.3)."""
    size, shift, position = 0, 0, start + 1
    while True:
        size |= (data[position] & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if data[position - 1] < 0x80:
            return position, position + size


def _leb128(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _avif_frame(file: bytes) -> tuple[bytes, bytes]:
    """Split what precedes the size of the frame OBU (delimiter, sequence header, OBU header) from the frame."""
    offset, length, _ = _extent(file)
    data, start = file[offset : offset + length], 0
    while data[start] >> 3 & 15 != 6:  # OBU_FRAME
        _, start = _obu(data, start)
    payload, end = _obu(data, start)
    if end != len(data):
        raise ValueError(f"an AVIF file holds more than one frame, so it cannot be stripped: {REMEDY}")
    return data[: start + 1], data[payload:end]


def _strip_avif(file: bytes, template: bytes) -> bytes:
    head, frame = _avif_frame(file)
    same(head, _avif_frame(template)[0], "the AV1 sequence header")
    return frame


def _rebuild_avif(codestream: bytes, template: bytes) -> bytes:
    head, _ = _avif_frame(template)
    return _with_item(template, head + _leb128(len(codestream)) + codestream)


def _hevc_unit(file: bytes) -> bytes:
    """Return the only NAL unit of the item, behind its length; parameter sets are in `hvcC` (ISO/IEC 14496-15, 8)."""
    offset, length, _ = _extent(file)
    if int(struct.unpack_from(">I", file, offset)[0]) != length - 4:
        raise ValueError(f"an HEVC file holds more than one slice, so it cannot be stripped: {REMEDY}")
    return file[offset + 4 : offset + length]


def _strip_hevc(file: bytes, template: bytes) -> bytes:
    unit, known = _hevc_unit(file), _hevc_unit(template)
    same(file[slice(*_box(file, (b"meta", b"iprp")))], template[slice(*_box(template, (b"meta", b"iprp")))], _HVCC)
    same(unit[:_NAL_HEADER], known[:_NAL_HEADER], "the header of the HEVC slice's NAL unit")
    return unit[_NAL_HEADER:]


def _rebuild_hevc(codestream: bytes, template: bytes) -> bytes:
    unit = _hevc_unit(template)[:_NAL_HEADER] + codestream
    return _with_item(template, struct.pack(">I", len(unit)) + unit)


_NAL_HEADER = 2
"""Bytes of the header of a NAL unit (ITU-T H.265, 7.3.1.2)."""
_HVCC = "the HEVC parameter set"


JPEG = Container(_strip_jpeg, _rebuild_jpeg)
JPEG2000 = Container(_strip_jpeg2000, _rebuild_jpeg2000)
WEBP = Container(_strip_webp, _rebuild_webp)
AVIF = Container(_strip_avif, _rebuild_avif)
HEVC = Container(_strip_hevc, _rebuild_hevc)
