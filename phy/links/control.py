"""Short coded messages: headers on the forward link and prompts on the reverse link."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.special import gammainc, gammaincinv

from taskwave.phy.channel.air import Air
from taskwave.phy.coding.modulation import Modulation
from taskwave.phy.links.open_loop import OpenLoopLink
from taskwave.phy.radio import Radio

MAX_BITS = 4096
"""Largest number of bits of a message."""
_MAX_CODED_BITS = 1088
"""Largest number of coded bits of a code word."""
_CRC_BITS = 11
"""Number of CRC bits of a code word."""
_MIN_BITS = 20
"""Smallest number of message bits of a code word: shorter ones are filled up with zeros, as TS 38.212 gives them a CRC
of 6 bits only."""
_LIST_SIZE = 8
"""Number of paths of the list decoder."""
_BITS_PER_SYMBOL = 2
"""Number of bits of a QPSK symbol."""
_RATES = ((9.5, 0.75, 0.05), (6.0, 0.5, 0.05), (3.0, 0.25, 0.05), (-math.inf, 0.125, 0.13))
"""Least mean SNR [dB] after combining the receive antennas, code rate, and share of lost messages. At these SNRs CDL-C
with two antennas loses about one message of 40 bits in twenty. There is no rate below the last, which loses one in
eight at -5 dB per antenna."""
_LOWEST_SUITING_DB = 0.5
"""Mean SNR [dB] after combining at which the lowest rate, too, loses one message in twenty."""


@dataclass
class ControlReception:
    """Holds what arrived of one message per image, and what it cost."""

    bits: torch.Tensor
    """Decoded bits, right or wrong, [B, k] uint8."""
    ok: torch.Tensor
    """Whether the message was detected and its CRC holds, [B] bool. About one in 2**11 / 8 of the messages that fail to
    decode still passes."""
    channel_uses: int
    """Number of REs occupied by each image's message."""


class ControlLink:
    """Sends messages in the polar code of TS 38.212 (uplink chain) with its 11-bit CRC, QPSK, one layer, all antennas.

    Messages too long for one code word (1088 coded bits) are cut into equal ones, each with its CRC. The code fills the
    allocation that the target rate asks for, so padding becomes redundancy. A list decoder with 8 paths decodes it.

    Args:
        radio: the radio; its `control_code_rate` is the target rate, by default one that suits the mean SNR.
    """

    def __init__(self, radio: Radio) -> None:
        self.symbol_link = OpenLoopLink(radio, 1, "control")
        self._modulation = Modulation(_BITS_PER_SYMBOL)
        self._codes: dict[tuple[int, int], tuple[Any, Any]] = {}

    def code_rate(self, air: Air) -> float:
        """Return the target rate over `air`: the configured one, else the highest that its mean SNR allows."""
        configured = air.config.control_code_rate
        return self._row(air)[1] if configured is None else configured

    def expected_loss(self, air: Air) -> float:
        """Return the share of messages that both ends have to expect not to arrive over `air`.

        For a configured rate it is the outage of two branches of Rayleigh fading, one in twenty at the SNR that suits
        the rate.
        """
        configured = air.config.control_code_rate
        if configured is None:
            return self._row(air)[2]
        suiting_db, rates, _ = zip(*reversed(_RATES), strict=True)
        suiting_db = _LOWEST_SUITING_DB, *suiting_db[1:]
        shortfall_db = float(np.interp(math.log2(configured), np.log2(rates), suiting_db)) - self._combined_db(air)
        return float(gammainc(2, gammaincinv(2, 0.05) * 10 ** (shortfall_db / 10)))

    @classmethod
    def _row(cls, air: Air) -> tuple[float, float, float]:
        """Return the row of `_RATES` for the mean SNR of `air`."""
        return next(row for row in _RATES if cls._combined_db(air) >= row[0])

    @staticmethod
    def _combined_db(air: Air) -> float:
        """Return the mean SNR [dB] after combining the receive antennas."""
        return air.es_n0_db + 10 * math.log10(air.num_rx_ant)

    def channel_uses(self, num_bits: int, air: Air) -> int:
        """Return the number of REs occupied by a message of `num_bits` over `air`.

        Raises:
            ValueError: no bits, or more than 4096.
        """
        segments, _, coded = self._shape(num_bits, self.code_rate(air))
        return self.symbol_link.channel_uses(segments * coded // _BITS_PER_SYMBOL)

    def send(self, messages: torch.Tensor, air: Air) -> ControlReception:
        """Transmit `messages` [B, k] of zeros and ones (uint8), one row per image of `air`.

        Raises:
            ValueError: wrong shape or dtype, values other than 0 and 1, too many bits.
        """
        if messages.ndim != 2 or messages.dtype != torch.uint8 or len(messages) != air.batch:
            raise ValueError(
                f"messages are {list(messages.shape)} {messages.dtype}: they must be [{air.batch}, k] torch.uint8, "
                "one row per image of the air."
            )
        if bool((messages > 1).any()):
            raise ValueError(f"messages hold the value {int(messages.max())}: give bits, 0 or 1.")
        batch, num_bits = messages.shape
        segments, size, coded = self._shape(num_bits, self.code_rate(air))
        padded = torch.nn.functional.pad(messages.cpu().float(), (0, segments * size - num_bits))
        encoder, decoder = self._code(size, coded)
        with torch.no_grad():
            symbols = self._modulation.map(encoder(padded.reshape(-1, size)).reshape(batch, -1))
            received = self.symbol_link.send(symbols, air)
            llr = self._modulation.llr(received.symbols, received.noise_variance)
            bits, ok = decoder(llr.reshape(-1, coded))
        bits = bits.reshape(batch, -1)[:, :num_bits].to(torch.uint8)
        ok = ok.reshape(batch, segments).all(dim=1) & ~received.lost
        return ControlReception(bits, ok, received.channel_uses)

    def _shape(self, num_bits: int, code_rate: float) -> tuple[int, int, int]:
        """Return the number of code words, of message bits of each, and of coded bits of each."""
        if not 1 <= num_bits <= MAX_BITS:
            raise ValueError(f"a control message of {num_bits} bits cannot be sent: give 1 to {MAX_BITS} bits.")
        longest = int(_MAX_CODED_BITS * code_rate) - _CRC_BITS
        segments = math.ceil(num_bits / longest)
        size = max(math.ceil(num_bits / segments), _MIN_BITS)
        target = math.ceil((size + _CRC_BITS) / code_rate / _BITS_PER_SYMBOL)
        occupied = self.symbol_link.channel_uses(segments * target)
        symbols = self.symbol_link.capacity(occupied) // segments
        return segments, size, min(_BITS_PER_SYMBOL * symbols, _MAX_CODED_BITS)

    def _code(self, size: int, coded: int) -> tuple[Any, Any]:
        """Return encoder and decoder of code words of `size` message bits and `coded` coded bits."""
        from sionna.phy.fec.polar import Polar5GDecoder, Polar5GEncoder  # noqa: PLC0415

        if (size, coded) not in self._codes:
            encoder = Polar5GEncoder(size, coded, device="cpu")
            decoder = Polar5GDecoder(encoder, "SCL", list_size=_LIST_SIZE, return_crc_status=True, device="cpu")
            self._codes[size, coded] = encoder, decoder
        return self._codes[size, coded]


class FeedbackLink(ControlLink):
    """Sends messages of the receiver as `ControlLink` does, over `air.reverse(occasion)` only."""

    def send(self, messages: torch.Tensor, air: Air) -> ControlReception:
        """Transmit as `ControlLink.send` does, over a reverse air.

        Raises:
            ValueError: `air` is a forward one, or as for `ControlLink.send`.
        """
        if air.direction != "reverse":
            raise ValueError("feedback was sent over a forward air: use AirInterface.reverse(occasion).")
        return super().send(messages, air)
