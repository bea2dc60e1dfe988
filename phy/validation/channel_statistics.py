"""Checks of channels against the tables of TR 38.901, Jakes' spectrum and the closed form of antenna correlation."""

import math
import tomllib
from dataclasses import dataclass
from importlib import resources

import numpy as np
import torch
from matplotlib.axes import Axes
from scipy.special import j0

from taskwave.phy.channel.air import AirInterface
from taskwave.phy.config.radio import Channel, RadioConfig
from taskwave.phy.drawing import COLOURS, GREY, label, panels
from taskwave.phy.grid.allocation import Allocation
from taskwave.phy.radio import Radio
from taskwave.phy.validation.checks import CHANNELS, SIGMAS, Check, Floats, Section, mean, near, statistic

TEXT = """Independent realisations as the links draw them. RMS delay spread of the mean power-delay profile over
`delay_spread_ns`, and K factor of the first path (by the second moment of its power), against what the transcribed
tables 7.7.1 and 7.7.2 give; temporal correlation of the TDL models without a specular path against J0(2 pi f_D t);
correlation between three vertical antennas half a wavelength apart: CDL against the sum over the rays of the tables
(power × exp(j pi sin(zenith) sin(azimuth)), ray offsets of table 7.5-3), TDL against zero, or the power of the
specular path, which all antennas share; block Rayleigh against the moments of a circular Gaussian; mean energy one;
and the reverse channel of a receiver that stands still against the transposed forward channel."""

_SPREAD_NS = 100.0
"""Configured RMS delay spread [ns]."""
_SEED = 61
_NORMALISATION_DRAWS = 512
"""Number of realisations from which the channel model takes its mean energy; their error adds to that of the check."""
_MAX_LAG_S = 4e-3
"""Largest lag of the temporal correlation [s]."""


@dataclass(frozen=True)
class TabulatedProfile:
    """Describes a TDL or CDL model of TR 38.901."""

    powers: Floats
    """Powers of the paths [paths], of sum one; the first path of D and E is the specular one."""
    delays: Floats
    """Delays of the paths [paths], in units of the RMS delay spread."""
    specular: bool
    """Whether the first path is specular."""
    rays: tuple[Floats, Floats]
    """Azimuth and zenith of arrival of every ray [rad], [paths, rays] each."""

    @property
    def delay_spread(self) -> float:
        """RMS delay spread, weighted by power, in the unit of `delays`."""
        return spread(
            np.stack((self.powers, self.powers * self.delays, self.powers * self.delays**2), axis=-1).sum(axis=0)
        )

    @property
    def k_factor_db(self) -> float:
        """K factor of the first path [dB]."""
        return float(10 * np.log10(self.powers[0] / self.powers[1]))

    def correlation(self, antennas_apart: int) -> complex:
        """Return the correlation between two receive antennas of a row with a spacing of half a wavelength.

        The row is turned by 180 degrees as the receiver is.

        Args:
            antennas_apart: difference of the indices of the antennas.
        """
        azimuth, zenith = self.rays
        total = 0.0 + 0.0j
        for i, power in enumerate(self.powers):
            phase = np.pi * antennas_apart * np.outer(np.sin(zenith[i]), np.sin(azimuth[i]))
            if self.specular and i == 0:
                phase = phase[:1, :1]  # The specular path is one ray.
            total += power * complex(np.exp(1j * phase).mean())
        return total


def spread(moments: Floats) -> float:
    """Return the RMS delay spread from the sums of power times delay**0, delay**1 and delay**2, [3]."""
    energy, first, second = moments
    return float(np.sqrt(second / energy - (first / energy) ** 2))


def profile(channel: Channel) -> TabulatedProfile:
    """Read the model of a channel (TDL or CDL) from the transcribed tables."""
    file = resources.files("taskwave.phy.validation") / "tr38901.toml"
    tables = tomllib.loads(file.read_text())
    table = tables[channel[-1]]
    delays = np.array(table["delays"], dtype=float)
    if channel.startswith("tdl"):
        delays[-1] = table.get("last_delay_tdl", delays[-1])
    powers = 10 ** (np.array(table["powers_db"]) / 10)
    offsets = np.concatenate([[-x, x] for x in tables["ray_offsets"]])
    rays = []
    for kind in ("azimuth", "zenith"):
        centre, width = np.array(table[f"{kind}_of_arrival"], dtype=float), table[f"{kind}_spread_of_arrival"]
        angles = centre[:, None] + width * offsets
        if table["specular"]:
            angles[0] = centre[0]
        rays.append(np.deg2rad(angles))
    return TabulatedProfile(powers / powers.sum(), delays, table["specular"], (rays[0], rays[1]))


def run(quick: bool) -> Section:
    """Check all channels of the configuration that need no file."""
    images = 600 if quick else 2000
    modelled = [c for c in CHANNELS if c.startswith(("tdl", "cdl"))]
    checks: list[Check] = []
    figure, axes = panels(4, 3.6, 3.4)
    spreads, factors, near_by = [], [], []
    for channel in modelled:
        paths, delays = _paths(channel, images)
        spreads.append(_delay_spread(channel, paths[:, 0], delays))
        if profile(channel).specular:
            factors.append(_k_factor(channel, paths[:, 0, 0]))
        near_by += [_correlation(channel, paths, apart) for apart in (1, 2)]
    checks += spreads + factors + near_by
    _dots(axes[0], modelled, spreads, "Delay spread", "RMS delay spread / configured")
    _dots(axes[1], [c for c in modelled if profile(c).specular], factors, "K factor", "K factor of the first path (dB)")
    jakes: tuple[Channel, ...] = ("tdl-a", "tdl-b", "tdl-c")
    for channel, colour in zip(jakes, COLOURS, strict=False):
        checks += _jakes(channel, images, axes[2], colour)
    axes[2].legend(frameon=False, fontsize=8)
    label(axes[2], "Temporal correlation", "lag (ms)", "Re of autocorrelation")
    _draw_correlation(axes[3], [c for c in modelled if c.startswith("cdl")], images)
    checks += _rayleigh(images)
    checks += [_energy(channel, images) for channel in CHANNELS]
    checks += [_reciprocity(channel) for channel in modelled]
    return Section("Channel statistics", TEXT, checks, {"channels": figure})


def _radio(channel: Channel, num_rx_ant: int, speed_mps: float = 1.0) -> Radio:
    config = {"num_tx_ant": 1, "num_rx_ant": num_rx_ant, "num_layers": 1, "delay_spread_ns": _SPREAD_NS}
    return Radio(RadioConfig.model_validate({"channel": channel, "speed_mps": speed_mps, **config}))


def _paths(channel: Channel, images: int) -> tuple[np.ndarray, Floats]:
    """Draw coefficients of one moment and delays of the paths.

    Returns:
        Coefficients [images, 3 receive antennas, paths], and delays over the configured spread [paths].
    """
    fading = _radio(channel, 3).draw(images, 1, _SEED)
    return fading.a[:, :, 0, :, 0].numpy(), fading.tau[0].double().numpy() / (_SPREAD_NS * 1e-9)


def _delay_spread(channel: Channel, paths: np.ndarray, delays: Floats) -> Check:
    power = np.abs(paths).astype(float) ** 2
    moments = np.stack([power @ delays**order for order in range(3)], axis=-1)
    table = "7.7.2" if channel.startswith("tdl") else "7.7.1"
    expected = profile(channel).delay_spread
    return statistic(f"{channel.upper()}: RMS delay spread / configured", moments, spread, expected, f"table {table}")


def _k_factor(channel: Channel, first_path: np.ndarray) -> Check:
    power = np.abs(first_path).astype(float) ** 2

    def estimate(moments: Floats) -> float:
        """Estimate the K factor from mean and variance of the power (Greenstein, Michelson and Erceg 1999)."""
        steady = np.sqrt(np.clip(2 * moments[0] ** 2 - moments[1], 0, None))
        return float(10 * np.log10(steady / (moments[0] - steady)))

    moments = np.stack((power, power**2), axis=-1)
    expected = profile(channel).k_factor_db
    return statistic(f"{channel.upper()}: K factor (dB)", moments, estimate, expected, "table 7.7")


def _products(paths: np.ndarray, apart: int) -> np.ndarray:
    return np.asarray((paths[:, 0] * paths[:, apart].conj()).sum(axis=-1)).astype(complex)


def _expected_correlation(channel: Channel, apart: int) -> complex:
    """Return the correlation: of CDL by its rays; of TDL the power of the specular path, which all antennas share.

    The scattered paths of TDL are independent.
    """
    model = profile(channel)
    if channel.startswith("cdl"):
        return model.correlation(apart)
    return complex(model.powers[0]) if model.specular else 0.0


def _correlation(channel: Channel, paths: np.ndarray, apart: int) -> Check:
    expected = _expected_correlation(channel, apart)
    source = "rays of table 7.7.1" if channel.startswith("cdl") else "independent but for the specular path"
    name = f"{channel.upper()}: antennas {apart / 2:g} wavelengths apart, correlation, distance"
    # The model normalises the energy to one with finite accuracy.
    extra = abs(expected) * SIGMAS * float(_energies(paths).std()) / math.sqrt(_NORMALISATION_DRAWS)
    return mean(name, _products(paths, apart), expected, source, extra)


def _energies(paths: np.ndarray) -> np.ndarray:
    return np.asarray((np.abs(paths[:, 0]) ** 2).sum(axis=-1))


def _jakes(channel: Channel, images: int, axis: Axes, colour: str) -> list[Check]:
    radio = _radio(channel, 1, speed_mps=30.0)
    lags = torch.linspace(0, _MAX_LAG_S, 41)
    a = radio.draw(images, 1, _SEED).coefficients(torch.arange(images), 0, lags)[:, 0, 0]
    products = (a * a[..., :1].conj()).real.sum(dim=1).double().numpy()
    doppler = 2 * math.pi * radio.config.max_doppler_hz
    exact = j0(doppler * lags.double().numpy())
    axis.plot(1e3 * lags, products.mean(axis=0), ".", color=colour, markersize=4, label=channel.upper())
    if channel == "tdl-a":
        axis.plot(1e3 * lags, exact, color=GREY, linewidth=1.1, label="$J_0$", zorder=1)
    name = f"{channel.upper()}: correlation after"
    # Interpolation in time may lose 0.2 %.
    return [
        mean(f"{name} {1e3 * float(lags[i]):g} ms", products[:, i], exact[i], "Jakes: J0(2 pi f_D t)", 0.002)
        for i in (5, 10, 15, 25, 40)
    ]


def _rayleigh(images: int) -> list[Check]:
    """Check the moments of a circular Gaussian; a channel without phase would fail."""
    h = _radio("rayleigh", 1).draw(images, 1, _SEED).a[:, 0, 0, 0, 0].numpy().astype(complex)
    name, source = "RAYLEIGH: distance of mean of", "circular complex Gaussian"
    moments = (("h", h, 0.0), ("h²", h**2, 0.0), ("|h|⁴", np.abs(h) ** 4 + 0j, 2.0))
    return [mean(f"{name} {what} from {value:g}", samples, value, source) for what, samples, value in moments]


def _energy(channel: Channel, images: int) -> Check:
    radio = Radio(RadioConfig(channel=channel))
    allocation = Allocation(52, 2, 2, (0,))
    few = min(images, 600)
    air = AirInterface(radio.config, radio.draw(few, 1, _SEED), 10.0, 1).forward(0)
    energy = air.frequency_response(allocation, 0).abs().square().mean(dim=(1, 2, 3, 4)).double().numpy()
    extra = SIGMAS * float(energy.std()) / math.sqrt(_NORMALISATION_DRAWS) + 1e-5
    return mean(f"{channel.upper()} 2×2: mean energy", energy, 1.0, "definition", extra)


def _reciprocity(channel: Channel) -> Check:
    radio = Radio(RadioConfig(channel=channel, speed_mps=0.0))
    allocation = Allocation(4, 2, 2, (0,))
    air = AirInterface(radio.config, radio.draw(16, 1, _SEED), 10.0, 1)
    forward, reverse = (way.frequency_response(allocation, 0) for way in (air.forward(0), air.reverse(0)))
    worst = float((reverse - forward.transpose(1, 2)).abs().max())
    return near(
        f"{channel.upper()}: largest distance of reverse from transposed forward", worst, 0.0, 1e-5, "reciprocity"
    )


def _dots(axis: Axes, channels: list[Channel], checks: list[Check], title: str, y: str) -> None:
    rows = range(len(channels))
    slack = [c.high - c.expected for c in checks]
    expected = [c.expected for c in checks]
    axis.errorbar(
        rows, expected, slack, fmt="_", color="black", markersize=12, capsize=2, linewidth=1, label="table, allowed"
    )
    axis.plot(rows, [c.measured for c in checks], "o", color=COLOURS[1], markersize=4.5, label="measured")
    axis.set_xticks(rows, [c.upper() for c in channels], rotation=60)
    axis.legend(frameon=False, fontsize=8)
    label(axis, title, "", y)


def _draw_correlation(axis: Axes, channels: list[Channel], images: int) -> None:
    for channel, colour in zip(channels, COLOURS, strict=False):
        paths, _ = _paths(channel, images)
        for apart, marker in ((1, "o"), (2, "s")):
            exact, found = _expected_correlation(channel, apart), complex(_products(paths, apart).mean())
            axis.plot(exact.real, exact.imag, marker, color=colour, markersize=9, markerfacecolor="none")
            axis.plot(found.real, found.imag, marker, color=colour, markersize=3.5)
        axis.plot([], [], "o", color=colour, label=channel.upper(), markersize=4)
    axis.legend(frameon=False, fontsize=7)
    axis.set_aspect("equal")
    axis.set_xlim(-1.1, 1.1)
    axis.set_ylim(-1.1, 1.1)
    label(axis, "Antenna correlation, CDL", "Re (open: closed form)", "Im (squares: two apart)")
