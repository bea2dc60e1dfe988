"""How a receiver asks: it sends its prompt, and sends it once more where no answer comes."""

from dataclasses import dataclass

import torch

from taskwave.links.transport.prompts import Expense, HeardPrompt, PromptTransfer
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.radio import Radio


@dataclass(frozen=True)
class Heard:
    """Holds what the transmitter heard of the prompts of B images."""

    prompts: list[HeardPrompt | None]
    """Prompt of each image that the transmitter heard in the end; None where it heard none."""
    occasions: list[int]
    """Forward occasion at which the transmitter answers each image."""
    kept: list[int]
    """Channel uses that both ends keep for the prompts of each image, sent or not."""
    spent: Expense
    """Channel uses and slots of the prompts of each image."""
    waited: torch.Tensor
    """[B] int64, slots in which each receiver waited for an answer that did not come."""


def unasked(batch: int) -> Heard:
    """Return what is heard where nobody asks."""
    silent = Expense.nothing(batch)
    return Heard([None] * batch, [1] * batch, [0] * batch, silent, torch.zeros(batch, dtype=torch.int64))


class Asking:
    """Sends the prompts of receivers.

    A transmitter that hears no prompt is silent, and a receiver that asked and gets no answer asks again. Whoever hears
    nothing the second time answers as if nothing had been asked.

    Args:
        radio: the radio.
    """

    def __init__(self, radio: Radio) -> None:
        self._prompts = PromptTransfer(radio)

    def uses(self, air: AirInterface) -> int:
        """Count the channel uses that are kept for a prompt.

        Whether its task names anything, the receiver alone knows: it must not change what the transmitter may spend.
        """
        return self._prompts.least_uses(air, 0)

    def ask(self, wish: str | None, snr: torch.Tensor, allowed: int, air: AirInterface) -> Heard:
        """Ask the same for B images; None for silence.

        Args:
            wish: the prompt.
            snr: SNR after equalisation that each receiver measured, [B], linear.
            allowed: channel uses for prompts and their answer, of one image.
            air: the air.
        """
        batch, cost = len(snr), self.uses(air)
        prompts, spent = self._prompts.send([wish] * batch, snr, air, 0, torch.full((batch,), cost))
        missed = [prompt is None for prompt in prompts]
        waited, turnaround = torch.zeros(batch, dtype=torch.int64), air.config.turnaround_slots
        if air.fading.occasions < 3 or allowed < 3 * cost:  # there is no time, or no room for an answer
            return Heard(prompts, [1] * batch, [cost] * batch, spent, waited)
        again = [wish if each else None for each in missed]
        late, more = self._prompts.send(again, snr, air, 1, torch.full((batch,), cost))
        return Heard(
            prompts=[second or first for first, second in zip(prompts, late, strict=True)],
            occasions=[1 + each for each in missed],
            kept=[cost * (1 + each) for each in missed],
            spent=Expense(spent.uses + more.uses, spent.slots + more.slots),
            waited=2 * turnaround * torch.tensor(missed, dtype=torch.int64),
        )
