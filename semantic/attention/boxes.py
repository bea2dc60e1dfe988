"""Boxes of the things that a prompt names, and boxes around the parts of a mask."""

import numpy as np
import torch
from scipy.ndimage import find_objects, label

from taskwave.semantic.attention.locator import TOKEN
from taskwave.semantic.codec.placement import Box
from taskwave.semantic.data.objects import overlaps

FOUND = 0.6
"""Relevance from which a token shows what was asked for; chosen on `val`, as the locator has learnt `train`."""
COVERED = 0.15
"""Share of a box that relevant tokens cover at least, weighted by their relevance; also chosen on `val`."""
SAME = 0.35
"""Overlap, intersection over union, from which two tokens show the same thing."""


def boxes_of(relevance: torch.Tensor, edges: torch.Tensor) -> list[Box]:
    """Return a box for each thing that relevant tokens show, the surest first.

    Tokens whose boxes overlap show one thing, and their boxes are averaged, each by its relevance and its overlap with
    that of the surest. A large box that few tokens speak for is nothing.

    Args:
        relevance: relevance [h, w] of tokens of 8 pixels.
        edges: box of the thing that each token shows, [4, h, w], in pixels.
    """
    kept = relevance >= FOUND
    sure, boxes, found = relevance[kept], edges[:, kept].T, list[Box]()
    while len(sure):
        best = int(sure.argmax())
        shared = overlaps(boxes[best : best + 1], boxes)[0]
        same = shared >= SAME
        same[best] = True
        weight = (sure * shared)[same].clamp_min(1e-6)
        left, upper, right, lower = ((weight[:, None] * boxes[same]).sum(0) / weight.sum()).tolist()
        if float(sure[same].sum()) * TOKEN**2 >= COVERED * (right - left) * (lower - upper):
            found.append((left, upper, right, lower))
        sure, boxes = sure[~same], boxes[~same]
    return found


def boxes_around(mask: torch.Tensor) -> list[Box]:
    """Return the boxes of the connected parts of a mask [H, W] of pixels, the largest first."""
    parts, _ = label(mask.numpy(), structure=np.ones((3, 3)))
    found = [(float(c.start), float(r.start), float(c.stop), float(r.stop)) for r, c in find_objects(parts)]
    return sorted(found, key=lambda box: (box[0] - box[2]) * (box[3] - box[1]))


def boxes_of_parts(relevance: torch.Tensor) -> list[Box]:
    """Return the boxes of the connected relevant parts of a relevance [h, w] of tokens, the largest first."""
    seen = (relevance >= FOUND).repeat_interleave(TOKEN, 0).repeat_interleave(TOKEN, 1)
    return boxes_around(seen)
