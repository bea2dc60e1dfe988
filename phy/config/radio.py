"""Configuration of the radio, the `[radio]` table of a scenario: all that defines it but SNR, seed and messages."""

from pathlib import PurePath
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from taskwave.phy.config.channel import (
    DROP_CHANNELS,
    DropConfig,
    LinkBudgetConfig,
    PrecodingConfig,
    RecordedConfig,
    SpatialCorrelation,
)
from taskwave.phy.config.hardware import FlowgraphConfig, ImpairmentsConfig
from taskwave.phy.config.table import AnyCase, PathLike, Table
from taskwave.phy.definitions import SPEED_OF_LIGHT
from taskwave.phy.grid.allocation import NUM_SUBCARRIERS_PER_PRB

Channel = Literal[
    "awgn", "rayleigh",
    "tdl-a", "tdl-b", "tdl-c", "tdl-d", "tdl-e",
    "cdl-a", "cdl-b", "cdl-c", "cdl-d", "cdl-e",
    "umi", "uma", "rma", "recorded",
]  # fmt: skip

Csi = Literal["perfect", "ls", "lmmse", "neural"]
Detector = Literal["lmmse", "k-best", "sic"]

MAX_CARRIER_OFFSET_OVER_SPACING = 0.1
"""Largest carrier offset that a receiver searches over the subcarrier spacing: 3 kHz at 30 kHz, 0.86 ppm of 3.5 GHz."""
MAX_DOPPLER_OVER_SPACING = 0.03
"""Largest Doppler shift over the subcarrier spacing on resource elements, where the model leaves inter-carrier
interference out: (2 pi f_D T)^2 / 24 of the signal, more than -28 dB above this limit."""
MAX_DOPPLER_OVER_SPACING_IN_TIME = 0.25
"""Largest Doppler shift over the subcarrier spacing with `impairments`, where samples show that interference: a quarter
of a turn within a symbol."""

_CORRELATED = ("rayleigh", "tdl-a", "tdl-b", "tdl-c")
"""Channels to which `spatial_correlation` applies."""

_RMA_MAX_HEIGHT_M = 10.0
"""Largest receiver height for which RMa is defined [m]."""

_SYNC_SYMBOLS = 3
"""Synchronisation symbols of a message."""
_SYNC_BLOCK_PRB = 2
"""Width of a block of synchronisation symbols [PRB]. One block lies at each edge of the carrier, against fading; a
single antenna finds their 144 REs at 0 dB."""


class RadioConfig(Table):
    """Describes a 5G-like radio.

    `awgn` and `rayleigh` (one flat block per transmission) use neither delay spread nor speed.
    """

    channel: Annotated[Channel, AnyCase] = "cdl-c"
    """Channel model, in any case of letters: TR 38.901 tables 7.7.1 (CDL) and 7.7.2 (TDL), clause 7.5 (UMi, UMa, RMa:
    one receiver for each image, see `drop`), block Rayleigh, AWGN, or stored impulse responses (see `recorded`)."""
    delay_spread_ns: float = Field(default=100.0, gt=0, le=10_000)
    """RMS delay spread of TDL and CDL models [ns]."""
    speed_mps: float = Field(default=3.0 / 3.6, ge=0, le=200)
    """Speed of the receiver [m/s], which ages TR 38.901 channels within and between transmissions."""
    carrier_ghz: float = Field(default=3.5, ge=0.5, le=100)
    """Carrier frequency [GHz]."""
    subcarrier_spacing_khz: Literal[15, 30, 60, 120] = 30
    """Subcarrier spacing [kHz]."""
    num_tx_ant: int = Field(default=2, ge=1, le=8)
    """Number of antennas of the image transmitter (which receives on the reverse link)."""
    num_rx_ant: int = Field(default=2, ge=1, le=8)
    """Number of antennas of the image receiver (which transmits on the reverse link)."""
    num_layers: int = Field(default=2, ge=1, le=4)
    """Number of spatial layers of data; without `precoding` each leaves one antenna (open loop)."""
    csi: Csi = "lmmse"
    """Channel knowledge of the receiver: the true channel, or an estimate from DMRS, with "neural" from DMRS and data
    (needs the extra tensorflow). Pilots are sent and counted in any case."""
    neural_weights: PathLike | None = None
    """Folder of the weights that csi "neural" uses, from `taskwave train receiver`. None: those in the package."""
    detector: Detector = "lmmse"
    """Detector of coded QAM on several layers: LMMSE estimates, K-best tree search, or successive interference
    cancellation. Analog symbols, which have no constellation, are always detected by LMMSE."""
    k_best_paths: int = Field(default=32, ge=1, le=1024)
    """Number of candidates that the K-best search keeps."""
    dmrs_additional: int = Field(default=1, ge=0, le=3)
    """Number of additional DMRS symbols of allocations longer than 7 symbols (TS 38.211 table 6.4.1.1.3-3)."""
    max_prb: int = Field(default=52, ge=1, le=275)
    """Width of the carrier in blocks of 12 subcarriers; 52 PRBs at 30 kHz are 20 MHz (TS 38.101-1 has 51)."""
    max_slots: int = Field(default=16, ge=1, le=320)
    """Largest number of slots of a message."""
    turnaround_slots: int = Field(default=4, ge=1, le=320)
    """Slots from the start of one transmission to the start of the answer in the other direction: at least as many as
    messages last."""
    control_code_rate: float | None = Field(default=None, ge=0.125, le=0.75)
    """Target rate (message bits and CRC over coded bits) of the polar code of control and feedback messages. None:
    chosen from the mean SNR, which both ends know, as the MCS of data is (see `taskwave.phy.links.control`)."""
    feedback_es_n0_offset_db: float = Field(default=0.0, ge=-40, le=40)
    """es_n0_db of the reverse link minus that of the forward link [dB]."""
    prompt_loss: float = Field(default=0.0, ge=0, le=1)
    """Share of the textual prompts that are lost on top of those that the channel loses, to see what that costs."""
    antenna_spacing: float = Field(default=0.5, gt=0, le=50)
    """Spacing of the antennas in a row, at both ends of CDL, UMi, UMa and RMa [wavelengths]."""
    spatial_correlation: SpatialCorrelation | None = None
    """Correlation between the antennas of TDL-A, B, C and Rayleigh (TS 38.101-4 annex B.2.3.1). None: uncorrelated."""
    drop: DropConfig = DropConfig()
    """Distances and surroundings of receivers, for UMi, UMa, RMa and link budgets."""
    recorded: RecordedConfig | None = None
    """Stored impulse responses of the channel "recorded"."""
    link_budget: LinkBudgetConfig | None = None
    """Link budget from distance to `es_n0_db`, for scenarios that sweep distances."""
    sync_symbols: bool | None = None
    """Whether each message has synchronisation symbols and is charged for them. None: only where they are needed, with
    `flowgraph` or `impairments.synchronisation` "estimated"."""
    flowgraph: FlowgraphConfig | None = None
    """Impairments of GNU Radio's flowgraph, through which messages travel as bursts of samples. None: the channel is
    simulated."""
    impairments: ImpairmentsConfig | None = None
    """Impairments of a simulation in the time domain. None: the channel is applied to resource elements, with ideal
    hardware."""
    precoding: PrecodingConfig | None = None
    """Precoding of forward data over all antennas, from what the transmitter knows of the channel. None: open loop."""

    @property
    def slot_seconds(self) -> float:
        """Duration of a slot of 14 symbols [s] (TS 38.211 clause 4.3.2)."""
        return 1e-3 * 15 / self.subcarrier_spacing_khz

    @property
    def prefix_s(self) -> float:
        """Duration of the normal cyclic prefix [s] (TS 38.211 clause 5.3.1; the longer first one left out)."""
        return 144 / 2048 / (self.subcarrier_spacing_khz * 1e3)

    @property
    def bandwidth_hz(self) -> float:
        """Width of the carrier [Hz]."""
        return NUM_SUBCARRIERS_PER_PRB * self.max_prb * self.subcarrier_spacing_khz * 1e3

    @property
    def max_doppler_hz(self) -> float:
        """Largest Doppler shift [Hz]."""
        return self.speed_mps / SPEED_OF_LIGHT * self.carrier_ghz * 1e9

    @property
    def channel_name(self) -> str:
        """Name of the channel and of what it runs through, as in records and figures."""
        name = self.channel if self.recorded is None else PurePath(self.recorded.file).stem
        if self.flowgraph is not None:
            return f"{name}/gnuradio"
        return name if self.impairments is None else f"{name}/time-domain"

    @property
    def synchronises(self) -> bool:
        """Whether the receiver has to find each message by its synchronisation symbols."""
        return self.flowgraph is not None or (
            self.impairments is not None and self.impairments.synchronisation == "estimated"
        )

    def at_distance(self, distance_m: float) -> Self:
        """Return the same radio with its receivers `distance_m` [m] away."""
        return self.model_copy(update={"drop": self.drop.model_copy(update={"distance_m": distance_m})})

    @property
    def sync_blocks(self) -> tuple[range, ...]:
        """Subcarriers of a synchronisation symbol: two blocks, or one that fills a carrier too narrow for two."""
        carrier, width = NUM_SUBCARRIERS_PER_PRB * self.max_prb, NUM_SUBCARRIERS_PER_PRB * _SYNC_BLOCK_PRB
        if carrier < 2 * width:
            return (range(carrier),)
        return range(width), range(carrier - width, carrier)

    @property
    def sync_uses(self) -> int:
        """Number of REs of each message that are spent on synchronisation."""
        needed = self.synchronises if self.sync_symbols is None else self.sync_symbols
        return _SYNC_SYMBOLS * sum(map(len, self.sync_blocks)) if needed else 0

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.num_layers > min(self.num_tx_ant, self.num_rx_ant):
            raise ValueError(
                f"num_layers {self.num_layers} needs as many antennas at both ends, but num_tx_ant is "
                f"{self.num_tx_ant} and num_rx_ant {self.num_rx_ant}: use at most "
                f"{min(self.num_tx_ant, self.num_rx_ant)} layers or more antennas."
            )
        self._check_speed()
        self._check_channel()
        if self.flowgraph is not None:
            self._check_flowgraph(self.flowgraph)
        if self.synchronises:
            self._check_synchronisation()
        self._check_carrier_offset()
        if self.precoding is not None:
            self._check_precoding(self.precoding)
        if self.neural_weights is not None and self.csi != "neural":
            raise ValueError(f'csi "{self.csi}" has no use for neural_weights: leave them out, or use csi "neural".')
        return self

    def check_doppler(self, doppler_hz: float, cause: str) -> None:
        """Check a Doppler shift [Hz]; `cause` names its origin in the error.

        Raises:
            ValueError: subcarriers would interfere more than the simulation shows.
        """
        share = MAX_DOPPLER_OVER_SPACING if self.impairments is None else MAX_DOPPLER_OVER_SPACING_IN_TIME
        limit_hz = share * self.subcarrier_spacing_khz * 1e3
        if doppler_hz > limit_hz:
            remedy = ", or the time domain ([radio.impairments])" if self.impairments is None else ""
            raise ValueError(
                f"{cause} gives a Doppler shift of {doppler_hz:.0f} Hz; subcarrier_spacing_khz "
                f"{self.subcarrier_spacing_khz} allows {limit_hz:.0f} Hz: use a wider spacing, a lower carrier or a "
                f"lower speed{remedy}."
            )

    def _check_speed(self) -> None:
        if self.channel.startswith(("tdl", "cdl", *DROP_CHANNELS)):
            cause = f"speed_mps {self.speed_mps:g} at carrier_ghz {self.carrier_ghz:g}"
            self.check_doppler(self.max_doppler_hz, cause)

    def _check_channel(self) -> None:
        if (self.channel == "recorded") != (self.recorded is not None):
            raise ValueError(
                f"channel {self.channel} and [radio.recorded] {'missing' if self.recorded is None else 'given'}: the "
                'channel "recorded" needs that table with file, and no other channel has use of it'
            )
        if self.channel == "rma" and self.drop.ut_height_m > _RMA_MAX_HEIGHT_M:
            raise ValueError(
                f"drop.ut_height_m {self.drop.ut_height_m:g} is above the {_RMA_MAX_HEIGHT_M:g} m for which RMa is "
                "defined: use a smaller one or UMa"
            )
        borrowed = None if self.link_budget is None else self.link_budget.path_loss
        if self.channel in DROP_CHANNELS and borrowed not in {None, self.channel}:
            raise ValueError(
                f"link_budget.path_loss {borrowed} is not that of channel {self.channel}, whose drops have heights and "
                "lines of sight of their own: leave it out"
            )
        if self.spatial_correlation is not None and self.channel not in _CORRELATED:
            raise ValueError(
                f"spatial_correlation is for channels {', '.join(_CORRELATED)}, not {self.channel}: leave it out (CDL, "
                "UMi, UMa and RMa are correlated by their geometry, see antenna_spacing)"
            )

    def _check_flowgraph(self, flowgraph: FlowgraphConfig) -> None:
        if self.impairments is not None:
            raise ValueError(
                "flowgraph and impairments exclude each other: the flowgraph has impairments of its own, "
                "so remove one of the two tables."
            )
        if flowgraph.fading == "moving" and not (self.channel.startswith(("tdl", "cdl")) and self.speed_mps):
            raise ValueError(
                f'flowgraph.fading "moving" needs paths that move, not channel {self.channel} at speed_mps '
                f"{self.speed_mps:g}: use a tdl or cdl channel and a speed above zero"
            )

    def _check_synchronisation(self) -> None:
        if self.csi == "perfect":
            raise ValueError(
                'csi "perfect" needs the channel behind the synchronisation, which flowgraph and estimated '
                'synchronisation have not: use csi "lmmse", "ls" or "neural".'
            )
        if self.sync_symbols is False:
            raise ValueError("sync_symbols false leaves bursts that nobody can find: leave it out.")

    def _check_precoding(self, precoding: PrecodingConfig) -> None:
        if self.synchronises or self.sync_uses:
            raise ValueError(
                "precoding needs pilots without data, which neither a flowgraph nor estimated synchronisation finds: "
                "remove precoding, or simulate the channel with known synchronisation and without sync_symbols."
            )
        precoding.check(self.num_tx_ant, self.num_rx_ant)

    def _check_carrier_offset(self) -> None:
        table = self.flowgraph or self.impairments
        if table is None:
            return
        share = MAX_CARRIER_OFFSET_OVER_SPACING if self.synchronises else 0.5
        limit_hz = share * self.subcarrier_spacing_khz * 1e3
        if abs(table.carrier_offset_hz) > limit_hz:
            name = "flowgraph" if self.flowgraph is not None else "impairments"
            reach = "the receiver looks for" if self.synchronises else "half a subcarrier"
            raise ValueError(
                f"{name}.carrier_offset_hz {table.carrier_offset_hz:g} is more than {reach}: use at most "
                f"{limit_hz:g} Hz either way, or a wider subcarrier_spacing_khz than {self.subcarrier_spacing_khz}."
            )
