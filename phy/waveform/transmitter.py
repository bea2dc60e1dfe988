"""From the samples of an antenna to what its amplifier radiates, and the peaks it meets. Differentiable."""

import math
from collections.abc import Callable

import torch
from scipy.fft import next_fast_len

from taskwave.phy.config.hardware import AmplifierConfig, ImpairmentsConfig

OVERSAMPLING = 4
"""Of clipping and amplifier: their distortion is several times as wide as the signal and must not fold back."""

# Saleh 1981, table 1 (measurements of Berman and Mahle), at amplitudes whose unit is that of the table.
_SALEH_AMPLITUDE = (2.1587, 1.1517)
_SALEH_PHASE = (4.0033, 9.1040)
_BUSSGANG_LEVELS, _BUSSGANG_PHASES = 1 << 14, 8
_TINY = 1e-12

Nonlinearity = Callable[[torch.Tensor], torch.Tensor]
"""Samples in, samples out, of any shape."""


def clip_envelope(x: torch.Tensor, level: float) -> torch.Tensor:
    """`x` with amplitudes of at most `level`, phases as they are (soft envelope limiter). Subgradient at the limit."""
    return x * (level / x.abs().clamp_min(level))


def iq_imbalance(x: torch.Tensor, gain_db: float, phase_deg: float) -> torch.Tensor:
    """mu x + nu conj(x) with mu, nu = (g e^(j phi) ± 1) / 2: the in-phase branch has the gain g and the angle phi.

    The image is |mu / nu|^2 = (1 + 2 g cos phi + g^2) / (1 - 2 g cos phi + g^2) below the signal. As GNU Radio's
    `iqbal_gen`.
    """
    branch = 10 ** (gain_db / 20) * complex(math.cos(math.radians(phase_deg)), math.sin(math.radians(phase_deg)))
    return (branch + 1) / 2 * x + (branch - 1) / 2 * x.conj()


def amplify(x: torch.Tensor, amplifier: AmplifierConfig, saturation: float) -> torch.Tensor:
    """`x` through a power amplifier whose input saturates at amplitude `saturation`; its gain for small signals is one.

    For r = |x| / saturation: Rapp 1991 r / (1 + r^2p)^(1/2p); Saleh 1981 r / (1 + r^2) turned by alpha r^2 / (beta_a +
    beta_p r^2), less the angle at r = 0, which is none; cubic r - r^3 / 3 up to one.
    """
    if amplifier.model == "cubic":
        x = clip_envelope(x, saturation)
    power = (x.real.square() + x.imag.square()) / saturation**2
    if amplifier.model == "cubic":
        return x * (1 - power / 3)
    if amplifier.model == "rapp":
        p, largest = amplifier.rapp_smoothness, power.clamp_min(1)
        # Scaled by the larger term, which leaves what is raised to the power p at one or below.
        return x * (largest**-p + (power.clamp_min(_TINY) / largest) ** p) ** (-0.5 / p) / largest.sqrt()
    beta = _SALEH_AMPLITUDE[1]
    angle = _SALEH_PHASE[0] * power / (beta + _SALEH_PHASE[1] * power)
    return x * torch.polar(1 / (1 + power), angle)


def bussgang_gain(nonlinearity: Nonlinearity, power: float) -> complex:
    """E[conj(x) y] / E[|x|^2] of y = nonlinearity(x) for complex Gaussian x of this power (Bussgang 1952).

    The linear part of y; the rest is uncorrelated with x.
    """
    share = (torch.arange(_BUSSGANG_LEVELS, dtype=torch.float64) + 0.5) / _BUSSGANG_LEVELS
    amplitude = (-power * torch.log1p(-share)).sqrt()
    turn = torch.arange(_BUSSGANG_PHASES, dtype=torch.float64) * (2 * torch.pi / _BUSSGANG_PHASES)
    x = torch.polar(amplitude[:, None].expand(-1, _BUSSGANG_PHASES), turn.expand(_BUSSGANG_LEVELS, -1))
    y = nonlinearity(x)
    return complex((x.conj() * y).sum() / x.abs().square().sum())


def upsample(x: torch.Tensor, factor: int) -> torch.Tensor:
    """Band-limited interpolation [..., factor size] of `x` [..., n] with silence behind it, size > n; periodic."""
    size = next_fast_len(x.shape[-1] + 1)
    middle = (size + 1) // 2
    spectrum = torch.fft.fft(x, size)
    zeros = spectrum.new_zeros(*x.shape[:-1], (factor - 1) * size)
    fine: torch.Tensor = torch.fft.ifft(torch.cat((spectrum[..., :middle], zeros, spectrum[..., middle:]), dim=-1))
    return factor * fine


def downsample(x: torch.Tensor, factor: int) -> torch.Tensor:
    """Every `factor`-th sample [..., n] of what an ideal low-pass filter leaves of periodic `x` [..., factor n]."""
    size = x.shape[-1] // factor
    middle = (size + 1) // 2
    spectrum = torch.fft.fft(x)
    coarse: torch.Tensor = torch.fft.ifft(torch.cat((spectrum[..., :middle], spectrum[..., middle - size :]), dim=-1))
    return coarse / factor


class Transmitter:
    """One transmit chain for every antenna: envelope clipping, mixer, amplifier.

    What comes out is scaled by one constant, the Bussgang gain, so that the symbols' share of it keeps its energy:
    `es_n0_db` means what it means without impairments, and distortion and images come on top, as noise does.

    Args:
        impairments: of the hardware.
        power: mean |x|^2 of the samples of an antenna, to which clipping and back-off refer.
    """

    def __init__(self, impairments: ImpairmentsConfig, power: float) -> None:
        self._table, self._power = impairments, power
        self._gain = bussgang_gain(self._shape, power)

    @property
    def _nonlinear(self) -> bool:
        return self._table.amplifier is not None or self._table.clipping_db is not None

    def _shape(self, x: torch.Tensor) -> torch.Tensor:
        table = self._table
        if table.clipping_db is not None:
            x = clip_envelope(x, math.sqrt(self._power * 10 ** (table.clipping_db / 10)))
        if table.iq_gain_db or table.iq_phase_deg:
            x = iq_imbalance(x, table.iq_gain_db, table.iq_phase_deg)
        if table.amplifier is not None:
            saturation = math.sqrt(self._power * 10 ** (table.amplifier.input_backoff_db / 10))
            x = amplify(x, table.amplifier, saturation)
        return x

    def radiate(self, samples: torch.Tensor) -> torch.Tensor:
        """What the antennas send of `samples` [..., n] complex64 before any filter, as `upsample` returns it."""
        return self._shape(upsample(samples, OVERSAMPLING)) / self._gain

    def send(self, samples: torch.Tensor) -> torch.Tensor:
        """What the antennas send of `samples` [..., n] complex64 within the band of the samples."""
        if self._nonlinear:
            return downsample(self.radiate(samples), OVERSAMPLING)[..., : samples.shape[-1]]
        return self._shape(samples) / self._gain


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
