"""The `[radio.flowgraph]` table of a scenario: what GNU Radio does to the samples between the antennas.

Needs neither PyTorch nor GNU Radio.
"""

from typing import Literal

from pydantic import Field

from taskwave.phy.impairments.config import FrontEndConfig


class FlowgraphConfig(FrontEndConfig, frozen=True, extra="forbid"):
    """Hardware-like impairments, by GNU Radio's own blocks. Zero switches one off.

    The multipath is that of `radio.channel`; noise is added to reach `es_n0_db`.
    """

    fading: Literal["frozen", "moving"] = "frozen"
    """frozen: the realisation of `radio.channel` that simulation has, constant for a burst. moving: GNU Radio's
    selective fading model with the delays and powers of `radio.channel` and the Doppler shift of `radio.speed_mps`,
    Rayleigh on every path, independent between antennas, begun anew with every burst."""
    third_order: float = Field(default=0.0, ge=-0.2, le=0)
    """Third-order coefficient c of the power amplifier: y = x (1 + c |x|^2). The mean of |x|^2 is the share of the FFT
    that the message occupies, over its layers: 0.6 for the whole default carrier on one layer."""
