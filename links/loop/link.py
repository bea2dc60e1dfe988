"""The loop: a general part, the receiver's prompt, and windows of the image that are made for what it asks."""

import copy
import math
from collections.abc import Hashable, Sequence
from typing import Literal, Self

import torch
from torch.nn import functional

from taskwave.links.base import Delivery, LinkKind, serve_once
from taskwave.links.loop.message import Asked, Shown, WindowMessages
from taskwave.links.task_adaptive.prompts import PromptTransfer
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.radio import Radio
from taskwave.semantic.attention.boxes import boxes_of
from taskwave.semantic.codec.latents import TOKEN
from taskwave.semantic.codec.windows import ANYTHING, SIGNS
from taskwave.semantic.language.lexicon import naming, parse
from taskwave.semantic.tasks.base import Task, Truth
from taskwave.semantic.tasks.places import places
from taskwave.semantic.weights import Models

Selection = Literal["attention", "uniform", "oracle"]
_SIGN = 6
"""Street class of traffic signs."""


class LoopLink:
    """Sends a general part, hears what the receiver's task is about, and sends windows that answer it.

    The transmitter finds what the prompt names by the locator. What of the budget windows do not need shows the whole
    image anew. Where the prompt is lost, the task names nothing or nothing is found, the message is all for the image.

    Args:
        models: networks of both ends.
        radio: the radio.
        selection: "attention": the locator places the windows; "uniform": nothing is asked, and all is for the whole
            image; "oracle": the annotations place them, a bound.
    """

    kind: LinkKind = "semantic"

    def __init__(self, models: Models, radio: Radio, selection: Selection = "attention") -> None:
        self.name = "task-adaptive-windows" + ("" if selection == "attention" else f"-{selection}")
        self.models, self.selection = models, selection
        self.messages, self.prompts = WindowMessages(models.windows, radio), PromptTransfer(radio)

    @torch.no_grad()
    def run(self, images: torch.Tensor, tasks: Sequence[Task], budget: int, air: AirInterface) -> list[Delivery]:
        """Implement `taskwave.links.base.Link.run`; one general part serves all tasks."""
        number = self.messages.general_number(budget, self.name)
        nominal, start = self.messages.nominal_snr(number, air), self.messages.send_general(images, number, air)
        return serve_once(tasks, self._asked, lambda task: self._serve(images, task, (budget, nominal), start, air))

    def _asked(self, task: Task) -> Hashable:
        """Return all that the link knows of a task: what it is about."""
        return tuple(task.street_classes)

    def _serve(
        self, images: torch.Tensor, task: Task, known: tuple[int, float], start: Shown, air: AirInterface
    ) -> Delivery:
        """Exchange prompt and windows for one task; both ends know the budget and the SNR to expect."""
        batch, (budget, nominal) = len(images), known
        asks = bool(task.street_classes) and self.selection != "uniform"
        wish = naming(task.street_classes) if asks else None
        # Whether the receiver asks, which it alone knows, must not change what the transmitter may spend.
        cost = self.prompts.least_uses(air, 0) if self.selection != "uniform" else 0
        heard, spent = self.prompts.send([wish] * batch, start.quality, air, 0, torch.full((batch,), cost))
        texts = [None if h is None else h.text for h in heard]
        relevance = self._relevance(images, texts, task)
        ended = []
        for i, (text, hint) in enumerate(zip(texts, heard, strict=True)):
            ends = (
                self._end(text, nominal if hint is None else hint.snr),
                self._end(wish, float(start.quality[i])),
            )
            boxes = [] if text is None else boxes_of(relevance[i])
            left, alone = budget - int(start.channel_uses[i]) - cost, air.select(torch.tensor([i])).forward(1)
            ended.append(self.messages.send(images[i : i + 1], boxes, left, ends, start.select(i), alone))
        slots = torch.cat([end.slots for end in ended])
        turns = (spent.uses > 0) * (1 + (slots > start.slots).long()) * air.config.turnaround_slots
        return Delivery(
            channel_uses=torch.cat([end.channel_uses for end in ended]) + spent.uses,
            feedback_uses=spent.uses,
            airtime_slots=slots + spent.slots + turns,
            outage=torch.zeros(batch, dtype=torch.bool),
            image=torch.cat([end.picture for end in ended]),
            stages={"coarse": start.picture, "attention": relevance},
            messages=[wish or ""] * batch,
            heard=texts,
        )

    def _end(self, text: str | None, snr: float) -> Asked:
        """Return what an end knows that expects an SNR (linear) and heard or asked a text, or none."""
        snr_db = 10 * math.log10(max(snr, 1e-6))
        if text is None:
            return Asked(torch.zeros(1, int(self.models.windows.config.embedding)), ANYTHING, snr_db)
        kind = SIGNS if _SIGN in parse(text).classes else ANYTHING
        return Asked(self.models.text_encoder.embed([text]), kind, snr_db)

    def _relevance(self, images: torch.Tensor, texts: Sequence[str | None], task: Task) -> torch.Tensor:
        """Return the relevance of tokens [B, h, w] to the prompts, one everywhere where none was heard."""
        height, width = images.shape[-2:]
        relevance = torch.ones(len(images), -(-height // TOKEN), -(-width // TOKEN))
        asked = [i for i, text in enumerate(texts) if text is not None]
        if asked:
            embeddings = self.models.text_encoder.embed([texts[i] or "" for i in asked]).to(images)[:, None]
            relevance[asked] = self.models.locator(images[asked], embeddings)[:, 0].float().cpu()
        return relevance


class OracleLoopLink(LoopLink):
    """Sends windows where the annotations say the answer lies, wherever the prompt was heard: a bound.

    Arguments are those of `LoopLink`.
    """

    kind: LinkKind = "bound"

    def __init__(self, models: Models, radio: Radio) -> None:
        super().__init__(models, radio, "oracle")
        self._truths: Sequence[Truth] | None = None

    def informed_by(self, truths: Sequence[Truth]) -> Self:
        """Implement `taskwave.links.base.InformedLink.informed_by`."""
        informed = copy.copy(self)
        informed._truths = truths
        return informed

    def _asked(self, task: Task) -> Hashable:
        """Return all that the link knows of a task: where its answer lies."""
        return task.name

    def _relevance(self, images: torch.Tensor, texts: Sequence[str | None], task: Task) -> torch.Tensor:
        """Return the share of tokens that holds a part of the answer; one where no prompt was heard."""
        if self._truths is None:
            raise ValueError(f"{self.name} is shown the annotations of the images, and there are none here")
        if len(self._truths) != len(images):
            raise ValueError(f"{self.name}: annotations of {len(self._truths)} images, but {len(images)} are sent")
        asked = torch.tensor([text is not None for text in texts])
        held = torch.stack([places(task, truth) for truth in self._truths]) | ~asked[:, None, None]
        down, right = (-n % TOKEN for n in held.shape[-2:])
        return functional.avg_pool2d(functional.pad(held.float(), (0, right, 0, down)), TOKEN)
