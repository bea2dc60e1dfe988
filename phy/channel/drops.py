"""Sionna's UMi, UMa and RMa of TR 38.901 clause 7.5, in which every image has a receiver of its own."""

import math
from functools import cached_property
from typing import Any

import torch

from taskwave.phy.channel.fading import (
    BLOCK,
    Cir,
    PowerDelayProfile,
    grid_step_s,
    profile_on_grid,
    sample_interval_s,
    share_beyond,
)
from taskwave.phy.channel.link_budget import BS_HEIGHT_M, los_probability, mean_loss_db, path_loss_channel
from taskwave.phy.channel.link_level import STATISTICS_DRAWS, STATISTICS_SEED, panel
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.seeds import generator, sionna_seed

_LOS = {"random": "random", "always": True, "never": False}
"""Sionna's values for `DropConfig.los`."""


class Drops:
    """Implements `Family` for a base station and receivers in any direction that move in any direction.

    Drops with and without line of sight, whose energies antennas of two polarisations change differently, have a mean
    energy of one each (with `large_scale_fading`: all together).
    """

    def __init__(self, config: RadioConfig) -> None:
        self.config, self.drop = config, config.drop
        self._channel = path_loss_channel(config)
        self._model = self._build(large_scale=config.drop.large_scale_fading)
        self._gain = 1.0
        if config.drop.large_scale_fading:
            self._gain = 10 ** (mean_loss_db(self._channel, config.drop, config.carrier_ghz) / 20)

    def _build(self, large_scale: bool) -> Any:
        """Make Sionna's model, with or without path loss and shadow fading."""
        from sionna.phy.channel.tr38901 import RMa, UMa, UMi  # noqa: PLC0415

        config, carrier_hz = self.config, self.config.carrier_ghz * 1e9
        common = {
            "carrier_frequency": carrier_hz,
            "bs_array": panel(config.num_tx_ant, carrier_hz, config.antenna_spacing),
            "ut_array": panel(config.num_rx_ant, carrier_hz, config.antenna_spacing),
            "direction": "downlink",
            "enable_pathloss": large_scale,
            "enable_shadow_fading": large_scale,
            "device": "cpu",
        }
        if self._channel == "rma":
            return RMa(**common)
        return (UMi if self._channel == "umi" else UMa)(o2i_model="low", **common)

    def sample_s(self, duration_s: float) -> float | None:
        """Implement `Family.sample_s`."""
        return sample_interval_s(duration_s, self.config.max_doppler_hz)

    def draw(self, images: range, num_samples: int, sample_s: float | None, seed: int) -> Cir:
        """Implement `Family.draw`."""
        assert sample_s is not None
        a, tau, los = self._sample(self._model, BLOCK, num_samples, sample_s, generator(seed, images.start // BLOCK))
        energy = torch.where(los, self._energy[0], self._energy[1])
        return a * (self._gain / energy.sqrt())[:, None, None, None, None], tau

    @property
    def profile(self) -> PowerDelayProfile:
        """Mean of the profiles of drops, each normalised to a sum of one."""
        return self._statistics[0]

    @property
    def beyond_prefix(self) -> float | None:
        """Share of the energy that arrives after the cyclic prefix."""
        return self._statistics[1]

    @cached_property
    def _small_scale(self) -> Any:
        return self._build(large_scale=False)

    @cached_property
    def _energy(self) -> torch.Tensor:
        """Mean energies of drops with and without line of sight, [2] float32, which antenna patterns scale."""
        if self.drop.indoor:
            return self._mean_energy(None).expand(2)
        return torch.stack([self._mean_energy(los) for los in (True, False)])

    def _mean_energy(self, los: bool | None) -> torch.Tensor:
        a, *_ = self._sample(self._small_scale, STATISTICS_DRAWS, 1, 1.0, generator(STATISTICS_SEED), los)
        return a.abs().square().sum(dim=3).mean()

    @cached_property
    def _statistics(self) -> tuple[PowerDelayProfile, float]:
        a, tau, _ = self._sample(self._small_scale, STATISTICS_DRAWS, 1, 1.0, generator(STATISTICS_SEED, 1))
        powers = a.abs().square().mean(dim=(1, 2, 4))
        powers = powers / powers.sum(dim=1, keepdim=True)
        step_s = grid_step_s(self.config.bandwidth_hz)
        return profile_on_grid(powers, tau, step_s, self.config.max_doppler_hz), share_beyond(
            powers, tau, self.config.prefix_s
        )

    def _sample(
        self, model: Any, num: int, num_samples: int, sample_s: float, seed: torch.Generator, los: bool | None = None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Draw coefficients, delays and line of sight (`los` for all, if it is not None) of `num` drops."""
        drop = self.drop
        inner, outer = drop.radii_m
        uniform = torch.rand(num, 5, generator=seed)
        radius = (inner**2 + uniform[:, 0] * (outer**2 - inner**2)).sqrt()
        bearing, facing, heading = 2 * math.pi * uniform[:, 1:4].T
        probability = torch.tensor([los_probability(self._channel, r) for r in radius.tolist()])
        line = uniform[:, 4] < {"always": 1.0, "never": 0.0}.get(drop.los, probability)
        if los is not None:
            line = torch.full((num,), los)
        zero = torch.zeros(num)
        receivers = torch.stack((radius * bearing.cos(), radius * bearing.sin(), zero + drop.ut_height_m), dim=1)
        station = torch.tensor([0.0, 0.0, BS_HEIGHT_M[self._channel]]).expand(num, 3)
        speed = self.config.speed_mps * torch.stack((heading.cos(), heading.sin(), zero), dim=1)
        turned = torch.stack((facing, zero, zero), dim=1)
        model.reset_topology()
        with sionna_seed(seed):
            model.set_topology(
                ut_loc=receivers[:, None],
                bs_loc=station[:, None].clone(),
                ut_orientations=turned[:, None],
                bs_orientations=torch.zeros(num, 1, 3),
                ut_velocities=speed[:, None],
                in_state=torch.full((num, 1), drop.indoor),
                # The distance to a building depends on the way inside, which Sionna draws.
                los=_LOS[drop.los] if drop.indoor else line[:, None, None],
            )
            a, tau = model(num_samples, 1.0 / sample_s)
        a, tau = a[:, 0, :, 0], tau[:, 0, 0]
        # Clusters that a drop does not have are paths without energy at meaningless delays.
        return a, torch.where(a.abs().sum(dim=(1, 2, 4)) > 0, tau, 0.0), line
