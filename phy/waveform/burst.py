"""A message on the air: its slots, and synchronisation symbols before and after the first DMRS and at the end.

The last of them, far away, measures the carrier offset precisely, but up to a multiple; the others tell which.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from taskwave.phy.channel.medium import SlotSignal
from taskwave.phy.channel.model import ChannelModel
from taskwave.phy.grid.allocation import Allocation
from taskwave.phy.grid.pilots import dmrs_pilots, spread_to_layers, sync_pilots
from taskwave.phy.waveform.acquisition import Acquisition, KnownBlock
from taskwave.phy.waveform.ofdm import OfdmModem
from taskwave.phy.waveform.synchronization import Part, detect

_SYNC_IN_FRONT = (0, 2)
"""OFDM symbols of a burst; symbol 1 is the first DMRS. One more synchronisation symbol is the last."""
_MOST_PIECES = 6
"""Of the first DMRS that detection looks at besides those next to the synchronisation symbols."""


@dataclass(frozen=True)
class BurstReception:
    """What the receiver found, one row a burst."""

    signals: list[SlotSignal]
    """One a slot."""
    found: torch.Tensor
    """[B] bool."""
    start: torch.Tensor
    """[B] float, sample at which the body of the first synchronisation symbol starts."""
    carrier_offset_hz: torch.Tensor
    """[B]."""
    no: torch.Tensor
    """[B], estimated variance of noise."""


class Burst:
    """Makes and reads bursts of these allocations, one a slot. Reusable.

    Args:
        modem: of the carrier.
        channel: whose power-delay profile the receiver expects.
        allocations: of the message.
        sync_blocks: subcarriers of the synchronisation symbols, from the lowest block to the highest.
        gain_control: whatever the gain of the radio, scale what is received to a channel of unit energy.
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
        self._slot_symbols: list[torch.Tensor] = []
        dmrs: dict[Allocation, list[int]] = {}
        for a in allocations:
            mine, free = free[: a.num_ofdm_symbols], free[a.num_ofdm_symbols :]
            self._slot_symbols.append(torch.tensor(mine))
            dmrs.setdefault(a, []).extend(mine[symbol] for symbol in a.dmrs)
        (last,) = free
        self.num_symbols = last + 1
        pilots = sync_pilots(sync_blocks[-1].stop)
        grid = spread_to_layers(pilots, layers)
        self._sync = torch.stack([_only(grid, block) for block in sync_blocks]).sum(0)
        self._parts = self._known_parts(grid, allocations[0], sync_blocks)
        where = [*_SYNC_IN_FRONT, last]
        self._known = [
            KnownBlock(where, pilots[:, block.start : block.stop], block.start, layers, modem, channel)
            for block in sync_blocks
        ]
        for a, symbols in dmrs.items():
            repeated = dmrs_pilots(a).repeat(len(symbols) // len(a.dmrs), 1)
            self._known.append(KnownBlock(symbols, repeated, 0, layers, modem, channel))
        self._acquisition = Acquisition(modem, channel, self._known)

    @property
    def fronts(self) -> torch.Tensor:
        """[E, L, N] complex64, how each layer's burst starts at either edge of the carrier, of unit energy."""
        return torch.stack([part.template for part in self._parts if part.shift == 0])

    def _known_parts(self, sync: torch.Tensor, allocation: Allocation, blocks: Sequence[range]) -> list[Part]:
        """What detection looks for: pieces of the band, each with a channel of its own, at beginning and end."""
        dmrs = spread_to_layers(dmrs_pilots(allocation)[:1], allocation.num_layers)
        step = self.modem.symbol_length
        parts = []
        for block in blocks:
            # The first DMRS lies between over the same channel: on the same subcarriers it adds up coherently.
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
        """Samples of a grid [L, S, F] without the first prefix, of unit energy for each layer."""
        samples = self.modem.modulate(grid)[:, self.modem.prefix :]
        return samples / samples.abs().square().sum(-1, keepdim=True).sqrt()

    @property
    def length(self) -> int:
        """Samples."""
        return self.num_symbols * self.modem.symbol_length

    def transmit(self, grids: Sequence[torch.Tensor]) -> torch.Tensor:
        """Samples [B, L, length] complex64 of `grids` [B, L, S, F], one a slot."""
        sync = self.modem.modulate(self._sync).expand(len(grids[0]), -1, -1)
        first, *others = [self.modem.modulate(grid) for grid in grids]
        step = self.modem.symbol_length
        return torch.cat((sync, first[..., :step], sync, first[..., step:], *others, sync), dim=-1)

    def receive(self, samples: torch.Tensor) -> BurstReception:
        """Find the burst in each row of `samples` [B, R, n], correct its offsets, return its grids."""
        modem = self.modem
        detection = detect(samples, self._parts)
        if self._gain_control:
            z = [known.estimates(samples, detection.start) for known in self._known]
            energy = torch.stack([pilots.abs().square().flatten(1).mean(1) for pilots in z]).mean(0)
            samples = samples * energy.clamp_min(torch.finfo(energy.dtype).tiny).rsqrt()[:, None, None]
        z = [known.estimates(samples, detection.start) for known in self._known]
        offset, delay = self._acquisition.offsets(z, self._acquisition.noise_power(z))
        time = (torch.arange(samples.shape[-1]) - detection.start[:, None]) / modem.sample_rate
        phase = (-2 * torch.pi * offset[:, None] * time)[:, None]
        steady = samples * torch.polar(torch.ones_like(phase), phase)
        no = self._acquisition.noise_power([known.estimates(steady, detection.start) for known in self._known])
        if self._gain_control:
            # So far signal and noise together had an energy of one.
            gain = (1 - no).clamp_min(no / 10).rsqrt()
            steady, no = steady * gain[:, None, None], no * gain.square()
        signals = []
        for allocation, symbols in zip(self.allocations, self._slot_symbols, strict=True):
            width = allocation.num_subcarriers
            y = modem.demodulate(steady, detection.start, symbols, width) * modem.ramp(delay, width)
            signals.append(SlotSignal(y, no, lost=~detection.found))
        return BurstReception(signals, detection.found, detection.start + delay, offset, no)


def _only(grid: torch.Tensor, block: range, width: int = 0) -> torch.Tensor:
    """A grid [..., F] with nothing but the subcarriers of `block`, at least `width` wide."""
    kept = grid.new_zeros(*grid.shape[:-1], max(width, grid.shape[-1]))
    kept[..., block.start : min(block.stop, grid.shape[-1])] = grid[..., block.start : block.stop]
    return kept
