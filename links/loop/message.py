"""Messages of windows: the general part, and what follows for a question, from the image to the receiver's picture."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from taskwave.links.base import BudgetError
from taskwave.links.loop.header import COPIES, GAIN, MOST_WINDOWS, Header, HeaderCode
from taskwave.links.loop.plan import GENERAL_NUMBERS, Portion, enough, rest
from taskwave.links.task_adaptive.prompts import effective_snr
from taskwave.phy.channel.air import Air, AirInterface
from taskwave.phy.links.control import ControlLink
from taskwave.phy.links.symbol import SymbolLink
from taskwave.phy.radio import Radio
from taskwave.semantic.codec.placement import Box, around, tiles
from taskwave.semantic.codec.windows import ANYTHING, NUMBERS, Question, WindowCode

GENERAL_SHARE = 1 / 8
"""Largest share of the budget that the general part takes, if it can do with so little."""
LEAST_SYMBOLS = 32
"""Number of symbols that each window must find beside its header; fewer windows are sent else."""


@dataclass(frozen=True)
class Asked:
    """Says what one end knows of a question about an image."""

    embedding: torch.Tensor
    """Embedding of the prompt [1, E], zeros for none."""
    kind: int
    """Kind of the windows that answer it, an index into `semantic.codec.windows.KINDS`."""
    snr_db: float
    """SNR after equalisation that this end expects, dB."""

    def question(self, windows: int, *, about: bool = True) -> Question:
        """Return the question for so many windows, or one that is `about` nothing."""
        embedding = self.embedding if about else torch.zeros_like(self.embedding)
        kinds = torch.full((windows,), self.kind if about else ANYTHING)
        return Question(embedding.expand(windows, -1), torch.full((windows,), self.snr_db), kinds)


@dataclass(frozen=True)
class Shown:
    """Says how far B images have come."""

    picture: torch.Tensor
    """[B, 3, H, W] float32, what the receiver shows."""
    quality: torch.Tensor
    """[B] float32, SNR after equalisation (linear) that the receiver measured on the general part."""
    channel_uses: torch.Tensor
    """[B] int64, channel uses so far."""
    slots: torch.Tensor
    """[B] int64, slots on the air so far."""

    def select(self, row: int) -> "Shown":
        """Return the state of one image."""
        one = slice(row, row + 1)
        return Shown(self.picture[one], self.quality[one], self.channel_uses[one], self.slots[one])


class WindowMessages:
    """Sends images in windows, as analog symbols with a coded header.

    Args:
        code: the code of windows.
        radio: the radio.
    """

    def __init__(self, code: WindowCode, radio: Radio) -> None:
        self.code, self.data, self.headers = code, SymbolLink(radio), ControlLink(radio)

    def general_number(self, budget: int, name: str) -> int:
        """Return what both ends know the number of symbols of the general part to be for a budget.

        Raises:
            BudgetError: not even the smallest fits; the message begins with `name`.
        """
        numbers = [number for number in GENERAL_NUMBERS if number <= self.code.most] or [self.code.most]
        costs = [self.data.channel_uses(number) for number in numbers]
        if costs[-1] > budget:
            raise BudgetError(
                f"{name}: the general representation alone takes {costs[-1]} channel uses, the budget is {budget}; "
                f"allow at least {costs[-1]}"
            )
        fitting = [n for n, cost in zip(numbers, costs, strict=True) if cost <= GENERAL_SHARE * budget]
        return fitting[0] if fitting else numbers[-1]

    def nominal_snr(self, number: int, air: AirInterface) -> float:
        """Return the SNR after equalisation (linear) that both ends expect of a message of so many symbols."""
        return 1 / self.data.nominal_noise(air.forward(0), number)

    def send_general(self, images: torch.Tensor, number: int, air: AirInterface) -> Shown:
        """Send the general part of images [B, 3, H, W], of which nothing says how strong it was, and show it."""
        (window,) = tiles(images.shape[-2], images.shape[-1], 1, 1)
        batch, grey = len(images), torch.full_like(images, 0.5)
        nothing = torch.zeros(batch, int(self.code.config.embedding))
        kinds = torch.full((batch,), ANYTHING)
        expected = 10 * torch.full((batch,), self.nominal_snr(number, air)).log10()
        amplitude = self.code.amplitude(kinds)[:, :number]
        sent = self.code.encode(window.cut(images), Question(nothing, expected, kinds))[:, :number] * amplitude
        power = sent.abs().square().mean(1, keepdim=True).clamp_min(1e-12)
        reception = self.data.send(sent / power.sqrt(), air.forward(0))
        quality = effective_snr(reception.noise_variance)
        usual = amplitude.square().mean(1, keepdim=True)
        known = self.code.received(reception.symbols * usual.sqrt(), reception.noise_variance * usual, kinds)
        question = Question(nothing, 10 * quality.log10(), kinds)
        shown = self.code.decode(*known, window.cut(grey), question).clamp(0, 1)
        uses, slots = (torch.full((batch,), each) for each in (reception.channel_uses, reception.slots))
        return Shown(window.paste(grey, shown), quality, uses, slots)

    def send(
        self,
        image: torch.Tensor,
        boxes: Sequence[Box],
        allowed: int,
        ends: tuple[Asked, Asked],
        before: Shown,
        air: Air,
    ) -> Shown:
        """Send windows of an image [1, 3, H, W], and with what is left all of it anew.

        Args:
            image: the image.
            boxes: what answers the question, the weightiest first.
            allowed: channel uses that both ends know.
            ends: what the transmitter heard, and what the receiver asked.
            before: what the receiver shows before.
            air: forward air of this image alone.
        """
        size, (said, asked) = (image.shape[-2], image.shape[-1]), ends
        code = HeaderCode(*size)
        chosen = self._chosen(boxes, size, allowed, said.snr_db, air)
        free = self._free(code.bits(len(chosen.windows) if chosen else 0), allowed, air)
        portions = self._portions(size, chosen, free)
        if not portions:
            return before
        message = torch.cat([self._symbols(image, p, said, about=p is chosen).flatten() for p in portions])[None]
        power = message.abs().square().mean(1).clamp_min(1e-12)
        gain = int(GAIN.encode(power))
        named = Header(NUMBERS[0], COPIES[0], gain, ())
        if chosen:
            named = Header(chosen.number, chosen.copies, gain, chosen.windows)
        bits = torch.tensor([code.encode(named)], dtype=torch.uint8)
        heading, body = self.headers.send(bits, air), self.data.send(message / power.sqrt(), air)
        header = code.decode(heading.bits[0].tolist()) if bool(heading.ok[0]) else None
        picture = before.picture
        if header is not None and header.number <= self.code.most:
            chosen = Portion(header.windows, header.number, header.copies) if header.windows else None
            portions, strength = self._portions(size, chosen, free), float(GAIN.power(torch.tensor(header.gain)))
            sizes = [portion.symbols for portion in portions]
            values = (body.symbols * strength**0.5).split(sizes, dim=1)
            noise = (body.noise_variance * strength).split(sizes, dim=1)
            # The whole image comes first: windows lie on it.
            for portion, value, variance in reversed(list(zip(portions, values, noise, strict=True))):
                picture = self._shown(picture, portion, (value, variance), asked, about=portion is chosen)
        return Shown(
            picture,
            before.quality,
            before.channel_uses + heading.channel_uses + body.channel_uses,
            before.slots + max(heading.slots, body.slots),
        )

    def _chosen(
        self, boxes: Sequence[Box], size: tuple[int, int], allowed: int, snr_db: float, air: Air
    ) -> Portion | None:
        """Return windows around as many boxes as find room, with their symbols; None where there are none."""
        windows = tuple(window for box in boxes for window in around(box, size))[:MOST_WINDOWS]
        for count in range(len(windows), 0, -1):
            free = self._free(HeaderCode(*size).bits(count), allowed, air)
            if free >= count * LEAST_SYMBOLS:
                return enough(windows[:count], free, snr_db, self.code)
        return None

    def _portions(self, size: tuple[int, int], chosen: Portion | None, free: int) -> list[Portion]:
        """Return the parts of a message of `free` symbols, as both ends know them from its header."""
        last = rest(size, free - (chosen.symbols if chosen else 0), self.code.most)
        return [portion for portion in (chosen, last) if portion]

    def _free(self, bits: int, allowed: int, air: Air) -> int:
        """Count the symbols that `allowed` channel uses carry beside a header of so many bits."""
        return self.data.capacity(max(0, allowed - self.headers.channel_uses(bits, air)))

    def _symbols(self, image: torch.Tensor, portion: Portion, said: Asked, *, about: bool) -> torch.Tensor:
        """Return the symbols of a portion, [windows, copies, number], as they are sent."""
        question = said.question(len(portion.windows), about=about)
        windows = torch.cat([window.cut(image) for window in portion.windows])
        symbols = self.code.encode(windows, question) * self.code.amplitude(question.kinds)
        return symbols[:, None, : portion.number].expand(portion.shape)

    def _shown(
        self,
        picture: torch.Tensor,
        portion: Portion,
        arrived: tuple[torch.Tensor, torch.Tensor],
        asked: Asked,
        *,
        about: bool,
    ) -> torch.Tensor:
        """Return a picture [1, 3, H, W] with what arrived of a portion."""
        values, noise = (part.reshape(portion.shape) for part in arrived)
        weight = 1 / noise  # copies are combined by their noise (maximum-ratio combining)
        values, noise = (weight * values).sum(1) / weight.sum(1), 1 / weight.sum(1)
        question = asked.question(len(portion.windows), about=about)
        known = self.code.received(values, noise, question.kinds)
        before = torch.cat([window.cut(picture) for window in portion.windows])
        shown = self.code.decode(*known, before, question).clamp(0, 1)
        for window, part in zip(portion.windows, shown, strict=True):
            picture = window.paste(picture, part[None])
        return picture
