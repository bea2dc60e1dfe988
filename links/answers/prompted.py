"""The answer after a prompt: the receiver says what its task is about, the transmitter answers that."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from taskwave.links.answers.everything import EverythingMessage, objects_for, part_of
from taskwave.links.answers.link import OwningLink, deliver
from taskwave.links.answers.messages import SMALLEST, ListMessage, MapMessage, Message, message_of
from taskwave.links.answers.networks import Everything
from taskwave.links.answers.object_coder import ListFormat
from taskwave.links.base import BudgetError, Delivery
from taskwave.links.transport.prompts import PromptTransfer
from taskwave.links.transport.rate import Offer, OfferWithin
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.radio import Radio
from taskwave.semantic.language.lexicon import naming, parse
from taskwave.semantic.language.prompt_code import encode
from taskwave.semantic.tasks import objects
from taskwave.semantic.tasks.base import Answer, Detections, Task
from taskwave.semantic.tasks.objects import CONCEPTS, AboutObjects
from taskwave.semantic.tasks.segmentation import Segmentation
from taskwave.semantic.weights import Models

_ALL, _ASKED = 0, 1
"""First byte of a payload: it holds all answers, or what was asked for."""
_SMALLEST = 1 + SMALLEST
"""Bytes of the smallest message."""


def wish(task: Task) -> str | None:
    """Return the prompt of a receiver with a task; None where nothing that it could say would be understood.

    A segmentation names its classes ("road and pavement"). A question about objects asks which there are ("which
    signs"), whatever its kind: their list answers all kinds. It asks for its own concept or a wider one, of whose
    objects the receiver takes its own: of all wordings that are understood the one whose code is shortest.
    """
    if isinstance(task, Segmentation):
        return naming(task.classes)
    if not isinstance(task, AboutObjects):
        return None
    meant = []
    for concept in reversed(CONCEPTS):
        if set(task.concept.classes) <= set(concept.classes):
            said = (f"which {words}" for words in concept.words)
            meant += [text for text in said if getattr(understood(text), "concept", None) == concept]
    return min(meant, key=lambda text: len(encode(text)), default=None)


def understood(text: str) -> Task | None:
    """Return the question that a transmitter understands of a prompt: about objects, or else street classes."""
    try:
        classes = parse(text).classes
    except ValueError:
        return None
    return objects.read(text) or Segmentation(text, classes)


class PromptedAnswerLink(OwningLink):
    """Hears what the receiver's task is about, and sends the answer to that; unlike `answer` it is not told the task.

    The prompt comes first, over the coded feedback link; it is charged and may be lost. It says what, not for what:
    objects are sent with class, place and text, pixels as a map. Where nothing is heard or understood, or the task
    cannot be put into words, all answers are sent as far as the budget carries, see `AllAnswersLink`. A byte in front
    tells which of both a payload is.
    """

    name = "prompted-answer"
    occasion = 1

    def __init__(self, models: Models, radio: Radio) -> None:
        super().__init__(models, radio)
        self._prompts = PromptTransfer(radio)

    @torch.no_grad()
    def run(self, images: torch.Tensor, tasks: Sequence[Task], budget: int, air: AirInterface) -> list[Delivery]:
        """Implement `taskwave.links.base.Link.run`; each task is an exchange of its own.

        Raises:
            ValueError: no judge answers a task.
        """
        return [self._serve(images, task, budget, air) for task in tasks]

    def _serve(self, images: torch.Tensor, task: Task, budget: int, air: AirInterface) -> Delivery:
        (height, width), batch = images.shape[-2:], len(images)
        asked = None if self._networks.panel.of_kind(task.kind) is None else wish(task)
        left = self._left(asked, budget, air)
        prior = self._prior.image(height, width)
        floor, mine = self._networks.everything(prior), self._networks.answer(prior, task)
        everything = EverythingMessage(floor, height, width)
        snr, allowed = torch.full((batch,), 10 ** (air.es_n0_db / 10)), torch.full((batch,), budget)
        received, spent = self._prompts.send([asked] * batch, snr, air, 0, allowed)
        heard = [None if prompt is None else prompt.text for prompt in received]

        def offers(image: torch.Tensor, text: str | None) -> OfferWithin:
            clean, subject = self._networks.everything(image), _subject(text, floor, height, width)
            if subject is None:
                return _marked(_ALL, everything.offers(clean))
            return _marked(_ASKED, subject.message.offers(subject.of(clean), subject.of(floor)))

        def read(payload: bytes) -> Answer | None:
            if payload[0] == _ALL:
                return part_of(task, everything.decode(payload[1:]), mine)
            subject = _subject(asked, floor, height, width)
            if payload[0] != _ASKED or subject is None:
                raise ValueError(f"a payload of sort {payload[0]}, which was not asked for")
            answer = subject.message.decode(payload[1:])
            return objects_for(task, answer) if isinstance(answer, Detections) else answer

        sent = [offers(image, text) for image, text in zip(images, heard, strict=True)]
        delivery = deliver(
            self._transport.run(sent, _SMALLEST, left, air, self.name),
            read,
            message_of(task, mine, height, width).told(mine),
        )
        delivery.channel_uses += spent.uses
        delivery.feedback_uses += spent.uses
        delivery.airtime_slots += spent.slots + (spent.uses > 0) * air.config.turnaround_slots
        delivery.messages, delivery.heard = [asked or ""] * batch, heard
        return delivery

    def _left(self, asked: str | None, budget: int, air: AirInterface) -> int:
        """Return what a prompt leaves of the budget; `BudgetError` where that carries no answer."""
        cost = 0 if asked is None else self._prompts.uses(asked, air, 0)
        left = max(0, budget - cost)
        most = max(link.payload_bytes(left) for link in self._transport.links.values()) if left else 0
        if most < _SMALLEST:
            raise BudgetError(
                f"{self.name}: a budget of {budget} channel uses, of which the prompt takes {cost}, carries at most "
                f"{most} bytes of answers; the smallest takes {_SMALLEST}: raise the budget"
            )
        return left


@dataclass(frozen=True)
class _Subject:
    """Holds how what a prompt asks for is told, and what of all answers it is."""

    message: Message
    labels: bool
    """Whether it is the map, else the objects."""

    def of(self, answers: Everything) -> Answer:
        """Return what is asked for of all answers."""
        part: Answer | None = answers.labels if self.labels else answers.objects
        assert part is not None, "a subject is one of the parts that there are"
        return part


def _subject(text: str | None, floor: Everything, height: int, width: int) -> _Subject | None:
    """Return what a prompt asks for, of the parts that `floor` has; None where it was not heard or not understood."""
    question = None if text is None else understood(text)
    if isinstance(question, AboutObjects) and floor.objects is not None:
        return _Subject(ListMessage(ListFormat(question.concept.classes, height, width), question), labels=False)
    if isinstance(question, Segmentation) and floor.labels is not None:
        return _Subject(MapMessage(question.classes, height, width), labels=True)
    return None


def _marked(sort: int, offers: OfferWithin) -> OfferWithin:
    """Return offers with a byte of their sort in front."""

    def offer(limit: int) -> Offer | None:
        found = offers(limit - 1)
        return None if found is None else Offer(bytes([sort]) + found.payload, found.worth)

    return offer
