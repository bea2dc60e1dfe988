"""The task-adaptive link: a general part, the receiver's prompt, and windows of the image that are made for it."""

import math
from collections.abc import Hashable, Sequence
from functools import cache
from typing import Literal

import torch
from torch.nn import functional

from taskwave.links.base import Delivery, LinkKind, serve_once
from taskwave.links.rivals.relevance import ToldPlaces, located
from taskwave.links.task_adaptive.analog import AnalogMessages
from taskwave.links.task_adaptive.asking import Asking, unasked
from taskwave.links.task_adaptive.digital import DigitalMessages, DigitalPlan, Turn
from taskwave.links.task_adaptive.general import GeneralPart
from taskwave.links.task_adaptive.header import MOST_WINDOWS
from taskwave.links.task_adaptive.samples import Sampler
from taskwave.links.task_adaptive.state import Asked, Shown, Wanted
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.radio import Radio
from taskwave.semantic.attention.boxes import boxes_around
from taskwave.semantic.attention.locator import TOKEN
from taskwave.semantic.classes import SIGN
from taskwave.semantic.codec.placement import Box, around
from taskwave.semantic.codec.windows import ANYTHING, SIGNS
from taskwave.semantic.language.lexicon import naming, parse
from taskwave.semantic.tasks.base import Task
from taskwave.semantic.weights import Models

Carriage = Literal["better", "analog", "digital"]


class TaskAdaptiveLink:
    """Sends a general part, hears what the receiver's task is about, and sends windows that answer it.

    The transmitter finds what the prompt names by the locator. What of the budget windows do not need shows the whole
    image anew. Where the prompt is lost twice, the task names nothing or nothing is found, the message is all for the
    image.

    Args:
        models: networks of both ends.
        radio: the radio.
        asks: whether the receiver asks; else all is for the whole image.
        carriage: how windows are sent: as analog symbols, as bits, or as whichever of them promises more.
        samples: number of samples of its picture that the receiver answers from; 0: it answers from what it expects.
        steps: number of steps of the diffusion that draws them.
    """

    kind: LinkKind = "semantic"

    def __init__(
        self,
        models: Models,
        radio: Radio,
        *,
        asks: bool = True,
        carriage: Carriage = "better",
        samples: int = 0,
        steps: int = 1,
    ) -> None:
        self.name = "task-adaptive" + ("" if asks else "-uniform")
        if carriage != "better":
            self.name += f"-{carriage}"
        self.sampler = Sampler(models.posterior, samples, steps) if samples else None
        if samples:
            self.name += f"-{samples}-sample{'s' * (samples > 1)}" + (f"-{steps}-steps" if steps > 1 else "")
        self.models, self.asks, self.carriage = models, asks, carriage
        self.general, self.asking = GeneralPart(models.windows, radio), Asking(radio)
        self.analog, self.digital = AnalogMessages(models.windows, radio), DigitalMessages(models.windows, radio)

    @torch.no_grad()
    def run(self, images: torch.Tensor, tasks: Sequence[Task], budget: int, air: AirInterface) -> list[Delivery]:
        """Implement `taskwave.links.base.Link.run`; one general part serves all tasks."""
        number = self.general.number(budget, self.asking.uses(air) if self.asks else 0, self.name)
        start = self.general.send(images, number, air)
        return serve_once(tasks, self._asked, lambda task: self._serve(images, task, (budget, number), start, air))

    def _asked(self, task: Task) -> Hashable:
        """Return all that the link knows of a task: what it is about."""
        return tuple(task.street_classes)

    def _serve(
        self, images: torch.Tensor, task: Task, known: tuple[int, int], start: Shown, air: AirInterface
    ) -> Delivery:
        """Exchange prompt and windows for one task; both ends know the budget and the size of the general part."""
        batch, size, (budget, number) = len(images), (images.shape[-2], images.shape[-1]), known
        nominal, general = self.general.nominal_snr(number, air), int(start.channel_uses[0])
        wish = naming(task.street_classes) if task.street_classes and self.asks else None
        heard = self.asking.ask(wish, start.quality, budget - general, air) if self.asks else unasked(batch)
        texts = [None if prompt is None else prompt.text for prompt in heard.prompts]
        (relevance, boxes), ended, samples = self._found(images, texts, task), list[Shown](), list[torch.Tensor]()
        end = cache(self._end)  # most images have the same prompt
        for i, (text, hint) in enumerate(zip(texts, heard.prompts, strict=True)):
            said = Asked(*end(text), _decibels(nominal if hint is None else hint.snr), measured=hint is not None)
            asked = Asked(*end(wish), _decibels(float(start.quality[i])))
            windows = tuple(window for box in boxes[i] for window in around(box, size))[:MOST_WINDOWS]
            wanted = Wanted(images[i : i + 1], windows, said, budget - general - heard.kept[i])
            turn, alone = Turn(number, heard.occasions[i]), air.select(torch.tensor([i]))
            ended.append(self._send(wanted, (asked, task), start.select(i), turn, alone))
            if self.sampler is not None:
                samples.append(self.sampler.pictures(ended[-1], alone))
        slots = torch.cat([each.slots for each in ended])
        asked_back = heard.spent.uses > 0
        turns = asked_back * (1 + (slots > start.slots).long()) * air.config.turnaround_slots + heard.waited
        return Delivery(
            channel_uses=torch.cat([each.channel_uses for each in ended]) + heard.spent.uses,
            feedback_uses=torch.cat([each.feedback_uses for each in ended]) + heard.spent.uses,
            airtime_slots=slots + heard.spent.slots + turns,
            outage=torch.zeros(batch, dtype=torch.bool),
            image=torch.cat([each.picture for each in ended]),
            samples=torch.stack(samples) if samples else None,
            stages={"coarse": start.picture, "attention": relevance},
            messages=[wish or ""] * batch,
            heard=texts,
        )

    def _send(
        self, wanted: Wanted, receiver: tuple[Asked, Task], before: Shown, turn: Turn, air: AirInterface
    ) -> Shown:
        """Send what is wanted in the way that promises most.

        Args:
            wanted: what to send.
            receiver: what the receiver asked, and its task, which the transmitter does not know.
            before: what the receiver shows before.
            turn: when it is sent.
            air: air of this image alone.
        """
        asked, _ = receiver
        analog = self.analog.plan(wanted, air.forward(turn.occasion))
        digital = None if self.carriage == "analog" else self.digital.plan(wanted, turn, air)
        if digital is not None and (self.carriage == "digital" or digital.worth > analog.worth):
            return self._send_bits(digital, (wanted, turn), receiver, before, air)
        if self.carriage == "digital":
            return before
        return self.analog.send(wanted, analog, asked, before, air.forward(turn.occasion))

    def _send_bits(
        self,
        plan: DigitalPlan,
        made_for: tuple[Wanted, Turn],
        receiver: tuple[Asked, Task],
        before: Shown,
        air: AirInterface,
    ) -> Shown:
        """Send a planned message as bits, which was `made_for` what is wanted at its turn; see `_send`."""
        return self.digital.send(plan, receiver[0], (before, None), made_for[1], air)[0]

    def _end(self, text: str | None) -> tuple[torch.Tensor, int]:
        """Return what a prompt that one end heard or sent means: its embedding [1, E] and the kind of its windows."""
        if text is None:
            return torch.zeros(1, int(self.models.windows.config.embedding)), ANYTHING
        return self.models.text_encoder.embed([text]), SIGNS if SIGN in parse(text).classes else ANYTHING

    def _found(
        self, images: torch.Tensor, texts: Sequence[str | None], task: Task
    ) -> tuple[torch.Tensor, list[list[Box]]]:
        """Return the relevance of tokens [B, h, w] to the prompts, and boxes of what they name, the surest first."""
        return located(self.models, images, texts)


def _decibels(ratio: float) -> float:
    return 10 * math.log10(max(ratio, 1e-6))


class OracleTaskAdaptiveLink(ToldPlaces, TaskAdaptiveLink):
    """Sends windows where the annotations say the answer lies, wherever the prompt was heard: a bound.

    Arguments are those of `TaskAdaptiveLink`; it asks.
    """

    kind: LinkKind = "bound"

    def __init__(self, models: Models, radio: Radio, carriage: Carriage = "better") -> None:
        super().__init__(models, radio, carriage=carriage)
        self.name += "-oracle"

    def _asked(self, task: Task) -> Hashable:
        """Return all that the link knows of a task: where its answer lies."""
        return task.name

    def _found(
        self, images: torch.Tensor, texts: Sequence[str | None], task: Task
    ) -> tuple[torch.Tensor, list[list[Box]]]:
        """Return the share of tokens that holds a part of the answer, and boxes of the answer where a prompt came."""
        held = self.held(task, texts)
        boxes = [[] if text is None else boxes_around(mine) for mine, text in zip(held, texts, strict=True)]
        down, right = (-n % TOKEN for n in held.shape[-2:])
        return functional.avg_pool2d(functional.pad(held.float(), (0, right, 0, down)), TOKEN), boxes
