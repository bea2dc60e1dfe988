"""Short coded messages: headers on the forward link (a downlink), prompts on the reverse link (an uplink)."""

from dataclasses import dataclass

import torch

from taskwave.phy.channel.air import Air
from taskwave.phy.coding.modulation import Modulation
from taskwave.phy.coding.polar import polar_code
from taskwave.phy.links.control_rate import ControlPrediction, ControlShape, control_prediction, control_shape
from taskwave.phy.links.open_loop import OpenLoopLink
from taskwave.phy.radio import Radio

MAX_BITS = 4096
"""Largest number of bits of a message."""
_BITS_PER_SYMBOL = 2
"""Number of bits of a QPSK symbol."""


@dataclass
class ControlReception:
    """Holds what arrived of one message per image, and what it cost."""

    bits: torch.Tensor
    """Decoded bits, right or wrong, [B, k] uint8."""
    ok: torch.Tensor
    """Whether the message was detected and its CRC holds, [B] bool. Of the messages that fail to decode about 8 in
    2**24 still pass on the forward link, 8 in 2**11 on the reverse link."""
    channel_uses: int
    """Number of REs occupied by each image's message."""
    slots: int
    """Number of slots that the message lasted."""


class ControlLink:
    """Sends messages in the polar code of NR, QPSK, one layer, to all antennas.

    Forward messages are coded as downlink control information (TS 38.212 clause 7.3: CRC of 24 bits, input
    interleaver), reverse ones as uplink control information (clause 6.3.1: CRC of 11 bits, coded bits interleaved).
    Messages too long for one code word are cut into equal ones, each with its CRC. The code fills the allocation that
    the target rate asks for, so padding becomes redundancy. A list decoder with 8 paths decodes it.

    Args:
        radio: the radio; its `control_code_rate` is the target rate, by default the highest at which one message in
            twenty is lost over its channels at the mean SNR (`control_rate`).
    """

    def __init__(self, radio: Radio) -> None:
        self.radio = radio
        self.symbol_link = OpenLoopLink(radio, 1, "control")
        self._modulation = Modulation(_BITS_PER_SYMBOL)

    def code_rate(self, num_bits: int, air: Air) -> float:
        """Return the target rate of a message of `num_bits` over `air`, which both ends know.

        Raises:
            ValueError: no bits, or more than 4096.
        """
        _check_size(num_bits)
        configured = self.radio.config.control_code_rate
        return self._prediction(air).rate(num_bits) if configured is None else configured

    def expected_loss(self, num_bits: int, air: Air) -> float:
        """Return the share of messages of `num_bits` that both ends have to expect not to arrive over `air`."""
        return self._prediction(air).loss(self._shape(num_bits, air))

    def channel_uses(self, num_bits: int, air: Air) -> int:
        """Return the number of REs occupied by a message of `num_bits` over `air`.

        Raises:
            ValueError: no bits, or more than 4096.
        """
        return self.symbol_link.channel_uses(self._shape(num_bits, air).num_symbols)

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
        shape = self._shape(num_bits, air)
        padded = torch.nn.functional.pad(messages.cpu().float(), (0, shape.segments * shape.size - num_bits))
        code = polar_code(shape.chain, shape.size, shape.coded)
        with torch.no_grad():
            symbols = self._modulation.map(code.encode(padded.reshape(-1, shape.size)).reshape(batch, -1))
            received = self.symbol_link.send(symbols, air)
            llr = self._modulation.llr(received.symbols, received.noise_variance)
            bits, ok = code.decode(llr.reshape(-1, shape.coded))
        bits = bits.reshape(batch, -1)[:, :num_bits].to(torch.uint8)
        ok = ok.reshape(batch, shape.segments).all(dim=1) & ~received.lost
        return ControlReception(bits, ok, received.channel_uses, received.slots)

    def _shape(self, num_bits: int, air: Air) -> ControlShape:
        return control_shape(self.symbol_link, air.direction, num_bits, self.code_rate(num_bits, air))

    def _prediction(self, air: Air) -> ControlPrediction:
        offset_db = air.config.feedback_es_n0_offset_db if air.direction == "reverse" else 0.0
        return control_prediction(self.radio, air.direction, round(air.es_n0_db - offset_db, 9))


def _check_size(num_bits: int) -> None:
    if not 1 <= num_bits <= MAX_BITS:
        raise ValueError(f"a control message of {num_bits} bits cannot be sent: give 1 to {MAX_BITS} bits.")


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
