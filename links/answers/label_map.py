"""Label maps as payloads of any size: coded without loss at the largest scale that fits."""

from functools import lru_cache
from hashlib import sha256

import numpy as np
import torch
from torch.nn import functional

from taskwave.links.answers.label_map_coder import Labels, decode_labels, encode_labels
from taskwave.links.bitwise.ladder import SCALES, scaled_size
from taskwave.links.transport.rate import Offer
from taskwave.phy.recent import Recent

_REMEMBERED = 4096
"""Number of label maps whose codes are kept."""


def rescale(labels: Labels, height: int, width: int, num_labels: int) -> Labels:
    """Rescale labels to [height, width] uint8: the majority of what a pixel covers, or straight borders."""
    if labels.shape == (height, width):
        return labels
    planes = functional.one_hot(torch.from_numpy(labels).long(), num_labels).movedim(-1, 0)[None].float()
    if height < labels.shape[0]:
        planes = functional.adaptive_avg_pool2d(planes, (height, width))
    else:
        planes = functional.interpolate(planes, size=(height, width), mode="bilinear", align_corners=False)
    return planes[0].argmax(0).to(torch.uint8).numpy()


def overlap(labels: Labels, reference: Labels) -> float:
    """Compute the intersection over union of all labels but 0, summed over them; 1 where both maps are empty."""
    union = np.count_nonzero(labels) + np.count_nonzero(reference) - np.count_nonzero((labels > 0) & (reference > 0))
    wrong = np.count_nonzero((labels != reference) & (labels > 0) & (reference > 0))
    hit = np.count_nonzero((labels == reference) & (labels > 0))
    return hit / (union + wrong) if union else 1.0


def decode_map(payload: bytes, height: int, width: int, num_labels: int) -> Labels:
    """Decode a payload (zero bytes behind it allowed) to the map at full size, [height, width] uint8."""
    return _decode_map(payload[0] % len(SCALES), payload[1:].rstrip(b"\0"), height, width, num_labels)


@lru_cache(maxsize=1024)
def _decode_map(scale: int, code: bytes, height: int, width: int, num_labels: int) -> Labels:
    """Decode with a memory: in a sweep the same map arrives at many SNRs."""
    small = decode_labels(code, *scaled_size(scale, height, width), num_labels)
    return rescale(small, height, width, num_labels)


class LabelMapSource:
    """Offers one label map at each scale, losslessly coded, one side byte in front.

    `floor` is the IoU that the receiver's answer without any payload has: payloads are worth what they add to it.
    """

    def __init__(self, labels: Labels, num_labels: int, floor: float = 0.0) -> None:
        self._labels, self._num_labels, self._floor = labels, num_labels, floor
        self._offers: dict[int, Offer] = {}

    def offer(self, limit: int) -> Offer | None:
        """Find the largest scale that fits into `limit` bytes, if any.

        Its worth is its IoU with the map at full size, less the floor.
        """
        offers = (self.at_scale(scale) for scale in range(len(SCALES)))
        return next((offer for offer in offers if len(offer.payload) <= limit), None)

    def at_scale(self, scale: int) -> Offer:
        """Return the map at the scale index `scale`, with its worth as in `offer`."""
        if scale not in self._offers:
            height, width = self._labels.shape
            small = rescale(self._labels, *scaled_size(scale, height, width), self._num_labels)
            payload = bytes([scale]) + encode_labels(small, self._num_labels)
            restored = rescale(small, height, width, self._num_labels)
            self._offers[scale] = Offer(payload, overlap(restored, self._labels) - self._floor)
        return self._offers[scale]


_SOURCES: Recent[LabelMapSource] = Recent(_REMEMBERED)


def label_map_source(labels: Labels, floor: Labels, num_labels: int) -> LabelMapSource:
    """Return the source that the links of one process share for a map and a floor: a memo, it changes no result."""
    key = sha256(f"{num_labels} {labels.shape}".encode() + labels.tobytes() + floor.tobytes()).digest()
    return _SOURCES.get(key, lambda: LabelMapSource(labels, num_labels, overlap(floor, labels)))
