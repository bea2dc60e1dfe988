"""Bytes over the air: CRC, 5G LDPC, rate matching, scrambling and QAM over a `SymbolLink`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from taskwave.phy.air import Air, Radio
from taskwave.phy.crc import Crc
from taskwave.phy.detection import detector
from taskwave.phy.mcs import Mcs
from taskwave.phy.medium import Tap
from taskwave.phy.modulation import Modulation
from taskwave.phy.symbol_link import SymbolLink
from taskwave.phy.transport_block import BlockCode, Segmentation, largest_payload_bytes, segment, transport_crc_length

_SCRAMBLING_C_INIT = 1
"""Any fixed identity (TS 38.211 clause 7.3.1.1). Without scrambling a payload of zeros would lack energy."""


@dataclass
class TransportReception:
    """What arrived, and what it cost."""

    payloads: list[bytes | None]
    """One per image: the payload with its padding, or None (erasure) if a CRC failed."""
    channel_uses: int
    """REs occupied by each image's message."""


class TransportLink:
    """Sends one transport block per image with one MCS.

    Args:
        radio: the radio.
        mcs: modulation and coding scheme.
        num_iter: most iterations of the layered LDPC decoder (worth twice as many of a flooding one); code blocks
            whose CRC holds stop earlier.
    """

    def __init__(self, radio: Radio, mcs: Mcs, num_iter: int = 20) -> None:
        self.radio = radio
        self.mcs = mcs
        self.num_iter = num_iter
        self._modulation = Modulation(mcs.modulation_order)
        config = radio.config
        found = detector(config.detector, self._modulation, config.num_layers, config.k_best_paths)
        self.symbol_link = SymbolLink(radio, detector=found)
        self._payload_bytes: dict[int, int] = {}
        self._codes: dict[tuple[int, int, str], BlockCode] = {}
        self._scrambling = torch.empty(0)
        self._short_crc, self._long_crc, self._segment_crc = Crc("CRC16"), Crc("CRC24A"), Crc("CRC24B")

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

    def send(
        self, payloads: Sequence[bytes], channel_uses: int, air: Air, tap: Tap | None = None
    ) -> TransportReception:
        """Transmit one payload per image of `air`, each padded with zeros to `payload_bytes(channel_uses)`.

        `tap` is called with `llr` [B, coded bits], as received, and with the signals of `SymbolLink.send`.

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
        padded = np.frombuffer(b"".join(p.ljust(size, b"\0") for p in payloads), dtype=np.uint8)
        bits = torch.from_numpy(np.unpackbits(padded.reshape(len(payloads), size), axis=1)).float()
        coded_bits = num_symbols * self.mcs.modulation_order
        cut = segment(8 * size, coded_bits, self.mcs.modulation_order, self.mcs.code_rate)
        assert cut is not None, "payload_bytes offers sizes that can be segmented only"
        with torch.no_grad():
            scrambling = self._scrambling_bits(coded_bits)
            sent = self._modulation.map((self._encode(bits, cut) + scrambling) % 2)
            received = self.symbol_link.send(sent, air, tap)
            if received.llr is None:
                llr = self._modulation.llr(received.symbols, received.noise_variance)
            else:
                llr = received.llr.flatten(1)
            decoded, ok = self._decode(llr * (1 - 2 * scrambling), cut)
            # From nothing the decoder makes the word of zeros, whose CRC holds.
            ok = ok & ~received.lost
        if tap is not None:
            tap("llr", llr)
        octets = np.packbits(decoded.to(torch.uint8).numpy(), axis=1)
        return TransportReception(
            [row.tobytes() if good else None for row, good in zip(octets, ok.tolist(), strict=True)],
            received.channel_uses,
        )

    def _fitting(self, num_symbols: int) -> int:
        if num_symbols not in self._payload_bytes:
            order = self.mcs.modulation_order
            self._payload_bytes[num_symbols] = largest_payload_bytes(num_symbols * order, order, self.mcs.code_rate)
        return self._payload_bytes[num_symbols]

    def _encode(self, bits: torch.Tensor, cut: Segmentation) -> torch.Tensor:
        blocks = self._transport_crc(cut).attach(bits).reshape(len(bits), cut.num_blocks, -1)
        if cut.num_blocks > 1:
            blocks = self._segment_crc.attach(blocks)
        coded = [self._code(cut, n).encode(blocks[:, i]) for i, n in enumerate(cut.coded)]
        return torch.cat(coded, dim=1)

    def _decode(self, llr: torch.Tensor, cut: Segmentation) -> tuple[torch.Tensor, torch.Tensor]:
        """Payload bits [B, payload_bits] and whether all CRCs hold [B]."""
        batch, transport_crc = len(llr), self._transport_crc(cut)
        block_crc = self._segment_crc if cut.num_blocks > 1 else transport_crc
        blocks = torch.empty(batch, cut.num_blocks, cut.block_bits)
        parts = llr.split(cut.coded, dim=1)
        for n in sorted(set(cut.coded)):
            members = [i for i, coded in enumerate(cut.coded) if coded == n]
            stacked = torch.stack([parts[i] for i in members], dim=1).reshape(-1, n)
            decoded = self._code(cut, n).decode(stacked, block_crc.check, self.num_iter)
            blocks[:, members] = decoded.reshape(batch, len(members), -1)
        ok = block_crc.check(blocks).all(dim=1)
        if cut.num_blocks > 1:
            blocks = blocks[..., : -block_crc.length]
        joined = blocks.reshape(batch, -1)
        return joined[:, : cut.payload_bits], ok & transport_crc.check(joined)

    def _transport_crc(self, cut: Segmentation) -> Crc:
        return self._short_crc if transport_crc_length(cut.payload_bits) == self._short_crc.length else self._long_crc

    def _code(self, cut: Segmentation, coded_bits: int) -> BlockCode:
        key = (cut.block_bits, coded_bits, cut.graph)
        if key not in self._codes:
            self._codes[key] = BlockCode(*key, self.mcs.modulation_order)
        return self._codes[key]

    def _scrambling_bits(self, length: int) -> torch.Tensor:
        if len(self._scrambling) < length:
            from sionna.phy.nr.utils import generate_prng_seq  # noqa: PLC0415 - Sionna takes seconds to import

            longer = 1 << math.ceil(math.log2(length))
            self._scrambling = torch.tensor(generate_prng_seq(longer, _SCRAMBLING_C_INIT), dtype=torch.float32)
        return self._scrambling[:length]
