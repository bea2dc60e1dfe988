"""The semantic link live: one picture after another through a running flowgraph, each for a task of its own."""

import time
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from taskwave.links import registry
from taskwave.links.base import Delivery, Task
from taskwave.links.bitwise.source import to_pixels
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.gnuradio.exchange import Exchange
from taskwave.phy.gnuradio.medium import LiveMedium
from taskwave.phy.gnuradio.wire import Message, Pixels
from taskwave.phy.radio import Radio
from taskwave.semantic.weights import Models

_ANSWER = np.array([0, 150, 120])
_MOST_SYMBOLS = 1000
"""Of a message, to be shown."""
_OCCASIONS = 3


@dataclass(frozen=True)
class LiveReport:
    """What one picture took."""

    delivery: Delivery
    snr_db: float
    """Mean over the bursts that were found, as the receiver estimates it; NaN where none was."""
    carrier_offset_hz: float
    """Of the first burst."""
    lost: int
    bursts: int
    seconds: float
    """From the picture to the answer, and how much of it bursts were on their way through the flowgraph:"""
    air_seconds: float


class LiveSession:
    """Transmitter and receiver of one link, joined by nothing but the samples that a flowgraph carries.

    Args:
        models: networks of both ends.
        config: of the radio; without a flowgraph of its own, and with synchronisation charged.
        exchange: where the flowgraph joins.
        link: its name.
        es_n0_db: Es/N0 [dB] that both ends plan for; the flowgraph's own is what it is.
        budget: channel uses a picture.
    """

    def __init__(
        self, models: Models, config: RadioConfig, exchange: Exchange, link: str, es_n0_db: float, budget: int
    ) -> None:
        self.exchange, self.es_n0_db, self.budget = exchange, es_n0_db, budget
        self._radio, self._radio.rehearsal = Radio(config), Radio(config)
        self._medium = LiveMedium(config, self._radio.channel, exchange)
        self._radio.medium = self._medium
        self._radio.tap = self._take
        self._fading = self._radio.draw(1, _OCCASIONS, 0)
        self._link = registry.create(link, models, self._radio)
        self._symbols: list[torch.Tensor] = []

    def send(self, picture: torch.Tensor, task: Task) -> LiveReport:
        """One picture [3, H, W] for one task; what came of it is shown by the flowgraph, too.

        Raises:
            FlowgraphError: no flowgraph is there.
            BudgetError: the budget is too small for the link.
        """
        self._medium.receptions.clear()
        self._symbols.clear()
        start, on_air = time.monotonic(), self._medium.seconds
        air = AirInterface(self._radio.config, self._fading, self.es_n0_db, 0)
        (delivery,) = self._link.run(picture[None], [task], self.budget, air)
        seconds = time.monotonic() - start
        found = [r for r in self._medium.receptions if bool(r.found.all())]
        noise = [float(r.no.mean()) for r in found]
        self._publish(delivery, task)
        return LiveReport(
            delivery,
            float(-10 * np.log10(np.mean(noise))) if noise else float("nan"),
            float(found[0].carrier_offset_hz) if found else float("nan"),
            len(self._medium.receptions) - len(found),
            len(self._medium.receptions),
            seconds,
            self._medium.seconds - on_air,
        )

    def _take(self, name: str, value: torch.Tensor) -> None:
        if name == "constellation":
            self._symbols.append(value[0, :_MOST_SYMBOLS])

    def _publish(self, delivery: Delivery, task: Task) -> None:
        symbols = torch.cat(self._symbols).numpy() if self._symbols else np.zeros(1, dtype=np.complex64)
        shown = {"constellation": symbols}
        if delivery.image is not None:
            shown |= {"image": to_pixels(delivery.image[0]), "mask": highlight(delivery, task)}
        prompt = delivery.messages[0] if delivery.messages else ""
        values = {"names": list(shown), "prompt": prompt}
        self.exchange.publish(Message("picture", 0, values, list(shown.values())))


def highlight(delivery: Delivery, task: Task) -> Pixels:
    """[H, W, 3] uint8: the received picture in grey, what it holds of the task's classes in colour."""
    assert delivery.image is not None
    grey = to_pixels(delivery.image[0]).mean(axis=-1, keepdims=True).repeat(3, axis=-1)
    answer = np.isin(delivery.prediction[0].numpy(), task.classes)[..., None]
    pixels: Pixels = np.where(answer, 0.4 * grey + 0.6 * _ANSWER, 0.7 * grey).astype(np.uint8)
    return pixels


def panorama(picture: torch.Tensor, delivery: Delivery, task: Task) -> Image.Image:
    """Side by side: the picture, what first arrived, what arrived in the end, the answer."""
    stages = [picture, *(stage[0] for name, stage in delivery.stages.items() if name == "coarse")]
    if delivery.image is not None:
        stages.append(delivery.image[0])
    parts = [to_pixels(stage) for stage in stages]
    if delivery.image is not None:
        parts.append(highlight(delivery, task))
    return Image.fromarray(np.concatenate(parts, axis=1))
