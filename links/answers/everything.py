"""All answers in one payload: the word, the objects and the map of all classes, as far as there are judges of them."""

from dataclasses import replace

import torch

from taskwave.links.answers.label_map import decode_map, label_map_source
from taskwave.links.answers.messages import ListMessage, MapMessage, WordMessage
from taskwave.links.answers.networks import Everything
from taskwave.links.answers.object_coder import ListFormat
from taskwave.links.bitwise.ladder import SCALES
from taskwave.links.transport.rate import Offer, OfferWithin
from taskwave.semantic.classes import NUM_CLASSES
from taskwave.semantic.tasks.base import Answer, Detections, Task
from taskwave.semantic.tasks.objects import OBJECT_CLASSES, READING

_MOST_BYTES = 255
"""Largest length of word and list, which a byte in front of each tells."""
_NUM_LABELS = NUM_CLASSES + 1
"""Labels of a map of all classes; 0 stands for none, as in maps of some."""


class EverythingMessage:
    """Tells all answers about images of one size; of what does not fit, the most is kept that agrees best.

    The word comes first, then the objects, each behind a byte of its length, then a byte of the scale of the map (0: no
    map) and the map. Of all scales, each with as many objects, the surest first, as then fit, that one is sent whose
    parts are worth most on the mean; among equals the largest scale.

    Args:
        floor: answers of the receiver from its prior, which tell what parts there are.
        height: height of the images [pixels].
        width: width of the images [pixels].
    """

    def __init__(self, floor: Everything, height: int, width: int) -> None:
        self._floor, self._size = floor, (height, width)
        self._word, self._list = WordMessage(), ListMessage(ListFormat(OBJECT_CLASSES, height, width))

    def offers(self, clean: Everything) -> OfferWithin:
        """Return the payloads of all answers on a clean picture, by size."""
        floor, parts = self._floor, [part for part in (clean.labels, clean.objects, clean.word) if part is not None]
        head: OfferWithin = _nothing
        tail: OfferWithin = _nothing
        if clean.word is not None and floor.word is not None:
            head = _behind_length(self._word.offers(clean.word, floor.word))
        if clean.objects is not None and floor.objects is not None:
            tail = _behind_length(self._list.offers(clean.objects, floor.objects))
        maps = None
        if clean.labels is not None and floor.labels is not None:
            labels, known = ((labels + 1).numpy() for labels in (clean.labels, floor.labels))
            maps = label_map_source(labels, known, _NUM_LABELS)

        def offer(limit: int) -> Offer | None:
            best: Offer | None = None
            for scale in (*(range(len(SCALES)) if maps else ()), None):
                mapped = Offer(b"", 0.0) if scale is None or maps is None else maps.at_scale(scale)
                code = bytes([mapped.payload[0] + 1]) + mapped.payload[1:] if mapped.payload else b""
                word = head(limit - len(code))
                objects = None if word is None else tail(limit - len(code) - len(word.payload))
                if word is None or objects is None:
                    continue
                worth = (word.worth + objects.worth + mapped.worth) / max(1, len(parts))
                if best is None or worth > best.worth:
                    best = Offer(word.payload + objects.payload + code, worth)
            return best

        return offer

    def decode(self, payload: bytes) -> Everything:
        """Return the answers of a payload, zero bytes behind it allowed; parts that were not sent are None.

        Raises:
            ValueError: it makes no sense, as after an error that its CRC did not see.
        """
        word = objects = labels = None
        if self._floor.word is not None:
            code, payload = _split(payload)
            word = self._word.decode(code)
        if self._floor.objects is not None:
            code, payload = _split(payload)
            objects = self._list.decode(code)
        if self._floor.labels is not None and payload[:1].strip(b"\0"):
            if payload[0] > len(SCALES):
                raise ValueError(f"a map of scale {payload[0]}: there are {len(SCALES)}")
            found = decode_map(bytes([payload[0] - 1]) + payload[1:], *self._size, _NUM_LABELS)
            labels = torch.from_numpy(found) - 1
        return Everything(labels, objects, word)


def part_of(task: Task, answers: Everything, like: Answer) -> Answer | None:
    """Return what all answers say to a task, of the type of `like`; None where that was not sent."""
    if isinstance(like, torch.Tensor):
        if answers.labels is None:
            return None
        return MapMessage(tuple(task.street_classes) or tuple(range(NUM_CLASSES)), *like.shape).told(answers.labels)
    if isinstance(like, Detections):
        return None if answers.objects is None else objects_for(task, answers.objects)
    return answers.word


def objects_for(task: Task, objects: Detections) -> Detections:
    """Return objects as the answer to a task: with what is written on them where it asks for that only."""
    return objects if task.kind == READING.name else replace(objects, texts=("",) * len(objects))


def _nothing(limit: int) -> Offer | None:
    """Offer a part that there is not."""
    return Offer(b"", 0.0) if limit >= 0 else None


def _behind_length(offers: OfferWithin) -> OfferWithin:
    """Return offers with a byte of their length in front."""

    def offer(limit: int) -> Offer | None:
        found = offers(min(limit - 1, _MOST_BYTES))
        return None if found is None else Offer(bytes([len(found.payload)]) + found.payload, found.worth)

    return offer


def _split(payload: bytes) -> tuple[bytes, bytes]:
    """Return the part behind its length at the start of a payload, and the rest."""
    length = payload[0] if payload else 0
    if len(payload) < 1 + length:
        raise ValueError(f"a payload of {len(payload)} bytes ends before its part of {length}")
    return payload[1 : 1 + length], payload[1 + length :]
