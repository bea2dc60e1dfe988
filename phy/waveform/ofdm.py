"""The OFDM modem: turns grids into complex baseband and back (TS 38.211 clause 5.3.1, normal cyclic prefix)."""

import math

import torch

from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.grid.allocation import NUM_SUBCARRIERS_PER_PRB

_OCCUPANCY = 0.85
"""Largest share of the FFT that subcarriers may fill; the rest is the transition band of resamplers and filters."""
_SMALLEST_FFT = 128
"""Smallest size of the FFT."""
_PREFIX = 144 / 2048
"""Length of the cyclic prefix over the size of the FFT."""


class OfdmModem:
    """Modulates and demodulates OFDM with unitary transforms.

    An RE of energy one becomes samples of energy one in all, and white noise keeps its variance. Every symbol has the
    same prefix: the 16 / 2048 that NR adds once in half a millisecond are left out.

    Args:
        num_subcarriers: number of subcarriers of the carrier, whose centre is frequency zero.
        subcarrier_spacing_hz: distance between subcarriers [Hz].
    """

    def __init__(self, num_subcarriers: int, subcarrier_spacing_hz: float) -> None:
        self.subcarrier_spacing_hz = subcarrier_spacing_hz
        self.fft_size = max(_SMALLEST_FFT, 1 << math.ceil(math.log2(num_subcarriers / _OCCUPANCY)))
        """Size of the FFT, a power of two."""
        self.prefix = round(_PREFIX * self.fft_size)
        """Samples of the cyclic prefix."""
        self._lowest = -(num_subcarriers // 2)

    @property
    def sample_rate(self) -> float:
        """Sample rate of the baseband, samples per second."""
        return self.fft_size * self.subcarrier_spacing_hz

    @property
    def symbol_length(self) -> int:
        """Samples of an OFDM symbol with its prefix."""
        return self.fft_size + self.prefix

    @property
    def advance(self) -> int:
        """Samples by which FFT windows start inside the prefix, so that a late estimate of the start does no harm."""
        return self.prefix // 4

    def bins(self, num_subcarriers: int) -> torch.Tensor:
        """Return the FFT bins [num_subcarriers] int64 of the lowest `num_subcarriers` subcarriers of the carrier."""
        return (torch.arange(num_subcarriers) + self._lowest) % self.fft_size

    def modulate(self, grid: torch.Tensor) -> torch.Tensor:
        """Return the samples [..., S * symbol_length] of a grid [..., S, F], both complex64."""
        spectrum = grid.new_zeros(*grid.shape[:-1], self.fft_size)
        spectrum[..., self.bins(grid.shape[-1])] = grid
        body = torch.fft.ifft(spectrum, norm="ortho")
        return torch.cat((body[..., -self.prefix :], body), dim=-1).flatten(-2)

    def demodulate(self, samples: torch.Tensor, start: torch.Tensor, symbols: torch.Tensor, width: int) -> torch.Tensor:
        """Return the grid [B, R, S, width] complex64 of `samples` [B, R, n].

        Args:
            samples: received samples, complex64; zeros are taken where a window leaves them.
            start: [B] int64, sample at which the body (after the prefix) of OFDM symbol 0 starts.
            symbols: [S] int64, OFDM symbols to demodulate, counted from symbol 0.
            width: number of subcarriers of the grid, the lowest ones of the carrier.
        """
        first = (start[:, None] + symbols * self.symbol_length - self.advance).to(samples.device)
        index = first[..., None] + torch.arange(self.fft_size, device=samples.device)
        inside = (index >= 0) & (index < samples.shape[-1])
        index = index.clamp(0, samples.shape[-1] - 1)
        batch, antennas = samples.shape[:2]
        windows = samples.gather(2, index.flatten(1)[:, None].expand(-1, antennas, -1))
        windows = windows.view(batch, antennas, *index.shape[1:]) * inside[:, None]
        spectrum: torch.Tensor = torch.fft.fft(windows, norm="ortho")[..., self.bins(width)]
        return spectrum * self.ramp(torch.tensor([float(self.advance)], device=samples.device), width)

    def ramp(self, delay: torch.Tensor, width: int) -> torch.Tensor:
        """Return phases [B, 1, 1, width] complex that undo a delay of `delay` [B] samples (fractions allowed)."""
        subcarriers = torch.arange(width, device=delay.device) + self._lowest
        phase = 2 * torch.pi * subcarriers * delay[:, None, None, None] / self.fft_size
        return torch.polar(torch.ones_like(phase), phase)


def carrier_modem(config: RadioConfig) -> OfdmModem:
    """Return the modem of the whole carrier of a radio."""
    return OfdmModem(NUM_SUBCARRIERS_PER_PRB * config.max_prb, config.subcarrier_spacing_khz * 1e3)
