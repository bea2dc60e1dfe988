"""The system of the project: general representation, coarse picture, textual prompt, attended detail, answer."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from taskwave.links.base import BudgetError, Delivery, LinkKind, Task
from taskwave.links.detail_choice import Chooser, Selection
from taskwave.links.detail_transfer import DetailTransfer, nominal_noise
from taskwave.links.prompt_transfer import PromptTransfer
from taskwave.phy.air import AirInterface, Radio
from taskwave.phy.seeds import generator
from taskwave.phy.symbol_link import SymbolLink
from taskwave.semantic.demand import demand
from taskwave.semantic.detail import Holding
from taskwave.semantic.weights import Models


@dataclass(frozen=True)
class _Sending:
    """What the transmitter has of a batch of B images."""

    latents: torch.Tensor
    """[B, C, h, w]."""
    symbols: torch.Tensor
    """[B, S, h/4, w/4] of the analog code."""


class TaskAdaptiveLink:
    """General part first, then `rounds` rounds of prompt and detail.

    With `selection` "attention" the receiver's prompt steers the detail. "uniform" and "random" send the detail
    blindly, at places both ends know beforehand: they save prompt and header. `steps` is the number of reverse
    diffusion steps (1: the posterior mean).
    """

    kind: LinkKind = "semantic"

    def __init__(
        self, models: Models, radio: Radio, selection: Selection = "attention", rounds: int = 1, steps: int = 1
    ) -> None:
        self.name = "task-adaptive" if selection == "attention" else f"task-adaptive-{selection}"
        self.models, self.rounds, self.steps, self.selection = models, rounds, steps, selection
        self.general_link = SymbolLink(radio)
        self.prompts = PromptTransfer(radio)
        self.details = DetailTransfer(radio, models.general.layers, named=selection == "attention")
        self.chooser = Chooser(models, selection)

    @torch.no_grad()
    def run(self, images: torch.Tensor, tasks: Sequence[Task], budget: int, air: AirInterface) -> list[Delivery]:
        """See `taskwave.links.base.Link`; the general part and the coarse picture serve all tasks."""
        latents, scenes = self.models.look(images)
        source = _Sending(latents, self.models.general.encode(scenes))
        received, sent, spent = self._send_general(source, budget, air)
        coarse = self._regenerate(received, air)
        return [self._answer(source, task, budget, air, received, sent, spent, coarse) for task in tasks]

    def _send_general(self, source: _Sending, budget: int, air: AirInterface) -> tuple[Holding, Holding, int]:
        """The general part over the air: what the receiver has, what the transmitter thinks it has, channel uses."""
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
        sent.symbols[:, general], sent.symbol_noise[:, general] = symbols, nominal_noise(air)
        return received, sent, reception.channel_uses

    def _regenerate(self, received: Holding, air: AirInterface) -> torch.Tensor:
        """Reverse diffusion from what was received, [B, C, h, w]."""
        if self.steps == 1:
            return self.models.regenerate(received)
        rows = [
            torch.randn(received.latents.shape[1:], generator=generator(air.seed, image, 2**20))
            for image in air.forward(0).images.tolist()
        ]
        return self.models.regenerate(received, torch.stack(rows).to(received.latents), self.steps)

    def _answer(
        self,
        source: _Sending,
        task: Task,
        budget: int,
        air: AirInterface,
        received: Holding,
        sent: Holding,
        spent_on_general: int,
        coarse: torch.Tensor,
    ) -> Delivery:
        """Rounds of detail for one task, then its answer."""
        codec, segmentation = self.models.codec, self.models.segmentation
        latents, batch = source.latents, len(source.latents)
        received, sent = received.copy(), sent.copy()
        spent = torch.full((batch,), spent_on_general)
        feedback = torch.zeros(batch, dtype=torch.int64)
        coarse_image = image = codec.decode(coarse)
        logits = segmentation.logits(image)
        messages: list[str] = []
        relevance = torch.ones_like(latents[:, 0])
        for occasion in range(self.rounds):
            heard: list[str | None] = [None] * batch
            if self.selection == "attention":
                asked = demand(logits, task.classes)
                messages = messages or asked
                heard, uses = self.prompts.send(asked, air, occasion, budget - spent)
                spent, feedback = spent + uses, feedback + uses
            scores, relevance = self.chooser.scores(latents, heard, sent)
            allowed = (budget - spent) // (self.rounds - occasion)
            spent = spent + self.details.send(
                source.symbols, latents, scores, received, sent, allowed, air, occasion + 1
            )
            image = codec.decode(self._regenerate(received, air))
            logits = segmentation.logits(image)
        return Delivery(
            prediction=logits.argmax(1).to(torch.uint8),
            channel_uses=spent,
            feedback_uses=feedback,
            outage=torch.zeros(batch, dtype=torch.bool),
            image=image,
            stages={"coarse": coarse_image, "attention": relevance},
            messages=messages,
        )
