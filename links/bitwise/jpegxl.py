"""JPEG XL codestreams cut down to what the receiver cannot know (ISO/IEC 18181-1, annexes D and F).

The receiver knows size and settings, so that all up to the table of contents of the only frame is that of its template.
At small sizes the frame has one section, whose length follows from that of the payload; the tables at the start of the
first section are mostly those of the template as well. How many of its bytes are, is told by a byte in front.
"""

from itertools import takewhile

from taskwave.links.bitwise.containers import REMEDY, Container, same

_RATIOS = ((0, 1), (1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
"""Ratios of width to height that have a number; 0: the width is written."""
_SIZES = ((10, 0), (14, 1024), (22, 17408), (30, 4211712))
"""Bits of the size of a section and what is added to it, by its selector."""
_GROUP, _COARSE_GROUP = 256, 2048
"""Sides of the squares [pixels] that have sections of their own where an image has more than one of the smaller."""
_MOST_SHARED = 255
"""Largest number of bytes that are said to be the template's."""


class _Bits:
    """Reads numbers from bytes, least significant bit first."""

    def __init__(self, data: bytes) -> None:
        self._value, self._position = int.from_bytes(data, "little"), 0

    def take(self, count: int) -> int:
        """Return the next `count` bits as a number."""
        value = self._value >> self._position & (1 << count) - 1
        self._position += count
        return value

    def large(self) -> int:
        """Return the next number of up to 64 bits, of which only small ones are known here."""
        selector = self.take(2)
        return (0, 1, 17, 1 << 32)[selector] + self.take((0, 4, 8, 0)[selector])

    @property
    def num_bytes(self) -> int:
        """Number of bytes of which bits were read."""
        return -(-self._position // 8)


def _header(file: bytes) -> tuple[int, int]:
    """Return where the table of contents starts, and the number of its entries.

    Only what libjxl writes for an image of 8 bits at the settings in use is accepted: all metadata at their defaults
    (RGB, coded as XYB), and a frame whose size, order, filters and extensions are not customised.
    """
    bits = _Bits(file[2:16])
    small = bits.take(1)

    def side() -> int:
        return 8 * (bits.take(5) + 1) if small else bits.take((9, 13, 18, 30)[bits.take(2)]) + 1

    height = side()
    across, down = _RATIOS[bits.take(3)]
    width = height * across // down if across else side()
    defaults = bits.take(1) + bits.take(1)  # of the metadata, and of the colour transform
    start = 2 + bits.num_bytes
    frame = _Bits(file[start : start + 16])
    odd = frame.take(4)  # all at their defaults, two bits of the type, modular
    frame.large()  # flags
    odd += frame.take(2)  # upsampling
    frame.take(6)  # scales of the quantisation of X and B
    odd += frame.take(2) + frame.take(1) + frame.take(2)  # passes, a part only, blending
    odd += 1 - frame.take(1) + frame.take(2)  # the last frame, a name
    if not frame.take(1):  # filters at their defaults
        if frame.take(1):
            odd += frame.take(1)  # weights of the smoothing
        if frame.take(2):
            odd += frame.take(3)  # weights of the edge-preserving filter
        odd += frame.large()  # extensions
    odd += frame.large() + frame.take(1)  # extensions, sections out of order
    if file[:2] != b"\xff\x0a" or defaults != 2 or odd:
        raise ValueError(f"a JPEG XL file is not as libjxl 0.11 writes it, so it cannot be stripped: {REMEDY}")
    groups, coarse = (-(-height // square) * -(-width // square) for square in (_GROUP, _COARSE_GROUP))
    return start + frame.num_bytes, 1 if groups == 1 else 2 + coarse + groups


def _contents(data: bytes, entries: int) -> tuple[int, int]:
    """Return the length of a table of contents, and that of all its sections."""
    bits, total = _Bits(data[: 4 * entries]), 0
    for _ in range(entries):
        count, more = _SIZES[bits.take(2)]
        total += bits.take(count) + more
    return bits.num_bytes, total


def _entry(size: int) -> bytes:
    """Return the table of contents of a single section."""
    selector = next(i for i, (count, more) in enumerate(_SIZES) if size < more + (1 << count))
    count, more = _SIZES[selector]
    return (selector | (size - more) << 2).to_bytes(-(-(2 + count) // 8), "little")


def _strip(file: bytes, template: bytes) -> bytes:
    start, entries = _header(file)
    length, total = _contents(file[start:], entries)
    known = template[start + _contents(template[start:], entries)[0] :]
    same(file[:start], template[:start], "the JPEG XL header")
    if start + length + total != len(file):
        raise ValueError(f"a JPEG XL file is not one frame, so it cannot be stripped: {REMEDY}")
    sections = file[start + length :]
    alike = takewhile(lambda pair: pair[0] == pair[1], zip(sections[:_MOST_SHARED], known, strict=False))
    shared = len(list(alike))
    table = b"" if entries == 1 else file[start : start + length]
    return bytes([shared]) + table + sections[shared:]


def _rebuild(codestream: bytes, template: bytes) -> bytes:
    start, entries = _header(template)
    shared, rest = codestream[0], codestream[1:]
    known = template[start + _contents(template[start:], entries)[0] :][:shared]
    if len(known) < shared:
        raise ValueError(f"{shared} bytes of the template are named, but it has {len(known)}")
    if entries == 1:
        return template[:start] + _entry(len(known) + len(rest)) + known + rest
    length, _ = _contents(rest, entries)
    return template[:start] + rest[:length] + known + rest[length:]


JPEGXL = Container(_strip, _rebuild)
