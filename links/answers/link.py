"""Links whose transmitter owns the task networks: they answer on the clean picture there, and send the answer.

What they are spared, to find out what the receiver needs without its networks, is the problem of all other links: so
they are bounds of another problem. Transport, MCS and outage are those of `BitwiseLink`; in an outage the receiver
answers from its prior.
"""

from collections.abc import Callable, Sequence
from functools import cache

import torch

from taskwave.links.answers.everything import EverythingMessage, part_of
from taskwave.links.answers.messages import SMALLEST, message_of
from taskwave.links.answers.networks import Everything, task_networks
from taskwave.links.base import Delivery, LinkKind
from taskwave.links.nothing import Prior
from taskwave.links.transport.rate import CodedTransport, PayloadReception
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.radio import Radio
from taskwave.semantic.tasks.base import Answer, Task
from taskwave.semantic.weights import Models


def deliver(received: PayloadReception, read: Callable[[bytes], Answer | None], floor: Answer) -> Delivery:
    """Return what arrived as answers.

    Args:
        received: a payload per image (None: outage), and what it cost.
        read: function from a payload to the answer; None where it has none to the task, `ValueError` where it makes no
            sense: both are outages.
        floor: answer of the receiver from its prior.
    """
    answers: list[Answer] = []
    outage = torch.zeros(len(received.payloads), dtype=torch.bool)
    for i, payload in enumerate(received.payloads):
        try:
            answer = None if payload is None else read(payload)
        except ValueError:
            answer = None
        outage[i] = answer is None
        answers.append(floor if answer is None else answer)
    return Delivery(
        channel_uses=received.channel_uses.clone(),
        feedback_uses=received.feedback_uses.clone(),
        airtime_slots=received.airtime_slots.clone(),
        outage=outage,
        answers=answers,
    )


class OwningLink:
    """Has what the links share whose transmitter owns the task networks.

    Args:
        models: networks, the judges of the receivers among them; in an outage also the receiver's prior.
        radio: the radio.

    Raises:
        ValueError: the models hold no judges.
    """

    name: str
    kind: LinkKind = "answer"
    occasion = 0
    """Occasion of the transmission of answers."""

    def __init__(self, models: Models, radio: Radio) -> None:
        self._networks, self._prior = task_networks(models, self.name), Prior(models)
        self._transport = CodedTransport(radio, occasion=self.occasion)


class AnswerLink(OwningLink):
    """Sends the answer to the task, which the transmitter knows beforehand.

    Only what the question asks is sent: pixels of its classes, objects of its concept (without places where they are
    counted), a word. What is too long is reduced or cut, see `taskwave.links.answers.messages`.
    """

    name = "answer"

    @torch.no_grad()
    def run(self, images: torch.Tensor, tasks: Sequence[Task], budget: int, air: AirInterface) -> list[Delivery]:
        """Implement `taskwave.links.base.Link.run`; each task is a transmission of its own.

        Raises:
            ValueError: no judge answers a task.
        """
        return [self._serve(images, task, budget, air) for task in tasks]

    def _serve(self, images: torch.Tensor, task: Task, budget: int, air: AirInterface) -> Delivery:
        height, width = images.shape[-2:]
        floor = self._networks.answer(self._prior.image(height, width), task)
        message = message_of(task, floor, height, width)
        offers = [message.offers(self._networks.answer(image, task), floor) for image in images]
        received = self._transport.run(offers, SMALLEST, budget, air, self.name)
        return deliver(received, message.decode, message.told(floor))


class AllAnswersLink(OwningLink):
    """Sends the answers to all questions that the task networks can answer: the transmitter is not told the task.

    The receiver takes the part of its task. What is sent where the budget does not carry all says `EverythingMessage`;
    a receiver whose part was left out is in outage, as one whose task only a judge of its own answers.
    """

    name = "all-answers"

    @torch.no_grad()
    def run(self, images: torch.Tensor, tasks: Sequence[Task], budget: int, air: AirInterface) -> list[Delivery]:
        """Implement `taskwave.links.base.Link.run`; one transmission serves all tasks.

        Raises:
            ValueError: no judge answers a task.
        """
        height, width = images.shape[-2:]
        prior = self._prior.image(height, width)
        message = EverythingMessage(self._networks.everything(prior), height, width)
        offers = [message.offers(self._networks.everything(image)) for image in images]
        received = self._transport.run(offers, SMALLEST, budget, air, self.name)
        decode = cache(message.decode)  # Every task takes its part of the same answers.
        return [self._deliver(received, decode, task, self._networks.answer(prior, task)) for task in tasks]

    def _deliver(
        self, received: PayloadReception, decode: Callable[[bytes], Everything], task: Task, floor: Answer
    ) -> Delivery:
        height_width = floor.shape if isinstance(floor, torch.Tensor) else (1, 1)
        told = message_of(task, floor, *height_width).told(floor)
        among = self._networks.panel.of_kind(task.kind) is not None
        return deliver(received, lambda payload: part_of(task, decode(payload), floor) if among else None, told)
