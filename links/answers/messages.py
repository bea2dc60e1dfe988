"""Answers as payloads: what both ends know of an answer beforehand, its codes by size, and what they are worth.

The worth of a payload is how well the answer from it agrees with the one on the clean picture, less what the receiver's
answer from its prior has of that: no annotation is looked at.
"""

from typing import Protocol

import torch

from taskwave.links.answers.label_map import decode_map, label_map_source
from taskwave.links.answers.object_coder import (
    MOST_OBJECTS,
    ListFormat,
    decode_objects,
    decode_word,
    encode_objects,
    encode_word,
)
from taskwave.links.transport.rate import Offer, OfferWithin
from taskwave.semantic.classes import IGNORE, NO_ANSWER, NUM_CLASSES
from taskwave.semantic.data.objects import Objects, matches
from taskwave.semantic.tasks.base import Answer, Detections, Task, Truth
from taskwave.semantic.tasks.objects import COUNTING, OBJECT_CLASSES, PRESENCE, READING, AboutObjects

SMALLEST = 2
"""Bytes of the smallest message of any kind."""


class Message(Protocol):
    """Describes the answer to one question about images of one size, as both ends know it before it is sent."""

    def told(self, answer: Answer) -> Answer:
        """Return what an answer says to the question."""

    def offers(self, clean: Answer, floor: Answer) -> OfferWithin:
        """Return the payloads of an answer by size.

        Args:
            clean: answer on the clean picture.
            floor: answer of the receiver from its prior.
        """

    def decode(self, payload: bytes) -> Answer:
        """Return the answer of a payload, zero bytes behind it allowed.

        Raises:
            ValueError: it makes no sense, as after an error that its CRC did not see.
        """


class MapMessage:
    """Tells where an image of `height` x `width` shows some street classes; pixels of others are `NO_ANSWER`.

    Where the map does not fit it is reduced, see `taskwave.links.answers.label_map`.
    """

    def __init__(self, classes: tuple[int, ...], height: int, width: int) -> None:
        self._size, self._num_labels = (height, width), len(classes) + 1
        self._code = torch.zeros(256, dtype=torch.uint8)
        self._code[list(classes)] = torch.arange(1, len(classes) + 1, dtype=torch.uint8)
        self._meaning = torch.tensor([NO_ANSWER, *classes], dtype=torch.uint8)

    def told(self, answer: Answer) -> torch.Tensor:
        """Implement `Message.told`."""
        assert isinstance(answer, torch.Tensor), "a map is told of maps"
        return self._meaning[self._code[answer.long()].long()]

    def offers(self, clean: Answer, floor: Answer) -> OfferWithin:
        """Implement `Message.offers`; worth is the intersection over union of the classes."""
        labels, known = (self._code[self.told(answer).long()].numpy() for answer in (clean, floor))
        return label_map_source(labels, known, self._num_labels).offer

    def decode(self, payload: bytes) -> torch.Tensor:
        """Implement `Message.decode`; every payload is the code of some map."""
        return self._meaning[torch.from_numpy(decode_map(payload, *self._size, self._num_labels)).long()]


class ListMessage:
    """Tells objects, the surest first; those that do not fit are left out.

    Args:
        known: what both ends know of the list.
        task: question that decides what agrees; None: the boxes that find one of their class.
    """

    def __init__(self, known: ListFormat, task: Task | None = None) -> None:
        self._known, self._task = known, task

    def told(self, answer: Answer) -> Detections:
        """Implement `Message.told`; for the question whether there are any, one is enough."""
        assert isinstance(answer, Detections), "a list is told of objects"
        found = self._task.found(answer) if isinstance(self._task, AboutObjects) else answer
        one = self._task is not None and self._task.kind == PRESENCE.name
        return found.select(list(range(min(len(found), 1 if one else MOST_OBJECTS))))

    def offers(self, clean: Answer, floor: Answer) -> OfferWithin:
        """Implement `Message.offers`."""
        told = self.told(clean)
        codes = [encode_objects(told.select(list(range(count))), self._known) for count in range(len(told) + 1)]
        floor_agrees, known = self._agreement(floor, told), dict[int, Offer]()

        def offer(limit: int) -> Offer | None:
            count = max((count for count, code in enumerate(codes) if len(code) <= limit), default=None)
            if count is None:
                return None
            if count not in known:
                agrees = self._agreement(self.decode(codes[count]), told)
                known[count] = Offer(codes[count], agrees - floor_agrees)
            return known[count]

        return offer

    def decode(self, payload: bytes) -> Detections:
        """Implement `Message.decode`."""
        return decode_objects(payload, self._known)

    def _agreement(self, answer: Answer, clean: Detections) -> float:
        if self._task is not None:
            return agreement(self._task, answer, clean)
        assert isinstance(answer, Detections), "a list is compared with lists"
        hits = matches(answer.boxes, answer.classes, Objects(clean.boxes, clean.classes, clean.texts))
        count = len(answer) + len(clean)
        return 2 * sum(match is not None for match in hits) / count if count else 1.0


class WordMessage:
    """Tells a word, the whole of it or nothing."""

    def told(self, answer: Answer) -> str:
        """Implement `Message.told`."""
        assert isinstance(answer, str), "a word is told of words"
        return answer

    def offers(self, clean: Answer, floor: Answer) -> OfferWithin:
        """Implement `Message.offers`; worth is whether the prior does not say the same."""
        code = encode_word(self.told(clean))
        whole = Offer(code, float(clean != floor))
        return lambda limit: whole if len(code) <= limit else None

    def decode(self, payload: bytes) -> str:
        """Implement `Message.decode`."""
        return decode_word(payload)


def agreement(task: Task, answer: Answer, clean: Answer) -> float:
    """Score an answer as if the one on the clean picture were true, 0…1; 1 where neither says anything."""
    like = Truth(torch.full((1, 1), IGNORE, dtype=torch.uint8))
    score = task.score(answer, task.as_truth(clean, like))
    return score.numerator / score.denominator if score.denominator else 1.0


def message_of(task: Task, like: Answer, height: int, width: int) -> Message:
    """Return the message of an answer to a task that both ends know.

    Objects of a counting question, or of whether there are any, are told by their number; texts where they are read.

    Args:
        task: the question.
        like: an answer to it, whose type counts.
        height: height of the image [pixels].
        width: width of the image [pixels].
    """
    if isinstance(like, torch.Tensor):
        return MapMessage(tuple(task.street_classes) or tuple(range(NUM_CLASSES)), height, width)
    if isinstance(like, str):
        return WordMessage()
    if not isinstance(task, AboutObjects):
        return ListMessage(ListFormat(OBJECT_CLASSES, height, width), task)
    numbers = task.kind in (COUNTING.name, PRESENCE.name)
    known = ListFormat(task.concept.classes, height, width, places=not numbers, texts=task.kind == READING.name)
    return ListMessage(known, task)
