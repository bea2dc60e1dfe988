"""Uplink control information (UCI) of one to six bits on the reverse link: HARQ acknowledgements, channel quality.

It uses the block codes for small lengths of TS 38.212 clause 5.3.3: repetition of one bit, and first-order Reed-Muller
words of 32 bits for three to six. There is no CRC, as in NR; the receiver takes the likeliest word.
"""

import math
from dataclasses import dataclass

import torch

from taskwave.phy.channel.air import Air
from taskwave.phy.coding.modulation import Modulation
from taskwave.phy.links.open_loop import OpenLoopLink
from taskwave.phy.radio import Radio

# Columns M_0 to M_5 of TS 38.212 table 5.3.3.3-1, one number for each row: its bit j is the entry in column j.
_REED_MULLER = (
    0x03, 0x07, 0x09, 0x0D, 0x0F, 0x13, 0x15, 0x19, 0x1B, 0x1D, 0x25, 0x27, 0x29, 0x2B, 0x31, 0x33,
    0x37, 0x39, 0x3B, 0x21, 0x05, 0x0B, 0x11, 0x17, 0x1F, 0x23, 0x2D, 0x2F, 0x35, 0x3D, 0x3F, 0x01,
)  # fmt: skip
_BITS_PER_SYMBOL = 2
"""Number of bits of a QPSK symbol."""
_LEAST_SYMBOLS = 12
"""Number of data symbols of the smallest allocation: one PRB by 2 OFDM symbols, as PUCCH formats have."""
_MOST_SYMBOLS = 144
"""Number of data symbols of the longest allocation: one PRB by 14 OFDM symbols, as PUCCH formats have. Below about
-10 dB its energy is not enough."""
_ENERGY = {1: 24.0, 2: 48.0}
"""Mean energy of a message over `no` after combining, of one bit (1) or of more (2). Over CDL-C with two antennas one
ACK in a hundred is missed at 0 dB and one in 25 at -5 dB, two CQI in a hundred are wrong at either."""
_NACK_TO_ACK = 1e-3
"""Probability with which the transmitter may take a NACK for an ACK, as TS 38.104 clause 8.3 asks of a base station."""


@dataclass
class UciReception:
    """Holds what arrived of one word per image, and what it cost."""

    log_likelihood: torch.Tensor
    """Log-likelihood of each word up to a constant, [B, 2**k] float32; bit 0 of its index is the first bit sent."""
    channel_uses: int
    """Number of REs occupied by each image's message."""
    slots: int
    """Number of slots that the message lasted."""

    @property
    def bits(self) -> torch.Tensor:
        """Likeliest word, [B, k] uint8."""
        words = self.log_likelihood.argmax(1)
        count = self.log_likelihood.shape[1].bit_length() - 1
        return (words[:, None] >> torch.arange(count) & 1).to(torch.uint8)


def codewords(num_bits: int) -> torch.Tensor:
    """Return the code, [2**num_bits, n] uint8: n is 1 for one bit and 32 for three to six.

    Raises:
        ValueError: any other number of bits.
    """
    if num_bits != 1 and not 3 <= num_bits <= 6:
        raise ValueError(f"a control word of {num_bits} bits has no code here: send 1 bit, or 3 to 6.")
    words = torch.arange(2**num_bits)[:, None] >> torch.arange(num_bits) & 1
    rows = torch.tensor((1,) if num_bits == 1 else _REED_MULLER)
    generator = rows[:, None] >> torch.arange(num_bits) & 1
    return (words @ generator.T % 2).to(torch.uint8)


class UciLink:
    """Sends short words over the reverse link in QPSK on one layer to all antennas, repeated until the energy suffices.

    Args:
        radio: the radio.
        es_n0_db: SNR for which the words are made [dB]; None: the mean SNR of the air, which both ends know.
    """

    def __init__(self, radio: Radio, es_n0_db: float | None = None) -> None:
        self._es_n0_db, self._num_rx_ant = es_n0_db, radio.config.num_tx_ant
        self.symbol_link = OpenLoopLink(radio, 1, "control")
        self._modulation = Modulation(_BITS_PER_SYMBOL)

    def channel_uses(self, num_bits: int, air: Air | None = None) -> int:
        """Return the REs occupied by a word of `num_bits`, DMRS included.

        `air` is the reverse air; it may be left out if words are made for one SNR.
        """
        return self.symbol_link.channel_uses(self._num_symbols(num_bits, air))

    def slots(self, num_bits: int, air: Air | None = None) -> int:
        """Return the slots that a word of `num_bits` lasts; `air` as for `channel_uses`."""
        return self.symbol_link.slots(self._num_symbols(num_bits, air))

    def send(self, words: torch.Tensor, air: Air) -> UciReception:
        """Transmit `words` [B, k] uint8, one per image of `air`.

        Raises:
            ValueError: the shape does not fit, the length has no code, or the air is a forward one.
        """
        if words.ndim != 2 or len(words) != air.batch:
            raise ValueError(f"words are {list(words.shape)}: they must be [{air.batch}, k], one per image of the air.")
        if air.direction != "reverse":
            raise ValueError("control information was sent over a forward air: use AirInterface.reverse(occasion).")
        code, num_symbols = codewords(words.shape[1]), self._num_symbols(words.shape[1], air)
        index = torch.arange(_BITS_PER_SYMBOL * num_symbols) % code.shape[1]
        # Alternate copies are inverted, so that repeated words do not all use the same points of the constellation.
        flipped = (torch.arange(len(index)) // _BITS_PER_SYMBOL % 2).to(torch.uint8)
        sent = code[:, index] ^ flipped
        numbers = (words.long() << torch.arange(words.shape[1])).sum(1)
        with torch.no_grad():
            received = self.symbol_link.send(self._modulation.map(sent[numbers]), air)
            llr = self._modulation.llr(received.symbols, received.noise_variance)
            llr = llr.masked_fill(received.lost[:, None], 0.0)
            log_likelihood = llr @ sent.float().T
        return UciReception(log_likelihood, received.channel_uses, received.slots)

    def acknowledge(self, ok: torch.Tensor, air: Air) -> tuple[torch.Tensor, UciReception]:
        """Send ACK (`ok` [B] true) or NACK over the reverse link.

        Returns:
            Whether the transmitter understands ACK, [B] bool, and the message of which it decides that.

        A wrong ACK loses the block, a wrong NACK only resources: ACK is understood when NACK has a probability of less
        than one in a thousand, and never from a message that was not detected.
        """
        reception = self.send(ok[:, None].to(torch.uint8), air)
        odds = reception.log_likelihood[:, 1] - reception.log_likelihood[:, 0]
        return odds > math.log((1 - _NACK_TO_ACK) / _NACK_TO_ACK), reception

    def _num_symbols(self, num_bits: int, air: Air | None) -> int:
        """Return the number of data symbols of a word."""
        es_n0_db = self._es_n0_db
        if es_n0_db is None:
            assert air is not None, "words that are made for the SNR of the air need the air"
            es_n0_db = air.es_n0_db
        energy = _ENERGY[1 if num_bits == 1 else 2]
        needed = math.ceil(energy / self._num_rx_ant * 10 ** (-es_n0_db / 10))
        wanted = min(max(needed, _LEAST_SYMBOLS), _MOST_SYMBOLS)
        return self.symbol_link.capacity(self.symbol_link.channel_uses(wanted))
