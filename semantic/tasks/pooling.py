"""One answer from the answers on several samples of a picture."""

from collections import Counter, defaultdict
from collections.abc import Sequence

import torch

from taskwave.semantic.data.objects import overlaps
from taskwave.semantic.tasks.base import Answer, Detections

SAME = 0.5
"""Overlap, intersection over union, from which two boxes show the same object."""
SHARE = 0.5
"""Share of the samples that must show an object."""


def pooled(answers: Sequence[Answer]) -> Answer:
    """Return what K answers to one question say together.

    Of maps [H, W] it is the class that most have at a pixel, of words the one that most say. Objects are those of which
    at least half of the answers show the same class at the same place; the confidence is the mean over all answers,
    zero where an answer does not show them, the box a mean, and the text what most read.

    Raises:
        ValueError: there are no answers, or they are of several kinds.
    """
    if not answers:
        raise ValueError("there are no answers to pool: give at least one")
    detections = [answer for answer in answers if isinstance(answer, Detections)]
    maps = [answer for answer in answers if isinstance(answer, torch.Tensor)]
    words = [answer for answer in answers if isinstance(answer, str)]
    for same in (detections, maps, words):
        if len(same) == len(answers):
            break
    else:
        kinds = ", ".join(sorted({type(answer).__name__ for answer in answers}))
        raise ValueError(f"answers of several kinds ({kinds}) cannot be pooled: give those to one question")
    if maps:
        return torch.stack(maps).mode(0).values
    return _objects(detections) if detections else Counter(words).most_common(1)[0][0]


def _objects(answers: Sequence[Detections]) -> Detections:
    """Return the objects that at least half of the answers show."""
    boxes = torch.cat([answer.boxes for answer in answers])
    sure = torch.cat([answer.confidence for answer in answers])
    classes = [name for answer in answers for name in answer.classes]
    texts = [text for answer in answers for text in answer.texts]
    whose = torch.tensor([i for i, answer in enumerate(answers) for _ in answer.classes], dtype=torch.long)
    free, found = torch.ones(len(sure), dtype=torch.bool), list[tuple[torch.Tensor, str, float, str]]()
    while bool(free.any()):
        best = int(torch.where(free, sure, -1).argmax())
        near = overlaps(boxes[best : best + 1], boxes)[0]
        near[best] = 1
        group = [_nearest(near, free & (whose == i)) for i in whose.unique().tolist()]
        rows = [row for row in group if row is not None]
        free[rows] = False
        votes = defaultdict[str, float](float)
        for row in rows:
            votes[classes[row]] += float(sure[row])
        name = max(votes, key=lambda each: votes[each])
        mine = [row for row in rows if classes[row] == name]
        if len(mine) < SHARE * len(answers):
            continue
        read = Counter(texts[row] for row in mine if texts[row]).most_common(1)
        weight = sure[mine].clamp_min(1e-6)
        box = (weight[:, None] * boxes[mine]).sum(0) / weight.sum()
        found.append((box, name, float(sure[mine].sum()) / len(answers), read[0][0] if read else ""))
    if not found:
        return Detections.none()
    found.sort(key=lambda each: -each[2])
    places, names, confidence, read_texts = zip(*found, strict=True)
    return Detections(torch.stack(places), names, torch.tensor(confidence), read_texts)


def _nearest(near: torch.Tensor, allowed: torch.Tensor) -> int | None:
    """Return which of the allowed boxes is nearest, None where none is near."""
    overlap = torch.where(allowed, near, 0)
    row = int(overlap.argmax())
    return row if float(overlap[row]) >= SAME else None
