"""Regions of an image: found where a relevance is high, sent as a mosaic of their pixels, and put back in place."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import binary_dilation, find_objects, label

from taskwave.links.bitwise.image_codecs import Pixels
from taskwave.semantic.attention.locator import TOKEN

MOST_REGIONS = 4
"""Largest number of regions of one message."""
HEADER_BYTES = 4
"""Bytes that the place and size of a region take."""
RELEVANT = 0.3
"""Relevance, as a share of the largest in the image, from which a token belongs to a region; chosen on `val`, as the
locator has learnt the boxes of `train`."""
FOUND = 0.2
"""Relevance below which no token belongs to a region, whatever the largest is."""
GAP = 2
"""Tokens between two parts that are still one region."""
LENGTH_BYTES = 3
"""Bytes that the length of the codestream of regions takes, where one of the whole image follows."""
_FOLLOWED = 128
"""What is added to the number of regions where a codestream of the whole image follows."""


@dataclass(frozen=True)
class Region:
    """Holds a rectangle in tokens of 8 pixels: `left`, `upper`, `width` and `height`, each below 256."""

    left: int
    upper: int
    width: int
    height: int

    def pixels(self, height: int, width: int) -> tuple[slice, slice]:
        """Return rows and columns of the region in an image of this size."""
        rows = slice(self.upper * TOKEN, min((self.upper + self.height) * TOKEN, height))
        return rows, slice(self.left * TOKEN, min((self.left + self.width) * TOKEN, width))

    def to_bytes(self) -> bytes:
        """Return place and size as `HEADER_BYTES` bytes."""
        return bytes((self.left, self.upper, self.width, self.height))


def whole(height: int, width: int) -> Region:
    """Return the region that covers an image of this size.

    Raises:
        ValueError: the image has more than 2,040 pixels a side.
    """
    if max(height, width) > 255 * TOKEN:
        raise ValueError(f"an image of {width}x{height} pixels: regions reach {255 * TOKEN} pixels; scale it down")
    return Region(0, 0, -(-width // TOKEN), -(-height // TOKEN))


def find_regions(relevance: torch.Tensor) -> list[Region]:
    """Return the rectangles around the relevant parts of a relevance [h, w] (tokens), the weightiest first.

    Parts that lie within `GAP` tokens are one; every rectangle has a margin of one token, as far as the image goes.
    """
    values = relevance.numpy()
    seen = values >= max(FOUND, RELEVANT * float(values.max()))
    parts, _ = label(binary_dilation(seen, np.ones((2 * GAP + 1, 2 * GAP + 1))))
    found = []
    for index, place in enumerate(find_objects(parts), start=1):
        rows, columns = np.nonzero(seen[place] & (parts[place] == index))
        upper, left = max(0, place[0].start + rows.min() - 1), max(0, place[1].start + columns.min() - 1)
        lower = min(values.shape[0], place[0].start + rows.max() + 2)
        right = min(values.shape[1], place[1].start + columns.max() + 2)
        weight = float(values[place][seen[place] & (parts[place] == index)].sum())
        found.append((weight, Region(int(left), int(upper), int(right - left), int(lower - upper))))
    found.sort(key=lambda each: -each[0])
    return [region for _, region in found[:MOST_REGIONS]]


def cut(pixels: Pixels, regions: list[Region]) -> Pixels:
    """Return the pixels of regions of an image [H, W, 3] below each other, narrower ones continued with their edge."""
    height, width, _ = pixels.shape
    parts = [pixels[region.pixels(height, width)] for region in regions]
    widest = max(part.shape[1] for part in parts)
    return np.concatenate([np.pad(p, ((0, 0), (0, widest - p.shape[1]), (0, 0)), mode="edge") for p in parts])


def size_of_cut(regions: list[Region], height: int, width: int) -> tuple[int, int]:
    """Return height and width of what `cut` returns for an image of this size."""
    places = [region.pixels(height, width) for region in regions]
    return sum(rows.stop - rows.start for rows, _ in places), max(c.stop - c.start for _, c in places)


def put_back(pixels: Pixels, mosaic: Pixels, regions: list[Region]) -> Pixels:
    """Return an image [H, W, 3] with the parts of a mosaic in their regions."""
    result, at = pixels.copy(), 0
    for region in regions:
        rows, columns = region.pixels(*pixels.shape[:2])
        height, width = rows.stop - rows.start, columns.stop - columns.start
        result[rows, columns] = mosaic[at : at + height, :width]
        at += height
    return result


def to_payload(regions: list[Region], code: bytes, everything: bytes = b"") -> bytes:
    """Return the number of regions, their places, their codestream and, if any, one of the whole image as a payload."""
    number, length = len(regions), b""
    if everything:
        number, length = number + _FOLLOWED, len(code).to_bytes(LENGTH_BYTES, "big")
    return bytes([number]) + b"".join(region.to_bytes() for region in regions) + length + code + everything


def from_payload(payload: bytes, height: int, width: int) -> tuple[list[Region], bytes, bytes]:
    """Return the regions, their codestream and that of the whole image (empty: none) of a payload.

    Args:
        payload: what arrived, zero bytes behind it allowed.
        height: height of the image in pixels.
        width: its width.

    Raises:
        ValueError: the payload makes no sense, as after an error that its CRC did not see.
    """
    followed, number = divmod(payload[0], _FOLLOWED)
    places = payload[1 : 1 + HEADER_BYTES * number]
    regions = [Region(*places[i : i + HEADER_BYTES]) for i in range(0, len(places) - 3, HEADER_BYTES)]
    limits = whole(height, width)
    inside = [r.left + r.width <= limits.width and r.upper + r.height <= limits.height for r in regions]
    if not 1 <= number <= MOST_REGIONS or len(regions) < number or not all(inside):
        raise ValueError("the payload names no regions of the image")
    if any(not region.width or not region.height for region in regions):
        raise ValueError("the payload names an empty region")
    code = payload[1 + HEADER_BYTES * number :]
    if not followed:
        return regions, code, b""
    length, code = int.from_bytes(code[:LENGTH_BYTES], "big"), code[LENGTH_BYTES:]
    if not 0 < length < len(code):
        raise ValueError("the payload ends before the codestream of the whole image")
    return regions, code[:length], code[length:]
