"""The judge: a task network of the user that answers for the links wherever an image was delivered."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from taskwave.links.base import Delivery
from taskwave.semantic.weights import load_task_network


class Judge:
    """Answers in place of the links' own task network wherever an image was delivered.

    Args:
        folder: folder of a segmentation network, as `taskwave train set … --stage segmentation` leaves it.

    Raises:
        FileNotFoundError: there is no network in the folder.
        ValueError: the network is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.task, self.digest = load_task_network(folder)

    def __call__(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Return deliveries with predictions of its own; those without an image (an answer was sent) as they are.

        In an outage it judges the image of the receiver's prior, which is the image that the links deliver then.
        """
        judged = []
        for delivery in deliveries:
            if delivery.image is not None:
                delivery = replace(delivery, prediction=self.task.predict(delivery.image))  # noqa: PLW2901  the judged one from here on
            judged.append(delivery)
        return judged
