"""JPEG, JPEG 2000, WebP and AVIF as codestream coders: pixels and a quality level to bytes on the air."""

import io
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, features

from taskwave.links.bitwise import containers
from taskwave.links.bitwise.containers import Container

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


@dataclass(frozen=True)
class ImageCodec:
    """Codes images with settings fixed beforehand; only the quality level, 0 (fewest bytes) to 31, varies.

    A codestream holds what the receiver cannot know (see `containers`); the receiver is told the size and the level.
    """

    name: str
    container: Container
    _templates: dict[tuple[int, int, int], bytes] = field(default_factory=dict, compare=False, repr=False)

    def _settings(self, level: int, height: int, width: int) -> dict[str, Any]:
        """Return Pillow's format and options for one image."""
        match self.name:
            case "jpeg":  # standard Huffman tables: optimised ones would have to be sent
                return {"format": "JPEG", "quality": _JPEG_QUALITY[level], "subsampling": "4:2:0"}
            case "jpeg2000":
                target = _JPEG2000_BPP[level] * height * width / 8 + 150  # OpenJPEG counts its header
                return {
                    "format": "JPEG2000",
                    "no_jp2": True,
                    "irreversible": True,
                    "mct": 1,
                    "num_resolutions": min(6, min(height, width).bit_length()),
                    "quality_mode": "rates",
                    "quality_layers": [3 * height * width / target],
                }
            case "webp":
                return {"format": "WEBP", "quality": _WEBP_QUALITY[level], "method": 6}
            case _:  # tuned for PSNR: 0.3 dB better at equal bytes than the default; speed 6: 0.4 dB better than 7
                return {
                    "format": "AVIF",
                    "quality": _AVIF_QUALITY[level],
                    "subsampling": "4:2:0",
                    "speed": 6,
                    "max_threads": 1,
                    "advanced": {"tune": "psnr"},
                }

    def _file(self, image: Image.Image, level: int) -> bytes:
        stream = io.BytesIO()
        image.save(stream, **self._settings(level, image.height, image.width))
        return stream.getvalue()

    def _template(self, level: int, height: int, width: int) -> bytes:
        key = (level, height, width)
        if key not in self._templates:
            self._templates[key] = self._file(Image.new("RGB", (width, height), (128, 128, 128)), level)
        return self._templates[key]

    def encode(self, pixels: Pixels, level: int) -> bytes:
        """Encode [H, W, 3] uint8 to a codestream.

        Raises:
            ValueError: a level outside 0…31.
        """
        if not 0 <= level < LEVELS:
            raise ValueError(f"quality level {level} is not in 0…{LEVELS - 1}: give one of these")
        height, width, _ = pixels.shape
        return self.container.strip(self._file(Image.fromarray(pixels), level), self._template(level, height, width))

    def decode(self, codestream: bytes, level: int, height: int, width: int) -> Pixels:
        """Decode a codestream, zero bytes behind it allowed, to [H, W, 3] uint8.

        Raises:
            ValueError: it does not decode.
        """
        template = self._template(level, height, width)
        try:
            file = self.container.rebuild(codestream, template)
            return np.array(Image.open(io.BytesIO(file)).convert("RGB"))
        except (OSError, ValueError, SyntaxError, RuntimeError) as error:  # each decoder has its own
            raise ValueError(f"{len(codestream)} bytes are no {self.name} codestream: {error}") from error


_KNOWN: dict[str, tuple[str, Container]] = {
    "jpeg": ("jpg", containers.JPEG),
    "jpeg2000": ("jpg_2000", containers.JPEG2000),
    "webp": ("webp", containers.WEBP),
    "avif": ("avif", containers.AVIF),
}
CODEC_NAMES = tuple(_KNOWN)


def image_codec(name: str) -> ImageCodec:
    """Make the codec called `name`.

    Raises:
        ValueError: an unknown codec, or one that this Pillow was built without.
    """
    if name not in _KNOWN:
        raise ValueError(f"codec {name!r} is unknown; choose one of {', '.join(CODEC_NAMES)}")
    feature, container = _KNOWN[name]
    if not features.check(feature):
        raise ValueError(f"this Pillow was built without {name}; install Pillow from its wheel (pip install pillow)")
    return ImageCodec(name, container)
