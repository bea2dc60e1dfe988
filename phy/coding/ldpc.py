"""5G LDPC code blocks: the circular buffer with its redundancy versions, and a layered sum-product decoder.

Sionna's decoders treat the code as an arbitrary graph and pad every node to the largest degree; on a processor the
quasi-cyclic structure makes the same decoding about twenty times cheaper. Encoder and code come from Sionna.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

RV_ORDER = (0, 2, 3, 1)
"""Redundancy versions of a first transmission and its retransmissions (TS 38.214 clause 5.1.2.1)."""

_START = {"bg1": (0, 17, 33, 56), "bg2": (0, 13, 25, 43)}
"""Start of each redundancy version in lifting sizes (TS 38.212 table 5.4.2.1-2, the whole buffer in use)."""
_MOTHER_EXPANSION = {"bg1": 3, "bg2": 5}
"""Coded bits per information bit: the most that Sionna's encoder gives at once."""
_ITERATIONS_BETWEEN_CHECKS = 2
"""Number of iterations between checks of the CRC."""
_LLR_MAX = 30.0
"""Magnitude to which the logits of received bits are limited."""
_FILLER_LLR = 60.0
"""Logit log P(0) / P(1) of filler bits, which both ends know to be zero."""
_PHI_MIN, _PHI_MAX = 1e-6, 16.0
"""Limits of the argument of phi."""
_CORE_ROWS = 4
"""Number of rows of the base graph whose parity bits depend on each other."""
_CHUNK = 128
"""Number of code blocks decoded together: more do not fit into the cache."""


def _phi_(x: torch.Tensor) -> torch.Tensor:
    """Replace x by phi(x) = -log tanh(x / 2), which is its own inverse, in place (Gallager 1963)."""
    return x.clamp_(_PHI_MIN, _PHI_MAX).mul_(0.5).tanh_().log_().neg_()


class LayeredDecoder:
    """Decodes by belief propagation, one row of the base graph at a time (Mansour and Shanbhag 2003; Hocevar 2004).

    A layer of the schedule is one row of circulants, so every iteration uses the newest beliefs and converges in about
    half the iterations of a flooding schedule. Rows whose own parity bits were not sent are left out: all their
    messages would be zero.

    Args:
        encoder: `sionna.phy.fec.ldpc.LDPC5GEncoder` without output interleaver.
        sent: [n] bool, positions of the circular buffer (without fillers, TS 38.212 clause 5.4.2.1) that were sent.
    """

    def __init__(self, encoder: Any, sent: torch.Tensor) -> None:
        self._k, self._z = int(encoder.k), int(encoder.z)
        self._num_filler = int(encoder.k_filler)
        pcm, z = encoder.pcm.tocsr(), self._z
        num_systematic = self._k - 2 * z
        parity_columns = (sent[num_systematic:].nonzero().flatten() // z).unique().tolist()
        # The parity bits of the first four rows depend on each other; every later row has a column of its own.
        rows = [*range(_CORE_ROWS), *(column for column in parity_columns if column >= _CORE_ROWS)]
        self._num_columns = encoder.k_ldpc // z + rows[-1] + 1
        offset = torch.arange(z)
        self._layers: list[torch.Tensor] = []
        for row in rows:
            # The first row of a row of circulants holds their columns and shifts.
            first = torch.from_numpy(pcm.indices[pcm.indptr[row * z] : pcm.indptr[row * z + 1]]).long()
            column, shift = first // z, first % z
            self._layers.append((column[:, None] * z + (shift[:, None] + offset) % z).flatten())

    def decode(
        self, logits: torch.Tensor, check: Callable[[torch.Tensor], torch.Tensor], num_iter: int, check_every: int
    ) -> torch.Tensor:
        """Return the information bits of each code word, [B, k] float32 zeros and ones.

        Args:
            logits: [B, n] float32, log P(1) / P(0) of each position of the circular buffer, zero where none was sent.
            check: function from bits [K, k] to [K] bool; words it accepts are done.
            num_iter: largest number of iterations.
            check_every: number of iterations between checks.
        """
        return torch.cat([self._decode(part, check, num_iter, check_every) for part in logits.split(_CHUNK)])

    def _decode(
        self, logits: torch.Tensor, check: Callable[[torch.Tensor], torch.Tensor], num_iter: int, check_every: int
    ) -> torch.Tensor:
        """Decode code words that fit into the cache together; arguments as for `decode`."""
        belief = self._beliefs(logits)
        messages = [belief.new_zeros(len(layer), belief.shape[1]) for layer in self._layers]
        result = torch.empty(len(logits), self._k)
        active = torch.arange(len(logits))
        for iteration in range(1, num_iter + 1):
            for i, layer in enumerate(self._layers):
                messages[i] = self._update(belief, layer, messages[i])
            if iteration % check_every and iteration != num_iter:
                continue
            bits = (belief[: self._k] < 0).T.float()
            result[active] = bits
            left = ~check(bits)
            if not bool(left.any()):
                break
            if not bool(left.all()):
                active, belief = active[left], belief[:, left]
                messages = [m[:, left] for m in messages]
        return result

    def _beliefs(self, logits: torch.Tensor) -> torch.Tensor:
        """Return log P(0) / P(1) of all code bits, [columns * Z, B]: punctured, systematic, filler, parity."""
        z, num_systematic = self._z, self._k - 2 * self._z
        llr = -logits.T.clamp(-_LLR_MAX, _LLR_MAX)
        belief = llr.new_zeros(self._num_columns * z, llr.shape[1])
        belief[2 * z : self._k] = llr[:num_systematic]
        belief[self._k : self._k + self._num_filler] = _FILLER_LLR
        parity = llr[num_systematic:][: len(belief) - self._k - self._num_filler]
        first = self._k + self._num_filler
        belief[first : first + len(parity)] = parity
        return belief

    def _update(self, belief: torch.Tensor, layer: torch.Tensor, old: torch.Tensor) -> torch.Tensor:
        """Update the check nodes of one layer: change `belief` in place and return the new messages.

        A copy of all beliefs for every layer of every iteration would cost more than the update itself.
        """
        degree = len(layer) // self._z
        incoming = belief[layer] - old
        shape = (degree, self._z, belief.shape[1])
        negative = (incoming < 0).view(shape)
        sign = 1.0 - 2.0 * ((negative.sum(dim=0, dtype=torch.uint8) + negative) & 1).float()
        magnitude = _phi_(incoming.abs()).view(shape)
        outgoing = _phi_(magnitude.sum(dim=0) - magnitude).mul_(sign).view(old.shape)
        belief[layer] = incoming.add_(outgoing)
        return outgoing


@dataclass(frozen=True)
class BufferWindow:
    """Describes which part of the circular buffer one transmission carries."""

    coded_bits: int
    """Number of coded bits."""
    rv: int
    """Redundancy version, 0 to 3."""


class BlockCode:
    """Encodes and decodes LDPC code blocks of one size, with the rate matching of TS 38.212 clause 5.4.2.

    The circular buffer is not limited (I_LBRM = 0). Coded bits are interleaved over the bits of a QAM symbol.

    Args:
        block_bits: number of information bits of a block, CRC included.
        graph: LDPC base graph, "bg1" or "bg2".
        modulation_order: number of bits per QAM symbol.
    """

    def __init__(self, block_bits: int, graph: str, modulation_order: int) -> None:
        from sionna.phy.fec.ldpc import LDPC5GEncoder  # noqa: PLC0415 - Sionna takes seconds to import

        self._encoder = LDPC5GEncoder(block_bits, block_bits * _MOTHER_EXPANSION[graph], bg=graph, device="cpu")
        self._graph, self._order = graph, modulation_order
        self.buffer_bits = int(self._encoder.n_cb_comp)
        """Number of bits of the circular buffer, filler bits left out."""
        self._whole = self._whole_buffer(block_bits)
        self._decoders: dict[frozenset[BufferWindow], LayeredDecoder] = {}

    def start(self, rv: int) -> int:
        """Return the position of the buffer, filler bits left out, at which a redundancy version starts."""
        z = int(self._encoder.z)
        position = _START[self._graph][rv] * z
        first_filler = int(self._encoder.k) - 2 * z
        return position if position < first_filler else max(first_filler, position - int(self._encoder.k_filler))

    def positions(self, window: BufferWindow) -> torch.Tensor:
        """Return the positions [coded_bits] int64 of the buffer in the order in which they are sent."""
        in_order = (self.start(window.rv) + torch.arange(window.coded_bits)) % self.buffer_bits
        return in_order.reshape(self._order, -1).T.flatten()

    def encode(self, bits: torch.Tensor) -> torch.Tensor:
        """Encode bits [B, block_bits] to the circular buffer [B, buffer_bits], float32 zeros and ones."""
        windows: torch.Tensor = self._encoder(bits, rv=[0, 1, 2, 3])
        return windows.flatten(1)[:, self._whole]

    def decode(
        self,
        soft: torch.Tensor,
        windows: frozenset[BufferWindow],
        check: Callable[[torch.Tensor], torch.Tensor],
        num_iter: int,
    ) -> torch.Tensor:
        """Decode a soft buffer to bits [B, block_bits] float32 zeros and ones.

        Args:
            soft: [B, buffer_bits] float32, logits log P(1) / P(0), zero where nothing was received.
            windows: parts of the buffer that transmissions filled.
            check: function from bits [K, block_bits] to [K] bool; blocks it accepts are done before the last iteration.
            num_iter: largest number of iterations.
        """
        if windows not in self._decoders:
            sent = torch.zeros(self.buffer_bits, dtype=torch.bool)
            for window in windows:
                sent[self.positions(window)] = True
            self._decoders[windows] = LayeredDecoder(self._encoder, sent)
        return self._decoders[windows].decode(soft, check, num_iter, _ITERATIONS_BETWEEN_CHECKS)

    def _whole_buffer(self, block_bits: int) -> torch.Tensor:
        """Return the index [buffer_bits] of each position of the buffer in the encoder's four windows, concatenated."""
        size = block_bits * _MOTHER_EXPANSION[self._graph]
        index = torch.full((self.buffer_bits,), -1)
        for rv in range(4):
            shown = (self.start(rv) + torch.arange(size)) % self.buffer_bits
            index[shown] = rv * size + torch.arange(size)
        return index
