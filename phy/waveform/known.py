"""Known symbols on adjacent subcarriers: what the receiver compares with what it hears."""

from collections.abc import Sequence

import torch

from taskwave.phy.channel.model import ChannelModel
from taskwave.phy.pilots import least_squares
from taskwave.phy.waveform.ofdm import OfdmModem
from taskwave.phy.waveform.synchronization import DelaySearch


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
