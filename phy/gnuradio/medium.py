"""Slots as bursts through GNU Radio: a flowgraph of our own per burst, or one that is running already."""

import time
from collections.abc import Sequence
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
from taskwave.phy.gnuradio.exchange import Exchange
from taskwave.phy.grid.allocation import Allocation
from taskwave.phy.seeds import generator
from taskwave.phy.waveform.burst import Burst, BurstReception
from taskwave.phy.waveform.multipath import multipath_taps
from taskwave.phy.waveform.ofdm import carrier_modem


class FlowgraphMedium:
    """Every message is a burst of its own, with its own arrival, detected and corrected by the receiver.

    The multipath of the channel model is frozen for the length of a burst, unless GNU Radio's own takes its place.

    Args:
        config: of the radio.
        impairments: its table `flowgraph`.
        channel: its channel model.
    """

    def __init__(self, config: RadioConfig, impairments: FlowgraphConfig, channel: ChannelModel) -> None:
        self.config, self.impairments, self.channel = config, impairments, channel
        self.modem = carrier_modem(config)
        self._bursts: dict[tuple[Allocation, ...], Burst] = {}

    @cached_property
    def worker(self) -> FlowgraphWorker:
        """Started when it is first needed."""
        return FlowgraphWorker()

    def carry(
        self, allocations: Sequence[Allocation], grids: Sequence[torch.Tensor], air: Air, stream: Stream
    ) -> list[SlotSignal]:
        """See `taskwave.phy.medium.Medium`. Raises `FlowgraphError` when GNU Radio fails."""
        burst = self.burst(allocations)
        return burst.receive(self.transport(burst.transmit(grids), air, stream)).signals

    def burst(self, allocations: Sequence[Allocation]) -> Burst:
        """The burst of a message of these allocations; made once."""
        key = tuple(allocations)
        if key not in self._bursts:
            self._bursts[key] = Burst(self.modem, self.channel, key, self.config.sync_blocks)
        return self._bursts[key]

    def transport(self, samples: torch.Tensor, air: Air, stream: Stream) -> torch.Tensor:
        """What the receive antennas hear, [B, R, m], of `samples` [B, T, n] that arrive at a random time."""
        latest = round(self.impairments.arrival_us * 1e-6 * self.modem.sample_rate)
        length = samples.shape[-1] + latest
        delayed = samples.new_zeros(*samples.shape[:2], length)
        seeds = []
        for row, image in enumerate(air.images.tolist()):
            draw = generator(air.seed, image, 2 * air.transmission + (stream == "control"), 2**20)
            arrival = int(torch.randint(latest + 1, (), generator=draw))
            delayed[row, :, arrival : arrival + samples.shape[-1]] = samples[row]
            seeds.append(int(torch.randint(1, 2**31 - 16, (), generator=draw)))
        coefficients = air.path_coefficients(samples.shape[1])
        taps = multipath_taps(coefficients, air.path_delays()[:, None], self.modem.sample_rate)
        values = {**self._values(air), **self._fading()}
        heard = self.worker.carry(delayed.numpy(), taps.numpy().astype(np.complex64), seeds, values)
        return torch.from_numpy(heard)

    def _fading(self) -> dict[str, float | list[float]]:
        """Paths for GNU Radio's fading model: delays in samples, amplitudes, Doppler shift in cycles per sample."""
        if self.impairments.fading == "frozen":
            return {}
        delays = self.channel.delays.double() * self.modem.sample_rate
        return {
            "delays": delays.tolist(),
            "amplitudes": self.channel.powers.double().sqrt().tolist(),
            "doppler": self.config.max_doppler_hz / self.modem.sample_rate,
        }

    def _values(self, air: Air) -> dict[str, float]:
        table, rate = self.impairments, self.modem.sample_rate
        sign = 1 if air.direction == "forward" else -1
        return {
            "noise_voltage": noise_variance(air.es_n0_db) ** 0.5,
            "carrier_offset": sign * table.carrier_offset_hz / rate,
            # A faster receiver hears less of the signal from one sample to the next.
            "clock_offset": -sign * table.clock_offset_ppm * 1e-6,
            "phase_noise_deg": table.phase_noise_deg,
            "phase_noise_corner": table.phase_noise_khz * 1e3 / rate,
            "iq_gain_db": table.iq_gain_db,
            "iq_phase_deg": table.iq_phase_deg,
            "third_order": table.third_order,
        }


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
        self, allocations: Sequence[Allocation], grids: Sequence[torch.Tensor], air: Air, stream: Stream
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
