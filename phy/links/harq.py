"""Hybrid ARQ with incremental redundancy: a transport block in several transmissions, as many as it takes.

Transmission i carries redundancy version `RV_ORDER[i]` (TS 38.212 clause 5.4.2.1) on the next forward occasion, and the
receiver adds its logits to the soft buffer. Between them it answers ACK or NACK over the reverse link, which costs
resources and may be misunderstood: a NACK taken for an ACK ends in an erasure, an ACK taken for a NACK wastes a
retransmission. There is no answer after the last transmission, nothing would follow from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from taskwave.phy.channel.air import AirInterface
from taskwave.phy.coding.ldpc import RV_ORDER
from taskwave.phy.coding.mcs import Mcs
from taskwave.phy.coding.transport_block import Segmentation, largest_payload_bytes, segment
from taskwave.phy.links.transport import CodedModulation, to_bits, to_payloads
from taskwave.phy.links.uci import UciLink
from taskwave.phy.radio import Radio

MAX_TRANSMISSIONS = len(RV_ORDER)


@dataclass
class HarqReception:
    """What arrived of B transport blocks, and what it cost."""

    payloads: list[bytes | None]
    """One per image: the payload with its padding, or None (erasure)."""
    channel_uses: torch.Tensor
    """[B] int64 REs of both directions."""
    feedback_uses: torch.Tensor
    """[B] int64, the part of them on the reverse link."""
    transmissions: torch.Tensor
    """[B] int64, how often each block was sent."""


class HarqLink:
    """Sends one transport block per image; those that fail are sent again and combined.

    Args:
        radio: the radio.
        mcs: modulation and coding scheme of the first transmission, which with its length sets the payload.
    """

    def __init__(self, radio: Radio, mcs: Mcs) -> None:
        self.mcs = mcs
        self._coded = CodedModulation(radio, mcs)
        self.symbol_link, self.feedback = self._coded.symbol_link, UciLink(radio)

    def payload_bytes(self, channel_uses: int) -> int:
        """Largest payload [bytes] of a first transmission of at most `channel_uses` REs; 0 if none fits."""
        coded_bits = self._coded.coded_bits(channel_uses)
        return largest_payload_bytes(coded_bits, self.mcs.modulation_order, self.mcs.code_rate)

    def send(
        self, payloads: Sequence[bytes], lengths: Sequence[int], air: AirInterface, occasion: int = 0
    ) -> HarqReception:
        """Transmit one payload per image, each padded with zeros to `payload_bytes(lengths[0])`.

        Args:
            payloads: one per image of `air`.
            lengths: channel uses allowed for each transmission, the first one and up to three more.
            air: transmission i is sent over its forward occasion `occasion + i`.
            occasion: of the first transmission.

        Raises:
            ValueError: no or too many transmissions, a payload that does not fit, or their number is not the batch's.
        """
        size = self._check(payloads, lengths, air)
        bits, batch = to_bits(payloads, size), len(payloads)
        first = self._cut(size, lengths[0])
        code, order = self._coded.code, self.mcs.modulation_order
        buffers, soft = code.encode(bits, first), code.empty(batch, first)
        decoded = torch.zeros_like(bits)
        uses, feedback, count = (torch.zeros(batch, dtype=torch.int64) for _ in range(3))
        heard, ok = (torch.zeros(batch, dtype=torch.bool) for _ in range(2))
        rows = torch.arange(batch)
        for i, length in enumerate(lengths):
            cut = first.filling(self._coded.coded_bits(length), order)
            received = self._coded.transmit(buffers, soft, cut, RV_ORDER[i], air.forward(occasion + i), rows)
            uses[rows] += received.channel_uses
            count[rows] += 1
            heard[rows] |= ~received.lost
            trying = rows[~ok[rows]]
            if len(trying):
                found, good = code.decode(soft.select(trying), first)
                decoded[trying] = found
                # From nothing the decoder makes the word of zeros, whose CRC holds.
                ok[trying] = good & heard[trying]
            if i + 1 < len(lengths):
                done, cost = self.feedback.acknowledge(ok[rows], air.select(rows).reverse(occasion + i))
                uses[rows] += cost
                feedback[rows] += cost
                rows = rows[~done]
            if not len(rows):
                break
        arrived = [p if good else None for p, good in zip(to_payloads(decoded), ok.tolist(), strict=True)]
        return HarqReception(arrived, uses, feedback, count)

    def _cut(self, size: int, length: int) -> Segmentation:
        cut = segment(8 * size, self._coded.coded_bits(length), self.mcs.modulation_order, self.mcs.code_rate)
        assert cut is not None, "payload_bytes offers sizes that can be segmented only"
        return cut

    def _check(self, payloads: Sequence[bytes], lengths: Sequence[int], air: AirInterface) -> int:
        if not 1 <= len(lengths) <= MAX_TRANSMISSIONS:
            raise ValueError(f"{len(lengths)} transmissions are not possible: give 1 to {MAX_TRANSMISSIONS} lengths.")
        size = self.payload_bytes(lengths[0])
        longest = max((len(p) for p in payloads), default=0)
        if not size or longest > size or len(payloads) != air.batch:
            raise ValueError(
                f"{len(payloads)} payloads of up to {longest} bytes do not fit: {lengths[0]} channel uses carry {size} "
                f"bytes with MCS {self.mcs.index} for each of the {air.batch} images of the air."
            )
        if not all(self.symbol_link.capacity(length) for length in lengths):
            raise ValueError(f"lengths {list(lengths)} hold one that carries no symbol: give each more channel uses.")
        return size
