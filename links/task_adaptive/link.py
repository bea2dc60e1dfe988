"""The system of the project: general representation, coarse image, textual prompt, attended detail, answer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch.nn import functional

from taskwave.links.base import BudgetError, Delivery, LinkKind, serve_once
from taskwave.links.task_adaptive.detail import DetailOrder, DetailTransfer, EncodedImages, Holdings
from taskwave.links.task_adaptive.prompts import MOST_CLASSES, Expense, PromptTransfer, effective_snr, reported_snr
from taskwave.links.task_adaptive.scores import Attender, Selection, View, blind_scores, refined
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.links.symbol import SymbolLink
from taskwave.phy.radio import Radio
from taskwave.phy.seeds import generator
from taskwave.semantic.codec.analog import pad_to_cells
from taskwave.semantic.codec.detail import Holding
from taskwave.semantic.codec.latents import TOKEN
from taskwave.semantic.tasks.base import Task
from taskwave.semantic.tasks.demand import demand
from taskwave.semantic.weights import Models

_DIFFUSION_STREAM = 2**20
"""Sets the noise that diffusion starts from apart from other draws of the same seed."""


@dataclass(frozen=True)
class _State:
    """Says how far a batch of B images has come."""

    held: Holdings
    image: torch.Tensor
    """[B, 3, H, W] float32, regenerated from what was received."""
    quality: torch.Tensor
    """[B] float32, SNR after equalisation (linear) that the receiver measured on the general part."""
    spent: Expense
    """What it took so far, both directions, turnarounds included."""
    feedback: torch.Tensor
    """[B] int64, the channel uses of the reverse link among it."""


@dataclass(frozen=True)
class _Outlook:
    """Says what a round may cost and what both ends know before it."""

    occasion: int
    """Reverse occasion of the prompts; detail follows on the next forward one."""
    allowed: int
    """Number of channel uses."""
    asks: bool
    """Whether prompts pay for themselves."""
    view: View | None
    """What was sent as the transmitter sees it; None where nobody asks."""
    logits: torch.Tensor | None
    """[B, 11, H, W] float32, what the receiver's task network makes of the image; None where nobody asks."""


@dataclass(frozen=True)
class _Exchange:
    """Holds what a round said and cost, and what both ends hold after it."""

    held: Holdings
    asked: list[str]
    """Prompts that were sent; "" where none was."""
    heard: list[str | None]
    relevance: torch.Tensor
    """[B, h, w] float32, relevance of tokens in [0, 1]."""
    spent: Expense
    """What it took, both directions, turnarounds included."""
    feedback: torch.Tensor
    """[B] int64, the channel uses of the reverse link among it."""


class TaskAdaptiveLink:
    """Sends the general part first, then detail in rounds of prompt and answer.

    Args:
        models: networks of both ends.
        radio: the radio.
        selection: with "attention" the receiver's prompt steers the detail, wherever so much of the budget is left that
            asking pays (both ends compute whether it does). "uniform" and "random" send the detail blindly, at
            positions both ends know beforehand: they save prompt and header.
        rounds: number of rounds of prompt and detail.
        steps: number of reverse diffusion steps (1: the posterior mean).
    """

    kind: LinkKind = "semantic"

    def __init__(
        self, models: Models, radio: Radio, selection: Selection = "attention", rounds: int = 1, steps: int = 1
    ) -> None:
        options = (selection, selection != "attention"), (f"{rounds}-rounds", rounds > 1), (f"{steps}-steps", steps > 1)
        self.name = "-".join(["task-adaptive", *(name for name, differs in options if differs)])
        self.models, self.rounds, self.steps, self.selection = models, rounds, steps, selection
        self.general_link = SymbolLink(radio)
        self.prompts = PromptTransfer(radio)
        self.named = DetailTransfer(radio, models.general.code_layers, named=True)
        self.blind = DetailTransfer(radio, models.general.code_layers, named=False)
        self.attender = Attender(models)

    @torch.no_grad()
    def run(self, images: torch.Tensor, tasks: Sequence[Task], budget: int, air: AirInterface) -> list[Delivery]:
        """Implement `taskwave.links.base.Link.run`; what does not depend on the task is computed once."""
        height, width = images.shape[-2:]
        images = pad_to_cells(images)
        latents, scenes = self.models.look(images)
        encoded = EncodedImages(scenes, latents, self.models.general.encode(scenes))
        start = self._send_general(encoded, budget, air)
        allowed = (budget - int(start.spent.uses[0])) // self.rounds
        outlook = self._look_ahead(encoded, start, allowed, air, 0)
        if self.selection == "attention" and (outlook.asks or self.rounds > 1):
            return serve_once(
                tasks,
                lambda task: tuple(task.street_classes),
                lambda task: _cut(self._serve(encoded, task, air, start, outlook), height, width),
            )
        every = _cut(self._serve(encoded, tasks[0], air, start, outlook), height, width)
        return [replace(every, messages=list(every.messages), heard=list(every.heard)) for _ in tasks]

    def _serve(
        self, images: EncodedImages, task: Task, air: AirInterface, start: _State, outlook: _Outlook
    ) -> Delivery:
        """Go through the rounds of prompt and detail for one task, and answer."""
        state, exchanges = start, list[_Exchange]()
        for occasion in range(self.rounds):
            if occasion:
                outlook = self._look_ahead(images, state, outlook.allowed, air, occasion)
            named = any(any(exchange.asked) for exchange in exchanges)
            exchange = self._exchange(images, task, state, outlook, named, air)
            exchanges.append(exchange)
            state = self._regenerate(replace(state, held=exchange.held), images, air)
            spent = Expense(state.spent.uses + exchange.spent.uses, state.spent.slots + exchange.spent.slots)
            state = replace(state, spent=spent, feedback=state.feedback + exchange.feedback)
        never = self.selection != "attention"
        return Delivery(
            channel_uses=state.spent.uses,
            feedback_uses=state.feedback,
            airtime_slots=state.spent.slots,
            outage=torch.zeros(len(state.image), dtype=torch.bool),
            image=state.image,
            stages={"coarse": start.image, "attention": _at_pixels(exchanges[-1].relevance)},
            messages=[] if never else [_joined(said) or "" for said in zip(*(e.asked for e in exchanges), strict=True)],
            heard=[] if never else [_joined(said) for said in zip(*(e.heard for e in exchanges), strict=True)],
        )

    def _send_general(self, images: EncodedImages, budget: int, air: AirInterface) -> _State:
        """Send the general part and regenerate the coarse image from it."""
        symbols = images.symbols[:, : self.models.general.code_layers[0]]
        needed = self.general_link.channel_uses(symbols[0].numel())
        if needed > budget:
            raise BudgetError(
                f"{self.name}: the general representation alone takes {needed} channel uses, the budget is {budget}; "
                f"allow at least {needed}"
            )
        reception = self.general_link.send(symbols.flatten(1), air.forward(0))
        nothing = Holding.empty(images.symbols, images.latents)
        variance = reception.noise_variance.view_as(symbols)
        received = nothing.with_general(reception.symbols.view_as(symbols), variance)
        sent = nothing.with_general(symbols, torch.full_like(variance, self._nominal_noise(images, air)))
        none = Expense.nothing(len(symbols))
        spent = none.plus(list(range(len(symbols))), reception.channel_uses, reception.slots)
        unseen = images.latents.new_zeros(0)
        state = _State(Holdings(received, sent), unseen, effective_snr(variance), spent, none.uses)
        return self._regenerate(state, images, air)

    def _regenerate(self, state: _State, images: EncodedImages, air: AirInterface) -> _State:
        """Regenerate the image from what arrived, by reverse diffusion."""
        noise = None
        if self.steps > 1:
            shape = images.latents.shape[1:]
            rows = air.forward(0).images.tolist()
            draws = [torch.randn(shape, generator=generator(air.seed, row, _DIFFUSION_STREAM)) for row in rows]
            noise = torch.stack(draws).to(images.latents)
        image = self.models.codec.decode(self.models.regenerate(state.held.received, noise, self.steps))
        return replace(state, image=image)

    def _look_ahead(
        self, images: EncodedImages, state: _State, allowed: int, air: AirInterface, occasion: int
    ) -> _Outlook:
        """Look ahead to round `occasion` of `allowed` channel uses.

        Every round has an equal share: what an earlier one has left over is known to one end only, as a header may have
        been lost.
        """
        asks = self.selection == "attention" and self._asking_pays(allowed, images, air, occasion)
        view = self.attender.view(images.scenes, state.held.sent) if asks else None
        logits = self.models.segmentation.logits(state.image) if asks else None
        return _Outlook(occasion, allowed, asks, view, logits)

    def _exchange(
        self, images: EncodedImages, task: Task, state: _State, outlook: _Outlook, named: bool, air: AirInterface
    ) -> _Exchange:
        """Send prompts back and detail forward; `named` says whether an earlier round has named its cells."""
        batch, occasion, cost = len(state.quality), outlook.occasion, 0
        wishes: list[str | None] = [None] * batch
        if outlook.logits is not None:
            if task.street_classes:
                wishes = [*demand(outlook.logits, task.street_classes, MOST_CLASSES)]
            # The transmitter, which may hear nothing, knows what a prompt costs: all are of the smallest size.
            cost = self.prompts.least_uses(air, occasion)
        heard, prompts = self.prompts.send(wishes, state.quality, air, occasion, torch.full((batch,), cost))
        scores, relevance = blind_scores(self.selection, images.grid, batch), torch.ones_like(images.latents[:, 0])
        texts = [None if h is None else h.text for h in heard]
        if outlook.view is not None:
            scores, relevance = self.attender.scores(outlook.view, texts)
        # What an earlier round has refined comes last, unless only one end knows it: a header may have been lost.
        if outlook.view is not None or not named:
            scores = torch.where(refined(state.held.sent, self.models.general.code_layers[0]), 0.0, scores)
        order = DetailOrder(
            scores=scores,
            allowed=torch.full((batch,), outlook.allowed - cost),
            nominal=1 / self._nominal_noise(images, air),
            reported=[reported_snr(quality) for quality in state.quality.tolist()],
            heard=[None if h is None else h.snr for h in heard],
        )
        transfer = self.named if outlook.asks else self.blind
        held, detail = transfer.send(images, state.held, order, air, occasion + 1)
        # The turn to the prompt, and the one back to the detail.
        turns = (prompts.uses > 0) * (1 + (detail.uses > 0).long())
        slots = prompts.slots + detail.slots + turns * air.config.turnaround_slots
        asked = [(wish or "") if spent else "" for wish, spent in zip(wishes, prompts.uses.tolist(), strict=True)]
        return _Exchange(held, asked, texts, relevance, Expense(prompts.uses + detail.uses, slots), prompts.uses)

    def _asking_pays(self, allowed: int, images: EncodedImages, air: AirInterface, occasion: int) -> bool:
        """Decide whether prompt and header pay for themselves, from what both ends know."""
        cells = images.symbols[0, 0].numel()
        prompt, snr = self.prompts.least_uses(air, occasion), 1 / self._nominal_noise(images, air)
        plan = self.named.plan(allowed - prompt, cells, snr, air, occasion + 1)
        if not plan.options:
            return False
        heard = self.prompts.arrival(air, occasion)
        asking = heard * plan.promise() + (1 - heard) * plan.promise(heard=False)
        blind = self.blind.plan(allowed, cells, snr, air, occasion + 1).promise()
        return self.named.arrival(plan, air, occasion + 1) * asking > blind

    def _nominal_noise(self, images: EncodedImages, air: AirInterface) -> float:
        """Expect the noise variance after equalisation of a message as wide as the general part."""
        general = self.models.general.code_layers[0] * images.symbols[0, 0].numel()
        return self.general_link.nominal_noise(air.forward(0), general)


def _at_pixels(relevance: torch.Tensor) -> torch.Tensor:
    """Return the relevance of tokens [B, h, w] at pixels, [B, 8h, 8w]."""
    return functional.interpolate(relevance[:, None].float(), scale_factor=TOKEN, mode="bilinear")[:, 0]


def _cut(delivery: Delivery, height: int, width: int) -> Delivery:
    """Return what belongs to the upper left `height` x `width` pixels of padded images."""
    assert delivery.image is not None, "the link delivers images"
    return replace(
        delivery,
        image=delivery.image[..., :height, :width],
        stages={name: stage[..., :height, :width] for name, stage in delivery.stages.items()},
    )


def _joined(said: Sequence[str | None]) -> str | None:
    """Join the prompts of all rounds of one image; None where none of them was."""
    return " | ".join(text for text in said if text) or None
