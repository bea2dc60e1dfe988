"""A link with its radio and networks, ready to send images: `load_link` and what it returns."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from pydantic import ValidationError
from torch.nn import functional

from taskwave.links import registry
from taskwave.links.base import Delivery
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.definitions import bandwidth_ratio
from taskwave.phy.radio import Radio
from taskwave.phy.seeds import stream_seed
from taskwave.scenarios.config.loading import explain
from taskwave.scenarios.front_door.images import ImageLike, to_tensor
from taskwave.scenarios.front_door.reply import Reply
from taskwave.scenarios.sweep.judge import Jury
from taskwave.semantic.classes import IGNORE
from taskwave.semantic.surrogates.base import SurrogateName
from taskwave.semantic.tasks import questions
from taskwave.semantic.tasks.base import Answer, Task, Truth
from taskwave.semantic.weights import Models, load_models

_OCCASIONS = 3
"""Number of channel realisations of one image: the first transmission and the later ones that links use."""


class ReadyLink:
    """Sends images one by one over a radio of its own.

    Every image meets a new realisation of the channel and new noise, the same ones whenever the program runs again.

    Args:
        name: name of the link, see `taskwave list`.
        models: networks of both ends.
        config: configuration of the radio.
        seed: seed of channels and noise.
        judge: name or folder of a judge that answers the questions it can; None, and for all else: those of
            photographs of streets.

    Raises:
        ValueError: there is no link of that name.
    """

    def __init__(
        self, name: str, models: Models, config: RadioConfig, seed: int = 0, judge: str | Path | None = None
    ) -> None:
        self.name, self.models, self.config = name, models, config
        self._radio = Radio(config)
        self._jury = Jury(models, None if judge is None else Path(judge))
        self._link = registry.create(name, self._jury.models, self._radio)
        self._seed, self._sent = seed, 0

    def __repr__(self) -> str:
        config = self.config
        radio = f"{config.channel_name}, {config.num_tx_ant}x{config.num_rx_ant}, csi {config.csi}"
        return f"<link {self.name!r} over {radio}, weights {self.models.name!r}>"

    @torch.no_grad()
    def send(
        self, image: ImageLike, question: str, *, es_n0_db: float = 10.0, budget: int = 1000, seed: int | None = None
    ) -> Reply:
        """Send one image to a receiver with one question, and return what it got.

        Args:
            image: path, PIL image, array or tensor of any size.
            question: question of the receiver in free wording, such as "where are the cars?".
            es_n0_db: SNR, mean energy per RE and receive antenna over the noise variance [dB].
            budget: channel uses allowed, both directions together.
            seed: seed of channel and noise of this image; None: the next of the link's own sequence.

        Raises:
            ValueError: an image, question, SNR or budget that cannot be used; the message says what can.
            FileNotFoundError: there is no image file of that name.
            BudgetError: the budget is too small for the link.
        """
        if isinstance(es_n0_db, bool) or not isinstance(es_n0_db, int | float | np.number):
            raise ValueError(f"es_n0_db = {es_n0_db!r}: give an SNR [dB] as a number")
        if isinstance(budget, bool) or not isinstance(budget, int | np.integer):
            raise ValueError(f"budget = {budget!r}: give a whole number of channel uses")
        original = to_tensor(image)
        task = questions.read(question)
        self._jury.panel.of(task)  # Nobody should wait for a transmission that no judge can read.
        seed = stream_seed(self._seed, "image", self._sent) if seed is None else seed
        fading = self._radio.draw(1, _OCCASIONS, stream_seed(seed, "fading", 0))
        air = AirInterface(self.config, fading, es_n0_db, stream_seed(seed, "noise", 0))
        (delivery,) = self._link.run(original, [task], budget, air)
        self._sent += 1
        (answer,) = self._jury.answers(delivery, task, [Truth(torch.full(original.shape[-2:], IGNORE))])
        return _reply(task, original, delivery, answer, int(delivery.airtime_slots[0]) * self.config.slot_seconds)


def load_link(
    name: str = "task-adaptive",
    *,
    weights: str | Path = "roads",
    text_encoder: str | None = None,
    judge: str | Path | None = None,
    surrogate: SurrogateName = "signs",
    seed: int = 0,
    **radio: Any,
) -> ReadyLink:
    """Load a link with its networks and a radio, ready to send.

    Args:
        name: name of the link, see `taskwave list`.
        weights: name of a bundled set of weights ("roads") or path of a folder.
        text_encoder: folder or Hugging Face id of a pretrained text encoder; None: the bundled one.
        judge: name, folder or ONNX file of a judge that answers the questions it can, such as "gtsdb" for traffic
            signs; None, and for all else: those of photographs of streets, of which some are for research use.
        surrogate: what transmitters weigh by, see the key of this name: "signs", "streets", "camvid" or "psnr".
        seed: seed of channels and noise.
        radio: keys of the table `[radio]`, such as `channel="cdl-c"`, `num_rx_ant=2`, `csi="lmmse"`; tables within it
            are dictionaries.

    Raises:
        ValueError: an unknown link or key, or a value that is not allowed; the message says what is.
        FileNotFoundError: there are no weights or no judge of that name.
    """
    registry.check(name)
    try:
        config = RadioConfig.model_validate(radio)
    except ValidationError as error:
        raise ValueError(explain(Path("load_link"), error, RadioConfig)) from error
    return ReadyLink(name, load_models(str(weights), text_encoder, surrogate), config, seed, judge)


def _reply(task: Task, original: torch.Tensor, delivery: Delivery, answer: Answer, airtime_s: float) -> Reply:
    """Return a delivery of a batch of one image as the reply to it, [1, 3, H, W]."""
    height, width = original.shape[-2:]
    coarse, attention = delivery.stages.get("coarse"), delivery.stages.get("attention")
    prompts = tuple(message for message in delivery.messages if message)
    heard = tuple(delivery.heard[: len(prompts)]) if delivery.heard else prompts
    return Reply(
        question=task.prompt,
        task=task,
        answer=answer,
        original=_pil(original),
        image=None if delivery.image is None else _pil(delivery.image),
        coarse=None if coarse is None else _pil(coarse),
        attention=_at_pixels(attention, height, width) if attention is not None and prompts else None,
        prompts=prompts,
        heard=heard,
        channel_uses=int(delivery.channel_uses[0]),
        feedback_uses=int(delivery.feedback_uses[0]),
        airtime_s=airtime_s,
        bandwidth_ratio=float(bandwidth_ratio(int(delivery.channel_uses[0]), height, width)),
        outage=bool(delivery.outage[0]),
    )


def _pil(images: torch.Tensor) -> Image.Image:
    """Return the first of images [B, 3, H, W] in [0, 1] as PIL image."""
    pixels = (images[0].detach().cpu().clamp(0, 1) * 255).round().to(torch.uint8)
    return Image.fromarray(pixels.movedim(0, -1).numpy())


def _at_pixels(relevance: torch.Tensor, height: int, width: int) -> NDArray[np.float32]:
    """Return a relevance [1, h, w] at the pixels of the image, [height, width] float32."""
    at_pixels = functional.interpolate(relevance[None].float(), (height, width), mode="bilinear")[0, 0]
    return at_pixels.cpu().numpy()
