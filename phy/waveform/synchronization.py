"""Where a burst starts, how far its carrier is off, how late its first path is, and how strong the noise is.

Shapes: B bursts, R receive antennas, L layers, K OFDM symbols with known REs, P known REs of a layer in each. `z`
[B, R, L, K, P] are received pilots divided by sent ones, zeros where a symbol has fewer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import gamma

FALSE_ALARM = 1e-3
"""Chance that noise alone passes for a burst somewhere in a window."""

DELAY_STEP = 0.5
"""Samples between delays that are tried; a parabola finds the peak between them."""


@dataclass(frozen=True)
class Part:
    """A piece of a burst that is known and over which a channel hardly changes."""

    template: torch.Tensor
    """[L, N] complex64, as each layer sends it, of unit energy."""
    shift: int
    """Samples from the start of the burst to its own."""


@dataclass(frozen=True)
class Detection:
    """Of one burst in each row of samples."""

    found: torch.Tensor
    """[B] bool."""
    start: torch.Tensor
    """[B] int64, most likely start, found or not."""


def detect(samples: torch.Tensor, parts: Sequence[Part]) -> Detection:
    """Matched filters for the known parts of a burst, normalised by the power around them (CFAR).

    Noise alone gives a sum of R L exponentials of mean one for each part, at each of the lags; the threshold is such
    that all lags together pass it with a chance of at most `FALSE_ALARM`. Phases of layers, antennas and parts do not
    matter.

    Args:
        samples: [B, R, n] complex64.
        parts: that do not overlap in time and frequency at once.

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
    threshold = gamma.isf(FALSE_ALARM / lags, len(parts) * samples.shape[1] * layers)
    return Detection(best > threshold, start)


def carrier_offset(
    rows: torch.Tensor, symbols: torch.Tensor, symbol_s: float, limit_hz: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Carrier offset [B] in Hz, within `limit_hz` of zero, and how likely it is [B], up to a factor.

    Maximum likelihood for a channel that does not change: the squared norm of the sum of rows, each turned back, is the
    Fourier transform of the correlation between them, summed by their distance.

    Args:
        rows: [B, K, M] complex64, what each known symbol says about the channel (see `Acquisition`).
        symbols: [K] int64, the OFDM symbols they are in.
        symbol_s: duration of one [s].
        limit_hz: largest offset either way, less than half a turn in a symbol.
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
    """Noise variance [B] from second differences over subcarriers, that a smooth channel hardly has.

    Args:
        z: pilots [B, R, L, K, P] of several kinds, without filling zeros.
        excess: for each, what the channel itself contributes in the mean.
    """
    raw, known, count = torch.zeros(()), 0.0, 0
    for pilots, channel in zip(z, excess, strict=True):
        bend = pilots[..., :-2] - 2 * pilots[..., 1:-1] + pilots[..., 2:]
        raw = raw + bend.abs().square().flatten(1).sum(1) / 6
        known, count = known + channel * bend[0].numel(), count + bend[0].numel()
    count = max(count, 1)  # two pilots have no second difference: no noise is seen
    raw = raw / count
    return torch.maximum(raw - known / count, raw / 4).clamp_min(1e-9)


class DelaySearch:
    """Maximum-likelihood delay of a channel of known power-delay profile, from the pilots of one kind of symbol.

    Args:
        subcarriers: [L, P] int64, of the pilots of each layer.
        delays, powers: [paths], of the profile [s]; powers of sum one.
        subcarrier_spacing_hz: of the grid.
        sample_s: duration of a sample [s].
        reach: largest delay that is tried, early or late, in samples.
    """

    def __init__(
        self,
        subcarriers: torch.Tensor,
        delays: torch.Tensor,
        powers: torch.Tensor,
        subcarrier_spacing_hz: float,
        sample_s: float,
        reach: int,
    ) -> None:
        steps = round(reach / DELAY_STEP)
        self._first = -steps * DELAY_STEP
        tried = torch.arange(-steps, steps + 1, dtype=torch.float64) * DELAY_STEP * sample_s
        frequencies = subcarriers.double() * subcarrier_spacing_hz

        def rotation(tau: torch.Tensor) -> torch.Tensor:
            phase = -2 * torch.pi * frequencies[..., None] * tau
            return torch.polar(torch.ones_like(phase), phase)

        u, s, _ = torch.linalg.svd(rotation(delays.double()) * powers.double().sqrt(), full_matrices=False)
        self._lambda = s[0].square()
        keep = self._lambda > 1e-6 * self._lambda.sum()
        self._lambda = self._lambda[keep].float()
        # [L, P, G * J]: the profile's eigenvectors at every delay tried.
        self._basis = (rotation(tried)[..., None] * u[..., None, keep]).flatten(2).to(torch.complex64)

    def likelihood(self, z: torch.Tensor, no: torch.Tensor) -> torch.Tensor:
        """Log-likelihood [B, G] of the delays tried, up to a constant, of pilots [B, R, L, K, P] in noise `no` [B]."""
        seen = (z @ self._basis.conj()).abs().square().sum(dim=(1, 2, 3)).unflatten(-1, (-1, len(self._lambda)))
        weight = self._lambda / (self._lambda + no[:, None]) / no[:, None]
        total: torch.Tensor = (seen * weight[:, None]).sum(-1)
        return total

    def best(self, likelihood: torch.Tensor) -> torch.Tensor:
        """Delay [B] in samples where a sum of likelihoods [B, G] peaks."""
        delay: torch.Tensor = DELAY_STEP * peak(likelihood) + self._first
        return delay


def peak(values: torch.Tensor) -> torch.Tensor:
    """Position [B], with its fraction, where `values` [B, G] are largest between samples, too: parabolas through three.

    Of several peaks of almost the same height a sample may miss the highest.
    """
    left, middle, right = values[:, :-2], values[:, 1:-1], values[:, 2:]
    bend = (left - 2 * middle + right).clamp_max(-torch.finfo(values.dtype).tiny)
    fraction = ((left - right) / bend / 2).clamp(-0.5, 0.5)
    height = middle + (right - left) / 2 * fraction + bend / 2 * fraction.square()
    top = height.argmax(dim=-1, keepdim=True)
    return (top + 1 + fraction.gather(1, top))[:, 0]
