"""What came back for one image that was sent, and how it is shown."""

import io
import os
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from taskwave.phy.drawing import panels
from taskwave.semantic.tasks.base import Answer, Detections, Task
from taskwave.semantic.tasks.objects import AboutObjects
from taskwave.semantic.tasks.segmentation import Segmentation

_ANSWER = np.array([0, 150, 120]) / 255
"""Colour of the pixels that answer the question, RGB in [0, 1]."""


@dataclass(frozen=True)
class Reply:
    """Holds what the receiver got for one image and one question, and what it cost."""

    question: str
    """Question of the receiver's user."""
    task: Task = field(repr=False)
    """What the question was understood to ask."""
    answer: Answer = field(repr=False)
    """Answer: class ids [H, W] uint8 (254 where the receiver has none), objects, or a word."""
    original: Image.Image = field(repr=False)
    """Image that was sent, RGB."""
    image: Image.Image | None = field(repr=False)
    """Image that the receiver saw, RGB; None where the link sends none."""
    coarse: Image.Image | None = field(repr=False)
    """Image before any detail arrived, RGB; None where the link has no such stage."""
    attention: NDArray[np.float32] | None = field(repr=False)
    """Relevance of every pixel to the prompt [H, W] in [0, 1]; None where nothing was asked."""
    prompts: tuple[str, ...]
    """Textual prompts that the receiver sent back, in order."""
    heard: tuple[str | None, ...]
    """What the transmitter understood of each prompt; None where it was lost."""
    channel_uses: int
    """Resource elements occupied, both directions, everything included."""
    feedback_uses: int
    """Part of `channel_uses` on the reverse link."""
    airtime_s: float
    """Duration of the exchange on the air, turnarounds included [s]."""
    bandwidth_ratio: float
    """`channel_uses` / (3 H W)."""
    outage: bool
    """Whether a message that the answer needs was lost."""

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """Pixels that the receiver takes for what is asked for, [H, W]: those of the classes, or within boxes."""
        inside = np.zeros((self.original.height, self.original.width), dtype=bool)
        if isinstance(self.answer, Detections):
            for left, upper, right, lower in self._boxes.boxes.round().int().tolist():
                inside[upper:lower, left:right] = True
        elif isinstance(self.answer, torch.Tensor) and isinstance(self.task, Segmentation):
            inside = np.isin(self.answer.numpy(), self.task.classes)
        return inside

    @property
    def _boxes(self) -> Detections:
        """The objects of the answer that were asked for."""
        assert isinstance(self.answer, Detections)
        return self.task.found(self.answer) if isinstance(self.task, AboutObjects) else self.answer

    def figure(self) -> Figure:
        """Draw original, coarse image, attention and received image with the answer over it, side by side."""
        shown: list[tuple[str, Image.Image | None]] = [("original", self.original)]
        if self.coarse is not None:
            shown.append(("coarse", self.coarse))
        if self.attention is not None:
            shown.append(("attention", self.original))
        shown.append(("answer", self.image))
        width = 3.0
        figure, axes = panels(len(shown), width * self.original.height / self.original.width + 1.0, width)
        for axis, (title, image) in zip(axes, shown, strict=True):
            self._draw(axis, title, image)
        asked = "; ".join(
            prompt if prompt == heard else f"{prompt} (lost)"
            for prompt, heard in zip(self.prompts, self.heard, strict=True)
        )
        cost = f"{self.channel_uses:,} channel uses ({self.feedback_uses} of them feedback)"
        lines = [f"{self.question} ({self.task.name}): {cost}{', outage' if self.outage else ''}"]
        figure.suptitle("\n".join([*lines, *([f"asked back: {asked}"] if asked else [])]), fontsize=9)
        return figure

    def _draw(self, axis: Axes, title: str, image: Image.Image | None) -> None:
        """Draw one panel: an image, with attention or answer over it where its title says so."""
        axis.set(xticks=[], yticks=[])
        axis.grid(visible=False)
        axis.spines[:].set_visible(False)
        axis.set_title(title, fontsize=10)
        pixels = (
            np.full((self.original.height, self.original.width, 3), 0.93) if image is None else np.asarray(image) / 255
        )
        if title == "answer":
            pixels = np.where(self.mask[..., None], 0.4 * pixels + 0.6 * _ANSWER, pixels)
        axis.imshow(pixels)
        if title == "answer" and isinstance(self.answer, Detections):
            for box, name, text in zip(self._boxes.boxes.tolist(), self._boxes.classes, self._boxes.texts, strict=True):
                axis.text(box[0], box[3] + 2, text or name.replace("_", " "), va="top", fontsize=7, color=_ANSWER)
        if title == "answer" and isinstance(self.answer, str):
            axis.set_xlabel(self.answer, fontsize=9)
        if title == "attention" and self.attention is not None:
            axis.imshow(self.attention, cmap="magma", alpha=0.6, vmin=0, vmax=1)

    def _repr_png_(self) -> bytes:
        """Return the figure as PNG, which notebooks show."""
        buffer = io.BytesIO()
        self.figure().savefig(buffer, format="png", dpi=80)
        return buffer.getvalue()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the figure as PNG."""
        with open(path, "wb") as file:  # noqa: PTH123  takes every kind of path
            file.write(self._repr_png_())

    def show(self) -> None:
        """Open the figure in the image viewer of the system (in a notebook, a reply shows itself)."""
        Image.open(io.BytesIO(self._repr_png_())).show()
