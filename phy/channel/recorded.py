"""The channel model "recorded": stored impulse responses of N channels.

Image b of a draw gets channel p(b mod N), p being a permutation that the seed determines: no channel is used again
before all have been used.
"""

import hashlib
import math
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from taskwave.phy.channel.fading import (
    Cir,
    PowerDelayProfile,
    grid_step_s,
    profile_on_grid,
    sample_interval_s,
    share_beyond,
)
from taskwave.phy.channel.impulse_responses import find, read
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.seeds import generator

_MAX_CHANGE = 0.06
"""Largest change from sample to sample as a share of the energy; linear interpolation then loses 1 % of the energy."""


_LEAST_ENERGY = 1e-12
"""Smallest energy of a channel over the mean of all (-120 dB), with which receivers compute in single precision."""


def _normalised(a: npt.NDArray[np.complexfloating], path: Path, *, each: bool) -> torch.Tensor:
    """Return coefficients of mean energy one over all channels, or in each, as complex64.

    Args:
        a: [N, rx, tx, paths, samples] complex coefficients, none of the channels zero.
        path: file that they are from.
        each: whether each channel is brought to energy one by itself.

    Raises:
        ValueError: not all energies are finite then, or one is too small.
    """
    # Division by the largest number keeps squares from overflow and underflow.
    parts = a.astype(np.complex128).view(np.float64).reshape(len(a), -1)
    largest = np.abs(parts).max(axis=1, keepdims=True) if each else np.abs(parts).max()
    scaled = torch.from_numpy((parts / largest).view(np.complex128).reshape(a.shape))
    energies = scaled.abs().square().sum(dim=3).mean(dim=(1, 2, 3))
    mean = energies[:, None, None, None, None] if each else energies.mean()
    weakest = int(energies.argmin())
    share = float(energies[weakest] / (1 if each else mean))
    if not each and share < _LEAST_ENERGY:
        raise ValueError(
            f"{path}: channel {weakest} of a has {share:.1e} of the mean energy; allowed: {_LEAST_ENERGY:g} or more; "
            'leave it out, or use radio.recorded.normalise "each"'
        )
    normalised = (scaled / mean.sqrt()).to(torch.complex64)
    if not bool(torch.isfinite(torch.view_as_real(normalised)).all()):
        raise ValueError(f"{path}: a is not finite after normalisation; scale it to values around one")
    return normalised


class Recorded:
    """Implements `Family` for the impulse responses of a file.

    Raises:
        ValueError: the file is missing, is damaged, or does not fit the radio.
    """

    def __init__(self, config: RadioConfig) -> None:
        assert config.recorded is not None
        self.config = config
        path = find(config.recorded.file)
        with path.open("rb") as file:
            self.digest = hashlib.file_digest(file, "sha256").hexdigest()
        self._responses = read(path)
        antennas = self._responses.a.shape[1:3]
        if antennas != (config.num_rx_ant, config.num_tx_ant):
            raise ValueError(
                f"{path}: recorded with {antennas[0]} receive and {antennas[1]} transmit antennas, but num_rx_ant is "
                f"{config.num_rx_ant} and num_tx_ant {config.num_tx_ant}: set them alike"
            )
        carrier_hz = self._responses.carrier_hz
        if carrier_hz is not None and abs(carrier_hz / (config.carrier_ghz * 1e9) - 1) > 0.01:
            raise ValueError(
                f"{path}: recorded at {carrier_hz / 1e9:g} GHz, but carrier_ghz is {config.carrier_ghz:g}: set it alike"
            )
        self._a = _normalised(self._responses.a, path, each=config.recorded.normalise == "each")
        self._tau = torch.from_numpy(self._responses.tau).float()
        if self._change > _MAX_CHANGE:
            raise ValueError(
                f"{path}: its channels change by {self._change:.0%} of their energy from sample to sample, "
                f"{_MAX_CHANGE:.0%} can be interpolated: record with a shorter interval_s than "
                f"{self._responses.interval_s:g}"
            )
        config.check_doppler(self._doppler_hz, str(path))

    def sample_s(self, duration_s: float) -> float | None:
        """Implement `Family.sample_s`."""
        if self._responses.doppler_hz is not None:
            return sample_interval_s(duration_s, float(np.abs(self._responses.doppler_hz).max()))
        return self._responses.interval_s

    def draw(self, images: range, num_samples: int, sample_s: float | None, seed: int) -> Cir:
        """Implement `Family.draw`.

        Raises:
            ValueError: the impulse responses are shorter than the time that the radio needs.
        """
        order = torch.randperm(len(self._a), generator=generator(seed))
        rows = order[torch.tensor(images) % len(order)]
        a, tau = self._a[rows], self._tau[rows]
        if sample_s is None:
            return a, tau
        if self._responses.doppler_hz is not None:
            times = torch.arange(num_samples, dtype=torch.float64) * sample_s
            turns = torch.from_numpy(self._responses.doppler_hz)[rows].double()[..., None] * times
            phase = (2 * torch.pi * turns.remainder(1)).float()[:, None, None]
            return a * torch.polar(torch.ones_like(phase), phase), tau
        if num_samples > a.shape[-1]:
            raise ValueError(
                f"recorded.file {self._file} has {a.shape[-1]} samples of {sample_s:g} s, but {num_samples} are "
                "needed: record longer, or use fewer occasions, turnaround_slots or max_slots"
            )
        return a[..., :num_samples], tau

    @property
    def _file(self) -> str:
        assert self.config.recorded is not None
        return self.config.recorded.file

    @property
    def _powers(self) -> torch.Tensor:
        """Mean path powers of the normalised channels, [N, paths] float32."""
        return self._a.abs().square().mean(dim=(1, 2, 4))

    @cached_property
    def profile(self) -> PowerDelayProfile:
        """Mean profile of all channels."""
        return profile_on_grid(self._powers, self._tau, grid_step_s(self.config.bandwidth_hz), self._doppler_hz)

    @property
    def beyond_prefix(self) -> float | None:
        """Share of the energy that arrives after the cyclic prefix."""
        return share_beyond(self._powers, self._tau, self.config.prefix_s)

    @property
    def _doppler_hz(self) -> float:
        """Largest Doppler shift of a Jakes spectrum that changes as fast [Hz]: sqrt(2) times the root mean square.

        A Jakes spectrum is that of paths from all sides.
        """
        if self._responses.doppler_hz is not None:
            shift = torch.from_numpy(self._responses.doppler_hz).square()
            return float((2 * (self._powers * shift).sum() / self._powers.sum()).sqrt())
        if self._responses.interval_s is None:
            return 0.0
        return math.sqrt(2 * self._change) / (2 * math.pi * self._responses.interval_s)

    @cached_property
    def _change(self) -> float:
        """Mean energy of the difference between samples, as a share of the energy of the channels."""
        if self._a.shape[-1] == 1:
            return 0.0
        change = (self._a[..., 1:] - self._a[..., :-1]).abs().square().mean()
        return float(change / self._a.abs().square().mean())
