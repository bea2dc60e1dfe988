"""A message on the air: a synchronisation symbol, the slots, the same symbol again."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from taskwave.phy.channels import ChannelModel
from taskwave.phy.config import MAX_CARRIER_OFFSET_OVER_SPACING
from taskwave.phy.grid import Allocation
from taskwave.phy.medium import SlotSignal
from taskwave.phy.pilots import dmrs_pilots, least_squares, spread_to_layers, sync_pilots
from taskwave.phy.waveform.ofdm import OfdmModem
from taskwave.phy.waveform.synchronization import DelaySearch, carrier_offset, detect, noise_power


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


class _Known:
    """Known symbols of one kind: their places, their pilots, and the search for their delay."""

    def __init__(
        self, symbols: list[int], pilots: torch.Tensor, num_layers: int, modem: OfdmModem, channel: ChannelModel
    ) -> None:
        self.symbols = torch.tensor(symbols)
        self.pilots, self.num_layers, self.width = pilots, num_layers, pilots.shape[-1]
        rows = [torch.arange(layer, self.width, num_layers) for layer in range(num_layers)]
        self.search = DelaySearch(
            torch.stack(rows),
            channel.delays,
            channel.powers,
            modem.subcarrier_spacing_hz,
            1 / modem.sample_rate,
            modem.advance,
        )
        turn = 2 * torch.pi * num_layers * modem.subcarrier_spacing_hz * channel.delays
        self.excess = float((channel.powers * (2 - 2 * turn.cos()).square()).sum()) / 6

    def estimates(self, modem: OfdmModem, samples: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
        """[B, R, L, K, P], the channel at the pilots."""
        return least_squares(modem.demodulate(samples, start, self.symbols, self.width), self.pilots, self.num_layers)


class Burst:
    """Makes and reads bursts of these allocations, one a slot. Reusable.

    Args:
        modem: of the carrier.
        channel: whose power-delay profile the receiver expects.
        allocations: of the message.
        sync_subcarriers: of the synchronisation symbols.
        gain_control: whatever the gain of the radio, scale what is received to a channel of unit energy.
    """

    def __init__(
        self,
        modem: OfdmModem,
        channel: ChannelModel,
        allocations: Sequence[Allocation],
        sync_subcarriers: int,
        gain_control: bool = False,
    ) -> None:
        self.modem, self.allocations, self._gain_control = modem, tuple(allocations), gain_control
        layers, first = allocations[0].num_layers, 1
        self._slot_symbols: list[torch.Tensor] = []
        dmrs: dict[Allocation, list[int]] = {}
        for a in allocations:
            self._slot_symbols.append(torch.arange(first, first + a.num_ofdm_symbols))
            dmrs.setdefault(a, []).extend(first + symbol for symbol in a.dmrs)
            first += a.num_ofdm_symbols
        self.num_symbols = first + 1
        pilots = sync_pilots(sync_subcarriers)
        self._sync = spread_to_layers(pilots, layers)
        # The first DMRS follows at once over the same channel: on the same subcarriers it adds up coherently.
        dmrs0 = spread_to_layers(dmrs_pilots(allocations[0])[:1, :sync_subcarriers], layers)
        dmrs0 = torch.nn.functional.pad(dmrs0, (0, sync_subcarriers - dmrs0.shape[-1]))
        self.front = self._template(torch.cat((self._sync, dmrs0), dim=1))
        """[L, N] complex64, how each layer's burst starts, of unit energy."""
        self._back = self._template(self._sync)
        self._known = [_Known([0, first], pilots, layers, modem, channel)]
        for a, symbols in dmrs.items():
            repeats = len(symbols) // len(a.dmrs)
            self._known.append(_Known(symbols, dmrs_pilots(a).repeat(repeats, 1), layers, modem, channel))

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
        return torch.cat((sync, *(self.modem.modulate(grid) for grid in grids), sync), dim=-1)

    def receive(self, samples: torch.Tensor) -> BurstReception:
        """Find the burst in each row of `samples` [B, R, n], correct its offsets, return its grids."""
        modem = self.modem
        detection = detect(samples, self.front, self._back, (self.num_symbols - 1) * modem.symbol_length)
        offset = self._carrier_offset(samples, detection.start)
        time = (torch.arange(samples.shape[-1]) - detection.start[:, None]) / modem.sample_rate
        phase = (-2 * torch.pi * offset[:, None] * time)[:, None]
        steady = samples * torch.polar(torch.ones_like(phase), phase)
        z = [known.estimates(modem, steady, detection.start) for known in self._known]
        no = noise_power(z, [known.excess for known in self._known])
        if self._gain_control:
            energy = torch.stack([pilots.abs().square().flatten(1).mean(1) for pilots in z]).mean(0)
            gain = (energy - no).clamp_min(no / 10).rsqrt()
            steady, no = steady * gain[:, None, None], no * gain.square()
            z = [pilots * gain[:, None, None, None, None] for pilots in z]
        likelihood = torch.stack([k.search.likelihood(mine, no) for k, mine in zip(self._known, z, strict=True)]).sum(0)
        delay = self._known[0].search.best(likelihood)
        signals = []
        for allocation, symbols in zip(self.allocations, self._slot_symbols, strict=True):
            width = allocation.num_subcarriers
            y = modem.demodulate(steady, detection.start, symbols, width) * modem.ramp(delay, width)
            signals.append(SlotSignal(y, no, lost=~detection.found))
        return BurstReception(signals, detection.found, detection.start + delay, offset, no)

    def _carrier_offset(self, samples: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
        z = [known.estimates(self.modem, samples, start) for known in self._known]
        most = max(pilots.shape[-1] for pilots in z)
        rows = [torch.nn.functional.pad(pilots, (0, most - pilots.shape[-1])) for pilots in z]
        symbols = torch.cat([known.symbols for known in self._known])
        times = symbols * (self.modem.symbol_length / self.modem.sample_rate)
        limit = MAX_CARRIER_OFFSET_OVER_SPACING * self.modem.subcarrier_spacing_hz
        return carrier_offset(torch.cat(rows, dim=3), times, limit)
