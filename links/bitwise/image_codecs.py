"""Image codecs as codestream coders: pixels and a quality level to bytes on the air.

JPEG, JPEG 2000, WebP and AVIF come with Pillow; JPEG XL (imagecodecs, libjxl) and HEVC intra (pillow-heif, x265) with
the extra `codecs`. Settings are fixed beforehand, only the quality level varies.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, features

from taskwave.links.bitwise import containers
from taskwave.links.bitwise.containers import Container
from taskwave.links.bitwise.jpegxl import JPEGXL

Pixels = NDArray[np.uint8]

LEVELS = 32
"""Number of quality levels of every codec: five bits of the side byte."""

_JPEG_QUALITY = (*range(1, 17), 18, 20, 22, 25, 28, 32, 36, 40, 45, 50, 56, 62, 68, 75, 82, 90)
_WEBP_QUALITY = (*range(21), 23, 26, 30, 35, 40, 46, 52, 60, 68, 76, 86)
_AVIF_QUALITY = (
    *(0, 2, 3, 5, 6, 8, 10, 11, 13, 14, 16, 18, 19, 21, 23, 26),
    *(29, 32, 35, 38, 41, 44, 47, 50, 54, 58, 62, 66, 70, 75, 80, 90),
)
_JPEG2000_BPP = tuple(0.05 * 1.15**level for level in range(LEVELS))
_JPEGXL_DISTANCE = tuple(19.5 * (0.5 / 19.5) ** (level / (LEVELS - 1)) for level in range(LEVELS))
"""Distances of libjxl. From 20 on it halves the image by itself, and files grow again."""
_HEVC_QUALITY = (*range(0, 50, 2), 50, 54, 58, 62, 68, 74, 80)
"""Qualities of libheif: half a step of x265's constant rate factor each, from 50 downwards."""


def _jpeg(image: Image.Image, level: int) -> bytes:
    # Standard Huffman tables: optimised ones would have to be sent.
    return _pillow_file(image, "JPEG", quality=_JPEG_QUALITY[level], subsampling="4:2:0")


def _jpeg2000(image: Image.Image, level: int) -> bytes:
    width, height = image.size
    target = _JPEG2000_BPP[level] * height * width / 8 + 150  # OpenJPEG counts its header
    return _pillow_file(
        image,
        "JPEG2000",
        no_jp2=True,
        irreversible=True,
        mct=1,
        num_resolutions=min(6, min(height, width).bit_length()),
        quality_mode="rates",
        quality_layers=[3 * height * width / target],
    )


def _webp(image: Image.Image, level: int) -> bytes:
    return _pillow_file(image, "WEBP", quality=_WEBP_QUALITY[level], method=6)


def _avif(image: Image.Image, level: int) -> bytes:
    # Tuned for PSNR: 0.3 dB better at equal bytes than the default; speed 6: 0.4 dB better than 7.
    return _pillow_file(
        image,
        "AVIF",
        quality=_AVIF_QUALITY[level],
        subsampling="4:2:0",
        speed=6,
        max_threads=1,
        advanced={"tune": "psnr"},
    )


def _pillow_file(image: Image.Image, name: str, **settings: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format=name, **settings)
    return stream.getvalue()


def _pillow_pixels(file: bytes) -> Pixels:
    return np.array(Image.open(io.BytesIO(file)).convert("RGB"))


def _jpegxl(image: Image.Image, level: int) -> bytes:
    import imagecodecs  # noqa: PLC0415 - an extra

    # Effort 3: 0.1 to 0.4 dB better at equal bytes than 5, 7 and 9, which spend bytes on what the eye sees.
    distance = _JPEGXL_DISTANCE[level]
    return bytes(
        imagecodecs.jpegxl_encode(np.asarray(image), distance=distance, effort=3, usecontainer=False, numthreads=1)
    )


def _jpegxl_pixels(file: bytes) -> Pixels:
    import imagecodecs  # noqa: PLC0415 - an extra

    return np.asarray(imagecodecs.jpegxl_decode(file, numthreads=1), np.uint8)


def _hevc(image: Image.Image, level: int) -> bytes:
    import pillow_heif  # noqa: PLC0415 - an extra

    # Tuned for PSNR: 0.3 dB better at equal bytes than the default. The preset "slow" adds 0.14 dB in 1.7 times the
    # time. Without threads: rows need no entry points.
    settings = {"preset": "medium", "tune": "psnr", "x265:pools": "none"}
    stream = io.BytesIO()
    file = pillow_heif.from_pillow(image)
    file.save(stream, format="HEIF", quality=_HEVC_QUALITY[level], chroma="420", enc_params=settings)
    return stream.getvalue()


def _hevc_pixels(file: bytes) -> Pixels:
    import pillow_heif  # noqa: PLC0415 - an extra

    return np.array(pillow_heif.read_heif(file).to_pillow().convert("RGB"))


@dataclass(frozen=True)
class _Format:
    """Describes how files of a codec are written and read, and what it needs."""

    write: Callable[[Image.Image, int], bytes]
    """Function from an image and a quality level to a file."""
    container: Container
    pillow: str = ""
    """Feature of Pillow; "" where it is another package."""
    package: str = ""
    """Package of the extra `codecs`."""
    read: Callable[[bytes], Pixels] = _pillow_pixels
    """Function from a file to pixels [H, W, 3] uint8."""


_KNOWN = {
    "jpeg": _Format(_jpeg, containers.JPEG, "jpg"),
    "jpeg2000": _Format(_jpeg2000, containers.JPEG2000, "jpg_2000"),
    "webp": _Format(_webp, containers.WEBP, "webp"),
    "avif": _Format(_avif, containers.AVIF, "avif"),
    "jpegxl": _Format(_jpegxl, JPEGXL, package="imagecodecs", read=_jpegxl_pixels),
    "hevc": _Format(_hevc, containers.HEVC, package="pillow_heif", read=_hevc_pixels),
}
CODEC_NAMES = tuple(_KNOWN)


@dataclass(frozen=True)
class ImageCodec:
    """Codes images with settings fixed beforehand; only the quality level, 0 (fewest bytes) to 31, varies.

    A codestream holds what the receiver cannot know (see `containers`); the receiver is told the size and the level.
    """

    name: str
    _format: _Format
    _templates: dict[tuple[int, int, int], bytes] = field(default_factory=dict, compare=False, repr=False)

    def _template(self, level: int, height: int, width: int) -> bytes:
        key = (level, height, width)
        if key not in self._templates:
            self._templates[key] = self._format.write(Image.new("RGB", (width, height), (128, 128, 128)), level)
        return self._templates[key]

    def encode(self, pixels: Pixels, level: int) -> bytes:
        """Encode [H, W, 3] uint8 to a codestream.

        Raises:
            ValueError: a level outside 0…31.
        """
        if not 0 <= level < LEVELS:
            raise ValueError(f"quality level {level} is not in 0…{LEVELS - 1}: give one of these")
        height, width, _ = pixels.shape
        file = self._format.write(Image.fromarray(pixels), level)
        return self._format.container.strip(file, self._template(level, height, width))

    def decode(self, codestream: bytes, level: int, height: int, width: int) -> Pixels:
        """Decode a codestream, zero bytes behind it allowed, to [H, W, 3] uint8.

        Raises:
            ValueError: it does not decode.
        """
        template = self._template(level, height, width)
        try:
            return self._format.read(self._format.container.rebuild(codestream, template))
        except (IndexError, OSError, ValueError, SyntaxError, RuntimeError) as error:  # each decoder has its own
            raise ValueError(f"{len(codestream)} bytes are no {self.name} codestream: {error}") from error


def image_codec(name: str) -> ImageCodec:
    """Make the codec called `name`.

    Raises:
        ValueError: an unknown codec, one that this Pillow was built without, or one whose extra is not installed.
    """
    if name not in _KNOWN:
        raise ValueError(f"codec {name!r} is unknown; choose one of {', '.join(CODEC_NAMES)}")
    known = _KNOWN[name]
    if known.package and find_spec(known.package) is None:
        raise ValueError(f"the codec {name!r} needs an extra: pip install 'taskwave[codecs]'")
    if known.pillow and not features.check(known.pillow):
        raise ValueError(f"this Pillow was built without {name}; install Pillow from its wheel (pip install pillow)")
    return ImageCodec(name, known)
