"""Sinks and sources of radios, recordings and sockets by name. Runs under GNU Radio's interpreter."""

from pathlib import Path
from typing import Any

from gnuradio import blocks, gr, zeromq

_ITEM = gr.sizeof_gr_complex
"""Bytes of a sample."""
_TIMEOUT_MS = 1
"""Time that a socket waits for samples at a time."""
_KINDS = "uhd:ARGUMENTS, soapy:driver=NAME,…, sigmf:PATH or zmq:ADDRESS"
"""Names of radios, for error messages."""


def _split(device: str) -> tuple[str, str]:
    kind, colon, rest = device.partition(":")
    if not colon or kind not in ("uhd", "soapy", "sigmf", "zmq") or (kind != "uhd" and not rest):
        raise ValueError(f"there is no radio {device!r}: name one as {_KINDS}")
    return kind, rest


def _check_rate(device: str, got: float, wanted: float) -> None:
    """Refuse a radio that took another sample rate than the one asked for, since no burst would survive it."""
    if abs(got - wanted) > 1e-6 * wanted:
        raise ValueError(
            f"{device} has {got:g} samples per second in place of {wanted:g}: choose a clock that it divides, "
            "or another radio.max_prb or radio.subcarrier_spacing_khz."
        )


def _hardware(device: str, transmits: bool, samp_rate: float, center_freq: float, gain: float) -> Any:
    """Return the sink or source of a radio, tuned."""
    kind, rest = _split(device)
    radio: Any
    if kind == "uhd":
        from gnuradio import uhd  # noqa: PLC0415 - imported only where it is asked for

        arguments = uhd.stream_args(cpu_format="fc32", channels=[0])
        radio = uhd.usrp_sink(rest, arguments, "") if transmits else uhd.usrp_source(rest, arguments)
        radio.set_samp_rate(samp_rate)
        radio.set_center_freq(center_freq, 0)
        radio.set_gain(gain, 0)
        _check_rate(device, radio.get_samp_rate(), samp_rate)
    else:
        from gnuradio import soapy  # noqa: PLC0415 - imported only where it is asked for

        radio = (soapy.sink if transmits else soapy.source)(rest, "fc32", 1, "", "", [""], [""])
        radio.set_sample_rate(0, samp_rate)
        radio.set_frequency(0, center_freq)
        radio.set_gain(0, gain)
        _check_rate(device, radio.get_sample_rate(0), samp_rate)
    return radio


class radio_sink(gr.hier_block2):  # type: ignore[misc]  # noqa: N801 - GNU Radio's spelling
    """Transmits a stream with a radio, records it, or sends it to a socket.

    Args:
        device: name of the radio; `sigmf:PATH` records `PATH.sigmf-data` with its `PATH.sigmf-meta`; `zmq:ADDRESS`
            binds a socket that a `radio_source` elsewhere connects to, at the pace of `samp_rate`.
        samp_rate: sample rate, samples per second.
        center_freq: carrier frequency [Hz].
        gain: gain of the transmitter [dB].
        transmit: whether a radio transmits; without it the radio is not even opened, and the samples are dropped.

    Raises:
        ValueError: there is no such radio, or it has another sample rate.
    """

    def __init__(
        self, device: str, samp_rate: float, center_freq: float, gain: float = 0, transmit: bool = False
    ) -> None:
        gr.hier_block2.__init__(self, "TaskWave radio sink", gr.io_signature(1, 1, _ITEM), gr.io_signature(0, 0, 0))
        kind, rest = _split(device)
        sink: Any
        if kind == "sigmf":
            sink = blocks.sigmf_sink_minimal(_ITEM, rest, samp_rate, center_freq, "", "TaskWave", "", False)
        elif kind == "zmq":
            sink = zeromq.pub_sink(_ITEM, 1, rest, _TIMEOUT_MS, False, -1)
        elif not transmit:
            sink = blocks.null_sink(_ITEM)
        else:
            self.connect(self, _hardware(device, True, samp_rate, center_freq, gain))
            return
        # Recordings and sockets take samples as fast as they come, so that only this block keeps the pace.
        self.connect(self, blocks.throttle(_ITEM, samp_rate), sink)


class radio_source(gr.hier_block2):  # type: ignore[misc]  # noqa: N801 - GNU Radio's spelling
    """Receives a stream with a radio or from a socket, or plays a recording once.

    Args:
        device: name of the radio, as in `radio_sink`.
        samp_rate: sample rate, samples per second.
        center_freq: carrier frequency [Hz].
        gain: gain of the receiver [dB].

    Raises:
        ValueError: there is no such radio or recording, or the radio has another sample rate.
    """

    def __init__(self, device: str, samp_rate: float, center_freq: float, gain: float = 0) -> None:
        gr.hier_block2.__init__(self, "TaskWave radio source", gr.io_signature(0, 0, 0), gr.io_signature(1, 1, _ITEM))
        kind, rest = _split(device)
        source: Any
        if kind == "sigmf":
            path = Path(f"{rest}.sigmf-data")
            if not path.is_file():
                raise ValueError(f"there is no recording {path}: give the path of one, without its ending")
            source = blocks.file_source(_ITEM, str(path), False)
        elif kind == "zmq":
            source = zeromq.sub_source(_ITEM, 1, rest, _TIMEOUT_MS, False, -1)
        else:
            source = _hardware(device, False, samp_rate, center_freq, gain)
        self.connect(source, self)
