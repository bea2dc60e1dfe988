"""A session of the live link: one image after another through a running flowgraph, each for a task of its own."""

import time
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from taskwave.links import registry
from taskwave.links.base import Delivery
from taskwave.links.bitwise.source import to_pixels
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.gnuradio.exchange import BurstExchange
from taskwave.phy.gnuradio.medium import HeardBurst, LiveMedium
from taskwave.phy.gnuradio.wire import Message, Pixels
from taskwave.phy.radio import Radio
from taskwave.scenarios.sweep.judge import Jury
from taskwave.semantic.classes import IGNORE
from taskwave.semantic.tasks.base import Truth
from taskwave.semantic.tasks.segmentation import Segmentation

_ANSWER_COLOUR = np.array([0, 150, 120])
_MOST_SYMBOLS = 1000
"""Largest number of symbols of a message that the constellation shows."""
_OCCASIONS = 3
"""Largest number of forward transmissions of one image."""


@dataclass(frozen=True)
class LiveReport:
    """Describes the transmission of one image."""

    delivery: Delivery
    """Delivery of the link, a batch of one image."""
    snr_db: float
    """SNR [dB] that the receiver estimates, mean over the bursts that were found; NaN where none was."""
    carrier_offset_hz: float
    """Carrier frequency offset of the first burst that was found [Hz]; NaN where none was."""
    lost: int
    """Number of bursts that were not found."""
    bursts: int
    """Number of bursts sent."""
    seconds: float
    """Time from the image to the answer [s]."""
    air_seconds: float
    """Part of `seconds` in which bursts were on their way through the flowgraph [s]."""
    heard: tuple[HeardBurst, ...]
    """What was heard of each burst."""


class LiveSession:
    """Runs transmitter and receiver of one link, joined by nothing but the samples that a flowgraph carries.

    Args:
        jury: the judges, which answer for the receiver, with the networks of both ends.
        config: configuration of the radio, without a flowgraph of its own and with synchronisation charged.
        exchange: exchange of samples that the flowgraph joins.
        link: name of the link.
        es_n0_db: Es/N0 [dB] that both ends plan for; the one of the flowgraph may be another.
        budget: channel uses of an image.
    """

    def __init__(
        self, jury: Jury, config: RadioConfig, exchange: BurstExchange, link: str, es_n0_db: float, budget: int
    ) -> None:
        self.exchange, self.es_n0_db, self.budget = exchange, es_n0_db, budget
        self._radio, self._radio.rehearsal = Radio(config), Radio(config)
        self._medium = LiveMedium(config, self._radio.channel, exchange)
        self._radio.medium = self._medium
        self._radio.tap = self._take
        self._fading = self._radio.draw(1, _OCCASIONS, 0)
        self._link, self._jury = registry.create(link, jury.models, self._radio), jury
        self._symbols: list[torch.Tensor] = []

    def send(self, image: torch.Tensor, task: Segmentation) -> LiveReport:
        """Send one image [3, H, W] for one task, and let the flowgraph show the result.

        Raises:
            FlowgraphError: no flowgraph has joined.
            BudgetError: the budget is too small for the link.
        """
        self._medium.receptions.clear()
        self._medium.heard.clear()
        self._symbols.clear()
        start, on_air = time.monotonic(), self._medium.seconds
        air = AirInterface(self._radio.config, self._fading, self.es_n0_db, 0)
        (delivery,) = self._link.run(image[None], [task], self.budget, air)
        if delivery.answers is None:
            nothing_known = [Truth(torch.full(image.shape[-2:], IGNORE, dtype=torch.uint8))]
            delivery.answers = self._jury.answers(delivery, task, nothing_known)
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
            tuple(self._medium.heard),
        )

    def _take(self, name: str, value: torch.Tensor) -> None:
        """Keep the symbols of a constellation, [B, N] complex64, that the tap of the radio hands out."""
        if name == "constellation":
            self._symbols.append(value[0, :_MOST_SYMBOLS])

    def _publish(self, delivery: Delivery, task: Segmentation) -> None:
        """Give the constellation, the image and its mask to the blocks of the flowgraph that show them."""
        symbols = torch.cat(self._symbols).numpy() if self._symbols else np.zeros(1, dtype=np.complex64)
        shown = {"constellation": symbols}
        if delivery.image is not None:
            shown |= {"image": to_pixels(delivery.image[0]), "mask": highlight(delivery, task)}
        prompt = delivery.messages[0] if delivery.messages else ""
        values = {"names": list(shown), "prompt": prompt}
        self.exchange.publish(Message("display", 0, values, list(shown.values())))


def highlight(delivery: Delivery, task: Segmentation) -> Pixels:
    """Return the received image in grey with the pixels of the task's classes in colour, [H, W, 3] uint8."""
    assert delivery.image is not None and delivery.answers is not None
    grey = to_pixels(delivery.image[0]).mean(axis=-1, keepdims=True).repeat(3, axis=-1)
    answer = np.isin(np.asarray(delivery.answers[0]), task.classes)[..., None]
    pixels: Pixels = np.where(answer, 0.4 * grey + 0.6 * _ANSWER_COLOUR, 0.7 * grey).astype(np.uint8)
    return pixels


def panorama(image: torch.Tensor, delivery: Delivery, task: Segmentation) -> Image.Image:
    """Put side by side the image [3, H, W], what arrived first, what arrived in the end, and the answer."""
    stages = [image, *(stage[0] for name, stage in delivery.stages.items() if name == "coarse")]
    if delivery.image is not None:
        stages.append(delivery.image[0])
    parts = [to_pixels(stage) for stage in stages]
    if delivery.image is not None:
        parts.append(highlight(delivery, task))
    return Image.fromarray(np.concatenate(parts, axis=1))
