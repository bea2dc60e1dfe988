"""Links of another package, found by entry points: real radio, no models. For the tests of the scenarios."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import torch

from taskwave.links.base import BudgetError, Delivery, LinkKind
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.links.symbol import SymbolLink
from taskwave.phy.radio import Radio
from taskwave.semantic.judges.panel import Panel
from taskwave.semantic.tasks.base import Task

SMALLEST = 100
"""Channel uses below which a toy cannot work."""

SCENARIO = """
name = "toy"
description = "toy links"
seed = 7
weights = "roads"
tasks = ["cars", "road and pavement"]

[images]
source = "streets"
split = "test"
count = 3
batch = 2

[radio]
channel = "awgn"
num_tx_ant = 1
num_rx_ant = 1
num_layers = 1
csi = "perfect"

[sweep]
es_n0_db = [-20, 0]
budgets = [50, 200]
links = ["toy", "toy-twin"]
"""


@dataclass
class Models:
    """The little that the scenarios themselves ask of models."""

    digests: dict[str, str] = field(default_factory=lambda: {"toy": "weights"})
    judges: Panel | None = None


class Toy:
    """Sends as many known symbols as the budget holds; answers `car` in the rows whose symbol arrived with its sign."""

    name = "toy"
    kind: LinkKind = "semantic"
    calls: ClassVar[list[tuple[str, int]]] = []

    def __init__(self, models: Models, radio: Radio) -> None:
        self.symbols = SymbolLink(radio)

    def run(self, images: torch.Tensor, tasks: Sequence[Task], budget: int, air: AirInterface) -> list[Delivery]:
        if budget < SMALLEST:
            raise BudgetError(f"{self.name} needs {SMALLEST} channel uses, the budget is {budget}")
        self.calls.append((self.name, budget))
        batch, _, height, width = images.shape
        num_symbols = self.symbols.capacity(min(budget, height))
        received = self.symbols.send(torch.ones(batch, num_symbols, dtype=torch.complex64), air.forward(0))
        rows = torch.arange(height) % num_symbols
        right = (received.symbols.real > 0)[:, rows]
        prediction = torch.where(right, 8, 3).to(torch.uint8)[:, :, None].repeat(1, 1, width)
        delivery = Delivery(
            answers=list(prediction),
            channel_uses=torch.full((batch,), received.channel_uses),
            feedback_uses=torch.zeros(batch, dtype=torch.int64),
            airtime_slots=torch.full((batch,), received.slots),
            outage=torch.zeros(batch, dtype=torch.bool),
            image=images,
            stages={"coarse": images, "attention": right.float()[:, :24, None].repeat(1, 1, 32)},
            messages=["cars please"] * batch,
        )
        return [delivery for _ in tasks]


class Twin(Toy):
    """The same under another name and kind, after transmissions of its own at other occasions."""

    name = "toy-twin"
    kind: LinkKind = "bitwise"

    def run(self, images: torch.Tensor, tasks: Sequence[Task], budget: int, air: AirInterface) -> list[Delivery]:
        symbols = torch.ones(len(images), 12, dtype=torch.complex64)
        self.symbols.send(symbols, air.forward(1))
        self.symbols.send(symbols, air.reverse(0))
        return super().run(images, tasks, budget, air)


class Greedy(Toy):
    """Spends more than it may."""

    name = "toy-greedy"

    def run(self, images: torch.Tensor, tasks: Sequence[Task], budget: int, air: AirInterface) -> list[Delivery]:
        deliveries = super().run(images, tasks, budget, air)
        deliveries[0].channel_uses += budget
        return deliveries


class Stops(Toy):
    """Is interrupted as by Ctrl-C once a file named by $TOY_STOP exists; makes it on its second call."""

    name = "toy-stops"

    def run(self, images: torch.Tensor, tasks: Sequence[Task], budget: int, air: AirInterface) -> list[Delivery]:
        mark = Path(os.environ["TOY_STOP"])
        deliveries = super().run(images, tasks, budget, air)
        if not mark.exists():
            mark.touch()
        elif mark.stat().st_size == 0:
            mark.write_text("stopped once")
            raise KeyboardInterrupt
        return deliveries
