"""Transmit chain of an antenna: envelope clipping, IQ imbalance and power amplifier, all differentiable.

Also the peaks of OFDM symbols that clipping and amplifier meet: PAPR and its distribution.
"""

import math
from collections.abc import Callable

import torch
from scipy.fft import next_fast_len

from taskwave.phy.config.hardware import AmplifierConfig, ImpairmentsConfig

OVERSAMPLING = 4
"""Oversampling of clipping and amplifier: distortion is several times as wide as the signal and must not fold back."""

_SALEH_BETA_A = 1.1517
"""Saleh's beta_a of amplitudes, in the units of his table (Saleh 1981, table 1, measurements of Berman and Mahle)."""
_SALEH_ALPHA_P, _SALEH_BETA_P = 4.0033, 9.1040
"""Saleh's alpha_p and beta_p of phases, from the same table, in its units."""
_BUSSGANG_LEVELS = 1 << 14
"""Amplitudes over which the Bussgang gain is averaged, at equal steps of probability."""
_BUSSGANG_PHASES = 8
"""Phases, for each amplitude, over which the Bussgang gain is averaged."""
_TINY = 1e-12
"""Least relative power in Rapp's curve, whose derivative is not finite at zero for p below one."""


def clip_envelope(x: torch.Tensor, level: float) -> torch.Tensor:
    """Limit the amplitudes of `x` to `level` and keep the phases (soft envelope limiter).

    The gradient at the limit is a subgradient.
    """
    return x * (level / x.abs().clamp_min(level))


def iq_imbalance(x: torch.Tensor, gain_db: float, phase_deg: float) -> torch.Tensor:
    """Return mu x + nu conj(x) with mu, nu = (g e^(j phi) ± 1) / 2: gain g and angle phi in the in-phase branch.

    The mirror image is |mu / nu|^2 = (1 + 2 g cos phi + g^2) / (1 - 2 g cos phi + g^2) below the signal. GNU Radio's
    `iqbal_gen` does the same.

    Args:
        x: samples of any shape, complex.
        gain_db: gain g of the in-phase over the quadrature branch [dB].
        phase_deg: departure phi from quadrature [degrees].
    """
    branch = 10 ** (gain_db / 20) * complex(math.cos(math.radians(phase_deg)), math.sin(math.radians(phase_deg)))
    return (branch + 1) / 2 * x + (branch - 1) / 2 * x.conj()


def amplify(x: torch.Tensor, amplifier: AmplifierConfig, saturation: float) -> torch.Tensor:
    """Amplify `x` with a gain for small signals of one and an input that saturates at the amplitude `saturation`.

    The output is, for r = |x| / saturation: Rapp 1991 r / (1 + r^2p)^(1/2p); Saleh 1981 r / (1 + r^2), turned by
    alpha_p r^2 / (beta_a + beta_p r^2), which is zero at r = 0; cubic r - r^3 / 3 up to r = 1.
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
    angle = _SALEH_ALPHA_P * power / (_SALEH_BETA_A + _SALEH_BETA_P * power)
    return x * torch.polar(1 / (1 + power), angle)


def bussgang_gain(nonlinearity: Callable[[torch.Tensor], torch.Tensor], power: float) -> complex:
    """Return E[conj(x) y] / E[|x|^2] of y = nonlinearity(x) for complex Gaussian x (Bussgang 1952).

    This gain times x is the linear part of y; the rest is uncorrelated with x.

    Args:
        nonlinearity: function of samples of any shape, which keeps the shape.
        power: mean |x|^2.
    """
    share = (torch.arange(_BUSSGANG_LEVELS, dtype=torch.float64) + 0.5) / _BUSSGANG_LEVELS
    amplitude = (-power * torch.log1p(-share)).sqrt()
    turn = torch.arange(_BUSSGANG_PHASES, dtype=torch.float64) * (2 * torch.pi / _BUSSGANG_PHASES)
    x = torch.polar(amplitude[:, None].expand(-1, _BUSSGANG_PHASES), turn.expand(_BUSSGANG_LEVELS, -1))
    y = nonlinearity(x)
    return complex((x.conj() * y).sum() / x.abs().square().sum())


def upsample(x: torch.Tensor, factor: int) -> torch.Tensor:
    """Interpolate `x` [..., n], with zeros behind it, within its band.

    Returns:
        [..., factor * size], one period of a periodic signal, with size > n.
    """
    size = next_fast_len(x.shape[-1] + 1)
    middle = (size + 1) // 2
    spectrum = torch.fft.fft(x, size)
    zeros = spectrum.new_zeros(*x.shape[:-1], (factor - 1) * size)
    fine: torch.Tensor = torch.fft.ifft(torch.cat((spectrum[..., :middle], zeros, spectrum[..., middle:]), dim=-1))
    return factor * fine


def downsample(x: torch.Tensor, factor: int) -> torch.Tensor:
    """Return every `factor`-th sample [..., n] of periodic `x` [..., factor * n] behind an ideal low-pass filter."""
    size = x.shape[-1] // factor
    middle = (size + 1) // 2
    spectrum = torch.fft.fft(x)
    coarse: torch.Tensor = torch.fft.ifft(torch.cat((spectrum[..., :middle], spectrum[..., middle - size :]), dim=-1))
    return coarse / factor


class Transmitter:
    """Applies one transmit chain, the same for every antenna: envelope clipping, mixer and amplifier.

    The output is scaled by one constant, the Bussgang gain, so that the part of it that is linear in the symbols keeps
    their energy: `es_n0_db` means what it means without impairments. Distortion and mirror images add to it as noise
    does.

    Args:
        impairments: impairments of the hardware.
        power: mean |x|^2 of the samples of an antenna, to which clipping and back-off refer.
    """

    def __init__(self, impairments: ImpairmentsConfig, power: float) -> None:
        self._table, self._power = impairments, power
        self._gain = bussgang_gain(self._distort, power)

    @property
    def _nonlinear(self) -> bool:
        return self._table.amplifier is not None or self._table.clipping_db is not None

    def _distort(self, x: torch.Tensor) -> torch.Tensor:
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
        """Return what the amplifiers make of `samples` [..., n] complex64 before any filter, as `upsample` has it."""
        return self._distort(upsample(samples, OVERSAMPLING)) / self._gain

    def send(self, samples: torch.Tensor) -> torch.Tensor:
        """Return what the antennas send of `samples` [..., n] complex64 within their band, [..., n] complex64."""
        if self._nonlinear:
            return downsample(self.radiate(samples), OVERSAMPLING)[..., : samples.shape[-1]]
        return self._distort(samples) / self._gain


def papr_db(grid: torch.Tensor) -> torch.Tensor:
    """Return the peak power of every OFDM symbol over the mean power of all of them [dB].

    The peak is that of the continuous signal, from four samples for each subcarrier (Tellambura 2001). The mean is that
    of the whole grid, since back-off refers to it: symbols of analog latents differ in energy.

    Args:
        grid: [..., S, F] complex64, symbols that one amplifier sends.

    Returns:
        [..., S] float32.
    """
    length = OVERSAMPLING * grid.shape[-1]
    power = torch.fft.ifft(grid, length, norm="forward").abs().square()
    peak: torch.Tensor = 10 * torch.log10(power.amax(-1) / power.mean())
    return peak


def exceedance(values: torch.Tensor, levels: torch.Tensor) -> torch.Tensor:
    """Return the share [K] float32 of `values` above each of `levels` [K].

    This is the complementary cumulative distribution function (CCDF) at these levels.
    """
    ordered = values.flatten().sort().values
    return 1 - torch.searchsorted(ordered, levels, right=True) / len(ordered)
