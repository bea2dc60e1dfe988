"""Rate ladders: for one image, the best (scale, quality) pair that fits a number of bytes.

Small budgets are below what a codec needs at full size, so the image may be downscaled (Lanczos) before it is
encoded and upscaled (bicubic) after it is decoded. Of all pairs that fit, candidates are the one with the highest PSNR
of the upscaled image against the original, and the best at the scales beside it. The pair is sent as one side byte in
front of the codestream.
"""

from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from math import inf, log

import numpy as np
from PIL import Image

from taskwave.links.bitwise.image_codecs import LEVELS, ImageCodec, Pixels, image_codec
from taskwave.phy.recent import Recent

SCALES: tuple[float, ...] = (1, 3 / 4, 1 / 2, 3 / 8, 1 / 4, 3 / 16, 1 / 8, 1 / 16)
"""Scales of the encoded image, three bits of the side byte."""

REMEMBERED = 256
"""Number of images whose ladders are kept."""
_USUAL_BPP = 0.2
"""Bits per pixel around which an image is better sent at a scale than at the neighbours of that scale."""


@dataclass(frozen=True)
class Rung:
    """Holds one way to send an image: `payload` is the side byte and the codestream, all that is put on the air."""

    payload: bytes
    scale: int
    """Index into `SCALES`."""
    level: int
    """Quality level of the codec, 0…31."""
    psnr: float
    """PSNR of the upscaled decoded image against the original, dB."""


def psnr(pixels: Pixels, reference: Pixels) -> float:
    """Compute the peak signal-to-noise ratio of 8-bit pixels in dB, over all three channels; 99 for equal ones."""
    error = float(np.mean(np.square(pixels.astype(np.float32) - reference.astype(np.float32))))
    return 10 * float(np.log10(255**2 / error)) if error else 99.0


def scaled_size(scale: int, height: int, width: int) -> tuple[int, int]:
    """Compute height and width of the image that is encoded at scale index `scale`, at least one pixel each."""
    return max(1, round(SCALES[scale] * height)), max(1, round(SCALES[scale] * width))


def _resize(pixels: Pixels, height: int, width: int, method: Image.Resampling) -> Pixels:
    if pixels.shape[:2] == (height, width):
        return pixels
    return np.array(Image.fromarray(pixels).resize((width, height), method))


def restore(codec: ImageCodec, payload: bytes, height: int, width: int) -> Pixels:
    """Decode a payload (zero bytes behind it allowed) as the receiver does, to [height, width, 3] uint8.

    Raises:
        ValueError: a payload that is empty or does not decode.
    """
    if not payload:
        raise ValueError("an empty payload holds no image; it needs a side byte and a codestream")
    scale, level = divmod(payload[0], LEVELS)
    pixels = codec.decode(payload[1:], level, *scaled_size(scale, height, width))
    return _resize(pixels, height, width, Image.Resampling.BICUBIC)


class RateLadder:
    """Finds rungs of one image [H, W, 3] uint8 as they are asked for; the answer depends on the limit only.

    Size grows with the quality level, so that one scale needs five encodings to find its best level for a limit. PSNR
    rises and then falls with the scale, so that the search climbs from the scale that a usual rate suggests, to either
    side, and leaves out a scale at which even the image without any coding would be no better.
    """

    def __init__(self, pixels: Pixels, codec: ImageCodec) -> None:
        self.codec = codec
        self._pixels = pixels
        self._small: dict[int, tuple[Pixels, float]] = {}
        self._payloads: dict[tuple[int, int], bytes] = {}
        self._rungs: dict[tuple[int, int], Rung] = {}

    def best(self, limit: int) -> Rung | None:
        """Find the rung with the highest PSNR among those of at most `limit` bytes; None when nothing fits."""
        if limit < 1:
            return None
        start = self._usual_scale(limit)
        best: Rung | None = None
        for scales in (range(start, len(SCALES)), range(start - 1, -1, -1)):
            previous = -inf
            for scale in scales:
                rung = self._at_scale(scale, limit, best)
                if rung is None:
                    continue
                if best is None or rung.psnr > best.psnr:
                    best = rung
                if rung.psnr < previous:
                    break
                previous = rung.psnr
        return best

    def candidates(self, limit: int) -> list[Rung]:
        """Find rungs of at most `limit` bytes: that with the highest PSNR, then those at the scales beside it."""
        best = self.best(limit)
        if best is None:
            return []
        beside = [scale for scale in (best.scale - 1, best.scale + 1) if 0 <= scale < len(SCALES)]
        levels = [(scale, self._highest_level(scale, limit)) for scale in beside]
        return [best, *(self._rung(scale, level) for scale, level in levels if level is not None)]

    def _usual_scale(self, limit: int) -> int:
        height, width, _ = self._pixels.shape
        distances = [abs(log(limit * 8 / (scale**2 * height * width * _USUAL_BPP))) for scale in SCALES]
        return distances.index(min(distances))

    def _at_scale(self, scale: int, limit: int, best: Rung | None) -> Rung | None:
        """Find the rung of the highest level that fits at this scale; None where none fits or none can beat `best`."""
        if best is not None and best.psnr >= self._downscaled(scale)[1]:
            return None
        level = self._highest_level(scale, limit)
        return None if level is None else self._rung(scale, level)

    def _downscaled(self, scale: int) -> tuple[Pixels, float]:
        """Downscale the image, and compute the PSNR it would have if it were not coded at all."""
        if scale not in self._small:
            height, width, _ = self._pixels.shape
            small = _resize(self._pixels, *scaled_size(scale, height, width), Image.Resampling.LANCZOS)
            upscaled = _resize(small, height, width, Image.Resampling.BICUBIC)
            self._small[scale] = small, psnr(upscaled, self._pixels)
        return self._small[scale]

    def _highest_level(self, scale: int, limit: int) -> int | None:
        """Bisect for the last level that fits."""
        if len(self._payload(scale, 0)) > limit:
            return None
        fits, too_large = 0, LEVELS
        while too_large - fits > 1:
            middle = (fits + too_large) // 2
            if len(self._payload(scale, middle)) <= limit:
                fits = middle
            else:
                too_large = middle
        return fits

    def _payload(self, scale: int, level: int) -> bytes:
        key = (scale, level)
        if key not in self._payloads:
            codestream = self.codec.encode(self._downscaled(scale)[0], level)
            self._payloads[key] = bytes([scale * LEVELS + level]) + codestream
        return self._payloads[key]

    def _rung(self, scale: int, level: int) -> Rung:
        key = (scale, level)
        if key not in self._rungs:
            height, width, _ = self._pixels.shape
            payload = self._payload(scale, level)
            quality = psnr(restore(self.codec, payload, height, width), self._pixels)
            self._rungs[key] = Rung(payload, scale, level, quality)
        return self._rungs[key]


class LadderStore:
    """Keeps the ladders of the images seen last, by content, so that a sweep encodes each image once."""

    def __init__(self, codec: ImageCodec) -> None:
        self.codec = codec
        self._ladders: Recent[RateLadder] = Recent(REMEMBERED)

    def ladder(self, pixels: Pixels) -> RateLadder:
        """Return the ladder of [H, W, 3] uint8, new or remembered."""
        key = sha256(repr(pixels.shape).encode() + pixels.tobytes()).digest()
        return self._ladders.get(key, lambda: RateLadder(pixels, self.codec))


@lru_cache
def ladder_store(codec: str) -> LadderStore:
    """Return the store that the links of one process share for a codec: a memo, it changes no result."""
    return LadderStore(image_codec(codec))


@lru_cache(maxsize=64)
def smallest_payload(codec: ImageCodec, height: int, width: int) -> int:
    """Count the bytes that a flat grey image of this size needs: in practice the least that any image takes.

    A memo, it changes no result.
    """
    grey = np.full((height, width, 3), 128, np.uint8)
    return min(
        1 + len(codec.encode(grey[:h, :w], 0)) for h, w in (scaled_size(s, height, width) for s in range(len(SCALES)))
    )
