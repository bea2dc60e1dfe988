"""Free wording: which task a question asks, by what images have annotated."""

from collections.abc import Callable
from functools import lru_cache
from importlib.metadata import entry_points

from taskwave.semantic.tasks import classification, objects, segmentation
from taskwave.semantic.tasks.base import Task, Wording

ENTRY_POINTS = "taskwave.tasks"
"""Group of entry points of other packages: each names a function from a wording to a `Task`, or to None where the
wording asks something else."""

WORDINGS: tuple[Wording, ...] = (
    *(objects.COUNTING, objects.PRESENCE, objects.READING, objects.RECOGNITION, objects.FINDING),
    classification.WORDING,
    segmentation.WORDING,
)
"""Kinds of tasks that the project knows, in the order in which wordings are tried."""


@lru_cache
def others() -> tuple[Callable[[str], Task | None], ...]:
    """Return the readers of wordings that other packages announce.

    Raises:
        ValueError: an entry point cannot be loaded.
    """
    readers = []
    for point in entry_points(group=ENTRY_POINTS):
        try:
            readers.append(point.load())
        except Exception as error:  # whatever the other package raises
            raise ValueError(
                f"the task {point.name!r} of the entry point {point.value!r} cannot be loaded ({error!r}): repair or "
                "uninstall its package"
            ) from error
    return tuple(readers)


def read(prompt: str, annotated: str = "label") -> Task:
    """Return the task that a question in free wording asks.

    Where a wording fits several kinds, such as "where are the cars?", images with label maps are segmented and images
    with boxes are searched for boxes.

    Args:
        prompt: wording of the question.
        annotated: what the images have: "label", "objects", "category", or "" for nothing.

    Raises:
        ValueError: no kind of task understands the wording; the message has examples.
    """
    for reader in others():
        task = reader(prompt)
        if task is not None:
            return task
    about = objects.read(prompt)
    if about is not None and (annotated == "objects" or not isinstance(about, objects.Finding)):
        return about
    whole = classification.read(prompt)
    if whole is not None:
        return whole
    try:
        return segmentation.read(prompt)
    except ValueError as error:
        if about is not None:
            return about
        asked = "; ".join(f"{w.name}: {', '.join(map(repr, w.examples))}" for w in WORDINGS)
        raise ValueError(f"{error}. Questions are asked like {asked}") from error
