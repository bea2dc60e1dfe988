"""The textual prompt on its way back: text to bits, over the feedback link, to the text the transmitter heard.

With it travels how well the receiver heard the first transmission, as a channel quality indicator.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch

from taskwave.phy.channel.air import AirInterface
from taskwave.phy.links.control import FeedbackLink
from taskwave.phy.radio import Radio
from taskwave.phy.seeds import generator
from taskwave.semantic.language.lexicon import parse
from taskwave.semantic.language.prompt_code import decode, encode

MESSAGE_BITS = (20, 32, 48, 64, 96, 128, 192, 256)
"""Message sizes in bits; a prompt takes the smallest that holds it, or else a multiple of the largest."""
QUALITY_BITS, QUALITY_STEP_DB, LOWEST_QUALITY_DB = 4, 2.0, -9.0
"""Bits, step and lowest value of the channel quality indicator, which reaches from -9 to 21 dB."""


_ERASURES = 2**23
"""Number that sets the seeds of erasures apart from those of noise."""


@dataclass(frozen=True)
class Expense:
    """Holds what messages of B images cost."""

    uses: torch.Tensor
    """[B] int64, channel uses."""
    slots: torch.Tensor
    """[B] int64, slots on the air."""

    @classmethod
    def nothing(cls, batch: int) -> "Expense":
        """Make the expense of images of which nothing was sent."""
        return cls(torch.zeros(batch, dtype=torch.int64), torch.zeros(batch, dtype=torch.int64))

    def plus(self, rows: torch.Tensor | list[int], uses: int, slots: int) -> "Expense":
        """Return the same after a message of the images `rows`, each of so many channel uses and slots."""
        more = torch.zeros_like(self.uses)
        more[rows] = 1
        return Expense(self.uses + more * uses, self.slots + more * slots)


@dataclass(frozen=True)
class HeardPrompt:
    """Holds what the transmitter understood of one image's feedback."""

    text: str
    snr: float
    """SNR after equalisation at the receiver, linear, in steps of 2 dB."""


def effective_snr(noise: torch.Tensor) -> torch.Tensor:
    """Find the SNR [B] (linear) of one Gaussian channel that leaves the linear estimation error of `noise` [B, ...]."""
    error = (noise / (1 + noise)).flatten(1).mean(1)
    return 1 / error - 1


class PromptTransfer:
    """Sends one prompt per image; each image is charged for its own."""

    def __init__(self, radio: Radio) -> None:
        self.link = FeedbackLink(radio)

    def least_uses(self, air: AirInterface, occasion: int) -> int:
        """Count the channel uses of the shortest prompt."""
        return self.link.channel_uses(MESSAGE_BITS[0], air.reverse(occasion))

    def uses(self, prompt: str, air: AirInterface, occasion: int) -> int:
        """Count the channel uses of a prompt."""
        return self.link.channel_uses(_message_size(QUALITY_BITS + len(encode(prompt))), air.reverse(occasion))

    def send(
        self, prompts: Sequence[str | None], snr: torch.Tensor, air: AirInterface, occasion: int, allowed: torch.Tensor
    ) -> tuple[list[HeardPrompt | None], Expense]:
        """Send a prompt per image, or None for silence, with the receivers' SNRs [B] (linear).

        Returns:
            What the transmitter heard of each (None where nothing was said, the message was erased, or not sent because
            `allowed` [B] is less than it costs), and what it cost (nothing where it was not sent).
        """
        heard: list[HeardPrompt | None] = [None] * len(prompts)
        expense = Expense.nothing(len(prompts))
        messages = [
            [] if prompt is None else _quality_bits(float(mine)) + encode(prompt)
            for prompt, mine in zip(prompts, snr, strict=True)
        ]
        sizes = [_message_size(len(message)) if message else 0 for message in messages]
        for size in sorted(set(sizes) - {0}):
            cost = self.link.channel_uses(size, air.reverse(occasion))
            rows = [i for i, mine in enumerate(sizes) if mine == size and cost <= int(allowed[i])]
            if not rows:
                continue
            padded = torch.zeros(len(rows), size, dtype=torch.uint8)
            for row, i in enumerate(rows):
                padded[row, : len(messages[i])] = torch.as_tensor(messages[i], dtype=torch.uint8)
            reception = self.link.send(padded, air.select(torch.tensor(rows)).reverse(occasion))
            expense = expense.plus(rows, reception.channel_uses, reception.slots)
            for row, i in enumerate(rows):
                if reception.ok[row] and not _erased(air, i, occasion):
                    heard[i] = _understand(reception.bits[row])
        return heard, expense


def _erased(air: AirInterface, row: int, occasion: int) -> bool:
    """Return whether a prompt is lost by the share of `RadioConfig.prompt_loss`, the same for all links."""
    reverse = air.reverse(occasion)
    draws = generator(air.seed, int(reverse.images[row]), reverse.identity("control"), _ERASURES)
    return float(torch.rand((), generator=draws)) < air.config.prompt_loss


def _message_size(bits: int) -> int:
    fitting = [size for size in MESSAGE_BITS if size >= bits]
    return fitting[0] if fitting else -(-bits // MESSAGE_BITS[-1]) * MESSAGE_BITS[-1]


def _quality_index(snr: float) -> int:
    index = round((10 * math.log10(max(snr, 1e-9)) - LOWEST_QUALITY_DB) / QUALITY_STEP_DB)
    return min(max(index, 0), (1 << QUALITY_BITS) - 1)


def _snr_of(index: int) -> float:
    return float(10 ** ((LOWEST_QUALITY_DB + QUALITY_STEP_DB * index) / 10))


def _quality_bits(snr: float) -> list[int]:
    """Turn an SNR (linear) into the bits of its indicator, least significant first."""
    index = _quality_index(snr)
    return to_bits(index, QUALITY_BITS)


def _understand(bits: torch.Tensor) -> HeardPrompt | None:
    """Read decoded bits; None for the rare wrong bits that passed the CRC and make no sense."""
    index = from_bits(bits[:QUALITY_BITS].tolist())
    try:
        text = decode(bits[QUALITY_BITS:])
        parse(text)
    except ValueError:
        return None
    return HeardPrompt(text, _snr_of(index))


def to_bits(number: int, size: int) -> list[int]:
    """Return the lowest `size` bits of `number`, least significant first."""
    return [number >> i & 1 for i in range(size)]


def from_bits(bits: Iterable[int]) -> int:
    """Return the number of bits, least significant first."""
    return sum(int(bit) << i for i, bit in enumerate(bits))
