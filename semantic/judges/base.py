"""What a judge is: a network that answers questions on the images that every link delivers, alike for all links."""

from collections.abc import Sequence
from typing import Protocol

import torch

from taskwave.semantic.tasks.base import Answer, Truth


class Judge(Protocol):
    """Describes a judge. It knows neither the link nor the image that was sent."""

    @property
    def name(self) -> str:
        """Name in records."""

    @property
    def digest(self) -> str:
        """Digest of all that its answers depend on."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of tasks that it answers."""

    def answer(self, images: torch.Tensor, truths: Sequence[Truth]) -> list[Answer]:
        """Answer on each of the images [B, 3, H, W] in [0, 1] all questions of its kinds: tasks take their part.

        Args:
            images: images that a link delivered.
            truths: annotations. Only judges that are shown where to look may use them, and of them the boxes only.
        """
