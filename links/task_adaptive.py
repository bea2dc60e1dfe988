"""The system of the project: general representation, coarse picture, textual prompt, attended detail, answer."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from taskwave.links.base import BudgetError, Delivery, LinkKind, Task
from taskwave.links.detail_choice import Chooser, Selection
from taskwave.links.detail_transfer import DetailTransfer
from taskwave.links.prompt_transfer import PromptTransfer
from taskwave.phy.air import AirInterface, Radio
from taskwave.phy.seeds import generator
from taskwave.phy.symbol_link import SymbolLink
from taskwave.semantic.demand import demand
from taskwave.semantic.weights import Models


@dataclass
class Received:
    """What the receiver holds for a batch of B images."""

    coarse: torch.Tensor
    """[B, C, h, w] from the general representation."""
    latents: torch.Tensor
    """[B, C, h, w] numbers received as detail."""
    noise_variance: torch.Tensor
    """[B, C, h, w], inf where nothing was received."""


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
        self.details = DetailTransfer(radio, named=selection == "attention")
        self.chooser = Chooser(models, selection)

    @torch.no_grad()
    def run(self, images: torch.Tensor, tasks: Sequence[Task], budget: int, air: AirInterface) -> list[Delivery]:
        """See `taskwave.links.base.Link`; the general part and the coarse picture serve all tasks."""
        latents = self.models.codec.encode(images)
        received, sent, spent = self._send_general(latents, budget, air)
        coarse = self._regenerate(received, air)
        return [self._answer(latents, task, budget, air, received, sent, spent, coarse) for task in tasks]

    def _send_general(self, latents: torch.Tensor, budget: int, air: AirInterface) -> tuple[Received, Received, int]:
        """The general part over the air: what the receiver has, what the transmitter thinks it has, channel uses."""
        general, (height, width) = self.models.general, latents.shape[-2:]
        needed = self.general_link.channel_uses(general.num_symbols(height, width))
        if needed > budget:
            raise BudgetError(
                f"{self.name}: the general representation alone takes {needed} channel uses, the budget is {budget}; "
                f"allow at least {needed}"
            )
        symbols = general.encode(latents)
        reception = self.general_link.send(symbols, air.forward(0))
        nothing = torch.zeros_like(latents), torch.full_like(latents, torch.inf)
        at_receiver = general.decode(reception.symbols, reception.noise_variance, height, width)
        # The transmitter has no knowledge of the channel: it assumes a middling one.
        at_transmitter = general.decode(symbols, torch.full_like(reception.noise_variance, 0.1), height, width)
        return Received(at_receiver, *nothing), Received(at_transmitter, *nothing), reception.channel_uses

    def _regenerate(self, received: Received, air: AirInterface) -> torch.Tensor:
        """Reverse diffusion from what was received, [B, C, h, w]."""
        if self.steps == 1:
            noise = torch.zeros_like(received.latents)
        else:
            rows = [
                torch.randn(received.latents.shape[1:], generator=generator(air.seed, image, 2**20))
                for image in air.forward(0).images.tolist()
            ]
            noise = torch.stack(rows).to(received.latents)
        return self.models.prior(
            received.latents, received.noise_variance, received.coarse, noise, num_inference_steps=self.steps
        )

    def _answer(
        self,
        latents: torch.Tensor,
        task: Task,
        budget: int,
        air: AirInterface,
        received: Received,
        sent: Received,
        spent_on_general: int,
        coarse: torch.Tensor,
    ) -> Delivery:
        """Rounds of detail for one task, then its answer."""
        codec, segmentation = self.models.codec, self.models.segmentation
        batch = len(latents)
        received = Received(received.coarse, received.latents.clone(), received.noise_variance.clone())
        sent = Received(sent.coarse, sent.latents.clone(), sent.noise_variance.clone())
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
            spent = spent + self.details.send(latents, scores, received, sent, allowed, air, occasion + 1)
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
