"""Images as the codec links handle them: ladders, the worth of a rung, and images from payloads."""

import numpy as np
import torch

from taskwave.links.base import Delivery
from taskwave.links.bitwise.image_codecs import Pixels
from taskwave.links.bitwise.ladder import RateLadder, Rung, ladder_store, restore, smallest_payload
from taskwave.links.transport.rate import Offer, PayloadReception
from taskwave.phy.recent import Recent
from taskwave.semantic.classes import NO_ANSWER
from taskwave.semantic.metrics import confusion_matrix, mean_iou
from taskwave.semantic.tasks.segmentation import SegmentationTask

OUTAGE_GREY = 0.5
_REMEMBERED = 256
"""Number of images whose worths are kept."""


def to_pixels(image: torch.Tensor) -> Pixels:
    """Convert [3, H, W] in [0, 1] to [H, W, 3] uint8, rounded."""
    rounded = (image.detach().clamp(0, 1) * 255).round().to(torch.uint8)
    return np.ascontiguousarray(rounded.movedim(0, -1).cpu().numpy())


def to_image(pixels: Pixels) -> torch.Tensor:
    """Convert [H, W, 3] uint8 to [3, H, W] float32 in [0, 1]."""
    return torch.from_numpy(pixels).movedim(-1, 0).float() / 255


class WorthOfRungs:
    """Tells how much of the task network's answer survives a codec, as the transmitter can know without any label.

    The worth of a rung is the mean IoU (over the classes that occur) between the answer on the decoded image and the
    answer on the original. It serves all tasks alike: the transmitter is not told the task.
    """

    def __init__(self, ladder: RateLadder, image: torch.Tensor, segmentation: SegmentationTask) -> None:
        self._ladder, self._segmentation, self._device = ladder, segmentation, image.device
        self._clean = segmentation.predict(image[None])
        self._worth: dict[tuple[int, int], float] = {}

    def offer(self, limit: int) -> Offer | None:
        """Return the ladder's best rung of at most `limit` bytes with its worth; None when none fits."""
        rung = self._ladder.best(limit)
        return None if rung is None else Offer(rung.payload, self._worth_of(rung))

    def _worth_of(self, rung: Rung) -> float:
        key = (rung.scale, rung.level)
        if key not in self._worth:
            height, width = self._clean.shape[-2:]
            decoded = to_image(restore(self._ladder.codec, rung.payload, height, width)).to(self._device)
            answer = self._segmentation.predict(decoded[None])
            self._worth[key] = mean_iou(confusion_matrix(answer, self._clean))
        return self._worth[key]


class CodecSource:
    """Offers images through one codec, judged by one task network; remembers the images seen last."""

    def __init__(self, codec: str, segmentation: SegmentationTask) -> None:
        self._store = ladder_store(codec)
        self.codec = self._store.codec
        self.segmentation = segmentation
        self._worths: Recent[WorthOfRungs] = Recent(_REMEMBERED)

    def ladder(self, image: torch.Tensor) -> RateLadder:
        """Return the ladder of [3, H, W] in [0, 1]."""
        return self._store.ladder(to_pixels(image))

    def worth(self, image: torch.Tensor) -> WorthOfRungs:
        """Return the rungs of [3, H, W] in [0, 1] with their worth."""
        ladder = self.ladder(image)
        return self._worths.get(ladder, lambda: WorthOfRungs(ladder, image, self.segmentation))

    def smallest(self, height: int, width: int) -> int:
        """Count the bytes of the smallest message."""
        return smallest_payload(self.codec, height, width)

    def deliver(self, received: PayloadReception, like: torch.Tensor, tasks: int) -> list[Delivery]:
        """Decode, answer, and account: the same image serves every task.

        A payload with an error that its CRC did not see, and that decodes to no image, is an outage as well.

        Args:
            received: a payload per image (None: outage), and what it cost.
            like: [B, 3, H, W], for size and device.
            tasks: deliveries wanted.
        """
        height, width = like.shape[-2:]
        images = torch.full_like(like, OUTAGE_GREY)
        outage = torch.tensor([p is None for p in received.payloads])
        for i, payload in enumerate(received.payloads):
            if payload is not None:
                try:
                    images[i] = to_image(restore(self.codec, payload, height, width)).to(like)
                except ValueError:
                    outage[i] = True
        prediction = self.segmentation.predict(images)
        prediction[outage.to(prediction.device)] = NO_ANSWER
        return [
            Delivery(
                prediction=prediction.clone(),
                channel_uses=received.channel_uses.clone(),
                feedback_uses=received.feedback_uses.clone(),
                outage=outage.clone(),
                image=images.clone(),
            )
            for _ in range(tasks)
        ]
