"""Carrier offset and delay of a burst together, from all of its known symbols: maximum likelihood."""

from collections.abc import Sequence

import torch

from taskwave.phy.channel.model import ChannelModel
from taskwave.phy.config import MAX_CARRIER_OFFSET_OVER_SPACING
from taskwave.phy.waveform.known import KnownBlock
from taskwave.phy.waveform.ofdm import OfdmModem
from taskwave.phy.waveform.synchronization import DELAY_STEP, carrier_offset, noise_power, peak

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
