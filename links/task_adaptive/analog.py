"""Messages of windows as analog symbols with a coded header."""

from dataclasses import dataclass

import torch

from taskwave.links.task_adaptive.header import COPIES, GAIN, Header, HeaderCode
from taskwave.links.task_adaptive.plan import Portion, enough, rest, worth_of
from taskwave.links.task_adaptive.state import Asked, Shown, Wanted
from taskwave.phy.channel.air import Air
from taskwave.phy.links.control import ControlLink
from taskwave.phy.links.symbol import SymbolLink
from taskwave.phy.radio import Radio
from taskwave.semantic.codec.windows import NUMBERS, WindowCode

LEAST_SYMBOLS = 32
"""Number of symbols that each window must find beside its header; fewer windows are sent else."""


@dataclass(frozen=True)
class AnalogPlan:
    """Says what a message of analog symbols holds."""

    chosen: Portion | None
    """Windows with their symbols; None where there are none."""
    free: int
    """Number of symbols of the message."""
    worth: float
    """How well what the windows show is expected to be recognised, 0…1, losses of the header counted."""


class AnalogMessages:
    """Sends windows of an image as analog symbols.

    Args:
        code: the code of windows.
        radio: the radio.
    """

    def __init__(self, code: WindowCode, radio: Radio) -> None:
        self.code, self.data, self.headers = code, SymbolLink(radio), ControlLink(radio)

    def plan(self, wanted: Wanted, air: Air) -> AnalogPlan:
        """Plan windows as many as find room, with as many symbols as pay, and the whole image with what is left.

        Args:
            wanted: what to send.
            air: forward air of this image alone.
        """
        for count in range(len(wanted.windows), 0, -1):
            free = self._free(HeaderCode(*wanted.size).bits(count), wanted.allowed, air)
            if free >= count * LEAST_SYMBOLS:
                chosen = enough(wanted.windows[:count], free, wanted.said.snr_db, self.code)
                worth = worth_of(chosen, wanted.said.snr_db, self.code) if chosen else 0.0
                arrives = 1 - self.headers.expected_loss(HeaderCode(*wanted.size).bits(count), air)
                return AnalogPlan(chosen, free, arrives * worth * count / len(wanted.windows))
        return AnalogPlan(None, self._free(HeaderCode(*wanted.size).bits(0), wanted.allowed, air), 0.0)

    def send(self, wanted: Wanted, plan: AnalogPlan, asked: Asked, before: Shown, air: Air) -> Shown:
        """Send what was planned.

        Args:
            wanted: what to send.
            plan: how.
            asked: what the receiver asked.
            before: what it shows before.
            air: forward air of this image alone.
        """
        code, chosen = HeaderCode(*wanted.size), plan.chosen
        portions = self._portions(wanted.size, chosen, plan.free)
        if not portions:
            return before
        sent = [self._symbols(wanted.image, p, wanted.said, about=p is chosen).flatten() for p in portions]
        message = torch.cat(sent)[None]
        power = message.abs().square().mean(1).clamp_min(1e-12)
        gain = int(GAIN.encode(power))
        named = Header(NUMBERS[0], COPIES[0], gain, ())
        if chosen:
            named = Header(chosen.number, chosen.copies, gain, chosen.windows)
        bits = torch.tensor([code.encode(named)], dtype=torch.uint8)
        heading, body = self.headers.send(bits, air), self.data.send(message / power.sqrt(), air)
        header = code.decode(heading.bits[0].tolist()) if bool(heading.ok[0]) else None
        shown = before
        if header is not None and header.number <= self.code.most:
            chosen = Portion(header.windows, header.number, header.copies) if header.windows else None
            portions = self._portions(wanted.size, chosen, plan.free)
            strength = float(GAIN.power(torch.tensor(header.gain)))
            sizes = [portion.symbols for portion in portions]
            values = (body.symbols * strength**0.5).split(sizes, dim=1)
            noise = (body.noise_variance * strength).split(sizes, dim=1)
            # The whole image comes first: windows lie on it.
            for portion, value, variance in reversed(list(zip(portions, values, noise, strict=True))):
                shown = self._shown(shown, portion, (value, variance), asked, about=portion is chosen)
        return shown.later(heading.channel_uses + body.channel_uses, max(heading.slots, body.slots))

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
        shown: Shown,
        portion: Portion,
        arrived: tuple[torch.Tensor, torch.Tensor],
        asked: Asked,
        *,
        about: bool,
    ) -> Shown:
        """Return what is shown with what arrived of a portion."""
        values, noise = (part.reshape(portion.shape) for part in arrived)
        weight = 1 / noise  # copies are combined by their noise (maximum-ratio combining)
        values, noise = (weight * values).sum(1) / weight.sum(1), 1 / weight.sum(1)
        question = asked.question(len(portion.windows), about=about)
        known = self.code.received(values, noise, question.kinds)
        return shown.drawn(self.code, portion.windows, known, question)
