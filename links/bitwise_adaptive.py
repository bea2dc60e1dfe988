"""Image codec × 5G LDPC × QAM with the link adaptation of a real 5G link."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from taskwave.links.adaptive_transport import Adaptation, AdaptiveTransport
from taskwave.links.base import Delivery, LinkKind, Task
from taskwave.links.picture_source import PictureSource
from taskwave.phy.air import AirInterface, Radio
from taskwave.semantic.weights import Models


class AdaptiveBitwiseLink:
    """As `BitwiseLink`, over `AdaptiveTransport`: each picture in one transport block, a block not received an outage.

    "cqi": the receiver reports the quality of its channel first. "harq": up to three transmissions, none reported.
    "nr": a report and two transmissions. "olla": the same, but MCS by the outer loop for a BLER of a tenth, as networks
    do, and not by what the picture would be worth. All that is sent for it is charged.

    Args: `models` with the task network; `radio`; `codec`: "jpeg", "jpeg2000", "webp" or "avif"; `adaptation`.

    Raises `ValueError` for an unknown codec.
    """

    kind: LinkKind = "bitwise"

    def __init__(self, models: Models, radio: Radio, codec: str, adaptation: Adaptation) -> None:
        self.name = f"{codec}-{adaptation}"
        self._source = PictureSource(codec, models.segmentation)
        self._transport = AdaptiveTransport(radio, adaptation)

    @torch.no_grad()
    def run(self, images: torch.Tensor, tasks: Sequence[Task], budget: int, air: AirInterface) -> list[Delivery]:
        """See `taskwave.links.base.Link`; one transmission serves all tasks."""
        smallest = self._source.smallest(images.shape[-2], images.shape[-1])
        offers = [self._source.worth(image).offer for image in images]
        arrived = self._transport.run(offers, smallest, budget, air, self.name)
        deliveries = self._source.deliver(arrived.payloads, arrived.uses, images, len(tasks))
        return [replace(delivery, feedback_uses=arrived.feedback.clone()) for delivery in deliveries]
