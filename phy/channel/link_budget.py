"""Es/N0 from powers and distance."""

import math

from taskwave.phy.channel.config import DROP_CHANNELS, DropChannel
from taskwave.phy.channel.path_loss import mean_loss_db
from taskwave.phy.config import RadioConfig
from taskwave.phy.grid import NUM_SUBCARRIERS_PER_PRB

THERMAL_NOISE_DBM_HZ = -174.0
"""Power density of thermal noise at 290 K [dBm/Hz], rounded as link budgets do (exact: -173.98)."""


def es_n0_db(config: RadioConfig) -> float:
    """Es/N0 [dB] of a radio with a link budget, at the distance of its drop.

    The transmit power is spread evenly over the subcarriers of the carrier, whatever of them a message uses; an RE and
    receive antenna gets its share less the loss, and its noise is N0 times the subcarrier spacing.

    Raises:
        ValueError: no `link_budget`.
    """
    budget = config.link_budget
    if budget is None:
        raise ValueError("distances need a link budget: add [radio.link_budget] with tx_power_dbm")
    loss_db = mean_loss_db(path_loss_channel(config), config.drop, config.carrier_ghz)
    per_re_dbm = budget.tx_power_dbm - 10 * math.log10(NUM_SUBCARRIERS_PER_PRB * config.max_prb)
    noise_dbm = THERMAL_NOISE_DBM_HZ + budget.noise_figure_db + 10 * math.log10(config.subcarrier_spacing_khz * 1e3)
    return per_re_dbm + budget.tx_gain_dbi + budget.rx_gain_dbi - loss_db - noise_dbm


def path_loss_channel(config: RadioConfig) -> DropChannel:
    """Whose path loss the link budget takes.

    Raises:
        ValueError: nobody's.
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
