"""Transport blocks as coded bits and back: CRC, segmentation, LDPC, and the soft buffer of a HARQ process."""

from dataclasses import dataclass, field

import torch

from taskwave.phy.coding.ldpc import BlockCode, Cut
from taskwave.phy.coding.transport_block import Crc, Segmentation, transport_crc_length

_MAX_ITERATIONS = 20
"""Of the layered decoder, worth twice as many of a flooding one; code blocks whose CRC holds stop earlier."""


@dataclass
class SoftBuffer:
    """What the receiver has of B transport blocks of one size: one soft circular buffer for each code block."""

    blocks: list[torch.Tensor]
    """One a code block, [B, buffer_bits] float32 logits, zero where nothing was heard."""
    cuts: list[set[Cut]] = field(default_factory=list)
    """One a code block: what they are made of, for some of the transport blocks at least."""

    def select(self, rows: torch.Tensor) -> "SoftBuffer":
        """The buffers of some of the transport blocks."""
        return SoftBuffer([block[rows] for block in self.blocks], [set(cuts) for cuts in self.cuts])


class TransportCode:
    """Encodes and decodes transport blocks for one modulation order.

    Args:
        modulation_order: bits per QAM symbol.
    """

    def __init__(self, modulation_order: int) -> None:
        self._order = modulation_order
        self._codes: dict[tuple[int, str], BlockCode] = {}
        self._short_crc, self._long_crc, self._segment_crc = Crc("CRC16"), Crc("CRC24A"), Crc("CRC24B")

    def encode(self, bits: torch.Tensor, cut: Segmentation) -> list[torch.Tensor]:
        """Payload bits [B, payload_bits] to the circular buffer of each code block, [B, buffer_bits]."""
        blocks = self._transport_crc(cut).attach(bits).reshape(len(bits), cut.num_blocks, -1)
        if cut.num_blocks > 1:
            blocks = self._segment_crc.attach(blocks)
        code = self._code(cut)
        return [code.encode(blocks[:, i]) for i in range(cut.num_blocks)]

    def match(self, buffers: list[torch.Tensor], cut: Segmentation, rv: int) -> torch.Tensor:
        """Coded bits [B, sum of `cut.coded`] of redundancy version `rv`."""
        code = self._code(cut)
        parts = zip(buffers, cut.coded, strict=True)
        return torch.cat([buffer[:, code.positions(Cut(coded, rv))] for buffer, coded in parts], dim=1)

    def empty(self, batch: int, cut: Segmentation) -> SoftBuffer:
        """The soft buffer before anything was heard."""
        size = self._code(cut).buffer_bits
        return SoftBuffer([torch.zeros(batch, size) for _ in cut.coded], [set() for _ in cut.coded])

    def gather(self, soft: SoftBuffer, rows: torch.Tensor, llr: torch.Tensor, cut: Segmentation, rv: int) -> None:
        """Add the logits [K, sum of `cut.coded`] of redundancy version `rv` to transport blocks `rows` [K] of `soft`.

        Bits heard several times, within one transmission or in several, are independent looks: their logits add.
        """
        code = self._code(cut)
        for block, cuts, part, coded in zip(soft.blocks, soft.cuts, llr.split(cut.coded, 1), cut.coded, strict=True):
            positions = code.positions(Cut(coded, rv))
            block[rows] = block[rows].index_add(1, positions, part)
            cuts.add(Cut(coded, rv))

    def decode(self, soft: SoftBuffer, cut: Segmentation) -> tuple[torch.Tensor, torch.Tensor]:
        """Payload bits [B, payload_bits] and whether all CRCs hold [B]."""
        batch, transport_crc, code = len(soft.blocks[0]), self._transport_crc(cut), self._code(cut)
        block_crc = self._segment_crc if cut.num_blocks > 1 else transport_crc
        blocks = torch.empty(batch, cut.num_blocks, cut.block_bits)
        groups: dict[frozenset[Cut], list[int]] = {}
        for i, cuts in enumerate(soft.cuts):
            groups.setdefault(frozenset(cuts), []).append(i)
        for heard, members in groups.items():
            stacked = torch.stack([soft.blocks[i] for i in members], dim=1).flatten(0, 1)
            decoded = code.decode(stacked, heard, block_crc.check, _MAX_ITERATIONS)
            blocks[:, members] = decoded.reshape(batch, len(members), -1)
        ok = block_crc.check(blocks).all(dim=1)
        if cut.num_blocks > 1:
            blocks = blocks[..., : -block_crc.length]
        joined = blocks.reshape(batch, -1)
        return joined[:, : cut.payload_bits], ok & transport_crc.check(joined)

    def _transport_crc(self, cut: Segmentation) -> Crc:
        return self._short_crc if transport_crc_length(cut.payload_bits) == self._short_crc.length else self._long_crc

    def _code(self, cut: Segmentation) -> BlockCode:
        key = cut.block_bits, cut.graph
        if key not in self._codes:
            self._codes[key] = BlockCode(*key, self._order)
        return self._codes[key]
