"""Image codec × 5G LDPC × QAM: the baseline every semantic link has to beat."""

from collections.abc import Sequence

import torch

from taskwave.links.base import Delivery, LinkKind
from taskwave.links.bitwise.source import codec_source
from taskwave.links.transport.rate import CodedTransport, LinkAdaptation
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.radio import Radio
from taskwave.semantic.tasks.base import Task
from taskwave.semantic.weights import Models


class BitwiseLink:
    """Sends each image in one transport block; where it does not arrive the receiver answers from its prior.

    Only the codestream and one side byte are sent (see `taskwave.links.bitwise.containers`). The transmitter knows the
    SNR, the image and the surrogate, not the channel realisation and not the task. For each image it takes the MCS that
    maximises P(block arrives) × worth, where P comes from a calibration on channels of its own seeds and the worth is
    how much better the decoded image agrees with the original, in the eyes of the surrogate, than the image of the
    prior does: no label is looked at, nothing is averaged over the images of a batch. The choice is known to the
    receiver free of charge.

    Args:
        models: networks, of which the surrogate and, in an outage, the receiver's prior are used.
        radio: the radio.
        codec: name of an image codec, as in `image_codecs.CODEC_NAMES`.
        link_adaptation: see `CodedTransport`; all that is sent for it is charged.

    Raises:
        ValueError: an unknown codec, or a radio that cannot do what the link adaptation needs.
    """

    kind: LinkKind = "bitwise"

    def __init__(self, models: Models, radio: Radio, codec: str, link_adaptation: LinkAdaptation = "none") -> None:
        self.name = codec if link_adaptation == "none" else f"{codec}-{link_adaptation}"
        self.transport = CodedTransport(radio, link_adaptation)
        self._source = codec_source(codec, models)

    @torch.no_grad()
    def run(self, images: torch.Tensor, tasks: Sequence[Task], budget: int, air: AirInterface) -> list[Delivery]:
        """Implement `taskwave.links.base.Link.run`; one transmission serves all tasks."""
        smallest = self._source.smallest(images.shape[-2], images.shape[-1])
        offers = [self._source.offers(image) for image in images]
        received = self.transport.run(offers, smallest, budget, air, self.name)
        return self._source.deliver(received, images, len(tasks))
