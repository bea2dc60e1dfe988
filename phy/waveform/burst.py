"""A message as a burst on the air: its slots and three synchronisation symbols that are sent with them.

Synchronisation symbols come before and after the first DMRS and at the end. The last of them, far away, measures the
carrier offset precisely, but only up to a multiple; the other two decide which multiple it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from taskwave.phy.channel.medium import SlotSignal
from taskwave.phy.channel.model import ChannelModel
from taskwave.phy.grid.allocation import Allocation
from taskwave.phy.grid.pilots import dmrs_pilots, spread_to_layers, sync_pilots
from taskwave.phy.waveform.acquisition import Acquisition, KnownBlock, Pilots, message_dmrs
from taskwave.phy.waveform.ofdm import OfdmModem
from taskwave.phy.waveform.synchronization import Part, detect

_SYNC_IN_FRONT = (0, 2)
"""OFDM symbols of a burst that synchronise at its start, around the first DMRS in symbol 1; one more is the last."""
_MOST_PIECES = 6
"""Most pieces of the first DMRS that detection uses besides those next to the synchronisation symbols."""


@dataclass(frozen=True)
class BurstReception:
    """Holds what the receiver found in B rows of samples, one burst in each."""

    signals: list[SlotSignal]
    """Received grids of the burst, one entry a slot."""
    found: torch.Tensor
    """Whether the burst was detected, [B] bool."""
    start: torch.Tensor
    """Sample at which the body of the first synchronisation symbol starts, [B] float, with its fraction."""
    carrier_offset_hz: torch.Tensor
    """Estimated carrier offset [Hz], [B] float."""
    no: torch.Tensor
    """Estimated variance of the noise, [B] float."""


class Burst:
    """Makes and reads bursts of one kind, which carry messages of the same allocations; reusable.

    Args:
        modem: OFDM modem of the carrier.
        channel: channel model whose power-delay profile the receiver expects.
        allocations: allocations of the message, one a slot.
        sync_blocks: subcarriers of the synchronisation symbols, from the lowest block to the highest.
        gain_control: scale what is received to a channel of unit energy, whatever the gain of the radio.
    """

    def __init__(
        self,
        modem: OfdmModem,
        channel: ChannelModel,
        allocations: Sequence[Allocation],
        sync_blocks: Sequence[range],
        gain_control: bool = False,
    ) -> None:
        self.modem, self.allocations, self._gain_control = modem, tuple(allocations), gain_control
        layers = allocations[0].num_layers
        free = [i for i in range(sum(a.num_ofdm_symbols for a in allocations) + 3) if i not in _SYNC_IN_FRONT]
        self._slot_symbols: list[list[int]] = []
        for a in allocations:
            self._slot_symbols.append(free[: a.num_ofdm_symbols])
            free = free[a.num_ofdm_symbols :]
        (last,) = free
        self.num_symbols = last + 1
        """OFDM symbols of the burst."""
        pilots = sync_pilots(sync_blocks[-1].stop)
        grid = spread_to_layers(pilots, layers)
        self._sync = torch.stack([_only(grid, block) for block in sync_blocks]).sum(0)
        self._parts = self._known_parts(grid, allocations[0], sync_blocks)
        sync_symbols = (*_SYNC_IN_FRONT, last)
        sync = [Pilots(sync_symbols, pilots[:, b.start : b.stop], layers, b.start) for b in sync_blocks]
        dmrs = message_dmrs(allocations, self._slot_symbols)
        self._known = [KnownBlock(block, modem, channel) for block in (*sync, *dmrs)]
        self._acquisition = Acquisition(modem, channel, self._known)

    @property
    def length(self) -> int:
        """Samples of the burst."""
        return self.num_symbols * self.modem.symbol_length

    @property
    def fronts(self) -> torch.Tensor:
        """Start of each layer's burst at either edge of the carrier, [E, L, N] complex64, of unit energy."""
        return torch.stack([part.template for part in self._parts if part.shift == 0])

    def _known_parts(self, sync: torch.Tensor, allocation: Allocation, blocks: Sequence[range]) -> list[Part]:
        """Return what detection looks for: pieces of the band, each with a channel of its own, at start and end."""
        dmrs = spread_to_layers(dmrs_pilots(allocation)[:1], allocation.num_layers)
        step = self.modem.symbol_length
        parts = []
        for block in blocks:
            # The first DMRS lies between both symbols and on the same channel, so that it adds up coherently with them.
            mine = _only(sync, block)
            front = torch.cat((mine, _only(dmrs, block, sync.shape[-1]), mine), dim=1)
            parts.append(Part(self._template(front), 0))
            parts.append(Part(self._template(mine), (self.num_symbols - 1) * step))
        width = len(blocks[0])
        starts = range(blocks[0].stop, min(dmrs.shape[-1], blocks[-1].start) - width + 1, width)
        for start in starts[:: max(1, -(-len(starts) // _MOST_PIECES))]:
            piece = _only(dmrs, range(start, start + width))
            parts.append(Part(self._template(piece), step))
        return parts

    def _template(self, grid: torch.Tensor) -> torch.Tensor:
        """Return the samples [L, N] of a grid [L, S, F] without the first prefix, of unit energy for each layer."""
        samples = self.modem.modulate(grid)[:, self.modem.prefix :]
        return samples / samples.abs().square().sum(-1, keepdim=True).sqrt()

    def transmit(self, grids: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return the samples [B, L, length] complex64 of a message, from its `grids` [B, L, S, F], one a slot."""
        sync = self.modem.modulate(self._sync).expand(len(grids[0]), -1, -1)
        first, *others = [self.modem.modulate(grid) for grid in grids]
        step = self.modem.symbol_length
        return torch.cat((sync, first[..., :step], sync, first[..., step:], *others, sync), dim=-1)

    def receive(self, samples: torch.Tensor) -> BurstReception:
        """Find the burst in each row of `samples` [B, R, n] complex64, correct its offsets and demodulate its grids.

        Raises:
            ValueError: the samples are shorter than the burst.
        """
        modem = self.modem
        detection = detect(samples, self._parts)
        if self._gain_control:
            z = [block.estimates(samples, detection.start) for block in self._known]
            energy = torch.stack([pilots.abs().square().flatten(1).mean(1) for pilots in z]).mean(0)
            samples = samples * energy.clamp_min(torch.finfo(energy.dtype).tiny).rsqrt()[:, None, None]
        z = [block.estimates(samples, detection.start) for block in self._known]
        offset, delay = self._acquisition.offsets(z, self._acquisition.noise_power(z))
        time = (torch.arange(samples.shape[-1]) - detection.start[:, None]) / modem.sample_rate
        phase = (-2 * torch.pi * offset[:, None] * time)[:, None]
        steady = samples * torch.polar(torch.ones_like(phase), phase)
        no = self._acquisition.noise_power([block.estimates(steady, detection.start) for block in self._known])
        if self._gain_control:
            # So far the energy of signal and noise together was one; now that of the signal becomes one.
            gain = (1 - no).clamp_min(no / 10).rsqrt()
            steady, no = steady * gain[:, None, None], no * gain.square()
        signals = []
        for allocation, symbols in zip(self.allocations, self._slot_symbols, strict=True):
            width = allocation.num_subcarriers
            y = modem.demodulate(steady, detection.start, torch.tensor(symbols), width) * modem.ramp(delay, width)
            signals.append(SlotSignal(y, no, lost=~detection.found))
        return BurstReception(signals, detection.found, detection.start + delay, offset, no)


class Bursts:
    """Keeps one `Burst` for each tuple of allocations, since a burst is costly to make and used often.

    Args:
        modem: OFDM modem of the carrier.
        channel: channel model whose power-delay profile the receiver expects.
        sync_blocks: subcarriers of the synchronisation symbols, as in `Burst`.
        gain_control: as in `Burst`.
    """

    def __init__(
        self, modem: OfdmModem, channel: ChannelModel, sync_blocks: Sequence[range], gain_control: bool = False
    ) -> None:
        self._modem, self._channel = modem, channel
        self._sync_blocks, self._gain_control = sync_blocks, gain_control
        self._made: dict[tuple[Allocation, ...], Burst] = {}

    def of(self, allocations: Sequence[Allocation]) -> Burst:
        """Return the burst of messages of these allocations, one a slot."""
        key = tuple(allocations)
        if key not in self._made:
            self._made[key] = Burst(self._modem, self._channel, key, self._sync_blocks, self._gain_control)
        return self._made[key]


def _only(grid: torch.Tensor, block: range, width: int = 0) -> torch.Tensor:
    """Return a grid [..., F] with zeros outside the subcarriers of `block`, widened to at least `width`."""
    kept = grid.new_zeros(*grid.shape[:-1], max(width, grid.shape[-1]))
    kept[..., block.start : min(block.stop, grid.shape[-1])] = grid[..., block.start : block.stop]
    return kept
