"""Medium that simulates the channel on samples: inter-carrier interference, hardware impairments, synchronisation."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch

from taskwave.phy.channel.air import Air, Stream
from taskwave.phy.channel.medium import SlotSignal
from taskwave.phy.channel.model import ChannelModel
from taskwave.phy.config.hardware import ImpairmentsConfig
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.definitions import noise_variance
from taskwave.phy.grid.allocation import Allocation
from taskwave.phy.seeds import generator
from taskwave.phy.waveform.acquisition import KnownBlock, message_dmrs
from taskwave.phy.waveform.burst import Bursts
from taskwave.phy.waveform.multipath import HALF_WIDTH, convolve_moving, moving_taps
from taskwave.phy.waveform.ofdm import carrier_modem
from taskwave.phy.waveform.receiver import Receiver
from taskwave.phy.waveform.synchronization import noise_power
from taskwave.phy.waveform.transmitter import Transmitter

_ROWS = 16
"""Most images that are carried together, a limit of the memory used."""
_DRIFT_PER_BLOCK = 0.02
"""Samples by which clocks part before taps are made anew; interpolation between taps is then right within -80 dB."""
_POINTS = 4
"""Instants of an FFT window over which the true channel is averaged."""
_HARDWARE_SEED = 2**20
"""Number that sets the randomness of the hardware apart from that of the noise."""


@dataclass(frozen=True)
class ReceivedSamples:
    """Holds what the receivers of B images get of a message."""

    samples: torch.Tensor
    """Received samples, [B, R, n] complex64."""
    phasor: torch.Tensor
    """Rotation by the oscillators, [B, n] complex64, counted from the first sample of the message."""


class TimeDomain:
    """Carries OFDM samples through transmitter, moving paths, noise and receiver; differentiable.

    Paths are those of the channel model, interpolated linearly in time within a symbol as between symbols, so that
    motion causes inter-carrier interference. Delays beyond the reach of the prefix (less a quarter, by which windows
    are early) cause interference between symbols. With known synchronisation the receiver measures noise and
    distortion on the DMRS, and takes thermal noise as the least they can be.

    Args:
        config: configuration of the radio.
        impairments: table `impairments` of the configuration.
        channel: channel model of the radio.
    """

    def __init__(self, config: RadioConfig, impairments: ImpairmentsConfig, channel: ChannelModel) -> None:
        self.config, self.impairments, self.channel = config, impairments, channel
        self.modem = carrier_modem(config)
        self._bursts = Bursts(self.modem, channel, config.sync_blocks)
        self._known: dict[tuple[Allocation, ...], list[KnownBlock]] = {}
        self._transmitters: dict[float, Transmitter] = {}

    def carry(
        self, allocations: Sequence[Allocation], grids: Sequence[torch.Tensor], air: Air, stream: Stream
    ) -> list[SlotSignal]:
        """Implement `taskwave.phy.channel.medium.Medium.carry`."""
        carry = self._estimated if self.impairments.synchronisation == "estimated" else self._with_known_start
        parts = []
        for rows in torch.arange(air.batch).split(_ROWS):
            some = air.select(rows)
            parts.append(carry(tuple(allocations), [grid[rows] for grid in grids], some, stream))
        return [_join(slot) for slot in zip(*parts, strict=True)]

    def _with_known_start(
        self, allocations: tuple[Allocation, ...], grids: Sequence[torch.Tensor], air: Air, stream: Stream
    ) -> list[SlotSignal]:
        samples = torch.cat([self.modem.modulate(grid) for grid in grids], dim=-1)
        received = self._received(self._radiated(samples, allocations, air), air, stream, None)
        start = torch.full((air.batch,), self.modem.prefix)
        thermal = noise_variance(air.es_n0_db)
        known = self._dmrs(allocations)
        pilots = [block.estimates(received.samples, start) for block in known]
        no = noise_power(pilots, [block.excess for block in known]).clamp_min(thermal)
        signals = []
        for a, slot in zip(allocations, _slots(allocations), strict=True):
            symbols = torch.tensor(slot)
            y = self.modem.demodulate(received.samples, start, symbols, a.num_subcarriers)
            h = self._true_channel(a, symbols, air, received.phasor) if self.config.csi == "perfect" else None
            signals.append(SlotSignal(y, no, h))
        return signals

    def _estimated(
        self, allocations: tuple[Allocation, ...], grids: Sequence[torch.Tensor], air: Air, stream: Stream
    ) -> list[SlotSignal]:
        burst = self._bursts.of(allocations)
        sent = self._radiated(burst.transmit(grids), allocations, air)
        latest = round(self.impairments.arrival_us * 1e-6 * self.modem.sample_rate)
        return burst.receive(self._received(sent, air, stream, latest).samples).signals

    def _radiated(self, samples: torch.Tensor, allocations: Sequence[Allocation], air: Air) -> torch.Tensor:
        """Precode and amplify the layers' samples [B, L, n]; return what the antennas send, [B, T, n] complex64."""
        if air.precoder is not None:
            samples = air.precoder.to(samples) @ samples
        return self._transmitter(allocations, samples.shape[1]).send(samples)

    def _transmitter(self, allocations: Sequence[Allocation], num_ant: int) -> Transmitter:
        """Return the transmit chain of each of `num_ant` antennas, made for its share of the power of a message.

        The power is that of the widest of the allocations. Precoders may load antennas unevenly; the amplifiers are
        made for the mean.
        """
        widest = max(a.num_subcarriers for a in allocations)
        power = widest / self.modem.fft_size / num_ant
        if power not in self._transmitters:
            self._transmitters[power] = Transmitter(self.impairments, power)
        return self._transmitters[power]

    def _received(self, sent: torch.Tensor, air: Air, stream: Stream, latest: int | None) -> ReceivedSamples:
        """Return what the receivers get of samples that the antennas send.

        Args:
            sent: sent samples, [B, T, n] complex64.
            air: air of the transmission.
            stream: stream of the message.
            latest: largest random delay of the message, in samples; None: no delay, since its arrival is known.
        """
        draws = [generator(air.seed, image, air.identity(stream), _HARDWARE_SEED) for image in air.images.tolist()]
        late = [0 if latest is None else int(torch.randint(latest + 1, (), generator=draw)) for draw in draws]
        clean = self._channel(sent, air)
        sign = 1 if air.direction == "forward" else -1
        receiver = Receiver(self.impairments, self.modem.sample_rate, sign * self.impairments.carrier_offset_hz)
        phasor = receiver.phasor(clean.shape[-1], draws).to(clean.device)
        clean = clean * phasor[:, None]
        no = noise_variance(air.es_n0_db)
        power = clean.detach().abs().square().sum(-1) / sent.shape[-1] + no
        if latest is not None:
            pad = torch.nn.functional.pad
            clean = torch.stack([pad(row, (begin, latest - begin)) for row, begin in zip(clean, late, strict=True)])
        # The length depends on the longest delay among all images. Noise is drawn with time first, so that longer noise
        # begins as shorter noise does, except at its very end, which lies behind the message.
        noise = air.noise((clean.shape[2], clean.shape[1]), 0, stream).transpose(1, 2)
        return ReceivedSamples(receiver.convert(clean + math.sqrt(no) * noise.to(clean.device), power), phasor)

    def _channel(self, sent: torch.Tensor, air: Air) -> torch.Tensor:
        """Pass `sent` [B, T, n] through paths that move and a clock that drifts.

        Returns:
            [B, R, m] complex64; a path without delay starts at sample 0.
        """
        rate, drift = self.modem.sample_rate, self._drift(air)
        delays = air.path_delays().double() * rate
        latest = float(air.fading.tau.max()) * rate
        longest = sent.shape[-1] + math.ceil(latest) + 2 * HALF_WIDTH
        early = HALF_WIDTH + math.ceil(max(0.0, -drift * longest))
        longest += early + math.ceil(max(0.0, drift * longest))
        sample_s = air.fading.sample_s
        limits = [longest if sample_s is None else sample_s * rate, _DRIFT_PER_BLOCK / abs(drift) if drift else longest]
        blocks = max(1, math.ceil(longest / max(1.0, min(limits))))
        still = sample_s is None or self.channel.doppler_hz == 0
        block = math.ceil(longest / blocks)
        instants = torch.arange(1 if still and not drift else blocks + 1) * block
        # Fading is drawn for as long as the longest message lasts. Synchronisation symbols of such a message come later
        # and see the channel of its end.
        times = (instants / rate).clamp_max(self.config.max_slots * self.config.slot_seconds)
        paths = air.paths(times, sent.shape[1]) if air.precoder is None else air.antenna_paths(times)
        taps = moving_taps(paths, delays[:, None] + drift * instants[:, None] + early)
        received = convolve_moving(sent, taps.to(sent.device), block)
        return torch.nn.functional.pad(received, (0, longest - received.shape[-1]))[..., early:]

    def _drift(self, air: Air) -> float:
        """Return the samples by which the signal gets later with every sample of the receiver."""
        ppm = self.impairments.clock_offset_ppm * (1 if air.direction == "forward" else -1)
        return ppm * 1e-6 / (1 + ppm * 1e-6)

    def _dmrs(self, allocations: tuple[Allocation, ...]) -> list[KnownBlock]:
        """Return the blocks of DMRS of a message without synchronisation symbols."""
        if allocations not in self._known:
            blocks = message_dmrs(allocations, _slots(allocations))
            self._known[allocations] = [KnownBlock(pilots, self.modem, self.channel) for pilots in blocks]
        return self._known[allocations]

    def _true_channel(
        self, allocation: Allocation, symbols: torch.Tensor, air: Air, phasor: torch.Tensor
    ) -> torch.Tensor:
        """Return what each RE is multiplied by: the mean of channel, rotation and drift over its FFT window.

        Args:
            allocation: allocation of the slot.
            symbols: its OFDM symbols, [S] int64, counted from the first one of the message.
            air: air of the transmission.
            phasor: rotation by the oscillators, [B, n] complex64.

        Returns:
            [B, R, L, S, F] complex64.
        """
        modem, piece = self.modem, self.modem.fft_size // _POINTS
        starts = modem.prefix - modem.advance + symbols * modem.symbol_length
        pieces = starts[:, None] + piece * torch.arange(_POINTS)
        instants = (pieces + piece / 2).flatten()
        h = air.frequency_response_at(instants / modem.sample_rate, allocation.num_layers, allocation.num_subcarriers)
        h = h.to(phasor.device) * modem.ramp(-self._drift(air) * instants, allocation.num_subcarriers).movedim(0, 2)[0]
        turned = phasor[:, pieces[..., None] + torch.arange(piece)].mean(-1).flatten(1)
        mean: torch.Tensor = (h * turned[:, None, None, :, None]).unflatten(3, (len(symbols), _POINTS)).mean(4)
        return mean


def _slots(allocations: Sequence[Allocation]) -> list[range]:
    """Return the OFDM symbols of each slot of a message without synchronisation symbols."""
    ends = list(accumulate(a.num_ofdm_symbols for a in allocations))
    return [range(end - a.num_ofdm_symbols, end) for a, end in zip(allocations, ends, strict=True)]


def _join(parts: Sequence[SlotSignal]) -> SlotSignal:
    """Join the signals of one slot from those of several groups of images."""
    h = [part.h for part in parts if part.h is not None]
    lost = [part.lost for part in parts if part.lost is not None]
    return SlotSignal(
        torch.cat([part.y for part in parts]),
        torch.cat([part.no for part in parts]),
        torch.cat(h) if h else None,
        torch.cat(lost) if lost else None,
    )
