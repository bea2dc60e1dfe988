"""Receive chain: oscillators, with carrier offset and phase noise, and analog-to-digital converters."""

import math

import numpy as np
import torch
from scipy.signal import lfilter

from taskwave.phy.config.hardware import ImpairmentsConfig


def phase_noise(shape: tuple[int, ...], deviation_rad: float, corner: float, draw: torch.Generator) -> torch.Tensor:
    """Draw a Gaussian phase [rad]: white noise through a filter of one pole, stationary from the first sample on.

    Its spectrum is Lorentzian. At lags far below 1 / corner it is a random walk (Wiener phase noise) with
    E|phi(n) - phi(0)|^2 = 4 pi corner deviation^2 |n|.

    Args:
        shape: shape [..., n] of the result, n samples in time.
        deviation_rad: standard deviation of the phase [rad].
        corner: corner frequency of the spectrum, cycles per sample.
        draw: generator of the randomness.

    Returns:
        [..., n] float32.
    """
    keep = math.exp(-2 * math.pi * corner)
    white = torch.randn(shape, generator=draw, dtype=torch.float64).numpy()
    white[..., 1:] *= math.sqrt(1 - keep**2)
    phase = deviation_rad * lfilter([1.0], [1.0, -keep], white, axis=-1)
    return torch.from_numpy(np.asarray(phase, dtype=np.float32))


def quantise(x: torch.Tensor, level: torch.Tensor, bits: int) -> torch.Tensor:
    """Quantise both real parts of `x` uniformly (mid-rise) with 2^bits steps from -`level` to `level`.

    The gradient is that of clipping alone, straight through the steps.

    Args:
        x: [...] complex.
        level: full scale of a real part, broadcast against `x`.
        bits: bits of a real part.
    """
    step = 2 * level / 2**bits
    parts = torch.view_as_real(x)
    step, level = step.unsqueeze(-1), level.unsqueeze(-1)
    clipped = torch.minimum(torch.maximum(parts, -level), level)
    steps = (parts / step).floor().clamp(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) + 0.5
    return torch.view_as_complex(steps * step + (clipped - clipped.detach()))


class Receiver:
    """Applies one receive chain: an oscillator for all antennas, and a pair of converters for each.

    Args:
        impairments: impairments of the hardware.
        sample_rate: sample rate of the converters [Hz].
        carrier_offset_hz: carrier of the received signal above that of the receiver [Hz].
    """

    def __init__(self, impairments: ImpairmentsConfig, sample_rate: float, carrier_offset_hz: float) -> None:
        self._table, self._rate, self._offset_hz = impairments, sample_rate, carrier_offset_hz

    def phasor(self, length: int, draws: list[torch.Generator]) -> torch.Tensor:
        """Draw the rotation by the oscillators of both ends, [B, length] complex64 of modulus one.

        Args:
            length: number of samples.
            draws: generators of the randomness, one a row.
        """
        table = self._table
        turns = self._offset_hz / self._rate * torch.arange(length, dtype=torch.float64)
        phase = (2 * torch.pi * turns.frac()).float().expand(len(draws), -1)
        if table.phase_noise_deg:
            deviation, corner = math.radians(table.phase_noise_deg), table.phase_noise_khz * 1e3 / self._rate
            phase = phase + torch.stack([phase_noise((length,), deviation, corner, draw) for draw in draws])
        return torch.polar(torch.ones_like(phase), phase)

    def convert(self, samples: torch.Tensor, power: torch.Tensor) -> torch.Tensor:
        """Return `samples` [B, R, n] complex64, whose mean |x|^2 is `power` [B, R], as the converters quantise them."""
        table = self._table
        if table.adc_bits is None:
            return samples
        level = (power / 2).sqrt() * 10 ** (table.adc_clip_db / 20)
        return quantise(samples, level[..., None], table.adc_bits)
