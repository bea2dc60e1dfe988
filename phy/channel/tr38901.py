"""TDL and CDL of TR 38.901 clause 7.7 by Sionna, and what its other models need as well."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

import torch

from taskwave.phy.channel.correlation import Correlation
from taskwave.phy.channel.fading import BLOCK
from taskwave.phy.channel.family import Cir, Profile, sample_interval_s
from taskwave.phy.config import RadioConfig
from taskwave.phy.seeds import generator

STATISTICS_SEED = 38_901
STATISTICS_DRAWS = 512


@contextmanager
def sionna_seed(seed: torch.Generator) -> Iterator[None]:
    """Lend Sionna's process-wide CPU generator the state of ours, and give it back as it was."""
    from sionna.phy import config as sionna_config  # noqa: PLC0415 - Sionna takes seconds to import

    rng = sionna_config.torch_rng("cpu")
    before = rng.get_state()
    rng.set_state(seed.get_state())
    try:
        yield
    finally:
        rng.set_state(before)


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
    def profile(self) -> Profile:
        """See `Family`."""
        return self._statistics[0]

    @cached_property
    def _statistics(self) -> tuple[Profile, float]:
        """Power-delay profile, and mean energy before normalisation (antenna patterns scale it)."""
        with sionna_seed(generator(STATISTICS_SEED)):
            a, tau = self._model(STATISTICS_DRAWS, 1, 1.0)
        powers = a.abs().square().mean(dim=(0, 1, 2, 3, 4, 6))
        energy = float(powers.sum())
        return Profile(tau[0, 0, 0], powers / energy, self.config.max_doppler_hz), energy
