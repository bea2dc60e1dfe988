"""Linear map from a foreign text encoder's space onto the bundled one, by ridge regression on lexicon phrasings."""

import itertools
from dataclasses import dataclass

import torch
from torch.nn import functional

from taskwave.semantic.classes import NUM_CLASSES
from taskwave.semantic.lexicon import COLUMNS, Meaning

RIDGE = 3e-2
"""Penalty relative to the mean variance of the features."""


@dataclass(frozen=True)
class LinearMap:
    """y = x @ weight + bias."""

    weight: torch.Tensor
    bias: torch.Tensor

    def __call__(self, features: torch.Tensor) -> torch.Tensor:
        """[B, d] float32 to [B, 128]."""
        return features @ self.weight + self.bias


def alignment_meanings() -> list[Meaning]:
    """The 693 meanings the map is fitted on: one to three classes, each set three times with positions in turn."""
    places = [COLUMNS, *(c for size in (1, 2, 3) for c in itertools.combinations(COLUMNS, size))]
    subsets = [s for size in (1, 2, 3) for s in itertools.combinations(range(NUM_CLASSES), size)]
    return [
        Meaning(subset, places[(i + 3 * turn) % len(places)]) for turn in range(3) for i, subset in enumerate(subsets)
    ]


def fit_linear_map(features: torch.Tensor, goals: torch.Tensor) -> tuple[LinearMap, float]:
    """Ridge regression of `goals` [n, 128] on `features` [n, d]; every fifth row is held out.

    Returns the map and the mean cosine of mapped and goal embeddings on the held-out rows.
    """
    held_out = torch.arange(len(features)) % 5 == 4
    x, y = features[~held_out].double(), goals[~held_out].double()
    x_mean, y_mean = x.mean(0), y.mean(0)
    x = x - x_mean
    gram = x.T @ x
    penalty = RIDGE * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
    weight = torch.linalg.solve(gram + penalty, x.T @ (y - y_mean))
    linear = LinearMap(weight.float(), (y_mean - x_mean @ weight).float())
    cosine = functional.cosine_similarity(linear(features[held_out]), goals[held_out], dim=-1)
    return linear, float(cosine.mean())
