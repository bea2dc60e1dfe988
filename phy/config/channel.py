"""Configuration of channel and precoding: tables `drop`, `recorded`, `link_budget` and `precoding` of `[radio]`."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from taskwave.phy.config.table import AnyCase, ListToTuple, Table

DropChannel = Literal["umi", "uma", "rma"]
DROP_CHANNELS: tuple[DropChannel, ...] = ("umi", "uma", "rma")
"""Channel models of TR 38.901 clause 7.5, in which every image has a receiver of its own."""

SpatialCorrelation = Literal["low", "medium", "medium-a", "high"]
"""Levels of correlation between antennas of TS 38.101-4 annex B.2.3.1."""

MIN_DISTANCE_M, MAX_DISTANCE_M = 10.0, 5000.0
"""Horizontal distances between which TR 38.901 table 7.4.1-1 defines the path loss of all `DROP_CHANNELS` [m]."""

Distance = Annotated[float, Field(ge=MIN_DISTANCE_M, le=MAX_DISTANCE_M)]


class DropConfig(Table):
    """Describes where receivers are: one for each image, around one base station (TR 38.901 table 7.2-1)."""

    distance_m: Distance | Annotated[tuple[Distance, Distance], ListToTuple] = 100.0
    """Horizontal distance from the base station [m], or the radii of a ring over which receivers are spread evenly."""
    los: Literal["random", "always", "never"] = "random"
    """Line of sight, by the probability of table 7.4.2-1 or forced; indoors that of the way to the building."""
    indoor: bool = False
    """Whether receivers are in buildings (of low loss, table 7.4.3-2; below 6 GHz table 7.4.3-3), else outdoors."""
    ut_height_m: float = Field(default=1.5, ge=1.5, lt=13)
    """Height of the receivers above ground [m]; from 13 m on UMa would be another model (RMa: 10 m at most)."""
    large_scale_fading: bool = False
    """Whether path loss, penetration loss and shadow fading differ from drop to drop; `es_n0_db` is then the mean over
    all drops. False: every drop is brought to `es_n0_db`, and only the small-scale fading differs."""

    @property
    def radii_m(self) -> tuple[float, float]:
        """Inner and outer radius of the ring of receivers [m]; equal for a single distance."""
        return (self.distance_m, self.distance_m) if isinstance(self.distance_m, float) else self.distance_m

    @model_validator(mode="after")
    def _check(self) -> Self:
        inner, outer = self.radii_m
        if inner > outer:
            raise ValueError(f"distance_m [{inner:g}, {outer:g}] runs backwards: give the smaller radius first")
        return self


class RecordedConfig(Table):
    """Names stored impulse responses and says how they are normalised."""

    file: str = Field(min_length=1)
    """Name of a bundled set (`street-canyon`) or path of an .npz file; relative paths start at the current folder. The
    arrays of such a file are described in `taskwave.phy.channel.impulse_responses`."""
    normalise: Literal["all", "each"] = "all"
    """Normalisation to a mean energy of one: over all impulse responses, which keeps strong and weak ones, or of each
    of them."""


class LinkBudgetConfig(Table):
    """Describes powers, gains and losses from which `es_n0_db` follows at the distance of `[radio.drop]`."""

    tx_power_dbm: float = Field(ge=-50, le=80)
    """Transmit power over the whole carrier, all antennas together [dBm]."""
    tx_gain_dbi: float = Field(default=0.0, ge=-20, le=60)
    """Antenna gain of the transmitter, cable losses included [dBi]."""
    rx_gain_dbi: float = Field(default=0.0, ge=-20, le=60)
    """Antenna gain of the receiver [dBi]."""
    noise_figure_db: float = Field(default=9.0, ge=0, le=30)
    """Noise figure of the receiver [dB]."""
    path_loss: Annotated[DropChannel, AnyCase] | None = None
    """Channel model whose path loss holds (TR 38.901 table 7.4.1-1). None: `channel`, one of the three, itself."""


PrecodingKind = Literal["svd", "rzf", "codebook"]


class PrecodingConfig(Table):
    """Describes how forward data are precoded: one matrix for each message, over all its resource elements."""

    kind: PrecodingKind = "codebook"
    """Kind of precoder. svd: the strongest eigenmodes. rzf: regularised zero forcing towards the first receive
    antennas. Both know the channel by sounding (reciprocity). codebook: the receiver reports a PMI of the Type I
    codebook."""
    csi_age_slots: int = Field(default=4, ge=0, le=320)
    """Slots from the measurement of the channel to the start of the message. It has no effect on `awgn` and `rayleigh`,
    which do not age: the block that is measured is the block that the message uses."""

    def check(self, num_tx_ant: int, num_rx_ant: int) -> None:
        """Check that the antennas suit this precoding.

        Raises:
            ValueError: they do not.
        """
        if self.kind == "codebook" and num_tx_ant not in CODEBOOK_PORTS:
            raise ValueError(
                f'precoding.kind "codebook" has no precoders for num_tx_ant {num_tx_ant}: use '
                f'{" or ".join(map(str, CODEBOOK_PORTS))} transmit antennas, or "svd" or "rzf".'
            )
        if self.kind != "codebook" and num_rx_ant not in SOUNDING_PORTS:
            raise ValueError(
                f'precoding.kind "{self.kind}" cannot sound num_rx_ant {num_rx_ant}, whose pilots do not fill a PRB: '
                f'use {", ".join(map(str, SOUNDING_PORTS))} receive antennas, or "codebook".'
            )


CODEBOOK_PORTS = (2, 4)
"""Numbers of transmit antennas with a codebook: cross-polarised pairs in a row, N1 = ports / 2, N2 = 1."""
SOUNDING_PORTS = (1, 2, 3, 4, 6)
"""Numbers of antennas whose pilots share the 12 subcarriers of a PRB evenly."""
