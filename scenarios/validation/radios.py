"""Radios whose closed forms are known: perfect channel knowledge, one transmit antenna, one layer."""

from typing import get_args

from taskwave.phy.air import Air, AirInterface, Radio, RadioConfig
from taskwave.phy.config import Channel

CHANNELS: tuple[Channel, ...] = tuple(name for name in get_args(Channel) if name != "recorded")
"""Those that need no file."""


def simple_radio(channel: Channel, num_rx_ant: int = 1, control_code_rate: float | None = None) -> Radio:
    """One layer from one antenna to `num_rx_ant`; the receiver knows the channel."""
    return Radio(
        RadioConfig(
            channel=channel,
            csi="perfect",
            num_tx_ant=1,
            num_rx_ant=num_rx_ant,
            num_layers=1,
            control_code_rate=control_code_rate,
        )
    )


def forward(radio: Radio, es_n0_db: float, images: int, seed: int) -> Air:
    """The first transmission of `images` independent messages."""
    return AirInterface(radio, radio.draw(images, 1, seed), es_n0_db, seed + 1).forward(0)
