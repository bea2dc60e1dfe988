"""The entry to all channel models: realisations that age between transmissions."""

import math
from collections.abc import Callable
from functools import cached_property

import torch

from taskwave.phy.channel.drops import Drops
from taskwave.phy.channel.fading import BLOCK, Fading, Family, PowerDelayProfile
from taskwave.phy.channel.impulse_responses import ImpulseResponses
from taskwave.phy.channel.link_level import DelayLines, Flat
from taskwave.phy.channel.recorded import Recorded
from taskwave.phy.config.radio import RadioConfig

_FAMILIES: dict[str, Callable[[RadioConfig], Family]] = {
    "awgn": Flat, "rayleigh": Flat, "tdl": DelayLines, "cdl": DelayLines,
    "umi": Drops, "uma": Drops, "rma": Drops, "recorded": Recorded,
}  # fmt: skip
"""Families by the first part of a channel's name."""


class ChannelModel:
    """Draws `Fading` for one radio configuration, normalised so that the expected channel energy is one.

    Raises:
        ValueError: path delays of a TDL or CDL model exceed the cyclic prefix, or stored impulse responses do not fit.
    """

    def __init__(self, config: RadioConfig) -> None:
        self.config = config
        self._family = _FAMILIES[config.channel.partition("-")[0]](config)
        if self._family.beyond_prefix is None and float(self.delays.max()) > config.prefix_s:
            raise ValueError(
                f"{config.channel} with delay_spread_ns {config.delay_spread_ns:g} has paths "
                f"{float(self.delays.max()) * 1e9:.0f} ns late, beyond the cyclic prefix of "
                f"{config.prefix_s * 1e9:.0f} ns: "
                f"use a smaller delay spread or subcarrier spacing than {config.subcarrier_spacing_khz} kHz."
            )

    def draw(self, batch: int, occasions: int, seed: int) -> Fading:
        """Draw realisations of `batch` images; that of image b depends on (`seed`, b) and the configuration only.

        Raises:
            ValueError: `batch` or `occasions` is below 1, `seed` is negative, or stored impulse responses end too
                early.
        """
        if batch < 1 or occasions < 1:
            raise ValueError(f"batch {batch} and occasions {occasions} must be at least 1.")
        duration_s = self._duration_s(occasions)
        sample_s = self._family.sample_s(duration_s)
        num_samples = 2 * occasions if sample_s is None else math.ceil(duration_s / sample_s - 1e-6) + 2
        blocks = [
            self._family.draw(range(first, first + BLOCK), num_samples, sample_s, seed)
            for first in range(0, batch, BLOCK)
        ]
        coefficients, delays = zip(*blocks, strict=True)
        tau = delays[0] if len(delays[0]) == 1 else torch.cat(delays)[:batch]
        spacing_s = self.config.turnaround_slots * self.config.slot_seconds
        return Fading(torch.cat(coefficients)[:batch], tau, occasions, spacing_s, sample_s, lead_s=self._lead_s)

    @property
    def delays(self) -> torch.Tensor:
        """Path delays of the mean channel, [num_paths] float32 [s]; those of a realisation are in its `Fading`."""
        return self._profile.delays

    @property
    def powers(self) -> torch.Tensor:
        """Mean path powers (power-delay profile), [num_paths] float32, of sum one."""
        return self._profile.powers

    @property
    def doppler_hz(self) -> float:
        """Largest Doppler shift that a receiver expects [Hz]; 0 where the channel does not age in a transmission."""
        return self._profile.doppler_hz

    @property
    def beyond_prefix(self) -> float:
        """Share of the mean energy that arrives after the cyclic prefix, 0…1.

        Applied to resource elements, such paths keep their energy and do no harm; in samples they interfere.
        """
        return self._family.beyond_prefix or 0.0

    @property
    def digest(self) -> str | None:
        """SHA-256 digest of the file of stored impulse responses; None for other channels."""
        return self._family.digest if isinstance(self._family, Recorded) else None

    @cached_property
    def _profile(self) -> PowerDelayProfile:
        return self._family.profile

    def _duration_s(self, occasions: int) -> float:
        slots = (2 * occasions - 1) * self.config.turnaround_slots + self.config.max_slots
        return slots * self.config.slot_seconds + self._lead_s

    @property
    def _lead_s(self) -> float:
        precoding = self.config.precoding
        return 0.0 if precoding is None else precoding.csi_age_slots * self.config.slot_seconds


def draw_impulse_responses(config: RadioConfig, num: int, occasions: int, seed: int) -> ImpulseResponses:
    """Draw impulse responses of `num` channels over the time that `occasions` transmissions in each direction take.

    Raises:
        ValueError: the channel is drawn anew for each transmission, or `ChannelModel.draw` refuses the arguments.
    """
    fading = ChannelModel(config).draw(num, occasions, seed)
    if fading.sample_s is None and fading.a.shape[-1] > 1:
        raise ValueError(f"channel {config.channel} is drawn anew for each transmission: record one that moves in time")
    tau = fading.tau.expand(num, -1)
    return ImpulseResponses(
        fading.a.numpy(), tau.numpy(), interval_s=fading.sample_s, carrier_hz=config.carrier_ghz * 1e9
    )
