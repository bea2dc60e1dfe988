"""Link-level channel models: AWGN, block Rayleigh, and Sionna's TDL and CDL of TR 38.901 clause 7.7."""

import math
from functools import cached_property

import numpy as np
import torch

from taskwave.phy.channel.fading import BLOCK, Cir, PowerDelayProfile, sample_interval_s
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.seeds import generator, sionna_seed

_LEVELS = {"low": (0.0, 0.0), "medium": (0.3, 0.9), "medium-a": (0.3, 0.3874), "high": (0.9, 0.9)}
"""Correlations of the outermost antennas of the base station (alpha) and of the receiver (beta), by level."""
_REGULARISATION = 0.00012
"""Regularisation a of (R + a I) / (1 + a), which makes rounded matrices of four antennas positive definite."""

STATISTICS_SEED = 38_901
"""Seed of the draws from which statistics of a channel model are measured."""
STATISTICS_DRAWS = 512
"""Number of draws from which statistics of a channel model are measured."""


def correlation_matrix(outermost: float, num_ant: int) -> torch.Tensor:
    """Return the correlation matrix of a row of antennas (TS 38.101-4 annex B.2.3.1), [num_ant, num_ant] float64.

    Its entries are `outermost` to the power of (distance / length of the row) squared.
    """
    offset = np.arange(num_ant) / max(num_ant - 1, 1)
    squared_distance = (offset[:, None] - offset[None, :]) ** 2
    matrix = np.eye(num_ant) if outermost == 0 else outermost**squared_distance
    if num_ant > 2 and outermost > 0:
        matrix = (matrix + _REGULARISATION * np.eye(num_ant)) / (1 + _REGULARISATION)
    return torch.from_numpy(matrix)


class Correlation:
    """Correlates the fading of antennas that fade independently."""

    def __init__(self, config: RadioConfig) -> None:
        self._roots: tuple[torch.Tensor, torch.Tensor] | None = None
        if config.spatial_correlation is not None:
            alpha, beta = _LEVELS[config.spatial_correlation]
            rx, tx = correlation_matrix(beta, config.num_rx_ant), correlation_matrix(alpha, config.num_tx_ant)
            self._roots = torch.linalg.cholesky(rx).to(torch.complex64), torch.linalg.cholesky(tx).to(torch.complex64)

    def apply(self, a: torch.Tensor) -> torch.Tensor:
        """Return correlated coefficients [images, rx, tx, paths, samples], of the same mean energy as `a`."""
        if self._roots is None:
            return a
        rx, tx = self._roots
        return torch.einsum("ij,bjkps,lk->bilps", rx, a, tx)


class Flat:
    """Implements `Family` for AWGN and block Rayleigh: a single path of delay zero."""

    beyond_prefix = None

    def __init__(self, config: RadioConfig) -> None:
        self.config = config
        self.profile = PowerDelayProfile(torch.zeros(1), torch.ones(1), 0.0)
        self._correlation = Correlation(config)
        self._tau = torch.zeros(1, 1)

    def sample_s(self, duration_s: float) -> float | None:
        """Implement `Family.sample_s`: return None, since each transmission is a block of its own."""

    def draw(self, images: range, num_samples: int, sample_s: float | None, seed: int) -> Cir:
        """Implement `Family.draw`."""
        rx, tx = self.config.num_rx_ant, self.config.num_tx_ant
        if self.config.channel == "rayleigh":
            noise = generator(seed, images.start // BLOCK)
            # Time is the first dimension so that more occasions leave those before them as they are.
            a = torch.randn((num_samples, BLOCK, rx, tx, 1), generator=noise, dtype=torch.complex64)
            return self._correlation.apply(a.movedim(0, -1)), self._tau
        # AWGN takes columns of the DFT matrix, so that every antenna receives every layer. The antennas that layers
        # leave (see `Air.paths`) have columns of their own, so that layers are orthogonal.
        columns = (torch.arange(tx) * min(rx, tx) / tx).ceil()
        phase = -2 * math.pi / rx * torch.outer(torch.arange(rx).float(), columns)
        a = torch.polar(torch.ones_like(phase), phase)[None, :, :, None, None].expand(BLOCK, rx, tx, 1, 1)
        return a, self._tau


def panel(num_ant: int, carrier_hz: float, spacing: float) -> object:
    """Make a row of omnidirectional elements: cross-polarised pairs, or vertical ones if their number is odd.

    Args:
        num_ant: number of antennas.
        carrier_hz: carrier frequency [Hz].
        spacing: spacing of the columns of the row [wavelengths].
    """
    from sionna.phy.channel.tr38901 import PanelArray  # noqa: PLC0415

    dual = num_ant % 2 == 0
    return PanelArray(
        num_rows_per_panel=1,
        num_cols_per_panel=num_ant // 2 if dual else num_ant,
        polarization="dual" if dual else "single",
        polarization_type="cross" if dual else "V",
        antenna_pattern="omni",
        carrier_frequency=carrier_hz,
        element_horizontal_spacing=spacing,
        device="cpu",
    )


class DelayLines:
    """Implements `Family` for TDL (table 7.7.2) and CDL (table 7.7.1), whose delays and mean powers are fixed."""

    beyond_prefix = None

    def __init__(self, config: RadioConfig) -> None:
        from sionna.phy.channel.tr38901 import CDL, TDL  # noqa: PLC0415

        self.config = config
        self._correlation = Correlation(config)
        family, letter = config.channel.upper().split("-")
        delay_spread, carrier_hz = config.delay_spread_ns * 1e-9, config.carrier_ghz * 1e9
        if family == "TDL":
            self._model = TDL(
                letter, delay_spread, carrier_hz, min_speed=config.speed_mps,
                num_rx_ant=config.num_rx_ant, num_tx_ant=config.num_tx_ant, device="cpu",
            )  # fmt: skip
        else:
            self._model = CDL(
                letter, delay_spread, carrier_hz, direction="downlink", device="cpu",
                bs_array=panel(config.num_tx_ant, carrier_hz, config.antenna_spacing),
                ut_array=panel(config.num_rx_ant, carrier_hz, config.antenna_spacing),
                min_speed=config.speed_mps, max_speed=config.speed_mps,
            )  # fmt: skip

    def sample_s(self, duration_s: float) -> float | None:
        """Implement `Family.sample_s`."""
        return sample_interval_s(duration_s, self.config.max_doppler_hz)

    def draw(self, images: range, num_samples: int, sample_s: float | None, seed: int) -> Cir:
        """Implement `Family.draw`."""
        assert sample_s is not None
        with sionna_seed(generator(seed, images.start // BLOCK)):
            a, _ = self._model(BLOCK, num_samples, 1.0 / sample_s)
        return self._correlation.apply(a[:, 0, :, 0] / math.sqrt(self._statistics[1])), self.profile.delays[None]

    @property
    def profile(self) -> PowerDelayProfile:
        """Mean power-delay profile, which all realisations share."""
        return self._statistics[0]

    @cached_property
    def _statistics(self) -> tuple[PowerDelayProfile, float]:
        """Power-delay profile, and mean energy before normalisation, which antenna patterns scale."""
        with sionna_seed(generator(STATISTICS_SEED)):
            a, tau = self._model(STATISTICS_DRAWS, 1, 1.0)
        powers = a.abs().square().mean(dim=(0, 1, 2, 3, 4, 6))
        energy = float(powers.sum())
        return PowerDelayProfile(tau[0, 0, 0], powers / energy, self.config.max_doppler_hz), energy
