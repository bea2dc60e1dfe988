"""Slots as bursts through a flowgraph that is running already: a software channel or a real radio."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from taskwave.phy.air import Direction
from taskwave.phy.channel.model import ChannelModel
from taskwave.phy.config import RadioConfig
from taskwave.phy.flowgraph.exchange import Exchange
from taskwave.phy.grid import Allocation
from taskwave.phy.medium import SlotSignal, Stream
from taskwave.phy.waveform.burst import Burst, BurstReception
from taskwave.phy.waveform.ofdm import carrier_modem

if TYPE_CHECKING:
    from taskwave.phy.air import Air

_LISTEN_SECONDS = 3.0
"""For a burst, from when it is handed to the flowgraph."""


class LiveMedium:
    """One antenna at each end; the receiver controls its gain.

    Args:
        config: of the radio; its channel is what the receiver expects, not what the flowgraph does.
        channel: the model of that channel.
        exchange: where flowgraphs join.

    Raises:
        ValueError: more than one antenna.
    """

    def __init__(self, config: RadioConfig, channel: ChannelModel, exchange: Exchange) -> None:
        if (config.num_tx_ant, config.num_rx_ant) != (1, 1):
            raise ValueError(
                f"a live flowgraph has one antenna at each end, not {config.num_tx_ant} and {config.num_rx_ant}: "
                "set radio.num_tx_ant, radio.num_rx_ant and radio.num_layers to 1"
            )
        self.config, self.channel, self.exchange = config, channel, exchange
        self.modem = carrier_modem(config)
        self.receptions: list[BurstReception] = []
        """Of the latest bursts, to be read and cleared by whoever shows them."""
        self.seconds = 0.0
        """Spent on the air in all: from handing bursts over to having heard them."""
        self._bursts: dict[tuple[Allocation, ...], Burst] = {}

    def carry(
        self, allocations: Sequence[Allocation], grids: Sequence[torch.Tensor], air: "Air", stream: Stream
    ) -> list[SlotSignal]:
        """See `taskwave.phy.medium.Medium`. Raises `FlowgraphError` when no flowgraph is there."""
        key = tuple(allocations)
        if key not in self._bursts:
            self._bursts[key] = Burst(self.modem, self.channel, key, self.config.sync_blocks, gain_control=True)
        burst = self._bursts[key]
        received = [self._exchange(burst, samples, air.direction) for samples in burst.transmit(grids)]
        self.receptions += received
        return [
            SlotSignal(
                torch.cat([r.signals[slot].y for r in received]),
                torch.cat([r.no for r in received]),
                lost=torch.cat([~r.found for r in received]),
            )
            for slot in range(len(key))
        ]

    def _exchange(self, burst: Burst, samples: torch.Tensor, direction: Direction) -> BurstReception:
        """What becomes of one burst [1, n]; the synchroniser's windows are tried until the burst is in one."""
        started = time.monotonic()
        self.exchange.send(samples[0].numpy(), burst.fronts[:, 0].numpy(), direction)
        while (window := self.exchange.hear(started + _LISTEN_SECONDS)) is not None:
            if len(window) > burst.length:
                received = burst.receive(torch.from_numpy(window)[None, None])
                if bool(received.found):
                    break
        else:  # nothing is found in silence
            received = burst.receive(torch.zeros(1, 1, burst.length + 1, dtype=torch.complex64))
        self.exchange.rest(direction)
        self.seconds += time.monotonic() - started
        return received
