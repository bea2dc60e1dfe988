"""Impulse responses of a channel model as records, to be stored."""

from taskwave.phy.channel.model import ChannelModel
from taskwave.phy.channel.recorded import Records
from taskwave.phy.config import RadioConfig


def record(config: RadioConfig, num: int, occasions: int, seed: int) -> Records:
    """`num` channels over the time that `occasions` transmissions take.

    Raises:
        ValueError: a channel that is drawn anew for each transmission, and what `ChannelModel.draw` refuses.
    """
    fading = ChannelModel(config).draw(num, occasions, seed)
    if fading.sample_s is None and fading.a.shape[-1] > 1:
        raise ValueError(f"channel {config.channel} is drawn anew for each transmission: record one that moves in time")
    tau = fading.tau.expand(num, -1)
    return Records(fading.a.numpy(), tau.numpy(), interval_s=fading.sample_s, carrier_hz=config.carrier_ghz * 1e9)
