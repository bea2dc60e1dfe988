"""Slots as bursts through GNU Radio, one more medium for every link."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch

from taskwave.phy.channel.model import ChannelModel
from taskwave.phy.config import RadioConfig
from taskwave.phy.definitions import noise_variance
from taskwave.phy.flowgraph.client import FlowgraphWorker
from taskwave.phy.flowgraph.config import FlowgraphConfig
from taskwave.phy.grid import Allocation
from taskwave.phy.medium import SlotSignal, Stream
from taskwave.phy.seeds import generator
from taskwave.phy.waveform.burst import Burst
from taskwave.phy.waveform.multipath import multipath_taps
from taskwave.phy.waveform.ofdm import carrier_modem

if TYPE_CHECKING:
    from taskwave.phy.air import Air


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
        self, allocations: Sequence[Allocation], grids: Sequence[torch.Tensor], air: "Air", stream: Stream
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

    def transport(self, samples: torch.Tensor, air: "Air", stream: Stream) -> torch.Tensor:
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

    def _values(self, air: "Air") -> dict[str, float]:
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
