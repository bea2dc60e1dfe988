"""Multipath channels on samples: paths at fractional delays as taps, and taps that change during a message."""

import torch
from scipy.fft import next_fast_len

HALF_WIDTH = 16
"""Taps of the interpolating filter on either side of a path."""
_KAISER_BETA = 8.0
"""Shape of the Kaiser window of the interpolating filter."""


def interpolation_kernel(offset: torch.Tensor) -> torch.Tensor:
    """Return a Kaiser-windowed sinc, float64, at `offset` samples from its middle; it is zero from `HALF_WIDTH` on.

    Below 0.85 of the band, a fractional delay made with this kernel is right within -60 dB.
    """
    inside = (1 - (offset / HALF_WIDTH).square()).clamp_min(0)
    window = torch.special.i0(_KAISER_BETA * inside.sqrt()) / torch.special.i0(torch.tensor(_KAISER_BETA))
    kernel: torch.Tensor = torch.sinc(offset) * window * (inside > 0)
    return kernel


def multipath_taps(coefficients: torch.Tensor, delays: torch.Tensor, sample_rate: float) -> torch.Tensor:
    """Return the taps [..., L, n] of paths [..., L, P] at `delays` [..., P] seconds, late by `HALF_WIDTH` samples."""
    middles = delays.double() * sample_rate + HALF_WIDTH
    taps: torch.Tensor = coefficients @ _kernels(middles).to(coefficients)
    return taps


def moving_taps(coefficients: torch.Tensor, delays: torch.Tensor) -> torch.Tensor:
    """Return the taps [B, ..., K, n], at K instants, of paths [B, ..., P, K] at `delays` [B or 1, K, P] samples.

    A path peaks at its delay; what its kernel would have before the first tap is cut off.
    """
    return torch.einsum("b...pk,bkpn->b...kn", coefficients, _kernels(delays).to(coefficients))


def _kernels(delays: torch.Tensor) -> torch.Tensor:
    """Return the interpolation kernel [..., n] float64 around each of `delays` [...] samples."""
    n = torch.arange(int(delays.max()) + HALF_WIDTH + 1, dtype=torch.float64)
    return interpolation_kernel(n - delays.double()[..., None])


def convolve_moving(samples: torch.Tensor, taps: torch.Tensor, block: int) -> torch.Tensor:
    """Filter `samples` [B, T, n] with taps that change and add up the T antennas.

    Output sample m sees the linear interpolation between the taps at samples 0, block, 2 block, …, by overlap-save.

    Args:
        samples: transmitted samples, complex64.
        taps: [B, R, T, K, taps] complex64 at K instants; taps of a single instant stay as they are.
        block: samples from one instant to the next; K - 1 blocks reach the end of the output.

    Returns:
        [B, R, n + taps - 1] complex64.
    """
    overlap = taps.shape[-1] - 1
    length = samples.shape[-1] + overlap
    blocks = max(1, taps.shape[-2] - 1)
    if taps.shape[-2] == 1:
        block = length
    padded = torch.nn.functional.pad(samples, (overlap, blocks * block - samples.shape[-1]))
    size = next_fast_len(block + overlap)
    spectrum = torch.fft.fft(padded.unfold(-1, block + overlap, block), size)[:, None]
    response = torch.fft.fft(taps, size)
    kept = slice(overlap, overlap + block)
    received: torch.Tensor = torch.fft.ifft((response[..., :blocks, :] * spectrum).sum(2))[..., kept]
    if taps.shape[-2] > 1:
        change = torch.fft.ifft((response.diff(dim=-2) * spectrum).sum(2))[..., kept]
        received = received + change * (torch.arange(block, device=samples.device) / block)
    return received.flatten(-2)[..., :length]
