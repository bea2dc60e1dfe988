"""What both chains of the benchmark carry and do: bits to bits, one slot a message, whole or with every stage timed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import torch

from taskwave.phy.config.radio import Channel, RadioConfig

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


STAGES = (
    "fading draw",
    "frequency response",
    "bits",
    "LDPC encoding",
    "modulation",
    "grid",
    "channel and noise",
    "channel estimation",
    "equalisation",
    "demapping",
    "LDPC decoding",
)
"""In the order in which they are done."""


class Chain(Protocol):
    """One side of the comparison, set up once."""

    def draw(self, seed: int) -> None:
        """Channels of a new batch."""
        ...

    def send(self, es_n0_db: float, seed: int) -> torch.Tensor:
        """Bit error rate of each message [B], fresh bits over the channels drawn last; of information, if coded."""
        ...

    def stages(self, es_n0_db: float, seed: int) -> list[tuple[str, Callable[[], None]]]:
        """The same work as `draw` and `send`, cut into `STAGES` that are called once each, in order."""
        ...


def run(chain: Chain, es_n0_db: float, seed: int) -> torch.Tensor:
    """Bit error rates [B] of one batch with channels and bits of its own."""
    chain.draw(seed)
    return chain.send(es_n0_db, seed)
