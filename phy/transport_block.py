"""Transport blocks of TS 38.212: CRC attachment, segmentation, LDPC coding and rate matching of one block size."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from taskwave.phy.ldpc import LayeredDecoder

_MAX_K = {"bg1": 8448, "bg2": 3840}
_MOTHER_EXPANSION = {"bg1": 3, "bg2": 5}
"""Coded bits per information bit before repetition starts."""
_SEGMENT_CRC = 24
_ITERATIONS_BETWEEN_CHECKS = 2


def transport_crc_length(payload_bits: int) -> int:
    """Bits of the transport block's CRC (TS 38.212 clause 7.2.1)."""
    return 24 if payload_bits > 3824 else 16


def base_graph(payload_bits: int, code_rate: float) -> str:
    """LDPC base graph (TS 38.212 clause 7.2.2)."""
    small = payload_bits <= 292 or (payload_bits <= 3824 and code_rate <= 0.67) or code_rate <= 0.25
    return "bg2" if small else "bg1"


@dataclass(frozen=True)
class Segmentation:
    """How a payload of `payload_bits` is cut into code blocks of equal size that fill `coded_bits`."""

    payload_bits: int
    num_blocks: int
    graph: str
    coded: tuple[int, ...]
    """Coded bits of each block: multiples of the modulation order that differ by at most one symbol a layer."""

    @property
    def block_bits(self) -> int:
        """Information bits of one code block, its CRC and its share of the transport block's CRC included."""
        total = self.payload_bits + transport_crc_length(self.payload_bits)
        return total if self.num_blocks == 1 else total // self.num_blocks + _SEGMENT_CRC


def segment(payload_bits: int, coded_bits: int, modulation_order: int, code_rate: float) -> Segmentation | None:
    """Segmentation of TS 38.212 clauses 5.2.2 and 5.4.2.1; None if the blocks would not be of equal size.

    (TS 38.214 clause 5.1.3.2 chooses transport block sizes that always divide; a caller tries the next smaller one.)
    """
    total = payload_bits + transport_crc_length(payload_bits)
    graph = base_graph(payload_bits, code_rate)
    largest = _MAX_K[graph]
    num_blocks = 1 if total <= largest else math.ceil(total / (largest - _SEGMENT_CRC))
    if total % num_blocks:
        return None
    symbols = coded_bits // modulation_order
    short, num_long = divmod(symbols, num_blocks)
    coded = [short] * (num_blocks - num_long) + [short + 1] * num_long
    return Segmentation(payload_bits, num_blocks, graph, tuple(modulation_order * c for c in coded))


def largest_payload_bytes(coded_bits: int, modulation_order: int, code_rate: float) -> int:
    """Most bytes whose code blocks keep to `code_rate` within `coded_bits`; 0 if none does."""
    for payload_bytes in range(int(coded_bits * code_rate) // 8, 0, -1):
        cut = segment(8 * payload_bytes, coded_bits, modulation_order, code_rate)
        if cut is not None and cut.block_bits <= code_rate * min(cut.coded):
            return payload_bytes
    return 0


class BlockCode:
    """LDPC encoder and decoder of one code block size, rate-matched to `coded_bits`.

    Rates below that of the base graph repeat the circular buffer (TS 38.212 clause 5.4.2.1), which is cut at
    the mother rate 1/3 or 1/5. Coded bits are interleaved over the bits of a QAM symbol (clause 5.4.2.2).
    """

    def __init__(self, block_bits: int, coded_bits: int, graph: str, modulation_order: int) -> None:
        from sionna.phy.fec.ldpc import LDPC5GEncoder  # noqa: PLC0415 - Sionna takes seconds to import

        self._num_mother = min(coded_bits, block_bits * _MOTHER_EXPANSION[graph])
        self._encoder = LDPC5GEncoder(block_bits, self._num_mother, bg=graph, device="cpu")
        self._decoder = LayeredDecoder(self._encoder)
        self._source = torch.arange(coded_bits) % self._num_mother
        columns = coded_bits // modulation_order
        self._interleaver = torch.arange(coded_bits).reshape(modulation_order, columns).T.flatten()

    def encode(self, bits: torch.Tensor) -> torch.Tensor:
        """[B, block_bits] to [B, coded_bits], float32 zeros and ones."""
        mother: torch.Tensor = self._encoder(bits)
        return mother[:, self._source][:, self._interleaver]

    def decode(self, llr: torch.Tensor, check: Callable[[torch.Tensor], torch.Tensor], num_iter: int) -> torch.Tensor:
        """[B, coded_bits] logits, log P(1) / P(0), to [B, block_bits] bits.

        Blocks that `check` ([K, block_bits] to [K] bool) accepts are done before the last of `num_iter` iterations.
        """
        in_order = torch.empty_like(llr)
        in_order[:, self._interleaver] = llr
        # Repeated bits are heard several times: their logits add.
        mother = in_order.new_zeros(len(llr), self._num_mother).index_add(1, self._source, in_order)
        return self._decoder.decode(mother, check, num_iter, _ITERATIONS_BETWEEN_CHECKS)
