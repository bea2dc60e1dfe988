"""The simulated channel on samples: inter-carrier interference, hardware that is not ideal, synchronisation."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from taskwave.phy.channel.air import Air, Stream
from taskwave.phy.channel.medium import SlotSignal
from taskwave.phy.channel.model import ChannelModel
from taskwave.phy.config.hardware import ImpairmentsConfig
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.definitions import noise_variance
from taskwave.phy.grid.allocation import Allocation
from taskwave.phy.grid.pilots import dmrs_pilots
from taskwave.phy.seeds import generator
from taskwave.phy.waveform.acquisition import KnownBlock
from taskwave.phy.waveform.burst import Burst
from taskwave.phy.waveform.multipath import HALF_WIDTH, convolve_moving, moving_taps
from taskwave.phy.waveform.ofdm import carrier_modem
from taskwave.phy.waveform.receiver import Receiver
from taskwave.phy.waveform.synchronization import noise_power
from taskwave.phy.waveform.transmitter import Transmitter

_ROWS = 16
"""Images that are carried together: a matter of memory."""
_DRIFT_PER_BLOCK = 0.02
"""Samples by which clocks part before taps are made anew: interpolation between them is right within -80 dB."""
_POINTS = 4
"""Instants of an FFT window over which the true channel is averaged."""
_HARDWARE_SEED = 2**20


@dataclass(frozen=True)
class ReceivedSamples:
    """What receivers hear of a message."""

    samples: torch.Tensor
    """[B, R, n] complex64."""
    phasor: torch.Tensor
    """[B, n] complex64, rotation by the oscillators, counted from the first sample of the message."""


class TimeDomain:
    """OFDM samples through transmitter, moving paths, noise and receiver. Differentiable.

    Paths are the channel model's, interpolated linearly in time within a symbol as between symbols, so motion causes
    inter-carrier interference; beyond the reach of the prefix (less a quarter, by which windows are early) delays cause
    interference between symbols. With known synchronisation the receiver measures noise and distortion on the DMRS, and
    believes in no less than thermal noise.

    Args:
        config: of the radio.
        impairments: its table `impairments`.
        channel: its channel model.
    """

    def __init__(self, config: RadioConfig, impairments: ImpairmentsConfig, channel: ChannelModel) -> None:
        self.config, self.impairments, self.channel = config, impairments, channel
        self.modem = carrier_modem(config)
        self._bursts: dict[tuple[Allocation, ...], Burst] = {}
        self._known: dict[tuple[Allocation, ...], list[KnownBlock]] = {}
        self._transmitters: dict[float, Transmitter] = {}

    def carry(
        self, allocations: Sequence[Allocation], grids: Sequence[torch.Tensor], air: Air, stream: Stream
    ) -> list[SlotSignal]:
        """See `taskwave.phy.medium.Medium`."""
        carry = self._estimated if self.impairments.synchronisation == "estimated" else self._with_known_start
        parts = []
        for rows in torch.arange(air.batch).split(_ROWS):
            some = air.select(rows)
            parts.append(carry(tuple(allocations), [grid[rows] for grid in grids], some, stream))
        return [_join(slot) for slot in zip(*parts, strict=True)]

    def transmitter(self, allocations: Sequence[Allocation], num_ant: int) -> Transmitter:
        """The chain of each of `num_ant` antennas, driven by its share of the power of the widest of these allocations.

        Precoders may load antennas unevenly; the amplifiers are made for the mean.
        """
        widest = max(a.num_subcarriers for a in allocations)
        power = widest / self.modem.fft_size / num_ant
        if power not in self._transmitters:
            self._transmitters[power] = Transmitter(self.impairments, power)
        return self._transmitters[power]

    def _with_known_start(
        self, allocations: tuple[Allocation, ...], grids: Sequence[torch.Tensor], air: Air, stream: Stream
    ) -> list[SlotSignal]:
        samples = torch.cat([self.modem.modulate(grid) for grid in grids], dim=-1)
        heard = self._hear(self._radiated(samples, allocations, air), air, stream, None)
        start = torch.full((air.batch,), self.modem.prefix)
        thermal = noise_variance(air.es_n0_db)
        known = self._dmrs(allocations)
        pilots = [block.estimates(heard.samples, start) for block in known]
        no = noise_power(pilots, [block.excess for block in known]).clamp_min(thermal)
        signals, first = [], 0
        for a in allocations:
            symbols = first + torch.arange(a.num_ofdm_symbols)
            y = self.modem.demodulate(heard.samples, start, symbols, a.num_subcarriers)
            h = self._true_channel(a, symbols, air, heard.phasor) if self.config.csi == "perfect" else None
            signals.append(SlotSignal(y, no, h))
            first += a.num_ofdm_symbols
        return signals

    def _estimated(
        self, allocations: tuple[Allocation, ...], grids: Sequence[torch.Tensor], air: Air, stream: Stream
    ) -> list[SlotSignal]:
        if allocations not in self._bursts:
            self._bursts[allocations] = Burst(self.modem, self.channel, allocations, self.config.sync_blocks)
        burst = self._bursts[allocations]
        sent = self._radiated(burst.transmit(grids), allocations, air)
        latest = round(self.impairments.arrival_us * 1e-6 * self.modem.sample_rate)
        return burst.receive(self._hear(sent, air, stream, latest).samples).signals

    def _radiated(self, samples: torch.Tensor, allocations: Sequence[Allocation], air: Air) -> torch.Tensor:
        """What the antennas [B, T, n] send of the layers' samples [B, L, n], behind their amplifiers."""
        if air.precoder is not None:
            samples = air.precoder.to(samples) @ samples
        return self.transmitter(allocations, samples.shape[1]).send(samples)

    def _hear(self, sent: torch.Tensor, air: Air, stream: Stream, latest: int | None) -> ReceivedSamples:
        """What arrives of `sent` [B, L, n], `latest` samples late at most; None: it is known when."""
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
        # The length depends on the longest delay among all images. With time first, longer noise begins as shorter
        # noise does, but for its very end, behind the message.
        noise = air.noise((clean.shape[2], clean.shape[1]), 0, stream).transpose(1, 2)
        return ReceivedSamples(receiver.convert(clean + math.sqrt(no) * noise.to(clean.device), power), phasor)

    def _channel(self, sent: torch.Tensor, air: Air) -> torch.Tensor:
        """[B, R, m] of `sent` [B, T, n] behind paths that move and a clock that drifts; no delay is sample 0."""
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
        # Fading is drawn as far as the longest message; synchronisation symbols of such a one see its end.
        times = (instants / rate).clamp_max(self.config.max_slots * self.config.slot_seconds)
        paths = air.paths(times, sent.shape[1]) if air.precoder is None else air.antenna_paths(times)
        taps = moving_taps(paths, delays[:, None] + drift * instants[:, None] + early)
        heard = convolve_moving(sent, taps.to(sent.device), block)
        return torch.nn.functional.pad(heard, (0, longest - heard.shape[-1]))[..., early:]

    def _drift(self, air: Air) -> float:
        """Samples by which the signal is later with every sample of the receiver."""
        ppm = self.impairments.clock_offset_ppm * (1 if air.direction == "forward" else -1)
        return ppm * 1e-6 / (1 + ppm * 1e-6)

    def _dmrs(self, allocations: tuple[Allocation, ...]) -> list[KnownBlock]:
        """The DMRS of a message, allocations of the same shape together."""
        if allocations not in self._known:
            places: dict[Allocation, list[int]] = {}
            first = 0
            for a in allocations:
                places.setdefault(a, []).extend(first + symbol for symbol in a.dmrs)
                first += a.num_ofdm_symbols
            self._known[allocations] = [
                KnownBlock(
                    symbols,
                    dmrs_pilots(a).repeat(len(symbols) // len(a.dmrs), 1),
                    0,
                    a.num_layers,
                    self.modem,
                    self.channel,
                    a.comb,
                )
                for a, symbols in places.items()
            ]
        return self._known[allocations]

    def _true_channel(
        self, allocation: Allocation, symbols: torch.Tensor, air: Air, phasor: torch.Tensor
    ) -> torch.Tensor:
        """What each RE is multiplied by, [B, R, L, S, F]: the mean over its window of channel, rotation and drift."""
        modem, piece = self.modem, self.modem.fft_size // _POINTS
        starts = modem.prefix - modem.advance + symbols * modem.symbol_length
        pieces = starts[:, None] + piece * torch.arange(_POINTS)
        instants = (pieces + piece / 2).flatten()
        h = air.frequency_response_at(instants / modem.sample_rate, allocation.num_layers, allocation.num_subcarriers)
        h = h.to(phasor.device) * modem.ramp(-self._drift(air) * instants, allocation.num_subcarriers).movedim(0, 2)[0]
        turned = phasor[:, pieces[..., None] + torch.arange(piece)].mean(-1).flatten(1)
        mean: torch.Tensor = (h * turned[:, None, None, :, None]).unflatten(3, (len(symbols), _POINTS)).mean(4)
        return mean


def _join(parts: Sequence[SlotSignal]) -> SlotSignal:
    """One slot of all images from those of some."""
    h = [part.h for part in parts if part.h is not None]
    lost = [part.lost for part in parts if part.lost is not None]
    return SlotSignal(
        torch.cat([part.y for part in parts]),
        torch.cat([part.no for part in parts]),
        torch.cat(h) if h else None,
        torch.cat(lost) if lost else None,
    )
