"""What links share: tasks that ask the same are served once, and annotations reach only links that are shown them."""

from dataclasses import replace

import torch

from taskwave.links.base import Delivery, informed, serve_once
from taskwave.semantic.tasks.base import Task, Truth
from taskwave.semantic.tasks.segmentation import Segmentation

CARS, ROAD = Segmentation("cars", (8,)), Segmentation("road", (3,))
NONE = torch.zeros(1, dtype=torch.int64)


def test_tasks_that_ask_the_same_are_served_once_in_their_order() -> None:
    served: list[str] = []

    def serve(task: Task) -> Delivery:
        served.append(task.prompt)
        return Delivery(NONE, NONE, NONE, NONE.bool(), messages=[task.prompt])

    tasks = [CARS, ROAD, replace(CARS, prompt="automobiles")]
    deliveries = serve_once(tasks, lambda task: task.street_classes, serve)
    assert served == ["cars", "road"]
    assert [delivery.messages for delivery in deliveries] == [["cars"], ["road"], ["cars"]]
    assert deliveries[0] is not deliveries[2]


def test_annotations_are_shown_to_a_link_that_asks_for_them_and_to_no_other() -> None:
    class Blind:
        name, kind = "blind", "bitwise"

        def run(self, *_: object) -> list[Delivery]:
            return []

    class Told(Blind):
        truths: tuple[Truth, ...] = ()

        def informed_by(self, truths: tuple[Truth, ...]) -> "Told":
            told = Told()
            told.truths = truths
            return told

    truths, blind, told = (Truth(torch.zeros(2, 2, dtype=torch.uint8)),), Blind(), Told()
    assert informed(blind, truths) is blind  # type: ignore[arg-type]
    shown = informed(told, truths)  # type: ignore[arg-type]
    assert shown.truths is truths and told.truths == ()  # type: ignore[attr-defined]
