"""Channel state information of the transmitter before a message: how it is measured, what it costs, its precoder."""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import torch

from taskwave.phy.channel.air import Air, AirInterface
from taskwave.phy.channel.fading import Fading
from taskwave.phy.definitions import noise_variance
from taskwave.phy.grid.allocation import NUM_SUBCARRIERS_PER_PRB
from taskwave.phy.precoding.precoders import (
    choose_precoder,
    layer_gains,
    pmi_bits,
    precoder_index,
    type1_codebook,
    zero_forcing_gain,
)
from taskwave.phy.precoding.sounding import ChannelSounding
from taskwave.phy.radio import Radio

_CALIBRATION_SEED = 0x7A5D
"""Seed of the channels over which gains are measured beforehand; their noise has the next one."""
_CALIBRATION_DRAWS = 128
"""Number of channels over which gains are measured beforehand."""
REPORT_ES_N0_DB = 0.0
"""SNR for which the report is made. Its length is fixed, as an uplink control channel is configured once: the
cost of a message does not depend on the SNR, but the error rate of reports does."""
_LEAST_LONG_WORD = 3
"""Least number of bits of a word of more than one bit: shorter ones have no code."""


def _sounding_density(num_ports: int) -> int:
    """Return the REs of an antenna in a PRB: three, as combs of four leave, or two where three do not fill a PRB.

    Over CDL-C with budgets of 500 to 4000 REs a whole OFDM symbol costs more than it gains from 0 dB on, and a single
    RE measures too little below 10 dB.
    """
    return 3 if NUM_SUBCARRIERS_PER_PRB % (3 * num_ports) == 0 else 2


@dataclass(frozen=True)
class PrecodingGain:
    """Holds the mean gain of precoding over channels of seeds of their own.

    Age and errors of the transmitter's knowledge are included.
    """

    layer_energy: torch.Tensor
    """Mean energy of each layer at a receive antenna, in units of a transmit antenna's, [num_layers] float32: the prior
    of the receiver's channel estimate."""
    zero_forcing_gain: float
    """Mean energy of a layer after zero forcing of the others, as `precoders.zero_forcing_gain` defines it."""


class PmiReception(Protocol):
    """Holds what arrived of a report."""

    @property
    def log_likelihood(self) -> torch.Tensor:
        """Log-likelihood of each word of k bits, [B, 2**k], up to a constant."""
        ...


class PmiReport(Protocol):
    """Carries words of a few bits over the reverse link, as `taskwave.phy.links.uci.UciLink` does."""

    def channel_uses(self, num_bits: int) -> int:
        """Return the number of REs of a word of `num_bits`."""
        ...

    def send(self, words: torch.Tensor, air: Air) -> PmiReception:
        """Send `words` [B, k] uint8, one per image of the reverse `air`."""
        ...


class TransmitterCsi:
    """Measures the channel for messages of `num_layers` layers, `csi_age_slots` before each of them.

    svd, rzf: the receiver's antennas sound the reverse channel, which is the transpose (TDD, calibrated ends).
    codebook: the transmitter's antennas sound the forward channel; the receiver reports the PMI without delay, without
    CRC, over the channel of that moment.

    Args:
        radio: radio with `precoding`.
        num_layers: number of layers of the messages.
        report: link that carries the PMI of a codebook.
    """

    def __init__(self, radio: Radio, num_layers: int, report: PmiReport) -> None:
        config = radio.config
        assert config.precoding is not None, "transmitters without precoding need to know nothing"
        self._radio, self._precoding, self._num_layers = radio, config.precoding, num_layers
        self._report = report
        self._age_s = config.precoding.csi_age_slots * config.slot_seconds
        self._soundings: dict[int, ChannelSounding] = {}
        self._expected: dict[tuple[float, int], PrecodingGain] = {}
        self._codebook: torch.Tensor | None = None
        self.report_uses = 0
        """Number of REs of the report before each message."""
        if config.precoding.kind == "codebook":
            self._codebook = type1_codebook(config.num_tx_ant, num_layers)
            bits = pmi_bits(self._codebook)
            self._bits = bits if bits == 1 else max(bits, _LEAST_LONG_WORD)
            self.report_uses = report.channel_uses(self._bits)
        messages = 1 if self._codebook is None else 2
        self.exchange_slots = max(messages, config.precoding.csi_age_slots)
        """Number of slots from the pilots to the start of the message; pilots and report last one each at least."""
        self.pilot_uses_per_prb = self._sounding(1).channel_uses
        """Number of REs of the pilots before each message, for each PRB of its width."""

    def precoder(self, air: Air, num_prb: int) -> torch.Tensor:
        """Measure the channel and return the precoder of a message over forward `air`.

        It is [B, num_tx_ant, num_layers] complex64; the first allocation of the message is `num_prb` PRBs wide.
        """
        before = air.before(self._age_s)
        no = noise_variance(air.es_n0_db)
        with torch.no_grad():
            if self._codebook is None:
                h, *_ = self._sounding(num_prb).measure(before.reverse(air.occasion))
                return choose_precoder(self._precoding, h[..., 0, :].transpose(1, 2), no, self._num_layers)
            h, *_ = self._sounding(num_prb).measure(before.forward(air.occasion))
            index = precoder_index(h[..., 0, :].permute(0, 3, 1, 2), no, self._codebook)
            words = (index[:, None] >> torch.arange(self._bits) & 1).to(torch.uint8)
            likelihood = self._report.send(words, before.reverse(air.occasion)).log_likelihood
            return self._codebook[likelihood[:, : len(self._codebook)].argmax(1)]

    def expected(self, es_n0_db: float, num_prb: int) -> PrecodingGain:
        """Return the gain expected of messages whose first allocation is `num_prb` PRBs wide; it is measured once."""
        key = es_n0_db, num_prb
        if key not in self._expected:
            air = AirInterface(self._radio.config, self._fading, es_n0_db, _CALIBRATION_SEED + 1).forward(0)
            h = air.frequency_response_at(
                torch.zeros(1), self._radio.config.num_tx_ant, NUM_SUBCARRIERS_PER_PRB * num_prb
            )[..., 0, :].permute(0, 3, 1, 2)
            w = self.precoder(air, num_prb)
            self._expected[key] = PrecodingGain(layer_gains(h, w), zero_forcing_gain(h, w))
        return self._expected[key]

    @cached_property
    def _fading(self) -> Fading:
        return self._radio.draw(_CALIBRATION_DRAWS, 1, _CALIBRATION_SEED)

    def _sounding(self, num_prb: int) -> ChannelSounding:
        if num_prb not in self._soundings:
            config = self._radio.config
            if self._codebook is None:
                ports, density = config.num_rx_ant, _sounding_density(config.num_rx_ant)
            else:
                ports, density = config.num_tx_ant, 1
            self._soundings[num_prb] = ChannelSounding(self._radio, num_prb, ports, density)
        return self._soundings[num_prb]
