"""Link-level channel models: AWGN, block Rayleigh, and TDL and CDL of TR 38.901 clause 7.7 by Sionna."""

import math
from functools import cached_property

import numpy as np
import torch

from taskwave.phy.channel.fading import BLOCK, Cir, PowerDelayProfile, sample_interval_s
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.seeds import generator, sionna_seed

_LEVELS = {"low": (0.0, 0.0), "medium": (0.3, 0.9), "medium-a": (0.3, 0.3874), "high": (0.9, 0.9)}
"""Correlation of the outermost antennas of the base station (alpha) and of the receiver (beta)."""
_REGULARISATION = 0.00012
"""Makes rounded matrices of four antennas positive definite: (R + a I) / (1 + a)."""


def correlation_matrix(outermost: float, num_ant: int) -> torch.Tensor:
    """[num_ant, num_ant] float64: `outermost` to the power of (distance / length of the row) squared."""
    place = np.arange(num_ant) / max(num_ant - 1, 1)
    distance = (place[:, None] - place[None, :]) ** 2
    matrix = np.eye(num_ant) if outermost == 0 else outermost**distance
    if num_ant > 2 and outermost > 0:
        matrix = (matrix + _REGULARISATION * np.eye(num_ant)) / (1 + _REGULARISATION)
    return torch.from_numpy(matrix)


class Correlation:
    """Makes antennas that fade independently fade alike."""

    def __init__(self, config: RadioConfig) -> None:
        self._roots: tuple[torch.Tensor, torch.Tensor] | None = None
        if config.spatial_correlation is not None:
            alpha, beta = _LEVELS[config.spatial_correlation]
            rx, tx = correlation_matrix(beta, config.num_rx_ant), correlation_matrix(alpha, config.num_tx_ant)
            self._roots = torch.linalg.cholesky(rx).to(torch.complex64), torch.linalg.cholesky(tx).to(torch.complex64)

    def apply(self, a: torch.Tensor) -> torch.Tensor:
        """Coefficients [images, rx, tx, paths, samples], of the same mean energy as before."""
        if self._roots is None:
            return a
        rx, tx = self._roots
        return torch.einsum("ij,bjkps,lk->bilps", rx, a, tx)


class Flat:
    """No path but one, of delay zero. See `Family`."""

    beyond_prefix = None

    def __init__(self, config: RadioConfig) -> None:
        self.config = config
        self.profile = PowerDelayProfile(torch.zeros(1), torch.ones(1), 0.0)
        self._correlation = Correlation(config)
        self._tau = torch.zeros(1, 1)

    def sample_s(self, duration_s: float) -> float | None:
        """None: blocks."""

    def draw(self, images: range, num_samples: int, sample_s: float | None, seed: int) -> Cir:
        """See `Family`."""
        rx, tx = self.config.num_rx_ant, self.config.num_tx_ant
        if self.config.channel == "rayleigh":
            noise = generator(seed, images.start // BLOCK)
            # Time comes first: more occasions leave those before them as they are.
            a = torch.randn((num_samples, BLOCK, rx, tx, 1), generator=noise, dtype=torch.complex64)
            return self._correlation.apply(a.movedim(0, -1)), self._tau
        # AWGN: columns of the DFT matrix, so that every antenna receives every layer; whichever antennas layers leave
        # (see `Air.paths`), these have columns of their own, so layers are orthogonal.
        columns = (torch.arange(tx) * min(rx, tx) / tx).ceil()
        phase = -2 * math.pi / rx * torch.outer(torch.arange(rx).float(), columns)
        a = torch.polar(torch.ones_like(phase), phase)[None, :, :, None, None].expand(BLOCK, rx, tx, 1, 1)
        return a, self._tau


STATISTICS_SEED = 38_901
STATISTICS_DRAWS = 512


def panel(num_ant: int, carrier_hz: float, spacing: float) -> object:
    """Row of omnidirectional elements: cross-polarised pairs, vertical ones if their number is odd.

    `spacing` is in wavelengths.
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
    """TDL (table 7.7.2) and CDL (table 7.7.1), whose delays and mean powers are fixed. See `Family`."""

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
        """See `Family`."""
        return sample_interval_s(duration_s, self.config.max_doppler_hz)

    def draw(self, images: range, num_samples: int, sample_s: float | None, seed: int) -> Cir:
        """See `Family`."""
        assert sample_s is not None
        with sionna_seed(generator(seed, images.start // BLOCK)):
            a, _ = self._model(BLOCK, num_samples, 1.0 / sample_s)
        return self._correlation.apply(a[:, 0, :, 0] / math.sqrt(self._statistics[1])), self.profile.delays[None]

    @property
    def profile(self) -> PowerDelayProfile:
        """See `Family`."""
        return self._statistics[0]

    @cached_property
    def _statistics(self) -> tuple[PowerDelayProfile, float]:
        """Power-delay profile, and mean energy before normalisation (antenna patterns scale it)."""
        with sionna_seed(generator(STATISTICS_SEED)):
            a, tau = self._model(STATISTICS_DRAWS, 1, 1.0)
        powers = a.abs().square().mean(dim=(0, 1, 2, 3, 4, 6))
        energy = float(powers.sum())
        return PowerDelayProfile(tau[0, 0, 0], powers / energy, self.config.max_doppler_hz), energy
