"""The `[radio.flowgraph]` table of a scenario: what GNU Radio does to the samples between the antennas.

Needs neither PyTorch nor GNU Radio.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class FlowgraphConfig(BaseModel, frozen=True, extra="forbid"):
    """Hardware-like impairments, by GNU Radio's own blocks. Zero switches one off.

    The multipath is that of `radio.channel`; noise is added to reach `es_n0_db`.
    """

    model_config = ConfigDict(allow_inf_nan=False)

    fading: Literal["frozen", "moving"] = "frozen"
    """frozen: the realisation of `radio.channel` that simulation has, constant for a burst. moving: GNU Radio's
    selective fading model with the delays and powers of `radio.channel` and the Doppler shift of `radio.speed_mps`,
    Rayleigh on every path, independent between antennas, begun anew with every burst."""
    carrier_offset_hz: float = Field(default=0.0, ge=-1e5, le=1e5)
    """Carrier of the image transmitter above the one its receiver expects [Hz]; the reverse link sees the opposite."""
    clock_offset_ppm: float = Field(default=0.0, ge=-100, le=100)
    """Sample clock of the receiver above that of the transmitter [ppm]; the reverse link sees the opposite."""
    arrival_us: float = Field(default=100.0, ge=0, le=10_000)
    """A burst starts at a random time of at most so much after the receiver began to listen [µs]."""
    phase_noise_deg: float = Field(default=0.0, ge=0, le=30)
    """Standard deviation of the oscillators' phase [degrees], both ends together."""
    phase_noise_khz: float = Field(default=1.0, gt=0, le=1000)
    """Bandwidth of that phase: a Lorentzian spectrum of this corner [kHz]."""
    iq_gain_db: float = Field(default=0.0, ge=-6, le=6)
    """Gain of the in-phase over the quadrature branch of the transmitter [dB]."""
    iq_phase_deg: float = Field(default=0.0, ge=-30, le=30)
    """Their departure from quadrature [degrees]."""
    third_order: float = Field(default=0.0, ge=-0.2, le=0)
    """Third-order coefficient c of the power amplifier: y = x (1 + c |x|^2). The mean of |x|^2 is the share of the FFT
    that the message occupies, over its layers: 0.6 for the whole default carrier on one layer."""
