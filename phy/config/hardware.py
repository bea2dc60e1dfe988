"""Configuration of hardware that is not ideal: tables `impairments` and `flowgraph` of `[radio]`."""

from typing import Literal, Self

from pydantic import Field, model_validator

from taskwave.phy.config.table import Table


class FrontEndConfig(Table):
    """Describes the impairments that simulation and GNU Radio's flowgraph share; zero switches one off."""

    carrier_offset_hz: float = Field(default=0.0, ge=-1e5, le=1e5)
    """Carrier of the image transmitter minus the one its receiver expects [Hz]; the reverse link sees the opposite."""
    clock_offset_ppm: float = Field(default=0.0, ge=-100, le=100)
    """Sample clock of the receiver relative to that of the transmitter [ppm]; the reverse link sees the opposite."""
    arrival_us: float = Field(default=100.0, ge=0, le=10_000)
    """Longest time from the start of reception to the random start of a burst [µs]."""
    phase_noise_deg: float = Field(default=0.0, ge=0, le=30)
    """Standard deviation of the phase of the oscillators of both ends together [degrees]."""
    phase_noise_khz: float = Field(default=1.0, gt=0, le=1000)
    """Bandwidth of the phase noise: corner of its Lorentzian spectrum [kHz]."""
    iq_gain_db: float = Field(default=0.0, ge=-6, le=6)
    """Gain of the in-phase over the quadrature branch of the transmitter [dB]."""
    iq_phase_deg: float = Field(default=0.0, ge=-30, le=30)
    """Departure of the two branches of the transmitter from quadrature [degrees]."""


class AmplifierConfig(Table):
    """Describes a memoryless power amplifier behind every transmit antenna, the same in both directions."""

    model: Literal["rapp", "saleh", "cubic"]
    """Model of the amplifier. rapp: solid state, amplitude only (Rapp 1991). saleh: travelling-wave tube, amplitude and
    phase (Saleh 1981, with his constants). cubic: y = x (1 - |x|^2 / (3 A^2)) up to |x| = A, where it saturates."""
    input_backoff_db: float = Field(ge=-10, le=60)
    """Input power of saturation over the mean power of a message [dB]. Saturation is where a linear amplifier would
    reach Rapp's limit, and where the other models have their largest output."""
    smoothness: float | None = Field(default=None, ge=0.5, le=100)
    """Rapp's exponent p, for model "rapp" only. None: 2, usual for solid state."""

    @property
    def rapp_smoothness(self) -> float:
        """Rapp's exponent p, 2 where `smoothness` is None."""
        return 2.0 if self.smoothness is None else self.smoothness

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.smoothness is not None and self.model != "rapp":
            raise ValueError(f'smoothness {self.smoothness:g} belongs to model "rapp": leave it out with {self.model}.')
        return self


class ImpairmentsConfig(FrontEndConfig):
    """Describes a simulation on samples instead of resource elements, with hardware that is not ideal.

    An empty table is ideal hardware in the time domain. `arrival_us` concerns estimated synchronisation only.
    """

    synchronisation: Literal["known", "estimated"] = "known"
    """Synchronisation of the receiver. known: it knows when the first symbol starts, and nothing else: offsets stay as
    they are. estimated: with synchronisation symbols, which are charged, it finds the burst, its carrier offset and its
    delay."""
    interleaving: bool = False
    """Whether the symbols of a message are spread over its resource elements pseudo-randomly, against the high peaks
    that analog latents make in their own order."""
    amplifier: AmplifierConfig | None = None
    """Power amplifier of every transmit antenna. None: linear."""
    clipping_db: float | None = Field(default=None, ge=-10, le=20)
    """Limit of the transmitter's envelope over the root of its mean power [dB]. None: no limit."""
    adc_bits: int | None = Field(default=None, ge=1, le=24)
    """Bits of the receiver's converters, one converter for each of the two real parts. None: not quantised."""
    adc_clip_db: float = Field(default=12.0, ge=-10, le=40)
    """Full scale of the converters over the root of the mean power of a real part [dB], with ideal gain control; 12
    suits 8 bits."""


class FlowgraphConfig(FrontEndConfig):
    """Describes hardware-like impairments by GNU Radio's own blocks; zero switches one off.

    The multipath is that of `radio.channel`; noise is added to reach `es_n0_db`.
    """

    fading: Literal["frozen", "moving"] = "frozen"
    """Fading of the multipath. frozen: the realisation of `radio.channel` that simulation has, constant for a burst.
    moving: GNU Radio's selective fading model with the delays and powers of `radio.channel` and the Doppler shift of
    `radio.speed_mps`, Rayleigh on every path, independent between antennas, begun anew with every burst."""
    third_order: float = Field(default=0.0, ge=-0.2, le=0)
    """Third-order coefficient c of the power amplifier: y = x (1 + c |x|^2). The mean of |x|^2 is the share of the FFT
    that the message occupies, over its layers: 0.6 for the whole default carrier on one layer."""
