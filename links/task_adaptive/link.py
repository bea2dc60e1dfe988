"""The system of the project: general representation, coarse picture, textual prompt, attended detail, answer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from taskwave.links.base import BudgetError, Delivery, LinkKind, Task
from taskwave.links.task_adaptive.detail import Attender, DetailTransfer, EncodedImages, Selection, View, blind_scores
from taskwave.links.task_adaptive.prompts import PromptTransfer, effective_snr
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.links.symbol import SymbolLink
from taskwave.phy.radio import Radio
from taskwave.phy.seeds import generator
from taskwave.semantic.codec.detail import Holding
from taskwave.semantic.tasks.demand import demand
from taskwave.semantic.weights import Models


@dataclass(frozen=True)
class _State:
    """How far a batch of B images has come."""

    received: Holding
    sent: Holding
    """What the transmitter thinks the receiver has."""
    latents: torch.Tensor
    """[B, C, h, w], regenerated from `received`."""
    quality: torch.Tensor
    """[B], SNR after equalisation (linear) that the receiver measured on the general part."""
    spent: torch.Tensor
    """[B] channel uses, and how many of them for feedback:"""
    feedback: torch.Tensor


@dataclass(frozen=True)
class _Outlook:
    """What a round may cost and what the transmitter knows before it."""

    allowed: torch.Tensor
    """[B] channel uses."""
    asks: torch.Tensor
    """[B] bool, a prompt pays for itself."""
    view: View | None
    """Of what was sent; None where nobody asks."""


@dataclass(frozen=True)
class _Exchange:
    """What a round said and cost."""

    asked: list[str]
    heard: list[str | None]
    relevance: torch.Tensor
    """[B, h, w]."""
    uses: torch.Tensor
    """[B] channel uses, feedback included."""
    feedback: torch.Tensor


class TaskAdaptiveLink:
    """General part first, then `rounds` rounds of prompt and detail.

    With `selection` "attention" the receiver's prompt steers the detail, wherever so much of the budget is left that
    asking pays (both ends compute whether it does). "uniform" and "random" send the detail blindly, at places both ends
    know beforehand: they save prompt and header. `steps` is the number of reverse diffusion steps (1: the posterior
    mean).
    """

    kind: LinkKind = "semantic"

    def __init__(
        self, models: Models, radio: Radio, selection: Selection = "attention", rounds: int = 1, steps: int = 1
    ) -> None:
        self.name = "task-adaptive" if selection == "attention" else f"task-adaptive-{selection}"
        self.models, self.rounds, self.steps, self.selection = models, rounds, steps, selection
        self.general_link = SymbolLink(radio)
        self.prompts = PromptTransfer(radio)
        self.named = DetailTransfer(radio, models.general.layers, named=True)
        self.blind = DetailTransfer(radio, models.general.layers, named=False)
        self.attender = Attender(models)

    @torch.no_grad()
    def run(self, images: torch.Tensor, tasks: Sequence[Task], budget: int, air: AirInterface) -> list[Delivery]:
        """See `taskwave.links.base.Link`; the general part and the coarse picture serve all tasks."""
        latents, scenes = self.models.look(images)
        source = EncodedImages(scenes, latents, self.models.general.encode(scenes))
        start = self._send_general(source, budget, air)
        outlook = self._look_ahead(source, start, budget, air, 0)
        return [self._serve(source, task, budget, air, start, outlook) for task in tasks]

    def _send_general(self, source: EncodedImages, budget: int, air: AirInterface) -> _State:
        """The general part over the air, and the coarse picture of it."""
        general = slice(0, self.models.general.layers[0])
        symbols = source.symbols[:, general]
        needed = self.general_link.channel_uses(symbols[0].numel())
        if needed > budget:
            raise BudgetError(
                f"{self.name}: the general representation alone takes {needed} channel uses, the budget is {budget}; "
                f"allow at least {needed}"
            )
        reception = self.general_link.send(symbols.flatten(1), air.forward(0))
        received, sent = (Holding.empty(source.symbols, source.latents) for _ in range(2))
        received.symbols[:, general] = reception.symbols.view_as(symbols)
        received.symbol_noise[:, general] = reception.noise_variance.view_as(symbols)
        sent.symbols[:, general], sent.symbol_noise[:, general] = symbols, self._nominal_noise(source, air)
        spent = torch.full((len(symbols),), reception.channel_uses)
        quality = effective_snr(reception.noise_variance)
        state = _State(received, sent, source.latents, quality, spent, torch.zeros_like(spent))
        return self._regenerate(state, source, air)

    def _regenerate(self, state: _State, source: EncodedImages, air: AirInterface) -> _State:
        """The receiver's picture of what arrived, by reverse diffusion."""
        noise = None
        if self.steps > 1:
            shape = source.latents.shape[1:]
            images = air.forward(0).images.tolist()
            rows = [torch.randn(shape, generator=generator(air.seed, image, 2**20)) for image in images]
            noise = torch.stack(rows).to(source.latents)
        return replace(state, latents=self.models.regenerate(state.received, noise, self.steps))

    def _look_ahead(
        self, source: EncodedImages, state: _State, budget: int, air: AirInterface, occasion: int
    ) -> _Outlook:
        """Before round `occasion`: nothing of it depends on the task but what earlier rounds have spent and sent."""
        allowed = (budget - state.spent) // (self.rounds - occasion)
        asks = torch.zeros(len(allowed), dtype=torch.bool)
        if self.selection == "attention":
            asks = self._asking_pays(allowed, source, air, occasion)
        view = self.attender.view(source.scenes, state.sent) if bool(asks.any()) else None
        return _Outlook(allowed, asks, view)

    def _serve(
        self, source: EncodedImages, task: Task, budget: int, air: AirInterface, start: _State, outlook: _Outlook
    ) -> Delivery:
        """Rounds of prompt and detail for one task, then its answer."""
        codec, segmentation = self.models.codec, self.models.segmentation
        state = replace(start, received=start.received.copy(), sent=start.sent.copy())
        coarse = image = codec.decode(start.latents)
        logits = segmentation.logits(image)
        rounds = []
        for occasion in range(self.rounds):
            if occasion:
                outlook = self._look_ahead(source, state, budget, air, occasion)
            exchange = self._exchange(source, task, logits, state, outlook, air, occasion)
            rounds.append(exchange)
            spent, feedback = state.spent + exchange.uses, state.feedback + exchange.feedback
            state = self._regenerate(replace(state, spent=spent, feedback=feedback), source, air)
            image = codec.decode(state.latents)
            logits = segmentation.logits(image)
        return Delivery(
            prediction=logits.argmax(1).to(torch.uint8),
            channel_uses=state.spent,
            feedback_uses=state.feedback,
            outage=torch.zeros(len(image), dtype=torch.bool),
            image=image,
            stages={"coarse": coarse, "attention": rounds[-1].relevance},
            messages=rounds[0].asked,
            heard=rounds[0].heard,
        )

    def _exchange(
        self,
        source: EncodedImages,
        task: Task,
        logits: torch.Tensor,
        state: _State,
        outlook: _Outlook,
        air: AirInterface,
        occasion: int,
    ) -> _Exchange:
        """One round: prompts back, detail forward into both ends' holdings."""
        asks, batch = outlook.asks, len(outlook.asks)
        wishes = demand(logits, task.classes) if outlook.view is not None else [""] * batch
        asked = [wish if ask else None for wish, ask in zip(wishes, asks.tolist(), strict=True)]
        heard, feedback = self.prompts.send(asked, state.quality, air, occasion, outlook.allowed)
        texts = [None if h is None else h.text for h in heard]
        nominal = 1 / self._nominal_noise(source, air)
        snr = [nominal if h is None else h.snr for h in heard]
        left = outlook.allowed - feedback
        scores = blind_scores(self.selection, (source.symbols.shape[2], source.symbols.shape[3]), batch)
        relevance = torch.ones_like(source.latents[:, 0])
        if outlook.view is not None:
            attended, relevance = self.attender.scores(outlook.view, texts)
            scores = torch.where(asks[:, None], attended, scores)
        uses = feedback
        for transfer, limit in ((self.named, left * asks), (self.blind, left * ~asks)):
            uses = uses + transfer.send(source, scores, state.received, state.sent, limit, snr, air, occasion + 1)
        return _Exchange([wish or "" for wish in asked], texts, relevance, uses, feedback)

    def _asking_pays(
        self, allowed: torch.Tensor, source: EncodedImages, air: AirInterface, occasion: int
    ) -> torch.Tensor:
        """Whether prompt and header pay for themselves, [B] bool: both ends know, from `allowed` [B] and mean SNR."""
        cells = source.symbols[0, 0].numel()
        prompt, snr = self.prompts.least_uses(air, occasion), 1 / self._nominal_noise(source, air)
        heard = self.prompts.arrival(air, occasion) * self.named.arrival(air, occasion + 1)
        pays = {
            limit: heard * self.named.plan(limit - prompt, cells, snr, air, occasion + 1).promise()
            > self.blind.plan(limit, cells, snr, air, occasion + 1).promise()
            for limit in allowed.unique().tolist()
        }
        return torch.tensor([pays[limit] for limit in allowed.tolist()])

    def _nominal_noise(self, source: EncodedImages, air: AirInterface) -> float:
        """What the transmitter expects, of a message as wide as the general part."""
        general = self.models.general.layers[0] * source.symbols[0, 0].numel()
        return self.general_link.nominal_noise(air.forward(0), general)
