"""5G LDPC code blocks: the circular buffer, its redundancy versions, and what a receiver gathers of them."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from taskwave.phy.ldpc import LayeredDecoder

RV_ORDER = (0, 2, 3, 1)
"""Redundancy versions of a first transmission and its retransmissions (TS 38.214 clause 5.1.2.1)."""

_START = {"bg1": (0, 17, 33, 56), "bg2": (0, 13, 25, 43)}
"""Start of each redundancy version in lifting sizes (TS 38.212 table 5.4.2.1-2, the whole buffer in use)."""
_MOTHER_EXPANSION = {"bg1": 3, "bg2": 5}
"""Coded bits per information bit: the most that Sionna's encoder gives at once."""
_ITERATIONS_BETWEEN_CHECKS = 2


@dataclass(frozen=True)
class Cut:
    """Which part of the circular buffer one transmission carries."""

    coded_bits: int
    rv: int
    """Redundancy version, 0 to 3."""


class BlockCode:
    """LDPC encoder and decoder of one code block size, with the rate matching of TS 38.212 clause 5.4.2.

    The circular buffer is not limited (I_LBRM = 0). Coded bits are interleaved over the bits of a QAM symbol.
    """

    def __init__(self, block_bits: int, graph: str, modulation_order: int) -> None:
        from sionna.phy.fec.ldpc import LDPC5GEncoder  # noqa: PLC0415 - Sionna takes seconds to import

        self._encoder = LDPC5GEncoder(block_bits, block_bits * _MOTHER_EXPANSION[graph], bg=graph, device="cpu")
        self._graph, self._order = graph, modulation_order
        self.buffer_bits = int(self._encoder.n_cb_comp)
        self._whole = self._whole_buffer(block_bits)
        self._decoders: dict[frozenset[Cut], LayeredDecoder] = {}

    def start(self, rv: int) -> int:
        """Position of the buffer, filler bits left out, at which a redundancy version starts."""
        z = int(self._encoder.z)
        position = _START[self._graph][rv] * z
        first_filler = int(self._encoder.k) - 2 * z
        return position if position < first_filler else max(first_filler, position - int(self._encoder.k_filler))

    def positions(self, cut: Cut) -> torch.Tensor:
        """[coded_bits] positions of the buffer in the order in which they are sent."""
        in_order = (self.start(cut.rv) + torch.arange(cut.coded_bits)) % self.buffer_bits
        return in_order.reshape(self._order, -1).T.flatten()

    def encode(self, bits: torch.Tensor) -> torch.Tensor:
        """[B, block_bits] to the circular buffer [B, buffer_bits], float32 zeros and ones."""
        windows: torch.Tensor = self._encoder(bits, rv=[0, 1, 2, 3])
        return windows.flatten(1)[:, self._whole]

    def decode(
        self,
        soft: torch.Tensor,
        cuts: frozenset[Cut],
        check: Callable[[torch.Tensor], torch.Tensor],
        num_iter: int,
    ) -> torch.Tensor:
        """Soft buffer [B, buffer_bits] of logits, log P(1) / P(0), filled by `cuts`, to [B, block_bits] bits.

        Blocks that `check` ([K, block_bits] to [K] bool) accepts are done before the last of `num_iter` iterations.
        """
        if cuts not in self._decoders:
            sent = torch.zeros(self.buffer_bits, dtype=torch.bool)
            for cut in cuts:
                sent[self.positions(cut)] = True
            self._decoders[cuts] = LayeredDecoder(self._encoder, sent)
        return self._decoders[cuts].decode(soft, check, num_iter, _ITERATIONS_BETWEEN_CHECKS)

    def _whole_buffer(self, block_bits: int) -> torch.Tensor:
        """[buffer_bits] where the encoder's four windows, one behind the other, show each position of the buffer."""
        size = block_bits * _MOTHER_EXPANSION[self._graph]
        index = torch.full((self.buffer_bits,), -1)
        for rv in range(4):
            shown = (self.start(rv) + torch.arange(size)) % self.buffer_bits
            index[shown] = rv * size + torch.arange(size)
        return index
