"""Where in images the things are that prompts name: found by the locator, or told by annotations to bounds."""

import copy
from collections.abc import Sequence
from typing import Self

import torch

from taskwave.semantic.attention.boxes import boxes_of, boxes_of_parts
from taskwave.semantic.attention.locator import OUTLINED, TOKEN
from taskwave.semantic.codec.placement import Box
from taskwave.semantic.language.lexicon import parse
from taskwave.semantic.tasks.base import Task, Truth
from taskwave.semantic.tasks.places import places
from taskwave.semantic.weights import Models


def located(models: Models, images: torch.Tensor, texts: Sequence[str | None]) -> tuple[torch.Tensor, list[list[Box]]]:
    """Find what the prompts that were heard name.

    Args:
        models: networks, of which locator and text encoder are used.
        images: images [B, 3, H, W] in [0, 1].
        texts: what was heard of each; None where nothing was.

    Returns:
        Relevance of tokens [B, h, w], one everywhere where no prompt was heard, and of each image the boxes of what its
        prompt names, the surest first: of things, or of connected parts where the prompt names more than things.
    """
    height, width = images.shape[-2:]
    relevance = torch.ones(len(images), -(-height // TOKEN), -(-width // TOKEN))
    boxes: list[list[Box]] = [[] for _ in texts]
    heard = {i: text for i, text in enumerate(texts) if text is not None}
    if heard:
        embeddings = models.text_encoder.embed(list(heard.values())).to(images)[:, None]
        found, edges = (each.float().cpu() for each in models.locator.locate(images[list(heard)], embeddings))
        for row, (i, text) in enumerate(heard.items()):
            relevance[i] = found[row, 0]
            things = set(parse(text).classes) <= set(OUTLINED)
            boxes[i] = boxes_of(relevance[i], edges[row]) if things else boxes_of_parts(relevance[i])
    return relevance, boxes


class ToldPlaces:
    """Makes a link one that is shown annotations (`taskwave.links.base.InformedLink`), as only bounds are."""

    name: str
    _truths: Sequence[Truth] | None = None

    def informed_by(self, truths: Sequence[Truth]) -> Self:
        """Implement `taskwave.links.base.InformedLink.informed_by`."""
        informed = copy.copy(self)
        informed._truths = truths
        return informed

    def held(self, task: Task, texts: Sequence[str | None]) -> torch.Tensor:
        """Return the pixels [B, H, W] bool that hold the answer to a task; all of them where no prompt was heard.

        Raises:
            ValueError: there are no annotations, or not of so many images.
        """
        if self._truths is None:
            raise ValueError(f"{self.name} is shown the annotations of the images, and there are none here")
        if len(self._truths) != len(texts):
            raise ValueError(f"{self.name}: annotations of {len(self._truths)} images, but {len(texts)} are sent")
        asked = torch.tensor([text is not None for text in texts])
        return torch.stack([places(task, truth) for truth in self._truths]) | ~asked[:, None, None]
