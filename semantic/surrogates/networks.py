"""Surrogates that ask a network: one that segments, or one that reads what stands at small places."""

import hashlib

import torch

from taskwave.semantic.attention.locator import TOKEN, Locator
from taskwave.semantic.judges.reader import PatchNet, cut
from taskwave.semantic.judges.segmentation import Segmenter
from taskwave.semantic.metrics import confusion_matrix, mean_iou
from taskwave.semantic.surrogates.base import Agreement, FidelitySurrogate


class SegmentationSurrogate:
    """Measures the mean IoU, over the classes that occur, of the answers of a segmentation network.

    Args:
        segmenter: the network.
        digest: digest of the network.
    """

    def __init__(self, segmenter: Segmenter, digest: str) -> None:
        self._segmenter, self.digest = segmenter, f"segmentation {digest}"

    def look(self, original: torch.Tensor) -> Agreement:
        """Implement `Surrogate.look`."""
        clean = self._segmenter.predict(original[None])[0]
        return lambda image: mean_iou(confusion_matrix(self._segmenter.predict(image[None])[0], clean))


class SignSurrogate:
    """Measures how alike a reader reads the places where a locator finds signs, and a little the squared error.

    The agreement is the mean, over the places and once over the picture as a whole, of what the probabilities of the
    reader have in common, and for the picture of what `FidelitySurrogate` measures.

    Args:
        locator: network that finds places.
        prompt: embedding [E] of what it looks for.
        reader: network that tells what is there; another one than that of the judge.
        digest: digest of all.
    """

    def __init__(self, locator: Locator, prompt: torch.Tensor, reader: PatchNet, digest: str) -> None:
        self._locator, self._prompt, self._reader = locator, prompt, reader
        self._fidelity, self.digest = FidelitySurrogate(), f"signs {digest}"

    @torch.no_grad()
    def look(self, original: torch.Tensor) -> Agreement:
        """Implement `Surrogate.look`."""
        relevance = self._locator(original[None], self._prompt[None, None])[0, 0]
        boxes, fidelity = boxes_at_peaks(relevance.float().cpu()), self._fidelity.look(original)
        clean = self._read(original, boxes)

        def agreement(image: torch.Tensor) -> float:
            common = torch.minimum(self._read(image, boxes), clean).sum(1)
            return (float(common.sum()) + fidelity(image)) / (len(boxes) + 1)

        return agreement

    @torch.no_grad()
    def _read(self, image: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
        """Return the probabilities [N, K] of what is in each of the boxes [N, 4]."""
        return self._reader(cut(image, boxes, margin=0.0)).softmax(1) if len(boxes) else torch.zeros(0, 1)


def boxes_at_peaks(relevance: torch.Tensor, least: float = 0.3, most: int = 6) -> torch.Tensor:
    """Return boxes [N, 4] in pixels around the places of a relevance [h, w] (tokens) that is high there.

    A place is a group of neighbouring tokens of at least `least`; the highest ones come first, `most` at most.
    """
    from scipy.ndimage import find_objects, label  # noqa: PLC0415 - takes 0.3 s

    values = relevance.numpy()
    parts, _ = label(values >= least, structure=[[1] * 3] * 3)
    places = sorted(find_objects(parts), key=lambda place: -float(values[place].max()))[:most]
    edges = [(c.start, r.start, c.stop, r.stop) for r, c in places]
    return torch.tensor(edges, dtype=torch.float32).reshape(-1, 4) * TOKEN


def digest_of(*parts: str) -> str:
    """Return the SHA-256 digest of several digests."""
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()
