"""Estimators of synchronisation: start of a burst, carrier offset, variance of the noise, and delay of the channel.

Shapes: B bursts, R receive antennas, L layers, K OFDM symbols with known REs, P known REs of a layer in each. `z`
[B, R, L, K, P] are received pilots divided by sent ones, zeros where a symbol has fewer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import gammainccinv

from taskwave.phy.channel.model import ChannelModel
from taskwave.phy.waveform.ofdm import OfdmModem

FALSE_ALARM = 1e-3
"""Probability that noise alone passes for a burst somewhere in a window of samples."""
DELAY_STEP = 0.5
"""Distance between the delays that are tried, in samples; a parabola finds the peak between them."""
_NEGLIGIBLE = 1e-6
"""Share of the channel's energy below which an eigendirection of the profile is left out."""
_LEAST_NOISE = 1e-9
"""Least variance of noise that is reported."""


@dataclass(frozen=True)
class Part:
    """Describes a known piece of a burst that is so narrow and short that the channel hardly changes over it."""

    template: torch.Tensor
    """Samples of the piece as each layer sends it, [L, N] complex64, of unit energy."""
    shift: int
    """Samples from the start of the burst to the start of the piece."""


@dataclass(frozen=True)
class Detection:
    """Holds whether and where a burst was detected, for each row of samples."""

    found: torch.Tensor
    """Whether the burst was found, [B] bool."""
    start: torch.Tensor
    """Most likely start of the burst, found or not, [B] int64, in samples."""


def detect(samples: torch.Tensor, parts: Sequence[Part]) -> Detection:
    """Detect a burst with matched filters for its known parts, normalised by the power around them (CFAR).

    Noise alone gives a sum of R L exponentials of mean one for each part, at each of the lags; the threshold is such
    that all lags together pass it with a probability of at most `FALSE_ALARM`. Phases of layers, antennas and parts do
    not matter.

    Args:
        samples: received samples [B, R, n] complex64.
        parts: known parts of the burst, which do not overlap in time and frequency at once.

    Raises:
        ValueError: the samples are shorter than a burst.
    """
    total = samples.shape[-1]
    length = max(part.shift + part.template.shape[-1] for part in parts)
    lags = total - length + 1
    if lags < 1:
        raise ValueError(f"{total} samples cannot hold a burst of {length}: listen longer.")
    size = 1 << (total - 1).bit_length()
    spectrum = torch.fft.fft(samples, size)[:, :, None]
    energy = torch.nn.functional.pad(samples.abs().square().mean(1).double().cumsum(-1), (1, 0))
    matched, level = torch.zeros(()), torch.zeros(())
    for part in parts:
        width, kept = part.template.shape[-1], slice(part.shift, part.shift + lags)
        product = spectrum * torch.fft.fft(part.template, size).conj()
        matched = matched + torch.fft.ifft(product)[..., kept].abs().square().sum(dim=(1, 2))
        level = level + ((energy[:, width:] - energy[:, :-width]) / width)[:, kept].to(matched) / len(parts)
    best, start = (matched / level.clamp_min(torch.finfo(level.dtype).tiny)).max(dim=-1)
    layers = len(parts[0].template)
    threshold = gammainccinv(len(parts) * samples.shape[1] * layers, FALSE_ALARM / lags)
    return Detection(best > threshold, start)


def carrier_offset(
    rows: torch.Tensor, symbols: torch.Tensor, symbol_s: float, limit_hz: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Estimate the carrier offset by maximum likelihood, for a channel that does not change.

    The squared norm of the sum of rows, each turned back, is the Fourier transform of the correlation between them,
    summed by their distance in time.

    Args:
        rows: [B, K, M] complex64, coefficients of the channel as each known symbol shows them (see `Acquisition`).
        symbols: [K] int64, the OFDM symbols that the rows are from.
        symbol_s: duration of an OFDM symbol [s].
        limit_hz: largest offset that is tried, either way [Hz], less than half a turn in a symbol.

    Returns:
        Carrier offset [B] in Hz, within `limit_hz` of zero, and its log-likelihood [B], up to a factor.
    """
    correlation = rows @ rows.mH
    lags = symbols[:, None] - symbols[None, :]
    later = lags > 0
    by_lag = correlation.new_zeros(len(rows), int(lags.max()) + 1)
    by_lag.index_add_(1, lags[later], correlation[:, later])
    by_lag[:, 0] += correlation.diagonal(dim1=1, dim2=2).sum(-1) / 2
    size = 1 << (16 * by_lag.shape[1] - 1).bit_length()
    step = 1 / (size * symbol_s)
    reach = int(np.ceil(limit_hz / step))
    spectrum = torch.fft.fft(by_lag, size).real
    near = torch.cat((spectrum[:, -reach:], spectrum[:, : reach + 1]), dim=1)
    return step * (peak(near) - reach), 2 * near.max(dim=1).values


def noise_power(z: Sequence[torch.Tensor], excess: Sequence[float]) -> torch.Tensor:
    """Estimate the noise variance [B] from second differences over subcarriers, which a smooth channel hardly has.

    Args:
        z: pilots [B, R, L, K, P] of each block, without filling zeros.
        excess: mean contribution of the channel itself, for each block.
    """
    raw, known, count = torch.zeros(()), 0.0, 0
    for pilots, channel in zip(z, excess, strict=True):
        bend = pilots[..., :-2] - 2 * pilots[..., 1:-1] + pilots[..., 2:]
        raw = raw + bend.abs().square().flatten(1).sum(1) / 6
        known, count = known + channel * bend[0].numel(), count + bend[0].numel()
    count = max(count, 1)  # Two pilots have no second difference, so that nothing is counted.
    raw = raw / count
    return torch.maximum(raw - known / count, raw / 4).clamp_min(_LEAST_NOISE)


class DelaySearch:
    """Finds the maximum-likelihood delay of a channel of known power-delay profile, from the pilots of one block.

    Delays are tried up to the advance of the modem's FFT windows, early or late.

    Args:
        subcarriers: subcarriers [L, P] int64 of the pilots of each layer.
        modem: OFDM modem of the carrier.
        channel: channel model whose power-delay profile the receiver expects.
    """

    def __init__(self, subcarriers: torch.Tensor, modem: OfdmModem, channel: ChannelModel) -> None:
        steps = round(modem.advance / DELAY_STEP)
        self._first = -steps * DELAY_STEP
        tried = torch.arange(-steps, steps + 1, dtype=torch.float64) * DELAY_STEP * (1 / modem.sample_rate)
        frequencies = subcarriers.double() * modem.subcarrier_spacing_hz

        def rotation(tau: torch.Tensor) -> torch.Tensor:
            phase = -2 * torch.pi * frequencies[..., None] * tau
            return torch.polar(torch.ones_like(phase), phase)

        profile = rotation(channel.delays.double()) * channel.powers.double().sqrt()
        u, s, _ = torch.linalg.svd(profile, full_matrices=False)
        self._lambda = s[0].square()
        keep = self._lambda > _NEGLIGIBLE * self._lambda.sum()
        self._lambda = self._lambda[keep].float()
        # Shape [L, P, G * J]: the J eigenvectors of the profile at each of the G delays that are tried.
        self._basis = (rotation(tried)[..., None] * u[..., None, keep]).flatten(2).to(torch.complex64)

    def likelihood(self, z: torch.Tensor, no: torch.Tensor) -> torch.Tensor:
        """Return the log-likelihood [B, G] of the G delays that are tried, up to a constant.

        Args:
            z: pilots of the block, [B, R, L, K, P] complex64.
            no: variance of the noise, [B].
        """
        seen = (z @ self._basis.conj()).abs().square().sum(dim=(1, 2, 3)).unflatten(-1, (-1, len(self._lambda)))
        weight = self._lambda / (self._lambda + no[:, None]) / no[:, None]
        total: torch.Tensor = (seen * weight[:, None]).sum(-1)
        return total

    def best(self, likelihood: torch.Tensor) -> torch.Tensor:
        """Return the delay [B] in samples at which a sum of log-likelihoods [B, G] peaks."""
        delay: torch.Tensor = DELAY_STEP * peak(likelihood) + self._first
        return delay


def peak(values: torch.Tensor) -> torch.Tensor:
    """Return the position [B], with its fraction, at which `values` [B, G] are largest, also between their samples.

    Parabolas go through every three neighbours, since of several peaks of almost the same height the samples alone may
    miss the highest.
    """
    left, middle, right = values[:, :-2], values[:, 1:-1], values[:, 2:]
    bend = (left - 2 * middle + right).clamp_max(-torch.finfo(values.dtype).tiny)
    fraction = ((left - right) / bend / 2).clamp(-0.5, 0.5)
    height = middle + (right - left) / 2 * fraction + bend / 2 * fraction.square()
    top = height.argmax(dim=-1, keepdim=True)
    return (top + 1 + fraction.gather(1, top))[:, 0]
