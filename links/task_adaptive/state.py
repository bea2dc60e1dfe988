"""What the two ends of the loop know of a question, and how far an image has come."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from taskwave.semantic.codec.placement import Window
from taskwave.semantic.codec.windows import ANYTHING, Question, WindowCode


@dataclass(frozen=True)
class Asked:
    """Says what one end knows of a question about an image."""

    embedding: torch.Tensor
    """Embedding of the prompt [1, E], zeros for none."""
    kind: int
    """Kind of the windows that answer it, an index into `semantic.codec.windows.KINDS`."""
    snr_db: float
    """SNR after equalisation that this end expects, dB."""
    measured: bool = True
    """Whether the receiver measured it; else it is what both ends expect of the radio."""

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
    feedback_uses: torch.Tensor
    """[B] int64, the part of the channel uses that the receiver took."""

    def select(self, row: int) -> "Shown":
        """Return the state of one image."""
        one = slice(row, row + 1)
        return Shown(
            self.picture[one], self.quality[one], self.channel_uses[one], self.slots[one], self.feedback_uses[one]
        )

    def later(self, picture: torch.Tensor, channel_uses: torch.Tensor | int, slots: torch.Tensor | int) -> "Shown":
        """Return the state after a message of so many channel uses and slots, by which `picture` is shown."""
        return replace(self, picture=picture, channel_uses=self.channel_uses + channel_uses, slots=self.slots + slots)

    def answered(self, channel_uses: int, slots: int) -> "Shown":
        """Return the state after an answer of the receiver of so many channel uses and slots, turnarounds included."""
        after = self.later(self.picture, channel_uses, slots)
        return replace(after, feedback_uses=self.feedback_uses + channel_uses)


@dataclass(frozen=True)
class Wanted:
    """Says what a transmitter is to send of an image."""

    image: torch.Tensor
    """The image [1, 3, H, W]."""
    windows: tuple[Window, ...]
    """Windows around what answers the question, the weightiest first."""
    said: Asked
    """What the transmitter knows of the question."""
    allowed: int
    """Channel uses that both ends know."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the image."""
        return self.image.shape[-2], self.image.shape[-1]


def redrawn(
    code: WindowCode,
    picture: torch.Tensor,
    windows: Sequence[Window],
    known: tuple[torch.Tensor, torch.Tensor],
    question: Question,
) -> torch.Tensor:
    """Return a picture [1, 3, H, W] with windows as they are decoded from what is `known` of them.

    Args:
        code: the code.
        picture: what was shown before.
        windows: places of the windows.
        known: components and gains, as `WindowCode.decode` takes them.
        question: what was asked of each.
    """
    before = torch.cat([window.cut(picture) for window in windows])
    for window, part in zip(windows, code.decode(*known, before, question).clamp(0, 1), strict=True):
        picture = window.paste(picture, part[None])
    return picture
