"""Images as the codec links handle them: ladders, weighed rungs, and images from payloads."""

from collections.abc import Callable

import numpy as np
import torch

from taskwave.links.base import Delivery
from taskwave.links.bitwise.image_codecs import Pixels
from taskwave.links.bitwise.ladder import RateLadder, Rung, ladder_store, restore, smallest_payload
from taskwave.links.nothing import Prior
from taskwave.links.transport.rate import Offer, OfferWithin, PayloadReception
from taskwave.phy.recent import Recent
from taskwave.semantic.surrogates.base import Agreement
from taskwave.semantic.weights import Models

_REMEMBERED = 256
"""Number of images whose weighed rungs are kept."""
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


class WeighedRungs:
    """Tells how much of an image survives a codec, as the transmitter can know without task or label.

    Args:
        ladder: ladder of the image.
        agreement: what the surrogate measures for the image as its original.
        decode: function from a payload to the decoded image [3, H, W] in [0, 1].
    """

    def __init__(self, ladder: RateLadder, agreement: Agreement, decode: Callable[[bytes], torch.Tensor]) -> None:
        self._ladder, self.agreement, self._decode = ladder, agreement, decode
        self._known: dict[tuple[int, int], float] = {}

    def best(self, limit: int) -> Rung | None:
        """Return the candidate of at most `limit` bytes that agrees most with the image; None when none fits."""
        return max(self._ladder.candidates(limit), key=self.agreement_of, default=None)

    def offers(self, floor: float) -> OfferWithin:
        """Return the offers of the best rungs: each is worth its agreement less that of what is there without it.

        The worth serves all tasks alike: the transmitter is not told the task.
        """

        def offer(limit: int) -> Offer | None:
            rung = self.best(limit)
            return None if rung is None else Offer(rung.payload, self.agreement_of(rung) - floor)

        return offer

    def agreement_of(self, rung: Rung) -> float:
        """Return how much the decoded image of a rung agrees with the original."""
        key = (rung.scale, rung.level)
        if key not in self._known:
            self._known[key] = self.agreement(self._decode(rung.payload))
        return self._known[key]


class CodecSource:
    """Offers images through one codec, weighed by one surrogate; remembers the images and payloads seen last."""

    def __init__(self, codec: str, models: Models) -> None:
        self._store = ladder_store(codec)
        self.codec = self._store.codec
        self.models, self._prior = models, Prior(models)
        self._weighed: Recent[WeighedRungs] = Recent(_REMEMBERED)
        self._floors: Recent[float] = Recent(_REMEMBERED)
        self._decoded: Recent[Pixels] = Recent(_REMEMBERED_BYTES, lambda pixels: pixels.nbytes)

    def ladder(self, image: torch.Tensor) -> RateLadder:
        """Return the ladder of [3, H, W] in [0, 1]."""
        return self._store.ladder(to_pixels(image))

    def rungs(self, image: torch.Tensor) -> WeighedRungs:
        """Return the weighed rungs of [3, H, W] in [0, 1]."""
        (height, width), ladder = image.shape[-2:], self.ladder(image)

        def make() -> WeighedRungs:
            look = self.models.surrogate.look(image)
            return WeighedRungs(ladder, look, lambda payload: self._image(payload, height, width))

        return self._weighed.get(ladder, make)

    def offers(self, image: torch.Tensor) -> OfferWithin:
        """Return the offers of [3, H, W] in [0, 1], weighed against the image of the prior, which an outage leaves."""
        rungs = self.rungs(image)
        prior = self._prior.image(*image.shape[-2:])
        return rungs.offers(self._floors.get(rungs, lambda: rungs.agreement(prior)))

    def _image(self, payload: bytes, height: int, width: int) -> torch.Tensor:
        """Decode to [3, H, W] in [0, 1]: at every SNR and budget, and at both ends, the same payloads come again.

        Raises:
            ValueError: a payload that does not decode.
        """
        key = (payload.rstrip(b"\0"), height, width)
        pixels = self._decoded.get(key, lambda: restore(self.codec, payload, height, width))
        return to_image(pixels)

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
        prior = self._prior.image(height, width)
        images = prior.to(like).repeat(len(like), 1, 1, 1)
        outage = torch.ones(len(like), dtype=torch.bool)
        for i, payload in enumerate(received.payloads):
            if payload is not None:
                try:
                    images[i], outage[i] = self._image(payload, height, width).to(like), False
                except ValueError:
                    continue
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
