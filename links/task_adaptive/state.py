"""What the two ends know of a question, and how far an image has come."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from taskwave.semantic.codec.placement import Window
from taskwave.semantic.codec.windows import ANYTHING, Question, WindowCode
from taskwave.semantic.diffusion.posterior import Arrived, lost_of

Known = tuple[torch.Tensor, torch.Tensor]
"""Components of windows and their gains, [n, 2 S] each, as `WindowCode.decode` takes them."""


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
class Layer:
    """Holds windows that were drawn on a picture, and what was known of them."""

    windows: tuple[Window, ...]
    """Places of the windows of one image, or the one place of a window of each of several images."""
    arrived: Arrived
    """What the receiver knows of each window."""


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
    layers: tuple[Layer, ...] = ()
    """Windows that make the picture, the lowest first; the first layer is a window of each image, others are there for
    single images only."""

    def select(self, row: int) -> "Shown":
        """Return the state of one image of several that have one layer."""
        one = slice(row, row + 1)
        return Shown(
            self.picture[one],
            self.quality[one],
            self.channel_uses[one],
            self.slots[one],
            self.feedback_uses[one],
            tuple(Layer(layer.windows, layer.arrived.select(one)) for layer in self.layers),
        )

    def later(self, channel_uses: torch.Tensor | int, slots: torch.Tensor | int) -> "Shown":
        """Return the state after a message of so many channel uses and slots that showed nothing."""
        return replace(self, channel_uses=self.channel_uses + channel_uses, slots=self.slots + slots)

    def drawn(self, code: WindowCode, windows: Sequence[Window], known: Known, question: Question) -> "Shown":
        """Return the state of one image when windows of it are decoded from what is known of them.

        Args:
            code: the code.
            windows: places of the windows.
            known: components and gains, as `WindowCode.decode` takes them.
            question: what was asked of each.
        """
        picture = self.picture
        before = torch.cat([window.cut(picture) for window in windows])
        mean = code.decode(*known, before, question)
        for window, part in zip(windows, mean.clamp(0, 1), strict=True):
            picture = window.paste(picture, part[None])
        layer = Layer(tuple(windows), Arrived(mean, lost_of(code, known[1], question.kinds), question))
        return replace(self, picture=picture, layers=(*self.layers, layer))

    def answered(self, channel_uses: int, slots: int) -> "Shown":
        """Return the state after an answer of the receiver of so many channel uses and slots, turnarounds included."""
        after = self.later(channel_uses, slots)
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
