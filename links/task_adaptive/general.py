"""The general part of an image: the whole of it as one window, as analog symbols without a header."""

import torch

from taskwave.links.base import BudgetError
from taskwave.links.task_adaptive.state import Layer, Shown
from taskwave.links.transport.prompts import effective_snr
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.links.symbol import SymbolLink
from taskwave.phy.radio import Radio
from taskwave.semantic.codec.placement import tiles
from taskwave.semantic.codec.windows import WindowCode
from taskwave.semantic.diffusion.posterior import Arrived, lost_of

SHARE = 1 / 8
"""Largest share of the budget that the general part takes, if it can do with so little."""
NUMBERS = (128, 96, 64, 48, 32)
"""Numbers of symbols that it may have."""


class GeneralPart:
    """Sends the general part of images.

    Args:
        code: the code of windows.
        radio: the radio.
    """

    def __init__(self, code: WindowCode, radio: Radio) -> None:
        self.code, self.data = code, SymbolLink(radio)

    def number(self, budget: int, prompt: int, name: str) -> int:
        """Return what both ends know the number of symbols of the general part to be for a budget.

        Args:
            budget: channel uses of everything.
            prompt: channel uses of the prompt, which must find room.
            name: of the link, for the error.

        Raises:
            BudgetError: not even the smallest fits.
        """
        numbers = [number for number in NUMBERS if number <= self.code.most] or [self.code.most]
        costs = [self.data.channel_uses(number) for number in numbers]
        if costs[-1] + prompt > budget:
            raise BudgetError(
                f"{name}: general representation and prompt take {costs[-1]} and {prompt} channel uses, the budget "
                f"is {budget}; allow at least {costs[-1] + prompt}"
            )
        most = min(SHARE * budget, budget - prompt)
        fitting = [n for n, cost in zip(numbers, costs, strict=True) if cost <= most]
        return fitting[0] if fitting else numbers[-1]

    def nominal_snr(self, number: int, air: AirInterface) -> float:
        """Return the SNR after equalisation (linear) that both ends expect of a message of so many symbols."""
        return 1 / self.data.nominal_noise(air.forward(0), number)

    def send(self, images: torch.Tensor, number: int, air: AirInterface) -> Shown:
        """Send the general part of images [B, 3, H, W], of which nothing says how strong it was, and show it."""
        (window,) = tiles(images.shape[-2], images.shape[-1], 1, 1)
        batch, grey = len(images), torch.full_like(images, 0.5)
        said = self.code.unasked(10 * torch.full((batch,), self.nominal_snr(number, air)).log10())
        amplitude = self.code.amplitude(said.kinds)[:, :number]
        sent = self.code.encode(window.cut(images), said)[:, :number] * amplitude
        power = sent.abs().square().mean(1, keepdim=True).clamp_min(1e-12)
        reception = self.data.send(sent / power.sqrt(), air.forward(0))
        quality = effective_snr(reception.noise_variance)
        usual = amplitude.square().mean(1, keepdim=True)
        known = self.code.received(reception.symbols * usual.sqrt(), reception.noise_variance * usual, said.kinds)
        question = self.code.unasked(10 * quality.log10())
        mean = self.code.decode(*known, window.cut(grey), question)
        layer = Layer((window,), Arrived(mean, lost_of(self.code, known[1], said.kinds), question))
        uses, slots = (torch.full((batch,), each) for each in (reception.channel_uses, reception.slots))
        return Shown(window.paste(grey, mean.clamp(0, 1)), quality, uses, slots, torch.zeros_like(uses), (layer,))
