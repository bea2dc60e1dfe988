"""Bytes over the air: transport blocks with CRC, 5G LDPC, rate matching, scrambling and QAM over a `SymbolLink`."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from taskwave.phy.channel.air import Air
from taskwave.phy.coding.mcs import Mcs
from taskwave.phy.coding.modulation import Modulation, scrambling_bits
from taskwave.phy.coding.transport_block import Segmentation, largest_payload_bytes, segment
from taskwave.phy.coding.transport_code import SoftBuffer, TransportCode
from taskwave.phy.links.open_loop import SymbolReception
from taskwave.phy.links.symbol import SymbolLink
from taskwave.phy.radio import Radio


def to_bits(payloads: Sequence[bytes], size: int) -> torch.Tensor:
    """Return [B, 8 * size] float32 zeros and ones of payloads of up to `size` bytes, zero bytes behind them."""
    padded = np.frombuffer(b"".join(p.ljust(size, b"\0") for p in payloads), dtype=np.uint8)
    return torch.from_numpy(np.unpackbits(padded.reshape(len(payloads), size), axis=1)).float()


def to_payloads(bits: torch.Tensor) -> list[bytes]:
    """Return one payload of whole bytes for each row of bits: the inverse of `to_bits`."""
    return [row.tobytes() for row in np.packbits(bits.to(torch.uint8).numpy(), axis=1)]


@dataclass(frozen=True)
class EncodedBlocks:
    """Holds B transport blocks of one size as the transmitter has them."""

    segmentation: Segmentation
    """Code blocks of each transport block in its first transmission."""
    buffers: list[torch.Tensor]
    """Circular buffer of each code block, [B, buffer_bits] float32 zeros and ones."""


@dataclass(frozen=True)
class DecodedBlocks:
    """Holds what the receiver has of B transport blocks after some transmissions."""

    soft: SoftBuffer
    """Soft buffers of the code blocks."""
    bits: torch.Tensor
    """Payload bits of the last decoding, right or wrong, [B, payload_bits] float32 zeros and ones."""
    detected: torch.Tensor
    """Whether any transmission of the block was detected, [B] bool."""
    ok: torch.Tensor
    """Whether the block has arrived: it was detected and all its CRCs hold, [B] bool."""

    @property
    def payloads(self) -> list[bytes | None]:
        """Payload of each block with its padding, or None (erasure)."""
        return [p if good else None for p, good in zip(to_payloads(self.bits), self.ok.tolist(), strict=True)]


@dataclass(frozen=True)
class CodedTransmission:
    """Describes one transmission of transport blocks."""

    channel_uses: int
    """Number of REs that it may occupy at most."""
    rv: int
    """Redundancy version, 0 to 3."""


class CodedModulation:
    """Codes transport blocks and sends them with one MCS over one radio, with or without retransmissions.

    Args:
        radio: the radio.
        mcs: modulation and coding scheme.
    """

    def __init__(self, radio: Radio, mcs: Mcs) -> None:
        self.mcs = mcs
        self._modulation = Modulation(mcs.modulation_order)
        self.symbol_link = SymbolLink(radio, modulation=self._modulation)
        self._code = TransportCode(mcs.modulation_order)

    def payload_bytes(self, num_symbols: int) -> int:
        """Return the largest payload [bytes] that `num_symbols` carry at the MCS's code rate; 0 if none fits."""
        order = self.mcs.modulation_order
        return largest_payload_bytes(num_symbols * order, order, self.mcs.code_rate)

    def encode(self, payloads: Sequence[bytes], channel_uses: int) -> EncodedBlocks:
        """Encode one payload per image, padded with zeros to the largest one of a transmission of `channel_uses`."""
        order, num_symbols = self.mcs.modulation_order, self.symbol_link.capacity(channel_uses)
        size = self.payload_bytes(num_symbols)
        segmentation = segment(8 * size, num_symbols * order, order, self.mcs.code_rate)
        assert segmentation is not None, "payload_bytes offers sizes that can be segmented only"
        return EncodedBlocks(segmentation, self._code.encode(to_bits(payloads, size), segmentation))

    def nothing_received(self, blocks: EncodedBlocks) -> DecodedBlocks:
        """Return what the receiver has of `blocks` before their first transmission."""
        batch = len(blocks.buffers[0])
        soft = self._code.empty(batch, blocks.segmentation)
        none = torch.zeros(batch, dtype=torch.bool)
        return DecodedBlocks(soft, torch.zeros(batch, blocks.segmentation.payload_bits), none, none)

    @torch.no_grad()
    def transmit(
        self,
        blocks: EncodedBlocks,
        before: DecodedBlocks,
        transmission: CodedTransmission,
        rows: torch.Tensor,
        air: Air,
    ) -> tuple[DecodedBlocks, SymbolReception]:
        """Send a redundancy version of some blocks, add its logits to the soft buffers and decode.

        Messages that were not detected add nothing. Blocks that have arrived before are not decoded again.

        Args:
            blocks: B transport blocks.
            before: what the receiver has of them.
            transmission: length and redundancy version of the transmission.
            rows: [K] int64, the blocks that are sent.
            air: air of all B images.

        Returns:
            What the receiver has afterwards, and the message of the blocks that were sent.
        """
        order = self.mcs.modulation_order
        segmentation = blocks.segmentation.filling(self.symbol_link.capacity(transmission.channel_uses) * order, order)
        scrambling = scrambling_bits(sum(segmentation.coded))
        coded = self._code.match([buffer[rows] for buffer in blocks.buffers], segmentation, transmission.rv)
        received = self.symbol_link.send(self._modulation.map((coded + scrambling) % 2), air.select(rows))
        llr = received.logits(self._modulation)
        if self.symbol_link.radio.tap is not None:
            self.symbol_link.radio.tap("llr", llr)
        descrambled = (llr * (1 - 2 * scrambling)).masked_fill(received.lost[:, None], 0.0)
        soft = self._code.gather(before.soft, rows, descrambled, segmentation, transmission.rv)
        detected = before.detected.index_copy(0, rows, before.detected[rows] | ~received.lost)
        bits, ok = before.bits, before.ok
        missing = rows[~ok[rows]]
        if len(missing):
            decoded, passed = self._code.decode(soft.select(missing), blocks.segmentation)
            bits = bits.index_copy(0, missing, decoded)
            # From nothing the decoder makes the word of zeros, whose CRC holds.
            ok = ok.index_copy(0, missing, passed & detected[missing])
        return DecodedBlocks(soft, bits, detected, ok), received


@dataclass
class TransportReception:
    """Holds what arrived of one transport block per image, and what it cost."""

    payloads: list[bytes | None]
    """Payload of each image with its padding, or None (erasure) if a CRC failed."""
    channel_uses: int
    """Number of REs occupied by each image's message."""
    slots: int
    """Number of slots that the message lasted."""


class TransportLink:
    """Sends one transport block per image with one MCS, in one transmission.

    Args:
        radio: the radio.
        mcs: modulation and coding scheme.
    """

    def __init__(self, radio: Radio, mcs: Mcs) -> None:
        self.radio = radio
        self.mcs = mcs
        self._coded = CodedModulation(radio, mcs)
        self.symbol_link = self._coded.symbol_link

    def payload_bytes(self, channel_uses: int) -> int:
        """Return the largest payload [bytes] of at most `channel_uses` REs at this MCS; 0 if none fits."""
        return self._coded.payload_bytes(self.symbol_link.capacity(channel_uses))

    def channel_uses(self, num_bytes: int) -> int:
        """Return the fewest REs that carry a payload of `num_bytes`.

        Raises:
            ValueError: not even the radio's longest message carries it.
        """
        low, high = 1, self.symbol_link.allocator.capacity(10**9)
        largest = self._coded.payload_bytes(high)
        if num_bytes < 1 or largest < num_bytes:
            raise ValueError(
                f"a payload of {num_bytes} bytes cannot be sent with MCS {self.mcs.index}: "
                f"the longest message carries 1 to {largest} bytes. "
                "Send less, or raise max_slots, max_prb or the MCS."
            )
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self._coded.payload_bytes(middle) >= num_bytes else (middle + 1, high)
        return self.symbol_link.channel_uses(low)

    def send(self, payloads: Sequence[bytes], channel_uses: int, air: Air) -> TransportReception:
        """Transmit one payload per image of `air`, each padded with zeros to `payload_bytes(channel_uses)`.

        Raises:
            ValueError: no payload fits in `channel_uses`, one is too long, or their number is not the batch's.
        """
        self._check(payloads, channel_uses, air)
        blocks = self._coded.encode(payloads, channel_uses)
        once, rows = CodedTransmission(channel_uses, rv=0), torch.arange(len(payloads))
        received, message = self._coded.transmit(blocks, self._coded.nothing_received(blocks), once, rows, air)
        return TransportReception(received.payloads, message.channel_uses, message.slots)

    def _check(self, payloads: Sequence[bytes], channel_uses: int, air: Air) -> None:
        size = self.payload_bytes(channel_uses)
        if size == 0:
            raise ValueError(
                f"channel_uses {channel_uses} cannot carry a single byte with MCS {self.mcs.index}: "
                f"the smallest message occupies {self.channel_uses(1)} REs."
            )
        longest = max((len(p) for p in payloads), default=0)
        if len(payloads) != air.batch or longest > size:
            raise ValueError(
                f"{len(payloads)} payloads of up to {longest} bytes do not fit: {channel_uses} channel uses carry "
                f"{size} bytes with MCS {self.mcs.index} for each of the {air.batch} images of the air. "
                "Give one payload per image, shorter ones, or more channel uses."
            )
