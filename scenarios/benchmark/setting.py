"""What both chains of the benchmark carry: one slot a message, the same grid, antennas, channel and code."""

from dataclasses import dataclass
from typing import Literal

from taskwave.phy.config import Channel, RadioConfig

MODULATION_ORDER = 4
"""16-QAM."""
CODE_RATE = 0.5
LAYERED_ITERATIONS = 10
FLOODING_ITERATIONS = 20
"""A layered schedule converges in about half the iterations of a flooding one."""

Estimator = Literal["ls", "lmmse"]


@dataclass(frozen=True)
class Setting:
    """One comparison: as many antennas at each end as layers, DMRS in two of 14 symbols."""

    channel: Channel
    antennas: int
    csi: Estimator
    coded: bool = False
    num_prb: int = 12
    batch: int = 16
    """Messages (slots) of one draw, each with a channel of its own."""

    @property
    def radio(self) -> RadioConfig:
        """The radio; a message is one slot of its whole carrier."""
        return RadioConfig(
            channel=self.channel,
            num_tx_ant=self.antennas,
            num_rx_ant=self.antennas,
            num_layers=self.antennas,
            csi=self.csi,
            max_prb=self.num_prb,
            max_slots=1,
        )

    @property
    def label(self) -> str:
        """As a row of a table."""
        end = ", LDPC" if self.coded else ""
        return f"{self.channel.upper()} {self.antennas}×{self.antennas}, {self.csi.upper()}{end}"
