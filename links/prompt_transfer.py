"""The textual prompt on its way back: text to bits, over the feedback link, to the text the transmitter heard."""

from collections.abc import Sequence

import torch

from taskwave.phy.air import AirInterface, Radio
from taskwave.phy.control_link import FeedbackLink
from taskwave.semantic.lexicon import parse
from taskwave.semantic.prompt_code import decode, encode

FORMATS = (20, 32, 48, 64, 96, 128, 192, 256)
"""Message sizes in bits; a prompt takes the smallest that holds it, or else a multiple of the largest."""


class PromptTransfer:
    """Sends one prompt per image; each image is charged for its own."""

    def __init__(self, radio: Radio) -> None:
        self.link = FeedbackLink(radio)

    def send(
        self, prompts: Sequence[str], air: AirInterface, occasion: int, allowed: torch.Tensor
    ) -> tuple[list[str | None], torch.Tensor]:
        """What the transmitter heard and the channel uses [B].

        None was heard where the message was erased, or not sent because `allowed` [B] is less than it costs.
        """
        heard: list[str | None] = [None] * len(prompts)
        uses = torch.zeros(len(prompts), dtype=torch.int64)
        messages = [encode(prompt) for prompt in prompts]
        sizes = [_format(len(message)) for message in messages]
        for size in sorted(set(sizes)):
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


def _understand(bits: torch.Tensor) -> str | None:
    """The text of decoded bits; None for the rare wrong bits that passed the CRC and make no sense."""
    try:
        text = decode(bits)
        parse(text)
    except ValueError:
        return None
    return text
