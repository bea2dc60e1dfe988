"""Transport blocks as coded bits and back: CRC, segmentation, LDPC, and the soft buffers of the receiver."""

from dataclasses import dataclass

import torch

from taskwave.phy.coding.ldpc import BlockCode, BufferWindow
from taskwave.phy.coding.transport_block import Crc, Segmentation, transport_crc_length

_MAX_ITERATIONS = 20
"""Largest number of iterations of the layered decoder, worth twice as many of a flooding one; code blocks whose CRC
holds stop earlier."""


@dataclass(frozen=True)
class SoftBuffer:
    """Holds what the receiver has of B transport blocks of one size: one soft circular buffer for each code block."""

    blocks: list[torch.Tensor]
    """Logits of each code block, [B, buffer_bits] float32, zero where nothing was received."""
    windows: list[frozenset[BufferWindow]]
    """Windows of each code block that transmissions filled, for some of the transport blocks at least."""

    def select(self, rows: torch.Tensor) -> "SoftBuffer":
        """Return the buffers of transport blocks `rows` [K] int64."""
        return SoftBuffer([block[rows] for block in self.blocks], self.windows)


class TransportCode:
    """Encodes and decodes transport blocks for one modulation order.

    Args:
        modulation_order: number of bits per QAM symbol.
    """

    def __init__(self, modulation_order: int) -> None:
        self._order = modulation_order
        self._codes: dict[tuple[int, str], BlockCode] = {}
        self._short_crc, self._long_crc, self._segment_crc = Crc("CRC16"), Crc("CRC24A"), Crc("CRC24B")

    def encode(self, bits: torch.Tensor, segmentation: Segmentation) -> list[torch.Tensor]:
        """Encode payload bits [B, payload_bits] to the circular buffer of each code block, [B, buffer_bits]."""
        blocks = self._transport_crc(segmentation).attach(bits).reshape(len(bits), segmentation.num_blocks, -1)
        if segmentation.num_blocks > 1:
            blocks = self._segment_crc.attach(blocks)
        code = self._code(segmentation)
        return [code.encode(blocks[:, i]) for i in range(segmentation.num_blocks)]

    def match(self, buffers: list[torch.Tensor], segmentation: Segmentation, rv: int) -> torch.Tensor:
        """Return the coded bits [B, sum of `segmentation.coded`] of redundancy version `rv`."""
        code = self._code(segmentation)
        parts = zip(buffers, segmentation.coded, strict=True)
        return torch.cat([buffer[:, code.positions(BufferWindow(coded, rv))] for buffer, coded in parts], dim=1)

    def empty(self, batch: int, segmentation: Segmentation) -> SoftBuffer:
        """Return the soft buffer of `batch` transport blocks before anything was received."""
        size = self._code(segmentation).buffer_bits
        coded = segmentation.coded
        return SoftBuffer([torch.zeros(batch, size) for _ in coded], [frozenset() for _ in coded])

    def gather(
        self, soft: SoftBuffer, rows: torch.Tensor, llr: torch.Tensor, segmentation: Segmentation, rv: int
    ) -> SoftBuffer:
        """Return `soft` with the logits of one more transmission added.

        Bits that were received several times, in one transmission or in several, are independent observations: their
        logits add.

        Args:
            soft: buffers of B transport blocks.
            rows: [K] int64, transport blocks that were sent.
            llr: [K, sum of `segmentation.coded`] float32, their logits.
            segmentation: code blocks in this transmission.
            rv: redundancy version of this transmission.
        """
        code = self._code(segmentation)
        blocks, windows = [], []
        parts = zip(soft.blocks, soft.windows, llr.split(segmentation.coded, 1), segmentation.coded, strict=True)
        for block, filled, part, coded in parts:
            window = BufferWindow(coded, rv)
            blocks.append(block.index_copy(0, rows, block[rows].index_add_(1, code.positions(window), part)))
            windows.append(filled | {window})
        return SoftBuffer(blocks, windows)

    def decode(self, soft: SoftBuffer, segmentation: Segmentation) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the payload bits [B, payload_bits] float32 and whether all CRCs hold, [B] bool."""
        batch, num_blocks = len(soft.blocks[0]), segmentation.num_blocks
        transport_crc, code = self._transport_crc(segmentation), self._code(segmentation)
        block_crc = self._segment_crc if num_blocks > 1 else transport_crc
        blocks = torch.empty(batch, num_blocks, segmentation.block_bits)
        alike: dict[frozenset[BufferWindow], list[int]] = {}
        for i, windows in enumerate(soft.windows):
            alike.setdefault(windows, []).append(i)
        for windows, members in alike.items():
            stacked = torch.stack([soft.blocks[i] for i in members], dim=1).flatten(0, 1)
            decoded = code.decode(stacked, windows, block_crc.check, _MAX_ITERATIONS)
            blocks[:, members] = decoded.reshape(batch, len(members), -1)
        ok = block_crc.check(blocks).all(dim=1)
        if num_blocks > 1:
            blocks = blocks[..., : -block_crc.length]
        joined = blocks.reshape(batch, -1)
        return joined[:, : segmentation.payload_bits], ok & transport_crc.check(joined)

    def _transport_crc(self, segmentation: Segmentation) -> Crc:
        long = transport_crc_length(segmentation.payload_bits) == self._long_crc.length
        return self._long_crc if long else self._short_crc

    def _code(self, segmentation: Segmentation) -> BlockCode:
        key = segmentation.block_bits, segmentation.graph
        if key not in self._codes:
            self._codes[key] = BlockCode(*key, self._order)
        return self._codes[key]
