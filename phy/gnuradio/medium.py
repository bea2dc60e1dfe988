"""Media that carry messages as bursts through GNU Radio: a flowgraph of the worker, or one that is running already."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from taskwave.phy.channel.air import Air, Direction, Stream
from taskwave.phy.channel.medium import SlotSignal
from taskwave.phy.channel.model import ChannelModel
from taskwave.phy.config.hardware import FlowgraphConfig
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.definitions import noise_variance
from taskwave.phy.gnuradio.client import FlowgraphWorker
from taskwave.phy.gnuradio.exchange import BurstExchange
from taskwave.phy.gnuradio.wire import Samples
from taskwave.phy.grid.allocation import Allocation
from taskwave.phy.seeds import generator
from taskwave.phy.waveform.burst import Burst, BurstReception, Bursts
from taskwave.phy.waveform.multipath import multipath_taps
from taskwave.phy.waveform.ofdm import carrier_modem

_FLOWGRAPH_SEED = 2**20
"""Number that sets the randomness of arrivals and of GNU Radio's blocks apart from that of the simulated noise."""
_LISTEN_SECONDS = 3.0
"""Longest time from when a burst is handed to a running flowgraph until a window with it must have arrived."""


class FlowgraphMedium:
    """Carries every message as a burst with an arrival of its own, which the receiver detects and corrects.

    The multipath of the channel model is frozen for the length of a burst, unless GNU Radio's own takes its place.

    Args:
        config: configuration of the radio.
        impairments: table `flowgraph` of the configuration.
        channel: channel model of the radio.
    """

    def __init__(self, config: RadioConfig, impairments: FlowgraphConfig, channel: ChannelModel) -> None:
        self.config, self.impairments, self.channel = config, impairments, channel
        self.modem = carrier_modem(config)
        self.bursts = Bursts(self.modem, channel, config.sync_blocks)
        """Bursts of the messages of this radio."""

    @cached_property
    def worker(self) -> FlowgraphWorker:
        """The worker process, started when it is first needed."""
        return FlowgraphWorker()

    def carry(
        self, allocations: Sequence[Allocation], grids: Sequence[torch.Tensor], air: Air, stream: Stream
    ) -> list[SlotSignal]:
        """Implement `taskwave.phy.channel.medium.Medium.carry`.

        Raises:
            FlowgraphError: GNU Radio fails.
        """
        burst = self.bursts.of(allocations)
        return burst.receive(self.transport(burst.transmit(grids), air, stream)).signals

    def transport(self, samples: torch.Tensor, air: Air, stream: Stream) -> torch.Tensor:
        """Pass samples that start at a random time through the flowgraph.

        Args:
            samples: sent samples, [B, T, n] complex64.
            air: air of the transmission.
            stream: stream of the message.

        Returns:
            Received samples, [B, R, m] complex64.

        Raises:
            FlowgraphError: GNU Radio fails.
        """
        latest = round(self.impairments.arrival_us * 1e-6 * self.modem.sample_rate)
        length = samples.shape[-1] + latest
        delayed = samples.new_zeros(*samples.shape[:2], length)
        seeds = []
        for row, image in enumerate(air.images.tolist()):
            draw = generator(air.seed, image, air.identity(stream), _FLOWGRAPH_SEED)
            arrival = int(torch.randint(latest + 1, (), generator=draw))
            delayed[row, :, arrival : arrival + samples.shape[-1]] = samples[row]
            seeds.append(int(torch.randint(1, 2**31 - 16, (), generator=draw)))
        coefficients = air.path_coefficients(samples.shape[1])
        taps = multipath_taps(coefficients, air.path_delays()[:, None], self.modem.sample_rate)
        values = {**self._front_ends(air), **self._fading()}
        received = self.worker.carry(delayed.numpy(), taps.numpy().astype(np.complex64), seeds, values)
        return torch.from_numpy(received)

    def _front_ends(self, air: Air) -> dict[str, float]:
        """Return noise and impairments as `graph.carry` takes them."""
        table, rate = self.impairments, self.modem.sample_rate
        sign = 1 if air.direction == "forward" else -1
        return {
            "noise_voltage": noise_variance(air.es_n0_db) ** 0.5,
            "carrier_offset": sign * table.carrier_offset_hz / rate,
            # From one of its samples to the next, a faster receiver gets less of the signal.
            "clock_offset": -sign * table.clock_offset_ppm * 1e-6,
            "phase_noise_deg": table.phase_noise_deg,
            "phase_noise_corner": table.phase_noise_khz * 1e3 / rate,
            "iq_gain_db": table.iq_gain_db,
            "iq_phase_deg": table.iq_phase_deg,
            "third_order": table.third_order,
        }

    def _fading(self) -> dict[str, float | list[float]]:
        """Return the paths of GNU Radio's fading model as `graph.carry` takes them; nothing where it is not used."""
        if self.impairments.fading == "frozen":
            return {}
        delays = self.channel.delays.double() * self.modem.sample_rate
        return {
            "delays": delays.tolist(),
            "amplitudes": self.channel.powers.double().sqrt().tolist(),
            "doppler": self.config.max_doppler_hz / self.modem.sample_rate,
        }


@dataclass(frozen=True)
class HeardBurst:
    """Holds what the receiver of one burst heard."""

    direction: Direction
    """Direction of the burst."""
    windows: list[Samples]
    """Samples [m] complex64 in which it was searched, the last of them that in which it was found, if it was."""


class LiveMedium:
    """Carries messages through a running flowgraph, with one antenna at each end and gain control at the receiver.

    Args:
        config: configuration of the radio; its channel is the one that the receiver expects, which need not be that of
            the flowgraph.
        channel: channel model of the radio.
        exchange: exchange that flowgraphs join, or one that plays what was heard before.

    Raises:
        ValueError: more than one antenna.
    """

    def __init__(self, config: RadioConfig, channel: ChannelModel, exchange: BurstExchange) -> None:
        if (config.num_tx_ant, config.num_rx_ant) != (1, 1):
            raise ValueError(
                f"a live flowgraph has one antenna at each end, not {config.num_tx_ant} and {config.num_rx_ant}: "
                "set radio.num_tx_ant, radio.num_rx_ant and radio.num_layers to 1"
            )
        self._exchange = exchange
        self._bursts = Bursts(carrier_modem(config), channel, config.sync_blocks, gain_control=True)
        self.receptions: list[BurstReception] = []
        """Receptions of the latest bursts, which whoever reads them also clears."""
        self.heard: list[HeardBurst] = []
        """What was heard of the same bursts, in the same order, which whoever reads it also clears."""
        self.seconds = 0.0
        """Time spent on the air in all [s], from handing each burst over until it was received."""

    def carry(
        self, allocations: Sequence[Allocation], grids: Sequence[torch.Tensor], air: Air, stream: Stream
    ) -> list[SlotSignal]:
        """Implement `taskwave.phy.channel.medium.Medium.carry`.

        Raises:
            FlowgraphError: no flowgraph has joined.
        """
        burst = self._bursts.of(allocations)
        received = [self._send(burst, samples, air.direction) for samples in burst.transmit(grids)]
        self.receptions += received
        return [
            SlotSignal(
                torch.cat([r.signals[slot].y for r in received]),
                torch.cat([r.no for r in received]),
                lost=torch.cat([~r.found for r in received]),
            )
            for slot in range(len(allocations))
        ]

    def _send(self, burst: Burst, samples: torch.Tensor, direction: Direction) -> BurstReception:
        """Send the samples [1, n] of one burst and receive it from the first window of samples that holds it."""
        started = time.monotonic()
        self._exchange.send(samples[0].numpy(), burst.fronts[:, 0].numpy(), direction)
        heard = HeardBurst(direction, [])
        self.heard.append(heard)
        while (window := self._exchange.receive(started + _LISTEN_SECONDS)) is not None:
            heard.windows.append(window)
            if len(window) > burst.length:
                received = burst.receive(torch.from_numpy(window)[None, None])
                if bool(received.found):
                    break
        else:  # Silence stands for a burst that did not arrive: nothing is found in it.
            received = burst.receive(torch.zeros(1, 1, burst.length + 1, dtype=torch.complex64))
        self._exchange.end_search(direction)
        self.seconds += time.monotonic() - started
        return received
