"""Bytes over the air: CRC, 5G LDPC, rate matching, scrambling and QAM over a `SymbolLink`."""

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


@dataclass
class TransportReception:
    """What arrived, and what it cost."""

    payloads: list[bytes | None]
    """One per image: the payload with its padding, or None (erasure) if a CRC failed."""
    channel_uses: int
    """REs occupied by each image's message."""


def to_bits(payloads: Sequence[bytes], size: int) -> torch.Tensor:
    """[B, 8 * size] float32 zeros and ones of payloads of up to `size` bytes, zero bytes behind them."""
    padded = np.frombuffer(b"".join(p.ljust(size, b"\0") for p in payloads), dtype=np.uint8)
    return torch.from_numpy(np.unpackbits(padded.reshape(len(payloads), size), axis=1)).float()


def to_payloads(bits: torch.Tensor) -> list[bytes]:
    """Inverse of `to_bits`: one payload of whole bytes for each row of bits."""
    return [row.tobytes() for row in np.packbits(bits.to(torch.uint8).numpy(), axis=1)]


class TransportLink:
    """Sends one transport block per image with one MCS.

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
        """Largest payload [bytes] of at most `channel_uses` REs at this MCS; 0 if none fits."""
        return self._fitting(self.symbol_link.capacity(channel_uses))

    def channel_uses(self, num_bytes: int) -> int:
        """Fewest REs that carry a payload of `num_bytes`.

        Raises:
            ValueError: not even the radio's longest message carries it.
        """
        low, high = 1, self.symbol_link.allocator.capacity(10**9)
        if num_bytes < 1 or self._fitting(high) < num_bytes:
            raise ValueError(
                f"a payload of {num_bytes} bytes cannot be sent with MCS {self.mcs.index}: "
                f"the longest message carries 1 to {self._fitting(high)} bytes. "
                "Send less, or raise max_slots, max_prb or the MCS."
            )
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self._fitting(middle) >= num_bytes else (middle + 1, high)
        return self.symbol_link.channel_uses(low)

    def send(self, payloads: Sequence[bytes], channel_uses: int, air: Air) -> TransportReception:
        """Transmit one payload per image of `air`, each padded with zeros to `payload_bytes(channel_uses)`.

        Raises:
            ValueError: no payload fits in `channel_uses`, one is too long, or their number is not the batch's.
        """
        num_symbols = self.symbol_link.capacity(channel_uses)
        size = self._fitting(num_symbols)
        if size == 0:
            raise ValueError(
                f"channel_uses {channel_uses} cannot carry a single byte with MCS {self.mcs.index}: "
                f"the smallest message occupies {self.channel_uses(1)} REs."
            )
        longest = max((len(p) for p in payloads), default=0)
        if len(payloads) != air.batch or longest > size:
            raise ValueError(
                f"{len(payloads)} payloads of up to {longest} bytes do not fit: {channel_uses} channel uses carry "
                f"{size} bytes with MCS {self.mcs.index} for each of the {air.batch} images of the air."
            )
        bits = to_bits(payloads, size)
        order = self.mcs.modulation_order
        cut = segment(8 * size, num_symbols * order, order, self.mcs.code_rate)
        assert cut is not None, "payload_bytes offers sizes that can be segmented only"
        code = self._coded.code
        soft = code.empty(len(bits), cut)
        received = self._coded.transmit(code.encode(bits, cut), soft, cut, 0, air, torch.arange(len(bits)))
        decoded, ok = code.decode(soft, cut)
        # From nothing the decoder makes the word of zeros, whose CRC holds.
        ok = ok & ~received.lost
        arrived = [p if good else None for p, good in zip(to_payloads(decoded), ok.tolist(), strict=True)]
        return TransportReception(arrived, received.channel_uses)

    def _fitting(self, num_symbols: int) -> int:
        order = self.mcs.modulation_order
        return largest_payload_bytes(num_symbols * order, order, self.mcs.code_rate)
