"""Judges for tests, whose answers depend on the picture alone."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch

from taskwave.semantic.classes import IGNORE
from taskwave.semantic.judges.panel import Panel
from taskwave.semantic.judges.segmentation import Segmenter
from taskwave.semantic.tasks.base import Answer, Detections, Truth
from taskwave.semantic.weights import Models


def unknown(truth: Truth) -> bool:
    """Whether the labels and the class of the picture are kept from a judge."""
    return bool((truth.label == IGNORE).all()) and truth.category is None


class ObjectStub:
    """Finds a stop sign, two limits and a dog at places that depend on the picture, the surest first."""

    name, digest, kinds = "objects", "1", ("finding", "recognition", "counting", "presence")

    def answer(self, images: torch.Tensor, truths: Sequence[Truth]) -> list[Answer]:
        assert all(unknown(truth) and truth.objects is None for truth in truths), "nobody tells what is true"
        return [self._find(image) for image in images]

    def _find(self, image: torch.Tensor) -> Detections:
        height, width = image.shape[-2:]
        shift = int(image.sum()) % 9
        edges = [(5 + 20 * i, 8 + shift, min(width, 25 + 20 * i), min(height, 30 + shift)) for i in range(4)]
        names = ("stop", "speed_limit_30", "speed_limit_70", "dog")
        return Detections(torch.tensor(edges).float(), names, torch.tensor([0.9, 0.8, 0.7, 0.6]), ("",) * 4)


class TextStub:
    """Reads at the places that it is shown."""

    name, digest, kinds = "texts", "2", ("reading",)

    def answer(self, images: torch.Tensor, truths: Sequence[Truth]) -> list[Answer]:
        assert all(unknown(truth) and truth.objects is not None for truth in truths)
        return [self._read(truth) for truth in truths]

    def _read(self, truth: Truth) -> Detections:
        shown = truth.objects
        assert shown is not None
        texts = tuple(name.rpartition("_")[2] if name.startswith("speed") else "" for name in shown.classes)
        return Detections(shown.boxes, shown.classes, torch.ones(len(shown)), texts)


class WordStub:
    """Says whether a picture is bright."""

    name, digest, kinds = "words", "3", ("classification",)

    def answer(self, images: torch.Tensor, truths: Sequence[Truth]) -> list[Answer]:
        return [("dark", "bright")[int(image.mean() > 0.5)] for image in images]


@pytest.fixture(scope="session")
def answering_models(colour_models: Models, colours: Segmenter) -> Models:
    """Models with judges of all kinds."""
    return replace(colour_models, judges=Panel([ObjectStub(), TextStub(), WordStub(), colours]))
