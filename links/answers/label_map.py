"""The label map, inferred at the transmitter and sent: the sceptic's baseline for a task known in advance."""

from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256

import numpy as np
import torch
from torch.nn import functional

from taskwave.links.answers.label_map_coder import Labels, decode_labels, encode_labels
from taskwave.links.base import Delivery, LinkKind
from taskwave.links.bitwise.ladder import SCALES, scaled_size
from taskwave.links.nothing import Prior
from taskwave.links.transport.rate import CodedTransport, Offer
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.radio import Radio
from taskwave.phy.recent import Recent
from taskwave.semantic.classes import NO_ANSWER
from taskwave.semantic.tasks.base import Task
from taskwave.semantic.tasks.segmentation import Segmentation
from taskwave.semantic.weights import Models

_REMEMBERED = 4096
"""Number of label maps whose codes are kept."""
_REMEMBERED_ANSWERS = 256
"""Number of images whose answers are kept."""
_SMALLEST = 2
"""Bytes of the smallest message: the scale and at least one of code."""


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
        offers = (self._at_scale(scale) for scale in range(len(SCALES)))
        return next((offer for offer in offers if len(offer.payload) <= limit), None)

    def _at_scale(self, scale: int) -> Offer:
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


class LabelMapLink:
    """Runs the task network on the clean image at the transmitter, and sends only the task's classes.

    Transport, MCS choice and outage are those of `BitwiseLink`; in an outage the receiver, which has the task network
    as well, answers from its prior. Pixels outside the task's classes are answered with `NO_ANSWER`: they claim no
    class.
    """

    name = "label-map"
    kind: LinkKind = "answer"

    def __init__(self, models: Models, radio: Radio) -> None:
        self._segmentation, self._prior = models.segmentation, Prior(models)
        self._transport = CodedTransport(radio)
        self._answers: Recent[torch.Tensor] = Recent(_REMEMBERED_ANSWERS)

    @torch.no_grad()
    def run(self, images: torch.Tensor, tasks: Sequence[Task], budget: int, air: AirInterface) -> list[Delivery]:
        """Implement `taskwave.links.base.Link.run`; each task is a transmission of its own.

        Raises:
            ValueError: a task is no segmentation.
        """
        segmentations = [task for task in tasks if isinstance(task, Segmentation)]
        if len(segmentations) < len(tasks):
            other = next(task for task in tasks if not isinstance(task, Segmentation))
            raise ValueError(
                f"{self.name} answers segmentation only, not {other.prompt!r}: take it out of sweep.links, or ask for "
                "street classes"
            )
        answers = torch.stack([self._answer(image) for image in images])
        return [self._run(answers, task, budget, air) for task in segmentations]

    def _run(self, answers: torch.Tensor, task: Segmentation, budget: int, air: AirInterface) -> Delivery:
        code = torch.zeros(256, dtype=torch.uint8)
        code[list(task.classes)] = torch.arange(1, len(task.classes) + 1, dtype=torch.uint8)
        num_labels, (height, width) = len(task.classes) + 1, answers.shape[-2:]
        prior = self._prior.answer(height, width).of_classes(task.classes, NO_ANSWER).cpu()
        floor = code[prior.long()].numpy()
        sources = [label_map_source(labels, floor, num_labels) for labels in code[answers.long()].numpy()]
        received = self._transport.run([s.offer for s in sources], _SMALLEST, budget, air, self.name)
        meaning = torch.tensor([NO_ANSWER, *task.classes], dtype=torch.uint8)
        prediction = prior.repeat(len(answers), 1, 1)
        for i, payload in enumerate(received.payloads):
            if payload is not None:
                labels = torch.from_numpy(decode_map(payload, height, width, num_labels))
                prediction[i] = meaning[labels.long()]
        return Delivery(
            answers=list(prediction),
            channel_uses=received.channel_uses,
            feedback_uses=received.feedback_uses,
            airtime_slots=received.airtime_slots,
            outage=torch.tensor([p is None for p in received.payloads]),
        )

    def _answer(self, image: torch.Tensor) -> torch.Tensor:
        """Return the answer [H, W] on an image [3, H, W]: at every SNR and budget the same images come again."""
        key = sha256(f"{tuple(image.shape)}".encode() + image.cpu().numpy().tobytes()).digest()

        def make() -> torch.Tensor:
            return self._segmentation.predict(image[None])[0].cpu()

        return self._answers.get(key, make)
