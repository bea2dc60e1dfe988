"""Hybrid ARQ with incremental redundancy: a transport block in several transmissions, as many as it takes.

Transmission i carries redundancy version `RV_ORDER[i]` (TS 38.212 clause 5.4.2.1) on the next forward occasion, and the
receiver adds its logits to the soft buffer. Between them it answers ACK or NACK over the reverse link, which costs
resources and may be misunderstood: a NACK taken for an ACK ends in an erasure, an ACK taken for a NACK wastes a
retransmission. There is no answer after the last transmission, as nothing would follow from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from taskwave.phy.channel.air import AirInterface
from taskwave.phy.coding.ldpc import RV_ORDER
from taskwave.phy.coding.mcs import Mcs
from taskwave.phy.links.transport import CodedModulation, CodedTransmission
from taskwave.phy.links.uci import UciLink
from taskwave.phy.radio import Radio

MAX_TRANSMISSIONS = len(RV_ORDER)
"""Largest number of transmissions of a block."""


@dataclass
class HarqReception:
    """Holds what arrived of B transport blocks, and what it cost."""

    payloads: list[bytes | None]
    """Payload of each image with its padding, or None (erasure)."""
    channel_uses: torch.Tensor
    """Number of REs of both directions, [B] int64."""
    feedback_uses: torch.Tensor
    """Number of REs of the reverse link among them, [B] int64."""
    slots: torch.Tensor
    """Number of slots of all messages, turnarounds between them included, [B] int64."""
    transmissions: torch.Tensor
    """Number of times that each block was sent, [B] int64."""


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
        """Return the largest payload [bytes] of a first transmission of at most `channel_uses` REs; 0 if none fits."""
        return self._coded.payload_bytes(self.symbol_link.capacity(channel_uses))

    def send(
        self, payloads: Sequence[bytes], lengths: Sequence[int], air: AirInterface, occasion: int = 0
    ) -> HarqReception:
        """Transmit one payload per image, each padded with zeros to `payload_bytes(lengths[0])`.

        Args:
            payloads: one payload for each image of `air`.
            lengths: channel uses allowed for each transmission, the first one and up to three more.
            air: air interface; transmission i is sent over its forward occasion `occasion + i`.
            occasion: occasion of the first transmission.

        Raises:
            ValueError: no or too many transmissions, a payload that does not fit, or their number is not the batch's.
        """
        self._check(payloads, lengths, air)
        blocks, batch = self._coded.encode(payloads, lengths[0]), len(payloads)
        received = self._coded.nothing_received(blocks)
        uses, feedback, slots, count = (torch.zeros(batch, dtype=torch.int64) for _ in range(4))
        rows, turnaround = torch.arange(batch), air.config.turnaround_slots
        for i, length in enumerate(lengths):
            now = CodedTransmission(length, RV_ORDER[i])
            received, message = self._coded.transmit(blocks, received, now, rows, air.forward(occasion + i))
            uses[rows] += message.channel_uses
            slots[rows] += message.slots + (turnaround if i else 0)
            count[rows] += 1
            if i + 1 < len(lengths):
                done, answer = self.feedback.acknowledge(received.ok[rows], air.select(rows).reverse(occasion + i))
                uses[rows] += answer.channel_uses
                feedback[rows] += answer.channel_uses
                slots[rows] += turnaround + answer.slots
                rows = rows[~done]
            if not len(rows):
                break
        return HarqReception(received.payloads, uses, feedback, slots, count)

    def _check(self, payloads: Sequence[bytes], lengths: Sequence[int], air: AirInterface) -> None:
        if not 1 <= len(lengths) <= MAX_TRANSMISSIONS:
            raise ValueError(f"{len(lengths)} transmissions are not possible: give 1 to {MAX_TRANSMISSIONS} lengths.")
        size = self.payload_bytes(lengths[0])
        longest = max((len(p) for p in payloads), default=0)
        if not size or longest > size or len(payloads) != air.batch:
            raise ValueError(
                f"{len(payloads)} payloads of up to {longest} bytes do not fit: {lengths[0]} channel uses carry {size} "
                f"bytes with MCS {self.mcs.index} for each of the {air.batch} images of the air. "
                "Give one payload per image, shorter ones, or more channel uses."
            )
        if not all(self.symbol_link.capacity(length) for length in lengths):
            raise ValueError(f"lengths {list(lengths)} hold one that carries no symbol: give each more channel uses.")
