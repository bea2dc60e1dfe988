"""The training of the locator's edges: boxes of the things that tokens show, on features that stay as they are."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from taskwave.semantic.attention.locator import TOKEN, Locator
from taskwave.semantic.training.fit import Fit, FitConfig
from taskwave.semantic.training.judges.augmentation import vary
from taskwave.semantic.training.judges.pools import BoxPool
from taskwave.semantic.training.monitor import Monitor

CROP = (192, 256)
"""Size (h, w) of the crops in pixels."""
LEAST = 6.0
"""Width and height in pixels from which an object counts."""
NEAR = 3.0
"""Pixels by which the middle of a token may lie outside an object that it still shows."""


def token_edges(boxes: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Return the box that each token of an image of `size` shows, the smallest of several, [4, h, w]; inf for none."""
    rows, columns = torch.meshgrid(*(TOKEN * (torch.arange(n // TOKEN) + 0.5) for n in size), indexing="ij")
    edges, least = torch.full((4, *rows.shape), torch.inf), torch.full(rows.shape, torch.inf)
    for box in boxes:
        left, upper, right, lower = box.tolist()
        if min(right - left, lower - upper) < LEAST:
            continue
        inside = torch.stack([columns - left, rows - upper, right - columns, lower - rows]).amin(0) > -NEAR
        mine = inside & ((right - left) * (lower - upper) < least)
        least[mine], edges[:, mine] = (right - left) * (lower - upper), box[:, None].float()
    return edges


def edge_loss(found: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    """Return one minus the generalised overlap (Rezatofighi et al., CVPR 2019) of boxes found and true, both [N, 4]."""
    low, high = torch.maximum(found[:, :2], true[:, :2]), torch.minimum(found[:, 2:], true[:, 2:])
    shared = (high - low).clamp_min(0).prod(1)
    either = sum((each[:, 2:] - each[:, :2]).prod(1) for each in (found, true)) - shared
    around = torch.maximum(found[:, 2:], true[:, 2:]) - torch.minimum(found[:, :2], true[:, :2])
    hull = around.prod(1).clamp_min(1e-6)
    return (1 - shared / either.clamp_min(1e-6) + (hull - either) / hull).mean()


def train_edges(
    net: Locator, pools: Sequence[BoxPool], steps: int, folder: Path, seed: int, monitor: Monitor
) -> Locator:
    """Train the edges of `net` with crops of image sets, as often of each; 8 crops a step.

    Args:
        net: the locator, whose other parts stay as they are.
        pools: image sets with boxes.
        steps: number of steps.
        folder: folder of checkpoint and log.
        seed: seed of the crops.
        monitor: follower of the progress.
    """
    net.eval()
    config = FitConfig(steps, 2e-3, weight_decay=1e-2, seed=seed, validate_every=500, autocast=False, warmup=100)
    fit = Fit(net.to_edges.requires_grad_(True), config, folder)

    def boxes(head: nn.Module, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the boxes found and true [N, 4] of the tokens of 8 crops that show something."""
        crops, edges = [], []
        for i in range(8):
            pool = pools[i % len(pools)]
            index = int(torch.randint(len(pool.images), (), generator=generator))
            crop, theirs, _ = pool.crop(index, CROP, generator)
            crops.append(vary(crop, generator))
            edges.append(token_edges(theirs, CROP))
        with torch.no_grad():
            features = net.features(torch.stack(crops).to(memory_format=torch.channels_last))
        true = torch.stack(edges).movedim(1, -1).flatten(0, 2)
        shown = true.isfinite().all(1)
        return net.placed(head(features)).movedim(1, -1).flatten(0, 2)[shown], true[shown]

    def loss(generator: torch.Generator) -> torch.Tensor:
        return edge_loss(*boxes(net.to_edges, generator))

    @torch.no_grad()
    def validate() -> dict[str, float]:
        generator = torch.Generator().manual_seed(0)
        return {"edges_loss": sum(float(edge_loss(*boxes(fit.averaged, generator))) for _ in range(8)) / 8}

    net.to_edges.load_state_dict(fit.run(loss, validate, monitor).state_dict())
    net.eval()
    return net
