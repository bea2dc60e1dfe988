"""Joint estimation of the carrier offset and delay of a burst from all of its known symbols: maximum likelihood."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from taskwave.phy.channel.model import ChannelModel
from taskwave.phy.config.radio import MAX_CARRIER_OFFSET_OVER_SPACING
from taskwave.phy.grid.allocation import Allocation
from taskwave.phy.grid.pilots import dmrs_pilots, least_squares
from taskwave.phy.waveform.ofdm import OfdmModem
from taskwave.phy.waveform.synchronization import DELAY_STEP, DelaySearch, carrier_offset, noise_power, peak

_NEGLIGIBLE = 1e-6
"""Share of the channel's energy below which an eigendirection is left out."""
_UNLIKELY = 8.0
"""Delays are left out whose log-likelihood, phases unknown, is so much below the largest."""
_FINE_STEP = 0.25
"""Samples between the delays that are tried: with the ends of a carrier alone known, peaks are two samples apart."""


@dataclass(frozen=True)
class Pilots:
    """Describes the pilots of all layers on W adjacent subcarriers in K OFDM symbols."""

    symbols: Sequence[int]
    """OFDM symbols [K] that carry the pilots, counted from the first one of the burst or message."""
    values: torch.Tensor
    """Pilots [K, W], or [1, W] for the same in every symbol, complex64; see `num_layers` for those of a layer."""
    num_layers: int
    """Number of layers: layer l has every `num_layers`-th of the pilots that are sent, from the l-th on."""
    first: int = 0
    """Subcarrier of the first pilot, a multiple of `num_layers`."""
    comb: int = 1
    """Distance between pilots that are sent: those between them are not."""


def message_dmrs(allocations: Sequence[Allocation], symbols: Sequence[Sequence[int]]) -> list[Pilots]:
    """Return the DMRS of a message, one entry for all allocations of the same shape together.

    Args:
        allocations: allocations of the message, one a slot.
        symbols: OFDM symbols that carry each allocation, counted as in `Pilots`.
    """
    carried: dict[Allocation, list[int]] = {}
    for allocation, slot in zip(allocations, symbols, strict=True):
        carried.setdefault(allocation, []).extend(slot[symbol] for symbol in allocation.dmrs)
    return [
        Pilots(found, dmrs_pilots(a).repeat(len(found) // len(a.dmrs), 1), a.num_layers, comb=a.comb)
        for a, found in carried.items()
    ]


class KnownBlock:
    """Reads the pilots of one block from samples and derives from them what tells delay and noise.

    Shapes are those of `synchronization`.

    Args:
        pilots: pilots of the block as they are sent.
        modem: OFDM modem of the carrier.
        channel: channel model whose power-delay profile the receiver expects.
    """

    def __init__(self, pilots: Pilots, modem: OfdmModem, channel: ChannelModel) -> None:
        self._pilots, self._modem = pilots, modem
        self.symbols = torch.tensor(pilots.symbols)
        """OFDM symbols of the block, [K] int64."""
        self._end = pilots.first + pilots.values.shape[-1]
        layers, comb = pilots.num_layers, pilots.comb
        rows = [torch.arange(pilots.first + layer * comb, self._end, layers * comb) for layer in range(layers)]
        self._subcarriers = torch.stack(rows)
        self.search = DelaySearch(self._subcarriers, modem, channel)
        """Search for the delay of the channel by this block alone."""
        turn = 2 * torch.pi * layers * comb * modem.subcarrier_spacing_hz * channel.delays
        self.excess = float((channel.powers * (2 - 2 * turn.cos()).square()).sum()) / 6
        """Mean power of second differences of the channel itself, on the scale of the noise variance."""

    def rotations(self, delays: torch.Tensor) -> torch.Tensor:
        """Return the response of unit paths at `delays` [paths] seconds at the pilots, [L, P, paths] complex128."""
        phase = -2 * torch.pi * self._modem.subcarrier_spacing_hz * self._subcarriers[..., None] * delays.double()
        return torch.polar(torch.ones_like(phase), phase)

    def advanced(self, z: torch.Tensor, delay: torch.Tensor) -> torch.Tensor:
        """Remove the delay of a channel that is `delay` [B] samples late from pilots [B, R, L, K, P]."""
        cycles = self._subcarriers * delay[:, None, None] / self._modem.fft_size
        phase = (2 * torch.pi * cycles)[:, None, :, None]
        return z * torch.polar(torch.ones_like(phase), phase)

    def estimates(self, samples: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
        """Estimate the channel at the pilots by least squares.

        Args:
            samples: received samples, [B, R, n] complex64.
            start: sample at which the body of OFDM symbol 0 starts, [B] int64.

        Returns:
            [B, R, L, K, P] complex64.
        """
        pilots = self._pilots
        y = self._modem.demodulate(samples, start, self.symbols, self._end)
        return least_squares(y[..., pilots.first :: pilots.comb], pilots.values[..., :: pilots.comb], pilots.num_layers)


class Acquisition:
    """Estimates noise, carrier offset and delay from the known symbols of one kind of burst; reusable.

    Pilots of block k are z_k = A_k diag(p)^1/2 g + noise, with the paths' rotations A_k, powers p and Gaussian g of
    unit variance. In the eigenbasis V of the sum of all diag(p)^1/2 A_k^H A_k diag(p)^1/2 the coefficients are
    independent, whatever the phases of the symbols.

    Args:
        modem: OFDM modem of the carrier.
        channel: channel model whose power-delay profile the receiver expects; the channel is taken to be constant
            during a burst.
        blocks: known symbols of the burst.
    """

    def __init__(self, modem: OfdmModem, channel: ChannelModel, blocks: Sequence[KnownBlock]) -> None:
        self._modem, self._blocks = modem, tuple(blocks)
        self._symbols = torch.cat([block.symbols for block in blocks])
        rotations = [block.rotations(channel.delays) * channel.powers.double().sqrt() for block in blocks]
        gram = torch.stack([len(b.symbols) * a.mH @ a for b, a in zip(blocks, rotations, strict=True)]).sum(0)
        energy, basis = torch.linalg.eigh(gram)
        keep = (energy > _NEGLIGIBLE * energy.sum(-1, keepdim=True)).any(0)
        self._energy = energy[:, keep].clamp_min(0).float()
        self._bases = [(a @ basis[..., keep]).to(torch.complex64) for a in rotations]

    def noise_power(self, z: Sequence[torch.Tensor]) -> torch.Tensor:
        """Estimate the noise variance [B] from the pilots [B, R, L, K, P] of every block."""
        return noise_power(z, [block.excess for block in self._blocks])

    def offsets(self, z: Sequence[torch.Tensor], no: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Estimate carrier offset [B] in Hz and delay [B] in samples.

        Delays that are likely whatever the phases of the symbols are tried again with every carrier offset.

        Args:
            z: pilots [B, R, L, K, P] of every block.
            no: variance of their noise, [B].
        """
        pairs = list(zip(self._blocks, z, strict=True))
        blind = torch.stack([block.search.likelihood(pilots, no) for block, pilots in pairs]).sum(0)
        middle = self._blocks[0].search.best(blind)
        away = (torch.arange(blind.shape[1]) - blind.argmax(dim=1, keepdim=True)).abs()
        likely = blind > blind.max(dim=1, keepdim=True).values - _UNLIKELY
        reach = max(1, round(int((away * likely).max()) * DELAY_STEP / _FINE_STEP))
        limit_hz = MAX_CARRIER_OFFSET_OVER_SPACING * self._modem.subcarrier_spacing_hz
        symbol_s = self._modem.symbol_length / self._modem.sample_rate
        found = []
        for step in range(-reach, reach + 1):
            delay = middle + step * _FINE_STEP
            rows = self._coefficients([block.advanced(pilots, delay) for block, pilots in pairs], no)
            found.append(carrier_offset(rows, self._symbols, symbol_s, limit_hz))
        carrier, likelihood = (torch.stack(column, dim=1) for column in zip(*found, strict=True))
        best = peak(likelihood)
        return carrier.gather(1, best.round().long()[:, None])[:, 0], middle + _FINE_STEP * (best - reach)

    def _coefficients(self, z: Sequence[torch.Tensor], no: torch.Tensor) -> torch.Tensor:
        """Return the channel's coefficients in the eigenbasis, a row for each known symbol, [B, K, M] complex64.

        The squared norm of the sum of rows, over `no`, is the log-likelihood.
        """
        seen = torch.cat([pilots @ basis.conj() for pilots, basis in zip(z, self._bases, strict=True)], dim=3)
        weight = (self._energy + no[:, None, None]).rsqrt()
        rows: torch.Tensor = (seen * weight[:, None, :, None]).permute(0, 3, 1, 2, 4).flatten(2)
        return rows
