"""The protocol that every link obeys: images, tasks, a budget and the air in; answers and their cost out."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol, Self, runtime_checkable

import torch

from taskwave.phy.channel.air import AirInterface
from taskwave.semantic.tasks.base import Answer, Task, Truth

LinkKind = Literal["semantic", "bitwise", "bound", "answer", "floor"]
"""Kind of a link: learned, image codec over coded QAM, what no link can do (an ideal code, true places), answer sent,
nothing sent."""


@dataclass
class Delivery:
    """Holds what the receiver got for one task, for a batch of B images, and what it cost: images, or answers."""

    channel_uses: torch.Tensor
    """[B] int64, both directions: data, pilots, CRC, headers, padding, feedback. Never above the budget."""
    feedback_uses: torch.Tensor
    """[B] int64, the part of `channel_uses` spent on the reverse link."""
    airtime_slots: torch.Tensor
    """[B] int64, slots in which the image's messages were on the air, both directions, and `turnaround_slots` for every
    change of direction between them."""
    outage: torch.Tensor
    """[B] bool, whether nothing arrived from which to answer."""
    image: torch.Tensor | None = None
    """[B, 3, H, W] float in [0, 1], image that the receiver answered from, that of its prior for an image in outage;
    None where no image is sent."""
    answers: list[Answer] | None = None
    """Answers of the receiver, one per image, where the link sends answers; for an image in outage what the receiver
    answers from its prior alone (see `taskwave.links.nothing`). None: the judges answer on `image`."""
    samples: torch.Tensor | None = None
    """[B, K, 3, H, W] float in [0, 1], pictures that agree with what arrived, where the receiver answers from several;
    None: it answers from `image`."""
    stages: dict[str, torch.Tensor] = field(default_factory=dict)
    """Inner signals for figures: `coarse` [B, 3, H, W] float in [0, 1], the image before any detail; `attention`
    [B, h, w] float, the relevance that the transmitter gave to parts of the image, on a grid of any size."""
    messages: list[str] = field(default_factory=list)
    """Textual prompts that the receiver sent back, one per image, empty where it asked nothing (no list: never)."""
    heard: list[str | None] = field(default_factory=list)
    """What the transmitter understood of each message; None where nothing was sent or it was lost (or no list)."""


class BudgetError(ValueError):
    """Raised when the budget is too small for what the link cannot do without."""


class Link(Protocol):
    """Describes a scheme under test, stateless between calls and deterministic given `air`."""

    name: str
    kind: LinkKind

    def run(self, images: torch.Tensor, tasks: Sequence[Task], budget: int, air: AirInterface) -> list[Delivery]:
        """Deliver `images` [B, 3, H, W] (float, [0, 1]) for each task within `budget` channel uses a task.

        Every task is a run of its own (its own budget, the same channel and noise); what does not depend on the task
        may be computed once. Image b of the batch is transmitted over realisation b of `air`.

        Raises:
            BudgetError: `budget` cannot carry even the smallest message of the link.
        """
        ...


@runtime_checkable
class InformedLink(Link, Protocol):
    """Describes a bound whose transmitter is shown annotations, which no transmitter has."""

    def informed_by(self, truths: Sequence[Truth]) -> Self:
        """Return the link for the images of which `truths` are the annotations, one each."""
        ...


def informed(link: Link, truths: Sequence[Truth]) -> Link:
    """Return a link that is shown annotations where it is one that is shown any, and every other as it is."""
    return link.informed_by(truths) if isinstance(link, InformedLink) else link


def serve_once(
    tasks: Sequence[Task], asked: Callable[[Task], Hashable], serve: Callable[[Task], Delivery]
) -> list[Delivery]:
    """Serve every task, those of which the same is asked together.

    Args:
        tasks: the tasks.
        asked: all of a task that the link knows.
        serve: function that serves one task.

    Returns:
        A delivery for each task; those served together share images.
    """
    served: dict[Hashable, Delivery] = {}
    for task in tasks:
        if asked(task) not in served:
            served[asked(task)] = serve(task)
    return [replace(served[asked(task)]) for task in tasks]
