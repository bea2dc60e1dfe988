"""Channel estimation from DMRS by least squares with linear interpolation, or LMMSE (Wiener) with known statistics.

Both work on one allocation. Input `z` [B, rx, layers, D, P] are the least-squares estimates at the P pilot subcarriers
of each layer in the D DMRS symbols, of error variance `no` [B] (or [1]: the same for all; or [B or 1, layers], where
layers differ); layer l's pilots lie on subcarriers l, l + layers, …. Output is `h_hat` [B, rx, layers, S, F] at the S
data symbols (DMRS symbols where there are no data) and all F subcarriers, with the error variance [B or 1, layers, S,
F] float32. True channels have energy one in expectation.
"""

from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import j0

from taskwave.phy.channel.model import ChannelModel
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.grid.allocation import NUM_SYMBOLS_PER_SLOT, Allocation

_NEGLIGIBLE = 1e-9
"""Share of the channel energy below which an eigendirection of the covariance is left out."""

Estimate = tuple[torch.Tensor, torch.Tensor]
"""Channel `h_hat` and its error variance."""


class ChannelEstimator(Protocol):
    """Estimates the channel of one allocation; the module's docstring holds the shapes."""

    def estimate(self, z: torch.Tensor, no: torch.Tensor) -> Estimate:
        """Return channel and error variance at the data REs."""
        ...


def _linear_weights(targets: npt.NDArray[np.int64], known: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return weights [targets, known] of linear inter- and extrapolation (constant if only one point is known)."""
    weights = np.zeros((len(targets), len(known)))
    if len(known) == 1:
        weights[:, 0] = 1.0
        return weights
    left = np.clip(np.searchsorted(known, targets, side="left") - 1, 0, len(known) - 2)
    share = (targets - known[left]) / (known[left + 1] - known[left])
    rows = np.arange(len(targets))
    weights[rows, left] = 1.0 - share
    weights[rows, left + 1] = share
    return weights


def _pilot_subcarriers(allocation: Allocation, layer: int) -> npt.NDArray[np.int64]:
    """Return the subcarriers of a layer's pilots, [P]."""
    return np.array(allocation.pilot_subcarriers(layer))


def _wanted_symbols(allocation: Allocation) -> npt.NDArray[np.int64]:
    """Return the OFDM symbols at which the channel is estimated: of data, or of pilots where there are no data."""
    return np.array(allocation.data_ofdm_symbols or allocation.dmrs)


class LinearInterpolator:
    """Interpolates least-squares estimates linearly over subcarriers, then over symbols.

    The error variance is that of the interpolated noise; the interpolation error itself is unknown to this estimator.

    Args:
        allocation: REs of pilots and data.
    """

    def __init__(self, allocation: Allocation) -> None:
        every = np.arange(allocation.num_subcarriers)
        frequency = [_linear_weights(every, _pilot_subcarriers(allocation, i)) for i in range(allocation.num_layers)]
        time = _linear_weights(_wanted_symbols(allocation), np.array(allocation.dmrs))
        self._frequency = torch.tensor(np.stack(frequency), dtype=torch.complex64)
        self._time = torch.tensor(time, dtype=torch.complex64)
        noise = np.sum(time**2, axis=-1)[None, :, None] * np.sum(np.stack(frequency) ** 2, axis=-1)[:, None, :]
        self._noise_gain = torch.tensor(noise, dtype=torch.float32)

    def estimate(self, z: torch.Tensor, no: torch.Tensor) -> Estimate:
        """Implement `ChannelEstimator.estimate`."""
        h_hat = self._time.to(z.device) @ (z @ self._frequency.to(z.device).transpose(-1, -2))
        return h_hat, no.reshape(len(no), -1, 1, 1) * self._noise_gain.to(z.device)


class WienerInterpolator:
    """Estimates by LMMSE over subcarriers and symbols jointly (Hoeher, Kaiser, Robertson 1997, not truncated).

    The covariance is that of the power-delay profile in frequency times Jakes' J0 in time; its Kronecker eigenbasis
    makes the exact two-dimensional filter as cheap as two one-dimensional ones.

    Args:
        allocation: REs of pilots and data.
        delays: [paths] path delays [s].
        powers: [paths] mean path powers, of sum one.
        subcarrier_spacing_hz: subcarrier spacing of the grid [Hz].
        doppler_per_symbol: largest Doppler shift times the duration of an OFDM symbol.
    """

    def __init__(
        self,
        allocation: Allocation,
        delays: torch.Tensor,
        powers: torch.Tensor,
        subcarrier_spacing_hz: float,
        doppler_per_symbol: float,
    ) -> None:
        tau, power = delays.double().numpy(), powers.double().numpy()

        def response(subcarriers: npt.NDArray[np.int64]) -> npt.NDArray[np.complex128]:
            # The covariance in frequency is response @ response^H.
            phase = -2j * np.pi * subcarrier_spacing_hz * np.outer(subcarriers, tau)
            return np.asarray(np.exp(phase) * np.sqrt(power))

        every = response(np.arange(allocation.num_subcarriers))
        basis_f, gain_f = [], []
        for layer in range(allocation.num_layers):
            pilots = response(_pilot_subcarriers(allocation, layer))
            u, s, vh = np.linalg.svd(pilots, full_matrices=False)
            keep = s**2 > _NEGLIGIBLE * np.sum(s**2)
            # All layers have the same number of eigendirections; zeros fill up.
            basis_f.append(u * keep)
            gain_f.append((every @ vh.conj().T) * (s * keep))
            lambda_f = s**2 * keep  # It is the same for all layers, as shifting the comb only rotates phases.
        dmrs, data = np.array(allocation.dmrs), _wanted_symbols(allocation)

        def correlation(rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
            return np.asarray(j0(2 * np.pi * doppler_per_symbol * (rows[:, None] - dmrs[None, :])))

        lambda_t, basis_t = np.linalg.eigh(correlation(dmrs))
        gain_t = correlation(data) @ basis_t
        self._spread = torch.tensor(np.outer(lambda_t, lambda_f))
        self._energy_t, self._energy_f = torch.tensor(gain_t**2), torch.tensor(np.abs(np.stack(gain_f)) ** 2)
        self._basis_t, self._gain_t = (torch.tensor(m, dtype=torch.complex64) for m in (basis_t, gain_t))
        self._basis_f, self._gain_f = (torch.tensor(np.stack(m), dtype=torch.complex64) for m in (basis_f, gain_f))

    def estimate(self, z: torch.Tensor, no: torch.Tensor) -> Estimate:
        """Implement `ChannelEstimator.estimate`."""
        # [B or 1, layers or 1, D, J] in double precision, as 1 - explained is small.
        shrink = 1.0 / (self._spread + no.double().cpu().reshape(len(no), -1, 1, 1))
        basis_t, gain_t, basis_f, gain_f = (
            m.to(z.device) for m in (self._basis_t, self._gain_t, self._basis_f, self._gain_f)
        )
        seen = basis_t.mH @ (z @ basis_f.conj()) * shrink.to(z.real)[:, None]
        h_hat = gain_t @ (seen @ gain_f.transpose(-1, -2))
        explained = self._energy_t @ shrink @ self._energy_f.transpose(-1, -2)
        return h_hat, (1.0 - explained).clamp(0.0, 1.0).to(z.real)


def doppler_per_symbol(config: RadioConfig, channel: ChannelModel) -> float:
    """Return the largest Doppler shift times the duration of an OFDM symbol."""
    return channel.doppler_hz * config.slot_seconds / NUM_SYMBOLS_PER_SLOT


def channel_estimator(
    config: RadioConfig, channel: ChannelModel, allocation: Allocation
) -> LinearInterpolator | WienerInterpolator | None:
    """Make the estimator of a receiver for `allocation`; None where it knows the channel."""
    if config.csi in {"ls", "neural"}:
        return LinearInterpolator(allocation)
    if config.csi == "lmmse":
        return WienerInterpolator(
            allocation,
            channel.delays,
            channel.powers,
            config.subcarrier_spacing_khz * 1e3,
            doppler_per_symbol(config, channel),
        )
    return None
