"""Channel models: TR 38.901 CDL and TDL by Sionna, block Rayleigh, AWGN; realisations age between transmissions."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import torch

from taskwave.phy.config import RadioConfig
from taskwave.phy.seeds import generator

BLOCK = 16
"""Images drawn together. Image b belongs to block b // BLOCK whatever the batch, so its realisation never changes."""

SAMPLES_PER_DOPPLER_CYCLE = 50
"""Coefficients are interpolated linearly between samples: error at most (2 pi / 50)^2 / 8 = 0.2 % (-54 dB)."""

_STATISTICS_SEED = 38_901
_STATISTICS_DRAWS = 512

CirModel = Callable[[int, int, float], tuple[torch.Tensor, torch.Tensor]]


@dataclass(frozen=True)
class Fading:
    """Channel realisations of B images for all occasions of both directions (reciprocal: one physical channel)."""

    a: torch.Tensor
    """[B, num_rx_ant, num_tx_ant, num_paths, num_samples] complex64, path coefficients over time."""
    tau: torch.Tensor
    """[num_paths] float32, path delays [s]."""
    occasions: int
    """Forward transmissions; as many reverse ones lie between them."""
    spacing_s: float
    """Time from the start of one transmission to that of the next one in the other direction [s]."""
    sample_s: float | None
    """Time between samples [s]; None if each transmission is a block of its own, constant in time."""

    @property
    def batch(self) -> int:
        """Images."""
        return self.a.shape[0]

    def coefficients(self, images: torch.Tensor, transmission: int, times: torch.Tensor) -> torch.Tensor:
        """Path coefficients at `times` [S] (seconds after the start of a transmission): [B, rx, tx, paths, S].

        `transmission` counts both directions: 2 * occasion forward, 2 * occasion + 1 reverse.
        """
        a = self.a[images]
        if self.sample_s is None:
            block = a[..., min(transmission, a.shape[-1] - 1)]
            return block.unsqueeze(-1).expand(*block.shape, len(times))
        position = (transmission * self.spacing_s + times) / self.sample_s
        before = position.floor().long()
        weight = (position - before).to(a.device)
        return a[..., before] * (1 - weight) + a[..., before + 1] * weight


@contextmanager
def _sionna_seed(seed: torch.Generator) -> Iterator[None]:
    """Lend Sionna's process-wide CPU generator the state of ours, and give it back as it was."""
    from sionna.phy import config as sionna_config  # noqa: PLC0415 - Sionna takes seconds to import

    rng = sionna_config.torch_rng("cpu")
    before = rng.get_state()
    rng.set_state(seed.get_state())
    try:
        yield
    finally:
        rng.set_state(before)


def _panel(num_ant: int, carrier_hz: float) -> object:
    """Half-wavelength row of omnidirectional elements: cross-polarised pairs, vertical ones if their number is odd."""
    from sionna.phy.channel.tr38901 import PanelArray  # noqa: PLC0415

    dual = num_ant % 2 == 0
    return PanelArray(
        num_rows_per_panel=1,
        num_cols_per_panel=num_ant // 2 if dual else num_ant,
        polarization="dual" if dual else "single",
        polarization_type="cross" if dual else "V",
        antenna_pattern="omni",
        carrier_frequency=carrier_hz,
        device="cpu",
    )


def _tr38901(config: RadioConfig) -> CirModel:
    from sionna.phy.channel.tr38901 import CDL, TDL  # noqa: PLC0415

    family, letter = config.channel.upper().split("-")
    delay_spread, carrier_hz = config.delay_spread_ns * 1e-9, config.carrier_ghz * 1e9
    if family == "TDL":
        model: CirModel = TDL(
            letter, delay_spread, carrier_hz, min_speed=config.speed_mps,
            num_rx_ant=config.num_rx_ant, num_tx_ant=config.num_tx_ant, device="cpu",
        )  # fmt: skip
    else:
        model = CDL(
            letter, delay_spread, carrier_hz, direction="downlink", device="cpu",
            bs_array=_panel(config.num_tx_ant, carrier_hz), ut_array=_panel(config.num_rx_ant, carrier_hz),
            min_speed=config.speed_mps, max_speed=config.speed_mps,
        )  # fmt: skip
    return model


class ChannelModel:
    """Draws `Fading` for one radio configuration, normalised so that the expected channel energy is one.

    Raises:
        ValueError: path delays exceed the cyclic prefix.
    """

    def __init__(self, config: RadioConfig) -> None:
        self.config = config
        self._tr38901 = _tr38901(config) if config.channel.startswith(("cdl", "tdl")) else None
        prefix_s = 144 / 2048 / (config.subcarrier_spacing_khz * 1e3)
        if float(self.delays.max()) > prefix_s:
            raise ValueError(
                f"{config.channel} with delay_spread_ns {config.delay_spread_ns:g} has paths "
                f"{float(self.delays.max()) * 1e9:.0f} ns late, beyond the cyclic prefix of {prefix_s * 1e9:.0f} ns: "
                f"use a smaller delay spread or subcarrier spacing than {config.subcarrier_spacing_khz} kHz."
            )

    def draw(self, batch: int, occasions: int, seed: int) -> Fading:
        """Realisations of `batch` images; image b depends on (`seed`, b) and on the configuration only.

        Raises:
            ValueError: no images, no occasions or a negative seed.
        """
        if batch < 1 or occasions < 1:
            raise ValueError(f"batch {batch} and occasions {occasions} must be at least 1.")
        blocks = [self._draw_block(occasions, generator(seed, block)) for block in range(math.ceil(batch / BLOCK))]
        spacing_s = self.config.turnaround_slots * self.config.slot_seconds
        sample_s = self._sample_s(occasions) if self._tr38901 else None
        return Fading(torch.cat(blocks)[:batch], self.delays, occasions, spacing_s, sample_s)

    @property
    def delays(self) -> torch.Tensor:
        """[num_paths] float32, path delays [s]."""
        return self._statistics[0]

    @property
    def powers(self) -> torch.Tensor:
        """[num_paths] float32, mean path powers (power-delay profile), of sum one."""
        return self._statistics[1]

    def _duration_s(self, occasions: int) -> float:
        slots = (2 * occasions - 1) * self.config.turnaround_slots + self.config.max_slots
        return slots * self.config.slot_seconds

    def _sample_s(self, occasions: int) -> float:
        """Sampling interval: dense enough for the Doppler shift, at most the whole duration."""
        duration_s = self._duration_s(occasions)
        cycles = duration_s * self.config.max_doppler_hz
        return duration_s / max(1, math.ceil(cycles * SAMPLES_PER_DOPPLER_CYCLE))

    def _draw_block(self, occasions: int, seed: torch.Generator) -> torch.Tensor:
        rx, tx = self.config.num_rx_ant, self.config.num_tx_ant
        if self._tr38901 is not None:
            sample_s = self._sample_s(occasions)
            num_samples = round(self._duration_s(occasions) / sample_s) + 2
            with _sionna_seed(seed):
                a, _ = self._tr38901(BLOCK, num_samples, 1.0 / sample_s)
            return a[:, 0, :, 0] / math.sqrt(self._statistics[2])
        if self.config.channel == "rayleigh":
            return torch.randn((BLOCK, rx, tx, 1, 2 * occasions), generator=seed, dtype=torch.complex64)
        # AWGN: columns of the DFT matrix, so that every antenna receives every layer and layers are orthogonal.
        phase = -2 * math.pi / rx * torch.outer(torch.arange(rx), torch.arange(tx)).float()
        return torch.polar(torch.ones_like(phase), phase)[None, :, :, None, None].expand(BLOCK, rx, tx, 1, 1)

    @cached_property
    def _statistics(self) -> tuple[torch.Tensor, torch.Tensor, float]:
        """Delays, power-delay profile of sum one, and mean energy before normalisation (antenna patterns scale it)."""
        if self._tr38901 is None:
            return torch.zeros(1), torch.ones(1), 1.0
        with _sionna_seed(generator(_STATISTICS_SEED)):
            a, tau = self._tr38901(_STATISTICS_DRAWS, 1, 1.0)
        powers = a.abs().square().mean(dim=(0, 1, 2, 3, 4, 6))
        energy = float(powers.sum())
        return tau[0, 0, 0], powers / energy, energy
