"""Path loss of UMi, UMa and RMa in closed form (TR 38.901 V19, clauses 7.4.1 to 7.4.3), and Es/N0 from it.

Distances are in metres, frequencies in gigahertz, losses in decibels. Heights and surroundings are those of table
7.2-1.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from taskwave.phy.config.channel import DROP_CHANNELS, DropChannel, DropConfig
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.definitions import SPEED_OF_LIGHT
from taskwave.phy.grid.allocation import NUM_SUBCARRIERS_PER_PRB

BS_HEIGHT_M: dict[DropChannel, float] = {"umi": 10.0, "uma": 25.0, "rma": 35.0}
"""Height of the base station [m]."""
_BUILDING_HEIGHT_M, _STREET_WIDTH_M = 5.0, 20.0
_EFFECTIVE_HEIGHT_M = 1.0
"""Effective environment height h_E of note 1 for receivers below 13 m [m]."""

_SHADOWING_DB: dict[DropChannel, tuple[float, float, float]] = {
    "umi": (4.0, 7.82, 7.0), "uma": (4.0, 6.0, 7.0), "rma": (4.0, 8.0, 8.0),
}  # fmt: skip
"""Deviations of shadow fading with line of sight (for RMa before the break point), without, and indoors [dB]."""
_RMA_SHADOWING_FAR_DB = 6.0
"""Standard deviation of shadow fading with line of sight of RMa beyond the break point [dB]."""
_CAR_LOSS_DB = (9.0, 5.0)
"""Mean and standard deviation of the loss of a car [dB]; receivers of RMa that are not indoors are in cars (clause
7.4.3.2)."""
_WALL_DEVIATION_DB = 4.4
"""Standard deviation of the penetration loss of a wall [dB]."""
_QUADRATURE = 32
"""Number of points over the radii of a ring and over the way inside a building."""


def los_probability(channel: DropChannel, distance_m: float) -> float:
    """Return the probability of line of sight at a distance outdoors (table 7.4.2-1, receivers below 13 m)."""
    if channel == "rma":
        return min(1.0, math.exp(-(distance_m - 10) / 1000))
    if distance_m <= 18:
        return 1.0
    decay = math.exp(-distance_m / (36 if channel == "umi" else 63))
    return 18 / distance_m + decay * (1 - 18 / distance_m)


def path_loss_db(channel: DropChannel, distance_m: float, carrier_ghz: float, ut_height_m: float, los: bool) -> float:
    """Return the median basic path loss at a horizontal distance (table 7.4.1-1)."""
    bs_height_m = BS_HEIGHT_M[channel]
    distance_3d = math.hypot(distance_m, bs_height_m - ut_height_m)
    line = _los_db(channel, distance_m, distance_3d, carrier_ghz, ut_height_m)
    if los:
        return line
    log_d, log_f = math.log10(distance_3d), math.log10(carrier_ghz)
    if channel == "umi":
        blocked = 35.3 * log_d + 22.4 + 21.3 * log_f - 0.3 * (ut_height_m - 1.5)
    elif channel == "uma":
        blocked = 13.54 + 39.08 * log_d + 20 * log_f - 0.6 * (ut_height_m - 1.5)
    else:
        h, log_bs = _BUILDING_HEIGHT_M, math.log10(bs_height_m)
        blocked = (
            161.04
            - 7.1 * math.log10(_STREET_WIDTH_M)
            + 7.5 * math.log10(h)
            - (24.37 - 3.7 * (h / bs_height_m) ** 2) * log_bs
            + (43.42 - 3.1 * log_bs) * (log_d - 3)
            + 20 * log_f
            - (3.2 * math.log10(11.75 * ut_height_m) ** 2 - 4.97)
        )
    return max(line, blocked)


def break_point_m(channel: DropChannel, carrier_ghz: float, ut_height_m: float) -> float:
    """Return the distance beyond which the loss with line of sight grows with the fourth power (notes 1 and 5)."""
    per_wavelength = carrier_ghz * 1e9 / SPEED_OF_LIGHT
    if channel == "rma":
        return 2 * math.pi * BS_HEIGHT_M[channel] * ut_height_m * per_wavelength
    above = (BS_HEIGHT_M[channel] - _EFFECTIVE_HEIGHT_M) * (ut_height_m - _EFFECTIVE_HEIGHT_M)
    return 4 * above * per_wavelength


def _los_db(
    channel: DropChannel, distance_m: float, distance_3d: float, carrier_ghz: float, ut_height_m: float
) -> float:
    """Return the median basic path loss with line of sight (table 7.4.1-1)."""
    break_m = break_point_m(channel, carrier_ghz, ut_height_m)
    if channel == "rma":
        h = math.pow(_BUILDING_HEIGHT_M, 1.72)

        def near(d: float) -> float:
            spread = 20 * math.log10(40 * math.pi * d * carrier_ghz / 3)
            roofs = min(0.03 * h, 10) * math.log10(d) - min(0.044 * h, 14.77)
            return spread + roofs + 0.002 * math.log10(_BUILDING_HEIGHT_M) * d

        return near(distance_3d) if distance_m < break_m else near(break_m) + 40 * math.log10(distance_3d / break_m)
    constant, slope, far = (32.4, 21.0, 9.5) if channel == "umi" else (28.0, 22.0, 9.0)
    constant += 20 * math.log10(carrier_ghz)
    if distance_m < break_m:
        return constant + slope * math.log10(distance_3d)
    heights = BS_HEIGHT_M[channel] - ut_height_m
    return constant + 40 * math.log10(distance_3d) - far * math.log10(break_m**2 + heights**2)


@dataclass(frozen=True)
class Loss:
    """Describes one kind of drop by its share and the normal distribution of its loss."""

    share: float
    """Share of all drops, 0…1."""
    mean_db: float
    """Mean of the loss [dB]."""
    deviation_db: float
    """Standard deviation of the loss [dB]."""


def losses(channel: DropChannel, drop: DropConfig, carrier_ghz: float) -> Iterator[Loss]:
    """Iterate over the kinds of drops by distance, line of sight and way inside; their shares sum to one."""
    inner, outer = drop.radii_m
    radii = [inner] if inner == outer else [
        math.sqrt(inner**2 + (i + 0.5) / _QUADRATURE * (outer**2 - inner**2)) for i in range(_QUADRATURE)
    ]  # fmt: skip
    for radius in radii:
        for weight, inside_m in _ways_inside(channel, carrier_ghz) if drop.indoor else [(1.0, 0.0)]:
            line = {"always": 1.0, "never": 0.0}.get(drop.los, los_probability(channel, radius - inside_m))
            for los, share in ((True, line), (False, 1 - line)):
                if share:
                    mean_db = path_loss_db(channel, radius, carrier_ghz, drop.ut_height_m, los)
                    extra_db, extra_deviation = _penetration(channel, drop.indoor, carrier_ghz, inside_m)
                    shadowing = _shadowing_db(channel, drop, radius, carrier_ghz, los)
                    deviation = math.hypot(shadowing, extra_deviation)
                    yield Loss(share * weight / len(radii), mean_db + extra_db, deviation)


def _ways_inside(channel: DropChannel, carrier_ghz: float) -> list[tuple[float, float]]:
    """Return shares and lengths [m] of the way inside a building.

    The length is uniform below 6 GHz, else the smaller of two uniform ones (clause 7.4.3.1).
    """
    longest = 10.0 if channel == "rma" else 25.0
    points = [(i + 0.5) / _QUADRATURE for i in range(_QUADRATURE)]
    if _below_6_ghz(channel, carrier_ghz):
        return [(1 / _QUADRATURE, longest * p) for p in points]
    return [(1 / _QUADRATURE, longest * (1 - math.sqrt(1 - p))) for p in points]


def _below_6_ghz(channel: DropChannel, carrier_ghz: float) -> bool:
    """Return whether the simpler penetration loss of table 7.4.3-3 holds."""
    return channel != "rma" and carrier_ghz < 6


def _penetration(channel: DropChannel, indoor: bool, carrier_ghz: float, inside_m: float) -> tuple[float, float]:
    """Return mean and standard deviation of the penetration loss (tables 7.4.3-1 to 7.4.3-3)."""
    if not indoor:
        return _CAR_LOSS_DB if channel == "rma" else (0.0, 0.0)
    if _below_6_ghz(channel, carrier_ghz):
        return 20 + 0.5 * inside_m, 0.0
    glass, concrete = 2 + 0.2 * carrier_ghz, 5 + 4 * carrier_ghz
    wall = 5 - 10 * math.log10(0.3 * 10 ** (-glass / 10) + 0.7 * 10 ** (-concrete / 10))
    return wall + 0.5 * inside_m, _WALL_DEVIATION_DB


def _shadowing_db(channel: DropChannel, drop: DropConfig, distance_m: float, carrier_ghz: float, los: bool) -> float:
    """Return the standard deviation of shadow fading."""
    with_los, without, indoors = _SHADOWING_DB[channel]
    if drop.indoor:
        return indoors
    if not los:
        return without
    far = channel == "rma" and distance_m >= break_point_m(channel, carrier_ghz, drop.ut_height_m)
    return _RMA_SHADOWING_FAR_DB if far else with_los


def mean_loss_db(channel: DropChannel, drop: DropConfig, carrier_ghz: float) -> float:
    """Return the loss to which `es_n0_db` refers.

    With `large_scale_fading` it is that of the mean received power over all drops, else the mean of the losses in
    decibels: that of a typical receiver, to which every drop is brought.
    """
    parts = list(losses(channel, drop, carrier_ghz))
    if not drop.large_scale_fading:
        return sum(part.share * part.mean_db for part in parts)
    nepers = math.log(10) / 10
    gains = (p.share * math.exp(-nepers * p.mean_db + (nepers * p.deviation_db) ** 2 / 2) for p in parts)
    return -10 * math.log10(sum(gains))


THERMAL_NOISE_DBM_HZ = -174.0
"""Power density of thermal noise at 290 K [dBm/Hz], rounded as link budgets do (exact: -173.98)."""


def es_n0_db(config: RadioConfig) -> float:
    """Return Es/N0 [dB] of a radio with a link budget, at the distance of its drop.

    The transmit power is spread evenly over all subcarriers of the carrier, whichever of them a message uses; an RE
    and receive antenna gets its share less the loss, and its noise is N0 times the subcarrier spacing.

    Raises:
        ValueError: the radio has no `link_budget`, or no channel model gives its path loss.
    """
    budget = config.link_budget
    if budget is None:
        raise ValueError("distances need a link budget: add [radio.link_budget] with tx_power_dbm")
    loss_db = mean_loss_db(path_loss_channel(config), config.drop, config.carrier_ghz)
    per_re_dbm = budget.tx_power_dbm - 10 * math.log10(NUM_SUBCARRIERS_PER_PRB * config.max_prb)
    noise_dbm = THERMAL_NOISE_DBM_HZ + budget.noise_figure_db + 10 * math.log10(config.subcarrier_spacing_khz * 1e3)
    return per_re_dbm + budget.tx_gain_dbi + budget.rx_gain_dbi - loss_db - noise_dbm


def path_loss_channel(config: RadioConfig) -> DropChannel:
    """Return the channel model whose path loss the link budget takes.

    Raises:
        ValueError: neither `link_budget.path_loss` nor `channel` names a model with a path loss.
    """
    if config.link_budget is not None and config.link_budget.path_loss is not None:
        return config.link_budget.path_loss
    for channel in DROP_CHANNELS:
        if config.channel == channel:
            return channel
    raise ValueError(
        f"channel {config.channel} has no path loss of its own: say whose link_budget.path_loss is, "
        f"{', '.join(DROP_CHANNELS)}"
    )
