"""Carrier offset and delay of a burst together, from all of its known symbols: maximum likelihood."""

from collections.abc import Sequence

import torch

from taskwave.phy.channel.model import ChannelModel
from taskwave.phy.config.radio import MAX_CARRIER_OFFSET_OVER_SPACING
from taskwave.phy.grid.pilots import least_squares
from taskwave.phy.waveform.ofdm import OfdmModem
from taskwave.phy.waveform.synchronization import DELAY_STEP, DelaySearch, carrier_offset, noise_power, peak


class KnownBlock:
    """Pilots of all layers on `W` adjacent subcarriers in `K` OFDM symbols of a burst.

    Args:
        symbols: [K], counted from the first OFDM symbol of the burst.
        pilots: [K, W] complex64; layer l has every `num_layers`-th of them from the l-th on.
        first: subcarrier of the first pilot, a multiple of `num_layers`.
        num_layers: layers.
        modem: of the carrier.
        channel: whose power-delay profile the receiver expects.
        comb: only every so many pilots are sent.
    """

    def __init__(
        self,
        symbols: Sequence[int],
        pilots: torch.Tensor,
        first: int,
        num_layers: int,
        modem: OfdmModem,
        channel: ChannelModel,
        comb: int = 1,
    ) -> None:
        self.symbols, self.first, self.num_layers, self._comb = torch.tensor(symbols), first, num_layers, comb
        self._pilots, self._modem = pilots, modem
        self._end = first + pilots.shape[-1]
        rows = [torch.arange(first + layer * comb, self._end, num_layers * comb) for layer in range(num_layers)]
        self._subcarriers = torch.stack(rows)
        self.search = DelaySearch(
            self._subcarriers,
            channel.delays,
            channel.powers,
            modem.subcarrier_spacing_hz,
            1 / modem.sample_rate,
            modem.advance,
        )
        turn = 2 * torch.pi * num_layers * comb * modem.subcarrier_spacing_hz * channel.delays
        self.excess = float((channel.powers * (2 - 2 * turn.cos()).square()).sum()) / 6
        """Mean power of second differences of the channel itself, as noise would have it."""

    def rotations(self, delays: torch.Tensor) -> torch.Tensor:
        """[L, P, paths] complex128, the response of unit paths at `delays` [s] at each layer's pilots."""
        phase = -2 * torch.pi * self._modem.subcarrier_spacing_hz * self._subcarriers[..., None] * delays.double()
        return torch.polar(torch.ones_like(phase), phase)

    def advanced(self, z: torch.Tensor, delay: torch.Tensor) -> torch.Tensor:
        """Pilots [B, R, L, K, P] of a channel that is `delay` [B] samples late, without that delay."""
        cycles = self._subcarriers * delay[:, None, None] / self._modem.fft_size
        phase = (2 * torch.pi * cycles)[:, None, :, None]
        return z * torch.polar(torch.ones_like(phase), phase)

    def estimates(self, samples: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
        """Channel at the pilots, [B, R, L, K, P], in `samples` [B, R, n] of a burst that begins at `start` [B]."""
        y = self._modem.demodulate(samples, start, self.symbols, self._end)
        return least_squares(y[..., self.first :: self._comb], self._pilots[..., :: self._comb], self.num_layers)


_NEGLIGIBLE = 1e-6
"""Share of the channel's energy below which an eigendirection is left out."""
_UNLIKELY = 8.0
"""Delays are left out whose log-likelihood, phases unknown, is so much below the best."""
_FINE_STEP = 0.25
"""Samples between the delays that are tried: with the ends of a carrier alone known, peaks are two samples apart."""


class Acquisition:
    """Reads the known symbols of one kind of burst; reusable.

    Pilots of kind k are z_k = A_k diag(p)^1/2 g + noise, with the paths' rotations A_k, powers p and Gaussian g of unit
    variance. In the eigenbasis V of the sum of all diag(p)^1/2 A_k^H A_k diag(p)^1/2 the coefficients are independent,
    whatever the phases of the symbols.

    Args:
        modem: of the carrier.
        channel: whose power-delay profile the receiver expects; it may not change within a burst.
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
        """Noise variance [B] of pilots [B, R, L, K, P] of every kind."""
        return noise_power(z, [block.excess for block in self._blocks])

    def offsets(self, z: Sequence[torch.Tensor], no: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Carrier offset [B] in Hz and delay [B] in samples of pilots `z`, as `noise_power` takes them, in noise `no`.

        Delays that are likely whatever the phases of the symbols are tried again with every carrier offset.
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
        """[B, K, M], a row for each known symbol; the squared norm of their sum over `no` is the log-likelihood."""
        seen = torch.cat([pilots @ basis.conj() for pilots, basis in zip(z, self._bases, strict=True)], dim=3)
        weight = (self._energy + no[:, None, None]).rsqrt()
        rows: torch.Tensor = (seen * weight[:, None, :, None]).permute(0, 3, 1, 2, 4).flatten(2)
        return rows
