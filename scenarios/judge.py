"""A task network of its own that judges every link's pictures, so that none is judged by what it was trained with."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from taskwave.links.base import Delivery
from taskwave.semantic.classes import NO_ANSWER
from taskwave.semantic.weights import load_task_network


class Judge:
    """Answers in place of the links' own task network wherever a picture was delivered.

    Args:
        folder: a segmentation network, as `taskwave train set … --stage segmentation` leaves it.

    Raises:
        FileNotFoundError, ValueError: there is none, or it is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self._task, self.digest = load_task_network(folder)

    def __call__(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """The deliveries with other predictions; those without a picture (an answer was sent) as they are."""
        judged = []
        for delivery in deliveries:
            if delivery.image is not None:
                prediction = self._task.predict(delivery.image)
                prediction[delivery.outage.to(prediction.device)] = NO_ANSWER
                delivery = replace(delivery, prediction=prediction)  # noqa: PLW2901 - the judged one from here on
            judged.append(delivery)
        return judged
