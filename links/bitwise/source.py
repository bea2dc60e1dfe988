"""Images as the codec links handle them: ladders, the worth of a rung, and images from payloads."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from taskwave.links.base import Delivery
from taskwave.links.bitwise.image_codecs import Pixels
from taskwave.links.bitwise.ladder import RateLadder, Rung, ladder_store, restore, smallest_payload
from taskwave.links.nothing import Prior
from taskwave.links.transport.rate import Offer, PayloadReception
from taskwave.phy.recent import Recent
from taskwave.semantic.metrics import confusion_matrix, mean_iou
from taskwave.semantic.weights import Models

_REMEMBERED = 256
"""Number of images whose worths are kept."""
_REMEMBERED_BYTES = 2**26
"""Size of all decoded images that are kept [bytes]."""
_SOURCES = 8
"""Number of sources that links share."""


def to_pixels(image: torch.Tensor) -> Pixels:
    """Convert [3, H, W] in [0, 1] to [H, W, 3] uint8, rounded."""
    rounded = (image.detach().clamp(0, 1) * 255).round().to(torch.uint8)
    return np.ascontiguousarray(rounded.movedim(0, -1).cpu().numpy())


def to_image(pixels: Pixels) -> torch.Tensor:
    """Convert [H, W, 3] uint8 to [3, H, W] float32 in [0, 1]."""
    return torch.from_numpy(pixels).movedim(-1, 0).float() / 255


@dataclass(frozen=True)
class DecodedImage:
    """Holds what a receiver makes of one payload."""

    pixels: Pixels
    """[H, W, 3] uint8."""
    labels: torch.Tensor
    """[H, W] uint8, the task network's answer."""

    @property
    def size(self) -> int:
        """Number of bytes."""
        return self.pixels.nbytes + self.labels.nbytes


class WorthOfRungs:
    """Tells how much of the task network's answer survives a codec, as the transmitter can know without any label.

    The agreement of an answer is its mean IoU (over the classes that occur) with the answer on the original. The worth
    of a rung is the agreement of the answer on the decoded image, less that of the answer from the prior alone, which
    the receiver has in an outage. It serves all tasks alike: the transmitter is not told the task.

    Args:
        ladder: ladder of the image.
        clean: [H, W] uint8, the answer on the original.
        floor: [H, W] uint8, the answer from the prior.
        answer: function from a payload to the answer [H, W] uint8 on the decoded image.
    """

    def __init__(
        self, ladder: RateLadder, clean: torch.Tensor, floor: torch.Tensor, answer: Callable[[bytes], torch.Tensor]
    ) -> None:
        self._ladder, self._clean, self._answer = ladder, clean, answer
        self._floor = mean_iou(confusion_matrix(floor, clean))
        self._worth: dict[tuple[int, int], float] = {}

    def offer(self, limit: int) -> Offer | None:
        """Return the ladder's best rung of at most `limit` bytes with its worth; None when none fits."""
        rung = self._ladder.best(limit)
        return None if rung is None else Offer(rung.payload, self._worth_of(rung))

    def _worth_of(self, rung: Rung) -> float:
        key = (rung.scale, rung.level)
        if key not in self._worth:
            agreement = mean_iou(confusion_matrix(self._answer(rung.payload), self._clean))
            self._worth[key] = agreement - self._floor
        return self._worth[key]


class CodecSource:
    """Offers images through one codec, judged by one task network; remembers the images and payloads seen last."""

    def __init__(self, codec: str, models: Models) -> None:
        self._store = ladder_store(codec)
        self.codec = self._store.codec
        self.models, self._prior = models, Prior(models)
        self._worths: Recent[WorthOfRungs] = Recent(_REMEMBERED)
        self._decoded: Recent[DecodedImage] = Recent(_REMEMBERED_BYTES, lambda image: image.size)

    def ladder(self, image: torch.Tensor) -> RateLadder:
        """Return the ladder of [3, H, W] in [0, 1]."""
        return self._store.ladder(to_pixels(image))

    def worth(self, image: torch.Tensor) -> WorthOfRungs:
        """Return the rungs of [3, H, W] in [0, 1] with their worth."""
        (height, width), ladder = image.shape[-2:], self.ladder(image)

        def make() -> WorthOfRungs:
            clean = self.models.segmentation.predict(image[None])[0]
            floor = self._prior.answer(height, width).labels
            return WorthOfRungs(ladder, clean, floor, lambda payload: self._decode(payload, height, width).labels)

        return self._worths.get(ladder, make)

    def _decode(self, payload: bytes, height: int, width: int) -> DecodedImage:
        """Decode and answer: at every SNR and budget, and at both ends, the same payloads come again.

        Raises:
            ValueError: a payload that does not decode.
        """

        def make() -> DecodedImage:
            pixels = restore(self.codec, payload, height, width)
            image = to_image(pixels).to(self.models.channel_weights.device)
            return DecodedImage(pixels, self.models.segmentation.predict(image[None])[0])

        return self._decoded.get((payload.rstrip(b"\0"), height, width), make)

    def smallest(self, height: int, width: int) -> int:
        """Count the bytes of the smallest message."""
        return smallest_payload(self.codec, height, width)

    def deliver(self, received: PayloadReception, like: torch.Tensor, tasks: int) -> list[Delivery]:
        """Decode and account: the same image serves every task.

        In an outage the receiver answers from its prior. A payload with an error that its CRC did not see, and that
        decodes to no image, is an outage as well.

        Args:
            received: a payload per image (None: outage), and what it cost.
            like: [B, 3, H, W], for size and device.
            tasks: deliveries wanted.
        """
        height, width = like.shape[-2:]
        prior = self._prior.answer(height, width)
        images = prior.image.to(like).repeat(len(like), 1, 1, 1)
        outage = torch.ones(len(like), dtype=torch.bool)
        for i, payload in enumerate(received.payloads):
            if payload is not None:
                try:
                    decoded = self._decode(payload, height, width)
                except ValueError:
                    continue
                images[i], outage[i] = to_image(decoded.pixels).to(like), False
        return [
            Delivery(
                channel_uses=received.channel_uses.clone(),
                feedback_uses=received.feedback_uses.clone(),
                airtime_slots=received.airtime_slots.clone(),
                outage=outage.clone(),
                image=images,
            )
            for _ in range(tasks)
        ]


_SHARED: Recent[CodecSource] = Recent(_SOURCES)


def codec_source(codec: str, models: Models) -> CodecSource:
    """Return the source that the links of one process share for a codec and models: a memo, it changes no result."""
    return _SHARED.get((codec, id(models)), lambda: CodecSource(codec, models))  # the source keeps `models` alive
