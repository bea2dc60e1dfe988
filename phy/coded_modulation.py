"""Coded bits over the air: rate matching, scrambling and QAM on one side, logits in the soft buffer on the other."""

import torch

from taskwave.phy.air import Air, Radio
from taskwave.phy.mcs import Mcs
from taskwave.phy.modulation import Modulation
from taskwave.phy.scrambling import scrambling_bits
from taskwave.phy.symbol_link import SymbolLink, SymbolReception
from taskwave.phy.transport_block import Segmentation
from taskwave.phy.transport_code import SoftBuffer, TransportCode


class CodedModulation:
    """One MCS over one radio.

    Args:
        radio: the radio.
        mcs: modulation and coding scheme.
    """

    def __init__(self, radio: Radio, mcs: Mcs) -> None:
        self.mcs = mcs
        self._modulation = Modulation(mcs.modulation_order)
        self.symbol_link = SymbolLink(radio, modulation=self._modulation)
        self.code = TransportCode(mcs.modulation_order)

    def coded_bits(self, channel_uses: int) -> int:
        """Coded bits of a message of at most `channel_uses` REs."""
        return self.symbol_link.capacity(channel_uses) * self.mcs.modulation_order

    @torch.no_grad()
    def transmit(
        self,
        buffers: list[torch.Tensor],
        soft: SoftBuffer,
        cut: Segmentation,
        rv: int,
        air: Air,
        rows: torch.Tensor,
    ) -> SymbolReception:
        """Send redundancy version `rv` of the blocks `rows` [K] int64, whose logits are added to `soft`.

        Args:
            buffers: circular buffer of each code block, [B, buffer_bits].
            soft: of all B blocks. Messages that were not detected add nothing.
            cut: of a transmission of this length.
            rv: redundancy version.
            air: for all B.
            rows: the blocks that are sent.
        """
        scrambling = scrambling_bits(sum(cut.coded))
        coded = self.code.match([buffer[rows] for buffer in buffers], cut, rv)
        received = self.symbol_link.send(self._modulation.map((coded + scrambling) % 2), air.select(rows))
        llr = received.logits(self._modulation)
        if self.symbol_link.radio.tap is not None:
            self.symbol_link.radio.tap("llr", llr)
        heard = (llr * (1 - 2 * scrambling)).masked_fill(received.lost[:, None], 0.0)
        self.code.gather(soft, rows, heard, cut, rv)
        return received
