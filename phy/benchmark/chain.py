"""Settings and interface of both chains of the benchmark, which carry bits in messages of one slot each."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import torch

from taskwave.phy.config.radio import Channel, RadioConfig

MODULATION_ORDER = 4
"""Bits per symbol: 16-QAM."""
CODE_RATE = 0.5
LAYERED_ITERATIONS = 10
FLOODING_ITERATIONS = 20
"""Iterations of a flooding schedule, which needs about twice as many as a layered one to converge."""
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
"""Names of the stages of a chain in the order in which they are done."""

Estimator = Literal["ls", "lmmse"]


@dataclass(frozen=True)
class Setting:
    """Describes one comparison, with as many antennas at each end as layers and DMRS in two of 14 symbols."""

    channel: Channel
    antennas: int
    """Number of antennas at each end, and of layers."""
    csi: Estimator
    coded: bool = False
    """Whether the bits are LDPC-coded."""
    num_prb: int = 12
    batch: int = 16
    """Number of messages (slots) of one draw, each with a channel of its own."""

    @property
    def radio(self) -> RadioConfig:
        """Configuration of the radio; a message is one slot of its whole carrier."""
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
        """Label of the setting in tables and figures."""
        end = ", LDPC" if self.coded else ""
        return f"{self.channel.upper()} {self.antennas}×{self.antennas}, {self.csi.upper()}{end}"


class Chain(Protocol):
    """Carries batches of messages; it is one side of the comparison and is set up once."""

    def draw(self, seed: int) -> None:
        """Draw the channels of a new batch."""
        ...

    def send(self, es_n0_db: float, seed: int) -> torch.Tensor:
        """Send fresh bits over the channels drawn last; return the bit error rate of each message [B].

        With a code it is the error rate of information bits.
        """
        ...

    def stages(self, es_n0_db: float, seed: int) -> list[tuple[str, Callable[[], None]]]:
        """Return the work of `draw` and `send` as named `STAGES`, each to be called once and in order."""
        ...


def run(chain: Chain, es_n0_db: float, seed: int) -> torch.Tensor:
    """Send one batch with channels and bits of its own; return its bit error rates [B]."""
    chain.draw(seed)
    return chain.send(es_n0_db, seed)
