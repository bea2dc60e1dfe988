"""The `[radio]` table of a scenario: everything that defines the radio except SNR, seed and who transmits what.

Needs neither PyTorch nor Sionna, so a command line can read and check scenarios quickly.
"""

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from taskwave.phy.flowgraph.config import FlowgraphConfig
from taskwave.phy.grid import NUM_SUBCARRIERS_PER_PRB

Channel = Literal[
    "awgn", "rayleigh",
    "tdl-a", "tdl-b", "tdl-c", "tdl-d", "tdl-e",
    "cdl-a", "cdl-b", "cdl-c", "cdl-d", "cdl-e",
]  # fmt: skip

Csi = Literal["perfect", "ls", "lmmse", "neural"]

SPEED_OF_LIGHT = 299_792_458.0
MAX_CARRIER_OFFSET_OVER_SPACING = 0.1
"""Of the carrier offsets that a receiver searches: 3 kHz at 30 kHz, 0.86 ppm of 3.5 GHz."""
MAX_DOPPLER_OVER_SPACING = 0.03
"""Above it inter-carrier interference, (2 pi f_D T)^2 / 24 of the signal, exceeds -28 dB; the model leaves it out."""

_SYNC_SYMBOLS = 3
"""Of a message."""
_SYNC_BLOCK_PRB = 2
"""Width of their blocks, one at each edge of the carrier, against fading. A single antenna finds 144 REs at 0 dB."""


class RadioConfig(BaseModel, frozen=True, extra="forbid"):
    """A 5G-like radio. `awgn` and `rayleigh` (one flat block per transmission) use neither delay spread nor speed."""

    model_config = ConfigDict(allow_inf_nan=False)

    channel: Channel = "cdl-c"
    """Channel model: TR 38.901 tables 7.7.1 (CDL) and 7.7.2 (TDL), block Rayleigh, or AWGN."""
    delay_spread_ns: float = Field(default=100.0, gt=0, le=10_000)
    """RMS delay spread of TDL and CDL models [ns]."""
    speed_mps: float = Field(default=3.0 / 3.6, ge=0, le=200)
    """Speed of the receiver [m/s]; ages the channel within and between transmissions of TDL and CDL models."""
    carrier_ghz: float = Field(default=3.5, ge=0.5, le=100)
    subcarrier_spacing_khz: Literal[15, 30, 60, 120] = 30
    num_tx_ant: int = Field(default=2, ge=1, le=8)
    """Antennas of the image transmitter (which receives on the reverse link)."""
    num_rx_ant: int = Field(default=2, ge=1, le=8)
    num_layers: int = Field(default=2, ge=1, le=4)
    """Spatial layers of data; layer l leaves antenna l (open loop: the transmitter knows nothing of the channel)."""
    csi: Csi = "lmmse"
    """Channel knowledge of the receiver: the truth, or estimated from DMRS, by "neural" from DMRS and data (needs the
    extra tensorflow). Pilots are sent and counted in any case."""
    neural_weights: Path | None = None
    """Folder of the weights that csi "neural" uses, from `taskwave train receiver`. None: those in the package."""
    dmrs_additional: int = Field(default=1, ge=0, le=3)
    """Additional DMRS symbols of allocations longer than 7 symbols (TS 38.211 table 6.4.1.1.3-3)."""
    max_prb: int = Field(default=52, ge=1, le=275)
    """Width of the carrier in blocks of 12 subcarriers; 52 PRBs at 30 kHz are 20 MHz (TS 38.101-1 has 51)."""
    max_slots: int = Field(default=16, ge=1, le=320)
    """Most slots one message may last."""
    turnaround_slots: int = Field(default=4, ge=1, le=320)
    """Slots from the start of one transmission to the start of the answer in the other direction."""
    control_code_rate: float | None = Field(default=None, ge=0.125, le=0.75)
    """Target rate (message bits and CRC over coded bits) of the polar code of control and feedback messages. None:
    chosen from the mean SNR, which both ends know, as the MCS of data is (see `taskwave.phy.control_link`)."""
    feedback_es_n0_offset_db: float = Field(default=0.0, ge=-40, le=40)
    """es_n0_db of the reverse link minus that of the forward link [dB]."""
    sync_symbols: bool | None = None
    """Each message has synchronisation symbols and is charged for them. None: only where they are needed, with
    `flowgraph`."""
    flowgraph: FlowgraphConfig | None = None
    """Messages travel as bursts of samples through GNU Radio. None: the channel is applied to resource elements."""

    @property
    def slot_seconds(self) -> float:
        """Duration of a slot of 14 symbols [s] (TS 38.211 clause 4.3.2)."""
        return 1e-3 * 15 / self.subcarrier_spacing_khz

    @property
    def max_doppler_hz(self) -> float:
        """Largest Doppler shift [Hz]."""
        return self.speed_mps / SPEED_OF_LIGHT * self.carrier_ghz * 1e9

    @property
    def channel_name(self) -> str:
        """Of the channel and what it runs through, as records and figures say it."""
        return self.channel if self.flowgraph is None else f"{self.channel}/gnuradio"

    @property
    def sync_blocks(self) -> tuple[range, ...]:
        """Subcarriers of a synchronisation symbol; a carrier too narrow for two blocks is filled by one."""
        carrier, width = NUM_SUBCARRIERS_PER_PRB * self.max_prb, NUM_SUBCARRIERS_PER_PRB * _SYNC_BLOCK_PRB
        if carrier < 2 * width:
            return (range(carrier),)
        return range(width), range(carrier - width, carrier)

    @property
    def sync_uses(self) -> int:
        """REs of each message that are spent on synchronisation."""
        needed = self.flowgraph is not None if self.sync_symbols is None else self.sync_symbols
        return _SYNC_SYMBOLS * sum(map(len, self.sync_blocks)) if needed else 0

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.num_layers > min(self.num_tx_ant, self.num_rx_ant):
            raise ValueError(
                f"num_layers {self.num_layers} needs as many antennas at both ends, but num_tx_ant is "
                f"{self.num_tx_ant} and num_rx_ant {self.num_rx_ant}: use at most "
                f"{min(self.num_tx_ant, self.num_rx_ant)} layers or more antennas."
            )
        aging = self.channel.startswith(("tdl", "cdl"))
        limit_hz = MAX_DOPPLER_OVER_SPACING * self.subcarrier_spacing_khz * 1e3
        if aging and self.max_doppler_hz > limit_hz:
            raise ValueError(
                f"speed_mps {self.speed_mps:g} at carrier_ghz {self.carrier_ghz:g} gives a Doppler shift of "
                f"{self.max_doppler_hz:.0f} Hz; subcarrier_spacing_khz {self.subcarrier_spacing_khz} allows "
                f"{limit_hz:.0f} Hz: use a wider spacing, a lower carrier or a lower speed."
            )
        if self.neural_weights is not None and self.csi != "neural":
            raise ValueError(f'csi "{self.csi}" has no use for neural_weights: leave them out, or use csi "neural".')
        if self.flowgraph is not None:
            self._possible_flowgraph(self.flowgraph)
        return self

    def _possible_flowgraph(self, flowgraph: FlowgraphConfig) -> None:
        if self.csi == "perfect":
            raise ValueError(
                'csi "perfect" needs a simulated channel, flowgraph has none: use csi "lmmse", "ls" or "neural".'
            )
        if flowgraph.fading == "moving" and not (self.channel.startswith(("tdl", "cdl")) and self.speed_mps):
            raise ValueError(
                f'flowgraph.fading "moving" needs paths that move, not channel {self.channel} at speed_mps '
                f"{self.speed_mps:g}: use a tdl or cdl channel and a speed above zero"
            )
        if self.sync_symbols is False:
            raise ValueError("sync_symbols false leaves bursts that nobody can find: leave it out with flowgraph.")
        limit_hz = MAX_CARRIER_OFFSET_OVER_SPACING * self.subcarrier_spacing_khz * 1e3
        if abs(flowgraph.carrier_offset_hz) > limit_hz:
            raise ValueError(
                f"flowgraph.carrier_offset_hz {flowgraph.carrier_offset_hz:g} is more than the receiver looks for: use "
                f"at most {limit_hz:g} Hz either way, or a wider subcarrier_spacing_khz than "
                f"{self.subcarrier_spacing_khz}."
            )
