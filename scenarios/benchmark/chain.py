"""A chain of stages: bits to bits over one channel draw, whole or with every stage timed."""

from collections.abc import Callable
from typing import Protocol

import torch

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
