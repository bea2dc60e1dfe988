"""The one entry to all channel models: realisations that age between transmissions."""

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
"""By what the name of a channel begins with."""


class ChannelModel:
    """Draws `Fading` for one radio configuration, normalised so that the expected channel energy is one.

    Raises:
        ValueError: path delays of a TDL or CDL model exceed the cyclic prefix; recorded channels do not fit.
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
        """Realisations of `batch` images; image b depends on (`seed`, b) and on the configuration only.

        Raises:
            ValueError: no images, no occasions, a negative seed, or recorded channels that end too early.
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
        """[num_paths] float32, path delays of the mean channel [s]; those of a realisation are in its `Fading`."""
        return self._profile.delays

    @property
    def powers(self) -> torch.Tensor:
        """[num_paths] float32, mean path powers (power-delay profile), of sum one."""
        return self._profile.powers

    @property
    def doppler_hz(self) -> float:
        """Largest Doppler shift that a receiver expects [Hz]; 0 where a transmission does not age."""
        return self._profile.doppler_hz

    @property
    def beyond_prefix(self) -> float:
        """Share of the mean energy that arrives later than the cyclic prefix lasts, 0…1.

        Applied to resource elements, such paths keep their energy and do no harm; in samples they are interference.
        """
        return self._family.beyond_prefix or 0.0

    @property
    def digest(self) -> str | None:
        """Of the stored impulse responses; None where there are none."""
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


def record(config: RadioConfig, num: int, occasions: int, seed: int) -> ImpulseResponses:
    """`num` channels over the time that `occasions` transmissions take.

    Raises:
        ValueError: a channel that is drawn anew for each transmission, and what `ChannelModel.draw` refuses.
    """
    fading = ChannelModel(config).draw(num, occasions, seed)
    if fading.sample_s is None and fading.a.shape[-1] > 1:
        raise ValueError(f"channel {config.channel} is drawn anew for each transmission: record one that moves in time")
    tau = fading.tau.expand(num, -1)
    return ImpulseResponses(
        fading.a.numpy(), tau.numpy(), interval_s=fading.sample_s, carrier_hz=config.carrier_ghz * 1e9
    )
