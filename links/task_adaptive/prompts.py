"""The textual prompt on its way back: text to bits, over the feedback link, to the text the transmitter heard.

With it travels how well the receiver heard the first transmission, as a channel quality indicator.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from taskwave.links.task_adaptive.plan import from_bits, to_bits
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.links.control import FeedbackLink
from taskwave.phy.radio import Radio
from taskwave.semantic.language.lexicon import parse
from taskwave.semantic.language.prompt_code import decode, encode

FORMATS = (20, 32, 48, 64, 96, 128, 192, 256)
"""Message sizes in bits; a prompt takes the smallest that holds it, or else a multiple of the largest."""
QUALITY_BITS, QUALITY_STEP_DB, LOWEST_QUALITY_DB = 4, 2.0, -9.0
"""Of the channel quality indicator: -9 to 21 dB."""


@dataclass(frozen=True)
class HeardPrompt:
    """What the transmitter understood of one image's feedback."""

    text: str
    snr: float
    """After equalisation at the receiver, linear, in steps of 2 dB."""


def effective_snr(noise: torch.Tensor) -> torch.Tensor:
    """SNR [B] (linear) of one Gaussian channel that leaves as much linear estimation error as `noise` [B, ...] does."""
    error = (noise / (1 + noise)).flatten(1).mean(1)
    return 1 / error - 1


class PromptTransfer:
    """Sends one prompt per image; each image is charged for its own."""

    def __init__(self, radio: Radio) -> None:
        self.link = FeedbackLink(radio)

    def least_uses(self, air: AirInterface, occasion: int) -> int:
        """Channel uses of the shortest prompt."""
        return self.link.channel_uses(FORMATS[0], air.reverse(occasion))

    def arrival(self, air: AirInterface, occasion: int) -> float:
        """Expected share of prompts that are heard."""
        return 1 - self.link.expected_loss(air.reverse(occasion))

    def send(
        self, prompts: Sequence[str | None], snr: torch.Tensor, air: AirInterface, occasion: int, allowed: torch.Tensor
    ) -> tuple[list[HeardPrompt | None], torch.Tensor]:
        """What the transmitter heard and the channel uses [B], of a prompt per image or None for silence, and SNRs [B].

        None was heard where nothing was said, the message was erased, or not sent because `allowed` [B] is less than it
        costs.
        """
        heard: list[HeardPrompt | None] = [None] * len(prompts)
        uses = torch.zeros(len(prompts), dtype=torch.int64)
        messages = [
            [] if prompt is None else _quality_bits(float(mine)) + encode(prompt)
            for prompt, mine in zip(prompts, snr, strict=True)
        ]
        sizes = [_format(len(message)) if message else 0 for message in messages]
        for size in sorted(set(sizes) - {0}):
            cost = self.link.channel_uses(size, air.reverse(occasion))
            rows = [i for i, mine in enumerate(sizes) if mine == size and cost <= int(allowed[i])]
            if not rows:
                continue
            padded = torch.zeros(len(rows), size, dtype=torch.uint8)
            for row, i in enumerate(rows):
                padded[row, : len(messages[i])] = torch.as_tensor(messages[i], dtype=torch.uint8)
            reception = self.link.send(padded, air.select(torch.tensor(rows)).reverse(occasion))
            uses[rows] = reception.channel_uses
            for row, i in enumerate(rows):
                if reception.ok[row]:
                    heard[i] = _understand(reception.bits[row])
        return heard, uses


def _format(bits: int) -> int:
    fitting = [size for size in FORMATS if size >= bits]
    return fitting[0] if fitting else -(-bits // FORMATS[-1]) * FORMATS[-1]


def _quality_bits(snr: float) -> list[int]:
    index = round((10 * math.log10(max(snr, 1e-9)) - LOWEST_QUALITY_DB) / QUALITY_STEP_DB)
    index = min(max(index, 0), 2**QUALITY_BITS - 1)
    return to_bits(index, QUALITY_BITS)


def _understand(bits: torch.Tensor) -> HeardPrompt | None:
    """The meaning of decoded bits; None for the rare wrong bits that passed the CRC and make no sense."""
    index = from_bits(bits[:QUALITY_BITS].tolist())
    try:
        text = decode(bits[QUALITY_BITS:])
        parse(text)
    except ValueError:
        return None
    return HeardPrompt(text, 10 ** ((LOWEST_QUALITY_DB + QUALITY_STEP_DB * index) / 10))
