"""Answers of the receivers: those that a link sent, else those of the judge on the image that it delivered."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from taskwave.links.base import Delivery
from taskwave.semantic.judges.panel import Panel
from taskwave.semantic.tasks.base import Answer, Task, Truth
from taskwave.semantic.tasks.pooling import pooled
from taskwave.semantic.weights import Models
from taskwave.semantic.weights.judges import BESIDE, load_judge


def truths_or_agreed(task: Task, clean: Sequence[Answer], truths: Sequence[Truth]) -> Sequence[Truth]:
    """Return what answers of a batch are scored against: its annotations, or where there are none the `clean` answers.

    Args:
        task: the question.
        clean: answers of the judge on the images that were sent.
        truths: what is annotated of each image.
    """
    if any(truth.is_known for truth in truths):
        return truths
    return [task.as_truth(answer, truth) for answer, truth in zip(clean, truths, strict=True)]


class Jury:
    """Answers for the receivers of all links alike, and keeps the answers on the images that it saw last.

    Its `models` are the networks for links: with the judges, which links of kind `answer` own at their transmitter.

    Args:
        models: networks for links.
        judge: name or folder of the judge that answers the kinds it can, or None.
        source: image set, whose own judges answer what that one cannot; "" is none.

    Raises:
        FileNotFoundError: there is no such judge.
        ValueError: its files are damaged.
    """

    def __init__(self, models: Models, judge: Path | None, source: str = "") -> None:
        chosen = [] if judge is None else [load_judge(judge)]
        missing = []
        for name in BESIDE.get(source, BESIDE[""]):
            try:
                chosen.append(load_judge(name))
            except (ModuleNotFoundError, FileNotFoundError) as error:  # Only a task that needs it must have it.
                missing.append(f"{name}: {error}")
        self.panel = Panel(chosen, missing)
        self.models = replace(models, judges=self.panel)
        self._shown: torch.Tensor | None = None
        self._seen: dict[str, list[Answer]] = {}

    def judges(self, tasks: Sequence[Task]) -> dict[str, str]:
        """Return the name of the judge of every task, by the name of the task, with the digest of the judge.

        Raises:
            ValueError: a task has none.
        """
        found = {task.name: self.panel.of(task) for task in tasks}
        return {name: f"{judge.name} {judge.digest}" for name, judge in found.items()}

    @property
    def digests(self) -> list[str]:
        """Names of all judges with their digests."""
        return [f"{judge.name} {judge.digest}" for judge in self.panel.judges]

    def answers(self, delivery: Delivery, task: Task, truths: Sequence[Truth]) -> list[Answer]:
        """Return the answers to a task, one for each image: of several samples, what the answers on them say together.

        In an outage they are those on the image of the receiver's prior.
        """
        if delivery.answers is not None:
            return delivery.answers
        assert delivery.image is not None, "a delivery holds images or answers"
        shown = delivery.image if delivery.samples is None else delivery.samples
        if self._shown is not shown:
            self._shown, self._seen = shown, {}
        judge = self.panel.of(task)
        if judge.name not in self._seen:
            if delivery.samples is None:
                self._seen[judge.name] = judge.answer(delivery.image, truths)
            else:
                each = zip(*(judge.answer(pictures, truths) for pictures in delivery.samples.unbind(1)), strict=True)
                self._seen[judge.name] = [pooled(answers) for answers in each]
        return self._seen[judge.name]
