"""Peak-to-average power ratio of OFDM symbols."""

import torch

from taskwave.phy.impairments.transmitter import OVERSAMPLING


def papr_db(grid: torch.Tensor) -> torch.Tensor:
    """Peak power of every OFDM symbol over the mean power of all of them [dB].

    The peak is that of the continuous signal, from four samples for each subcarrier (Tellambura 2001). The mean is that
    of the whole grid, since back-off refers to it: symbols of analog latents differ in energy.

    Args:
        grid: [..., S, F] complex64, of symbols that one amplifier sends.

    Returns:
        [..., S] float32.
    """
    length = OVERSAMPLING * grid.shape[-1]
    power = torch.fft.ifft(grid, length, norm="forward").abs().square()
    peak: torch.Tensor = 10 * torch.log10(power.amax(-1) / power.mean())
    return peak


def exceedance(values: torch.Tensor, levels: torch.Tensor) -> torch.Tensor:
    """Complementary cumulative distribution (CCDF): share of `values` above each of `levels` [K], as float32 [K]."""
    ordered = values.flatten().sort().values
    return 1 - torch.searchsorted(ordered, levels, right=True) / len(ordered)
