"""Bytes over the air: CRC, 5G LDPC, rate matching, scrambling and QAM over a `SymbolLink`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch

from taskwave.phy.air import Air, Radio
from taskwave.phy.mcs import Mcs
from taskwave.phy.modulation import Modulation
from taskwave.phy.symbol_link import SymbolLink
from taskwave.phy.transport_block import BlockCode, Segmentation, largest_payload_bytes, segment, transport_crc_length

_ITERATIONS_BETWEEN_CHECKS = 5
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
        num_iter: most iterations of the LDPC decoder; code blocks whose CRC holds stop earlier.
        cn_update: check node rule of Sionna's decoder (its plain "minsum" loses about 0.5 dB).
    """

    def __init__(self, radio: Radio, mcs: Mcs, num_iter: int = 20, cn_update: str = "boxplus") -> None:
        self.radio = radio
        self.mcs = mcs
        self.num_iter = num_iter
        self.cn_update = cn_update
        self.symbol_link = SymbolLink(radio)
        self._modulation = Modulation(mcs.modulation_order)
        self._payload_bytes: dict[int, int] = {}
        self._codes: dict[tuple[int, int, str], BlockCode] = {}
        self._scrambling = torch.empty(0)

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
        padded = np.frombuffer(b"".join(p.ljust(size, b"\0") for p in payloads), dtype=np.uint8)
        bits = torch.from_numpy(np.unpackbits(padded.reshape(len(payloads), size), axis=1)).float()
        coded_bits = num_symbols * self.mcs.modulation_order
        cut = segment(8 * size, coded_bits, self.mcs.modulation_order, self.mcs.code_rate)
        assert cut is not None, "payload_bytes offers sizes that can be segmented only"
        with torch.no_grad():
            scrambling = self._scrambling_bits(coded_bits)
            sent = self._modulation.map((self._encode(bits, cut) + scrambling) % 2)
            received = self.symbol_link.send(sent, air)
            llr = self._modulation.llr(received.symbols, received.noise_variance) * (1 - 2 * scrambling)
            decoded, ok = self._decode(llr, cut)
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
        blocks = _crc("CRC24A" if transport_crc_length(cut.payload_bits) == 24 else "CRC16")[0](bits)
        blocks = blocks.reshape(len(bits), cut.num_blocks, -1)
        if cut.num_blocks > 1:
            blocks = _crc("CRC24B")[0](blocks)
        coded = [self._code(cut, n).encode(blocks[:, i]) for i, n in enumerate(cut.coded)]
        return torch.cat(coded, dim=1)

    def _decode(self, llr: torch.Tensor, cut: Segmentation) -> tuple[torch.Tensor, torch.Tensor]:
        """Payload bits [B, payload_bits] and whether all CRCs hold [B]."""
        batch, transport_crc = len(llr), "CRC24A" if transport_crc_length(cut.payload_bits) == 24 else "CRC16"
        block_crc = _crc("CRC24B" if cut.num_blocks > 1 else transport_crc)[1]
        blocks = torch.empty(batch, cut.num_blocks, cut.block_bits)
        parts = llr.split(cut.coded, dim=1)
        for n in sorted(set(cut.coded)):
            members = [i for i, coded in enumerate(cut.coded) if coded == n]
            code = self._code(cut, n)
            stacked = code.combine(torch.stack([parts[i] for i in members], dim=1).reshape(-1, n))
            decoded = code.decode(stacked, lambda b: block_crc(b)[1][:, 0], self.num_iter, _ITERATIONS_BETWEEN_CHECKS)
            blocks[:, members] = decoded.reshape(batch, len(members), -1)
        if cut.num_blocks > 1:
            blocks, block_ok = block_crc(blocks)
            payload, ok = _crc(transport_crc)[1](blocks.reshape(batch, -1))
            return payload, ok[:, 0] & block_ok[..., 0].all(dim=1)
        payload, ok = block_crc(blocks[:, 0])
        return payload, ok[:, 0]

    def _code(self, cut: Segmentation, coded_bits: int) -> BlockCode:
        key = (cut.block_bits, coded_bits, cut.graph)
        if key not in self._codes:
            self._codes[key] = BlockCode(*key, self.mcs.modulation_order, self.cn_update)
        return self._codes[key]

    def _scrambling_bits(self, length: int) -> torch.Tensor:
        if len(self._scrambling) < length:
            from sionna.phy.nr.utils import generate_prng_seq  # noqa: PLC0415 - Sionna takes seconds to import

            longer = 1 << math.ceil(math.log2(length))
            self._scrambling = torch.tensor(generate_prng_seq(longer, _SCRAMBLING_C_INIT), dtype=torch.float32)
        return self._scrambling[:length]


@cache
def _crc(polynomial: str) -> tuple[Any, Any]:
    """Sionna's encoder and decoder of a CRC of TS 38.212 clause 5.1."""
    from sionna.phy.fec.crc import CRCDecoder, CRCEncoder  # noqa: PLC0415

    encoder = CRCEncoder(polynomial, device="cpu")
    return encoder, CRCDecoder(encoder, device="cpu")
