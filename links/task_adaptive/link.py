"""The system of the project: general representation, coarse image, textual prompt, attended detail, answer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from taskwave.links.base import BudgetError, Delivery, LinkKind, Task
from taskwave.links.task_adaptive.detail import (
    Attender,
    DetailOrder,
    DetailTransfer,
    EncodedImages,
    Holdings,
    Selection,
    View,
    blind_scores,
)
from taskwave.links.task_adaptive.prompts import PromptTransfer, effective_snr
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.links.symbol import SymbolLink
from taskwave.phy.radio import Radio
from taskwave.phy.seeds import generator
from taskwave.semantic.codec.detail import Holding
from taskwave.semantic.tasks.demand import demand
from taskwave.semantic.weights import Models

_DIFFUSION_STREAM = 2**20
"""Sets the noise that diffusion starts from apart from other draws of the same seed."""


@dataclass(frozen=True)
class _State:
    """Says how far a batch of B images has come."""

    held: Holdings
    latents: torch.Tensor
    """[B, C, h, w] float32, regenerated from what was received."""
    quality: torch.Tensor
    """[B] float32, SNR after equalisation (linear) that the receiver measured on the general part."""
    spent: torch.Tensor
    """[B] int64, channel uses so far, both directions."""
    feedback: torch.Tensor
    """[B] int64, the part of them on the reverse link."""


@dataclass(frozen=True)
class _Outlook:
    """Says what a round may cost and what the transmitter knows before it."""

    occasion: int
    """Reverse occasion of the prompts; detail follows on the next forward one."""
    allowed: torch.Tensor
    """[B] int64, channel uses."""
    asks: torch.Tensor
    """[B] bool, whether a prompt pays for itself."""
    view: View | None
    """What was sent as both ends see it; None where nobody asks."""


@dataclass(frozen=True)
class _Exchange:
    """Holds what a round said and cost, and what both ends hold after it."""

    held: Holdings
    asked: list[str]
    heard: list[str | None]
    relevance: torch.Tensor
    """[B, h, w] float32, relevance of tokens in [0, 1]."""
    uses: torch.Tensor
    """[B] int64, channel uses, feedback included."""
    feedback: torch.Tensor
    """[B] int64, the part of them on the reverse link."""


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
        """Implement `taskwave.links.base.Link.run`; the general part and the coarse image serve all tasks."""
        latents, scenes = self.models.look(images)
        encoded = EncodedImages(scenes, latents, self.models.general.encode(scenes))
        start = self._send_general(encoded, budget, air)
        outlook = self._look_ahead(encoded, start, budget, air, 0)
        return [self._serve(encoded, task, budget, air, start, outlook) for task in tasks]

    def _serve(
        self, images: EncodedImages, task: Task, budget: int, air: AirInterface, start: _State, outlook: _Outlook
    ) -> Delivery:
        """Go through the rounds of prompt and detail for one task, and answer."""
        codec, segmentation = self.models.codec, self.models.segmentation
        state, coarse = start, codec.decode(start.latents)
        image, logits = coarse, segmentation.logits(coarse)
        exchanges: list[_Exchange] = []
        for occasion in range(self.rounds):
            if occasion:
                outlook = self._look_ahead(images, state, budget, air, occasion)
            exchange = self._exchange(images, task, logits, state, outlook, air)
            exchanges.append(exchange)
            spent, feedback = state.spent + exchange.uses, state.feedback + exchange.feedback
            state = self._regenerate(replace(state, held=exchange.held, spent=spent, feedback=feedback), images, air)
            image = codec.decode(state.latents)
            logits = segmentation.logits(image)
        return Delivery(
            prediction=logits.argmax(1).to(torch.uint8),
            channel_uses=state.spent,
            feedback_uses=state.feedback,
            outage=torch.zeros(len(image), dtype=torch.bool),
            image=image,
            stages={"coarse": coarse, "attention": exchanges[-1].relevance},
            messages=exchanges[0].asked,
            heard=exchanges[0].heard,
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
        spent = torch.full((len(symbols),), reception.channel_uses)
        quality = effective_snr(reception.noise_variance)
        state = _State(Holdings(received, sent), images.latents, quality, spent, torch.zeros_like(spent))
        return self._regenerate(state, images, air)

    def _regenerate(self, state: _State, images: EncodedImages, air: AirInterface) -> _State:
        """Regenerate latents from what arrived, by reverse diffusion."""
        noise = None
        if self.steps > 1:
            shape = images.latents.shape[1:]
            rows = air.forward(0).images.tolist()
            draws = [torch.randn(shape, generator=generator(air.seed, row, _DIFFUSION_STREAM)) for row in rows]
            noise = torch.stack(draws).to(images.latents)
        return replace(state, latents=self.models.regenerate(state.held.received, noise, self.steps))

    def _look_ahead(
        self, images: EncodedImages, state: _State, budget: int, air: AirInterface, occasion: int
    ) -> _Outlook:
        """Look ahead to round `occasion`: it depends on the task only by what earlier rounds have spent and sent."""
        allowed = (budget - state.spent) // (self.rounds - occasion)
        asks = torch.zeros(len(allowed), dtype=torch.bool)
        if self.selection == "attention":
            asks = self._asking_pays(allowed, images, air, occasion)
        view = self.attender.view(images.scenes, state.held.sent) if bool(asks.any()) else None
        return _Outlook(occasion, allowed, asks, view)

    def _exchange(
        self,
        images: EncodedImages,
        task: Task,
        logits: torch.Tensor,
        state: _State,
        outlook: _Outlook,
        air: AirInterface,
    ) -> _Exchange:
        """Send prompts back and detail forward."""
        asks, batch, occasion = outlook.asks, len(outlook.asks), outlook.occasion
        wishes = demand(logits, task.classes) if outlook.view is not None else [""] * batch
        asked = [wish if ask else None for wish, ask in zip(wishes, asks.tolist(), strict=True)]
        heard, feedback = self.prompts.send(asked, state.quality, air, occasion, outlook.allowed)
        texts = [None if h is None else h.text for h in heard]
        nominal = 1 / self._nominal_noise(images, air)
        snr = [nominal if h is None else h.snr for h in heard]
        scores = blind_scores(self.selection, images.grid, batch)
        relevance = torch.ones_like(images.latents[:, 0])
        if outlook.view is not None:
            attended, relevance = self.attender.scores(outlook.view, texts)
            scores = torch.where(asks[:, None], attended, scores)
        held, uses, left = state.held, feedback, outlook.allowed - feedback
        for transfer, allowed in ((self.named, left * asks), (self.blind, left * ~asks)):
            held, spent = transfer.send(images, held, DetailOrder(scores, allowed, snr), air, occasion + 1)
            uses = uses + spent
        return _Exchange(held, [wish or "" for wish in asked], texts, relevance, uses, feedback)

    def _asking_pays(
        self, allowed: torch.Tensor, images: EncodedImages, air: AirInterface, occasion: int
    ) -> torch.Tensor:
        """Decide whether prompt and header pay for themselves, [B] bool: both ends know `allowed` [B] and mean SNR."""
        cells = images.symbols[0, 0].numel()
        prompt, snr = self.prompts.least_uses(air, occasion), 1 / self._nominal_noise(images, air)
        heard = self.prompts.arrival(air, occasion) * self.named.arrival(air, occasion + 1)
        pays = {
            limit: heard * self.named.plan(limit - prompt, cells, snr, air, occasion + 1).promise()
            > self.blind.plan(limit, cells, snr, air, occasion + 1).promise()
            for limit in allowed.unique().tolist()
        }
        return torch.tensor([pays[limit] for limit in allowed.tolist()])

    def _nominal_noise(self, images: EncodedImages, air: AirInterface) -> float:
        """Expect the noise variance after equalisation of a message as wide as the general part."""
        general = self.models.general.code_layers[0] * images.symbols[0, 0].numel()
        return self.general_link.nominal_noise(air.forward(0), general)
