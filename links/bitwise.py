"""Image codec × 5G LDPC × QAM: the baseline every semantic link has to beat."""

from collections.abc import Sequence

import torch

from taskwave.links.base import Delivery, LinkKind, Task
from taskwave.links.coded_transport import CodedTransport, choose
from taskwave.links.picture_source import PictureSource
from taskwave.phy.air import AirInterface, Radio
from taskwave.semantic.weights import Models


class BitwiseLink:
    """Each picture in one transport block that fills the budget; a failed CRC is an outage.

    Only the codestream and one side byte are sent (see `links.codecs`). The transmitter knows the SNR, the picture and
    the task network, not the channel realisation and not the task. For each picture it takes the MCS that maximises
    P(block arrives) × worth, where P comes from a calibration on channels of its own seeds and the worth is the
    agreement of the task network's answers on the decoded and on the original picture: no label is looked at, nothing
    is averaged over the pictures of a batch. The choice is known to the receiver free of charge.

    Args: `models` with the task network; `radio`; `codec`: "jpeg", "jpeg2000", "webp" or "avif"; `mcs`: None or a
    fixed index of TS 38.214 table 5.1.3.1-2.

    Raises `ValueError` for an unknown codec or MCS.
    """

    kind: LinkKind = "bitwise"

    def __init__(self, models: Models, radio: Radio, codec: str, mcs: int | None = None) -> None:
        self.name = codec if mcs is None else f"{codec}-mcs{mcs}"
        self._source = PictureSource(codec, models.segmentation)
        self._transport = CodedTransport(radio, mcs)

    @torch.no_grad()
    def run(self, images: torch.Tensor, tasks: Sequence[Task], budget: int, air: AirInterface) -> list[Delivery]:
        """See `taskwave.links.base.Link`; one transmission serves all tasks."""
        smallest = self._source.smallest(images.shape[-2], images.shape[-1])
        options = self._transport.options(budget, air.es_n0_db, smallest, self.name)
        choices = [choose(options, self._source.worth(image).offer) for image in images]
        payloads, uses = self._transport.send(choices, budget, air)
        return self._source.deliver(payloads, uses, images, len(tasks))
