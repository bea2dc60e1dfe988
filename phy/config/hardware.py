"""Tables `impairments` and `flowgraph` of `[radio]`: hardware that is not ideal.

Needs neither PyTorch, Sionna nor GNU Radio.
"""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class FrontEndConfig(BaseModel, frozen=True, extra="forbid"):
    """What simulation and GNU Radio's flowgraph both know. Zero switches one off."""

    model_config = ConfigDict(allow_inf_nan=False)

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


class AmplifierConfig(BaseModel, frozen=True, extra="forbid"):
    """A memoryless power amplifier behind every transmit antenna, both directions alike."""

    model_config = ConfigDict(allow_inf_nan=False)

    model: Literal["rapp", "saleh", "cubic"]
    """rapp: solid state, amplitude only (Rapp 1991). saleh: travelling-wave tube, amplitude and phase (Saleh 1981, with
    his constants). cubic: y = x (1 - |x|^2 / (3 A^2)) up to |x| = A, where it saturates."""
    input_backoff_db: float = Field(ge=-10, le=60)
    """Input power of saturation over the mean power of a message [dB]. Saturation is where a linear amplifier would
    reach Rapp's limit, and the largest output of the others."""
    smoothness: float | None = Field(default=None, ge=0.5, le=100)
    """Rapp's p. None: 2, usual for solid state. The other models have none."""

    @property
    def rapp_smoothness(self) -> float:
        """Rapp's p."""
        return 2.0 if self.smoothness is None else self.smoothness

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.smoothness is not None and self.model != "rapp":
            raise ValueError(f'smoothness {self.smoothness:g} belongs to model "rapp": leave it out with {self.model}.')
        return self


class ImpairmentsConfig(FrontEndConfig, frozen=True, extra="forbid"):
    """The simulated channel is applied to samples instead of resource elements, and the hardware is not ideal.

    An empty table is ideal hardware in the time domain. `arrival_us` is of estimated synchronisation only.
    """

    synchronisation: Literal["known", "estimated"] = "known"
    """known: the receiver knows when the first symbol starts, and nothing else: offsets stay as they are. estimated:
    with synchronisation symbols, which are charged, it finds the burst, its carrier offset and its delay."""
    interleaving: bool = False
    """Symbols of a message are spread over its resource elements pseudo-randomly, against the high peaks that analog
    latents make in their own order."""
    amplifier: AmplifierConfig | None = None
    """None: linear."""
    clipping_db: float | None = Field(default=None, ge=-10, le=20)
    """The transmitter limits its envelope to so much above the root of its mean power [dB]. None: never."""
    adc_bits: int | None = Field(default=None, ge=1, le=24)
    """Of the receiver's converters, one for each of the two real parts. None: not quantised."""
    adc_clip_db: float = Field(default=12.0, ge=-10, le=40)
    """Their full scale over the root of the mean power of a real part [dB]; gain control is ideal. 12 suits 8 bits."""


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
