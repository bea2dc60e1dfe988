"""Sinks and sources of radios, recordings and sockets by name. Runs under GNU Radio's interpreter."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
from gnuradio import blocks, gr, zeromq

from taskwave.phy.gnuradio.faults import BlockError, end_flowgraph, install_lines
from taskwave.phy.gnuradio.recorder import RecordingWriter
from taskwave.phy.gnuradio.sigmf import Recording, RecordingError, open_recording
from taskwave.phy.gnuradio.wire import Samples, check_endpoint

install_lines()

_ITEM = gr.sizeof_gr_complex
"""Bytes of a sample."""
_TIMEOUT_MS = 5
"""Time that a socket waits for samples at a time; the end of every large message waits so long for more, too."""
_KINDS = "uhd:ARGUMENTS, soapy:driver=NAME,…, sigmf:PATH or zmq:ADDRESS"
"""Names of radios, for error messages."""
_FREQUENCY_TOLERANCE = 1e3
"""Largest difference of centre frequencies that passes for the same one [Hz]."""
_RATE_TOLERANCE = 1e-6
"""Largest relative difference of sample rates that passes for the same one."""

_KEPT: list[Any] = []
"""Blocks written in Python: GNU Radio itself keeps only their C++ halves alive, which call them."""


def _split(device: str) -> tuple[str, str]:
    """Return kind and arguments of a radio by name, checked as far as that needs no hardware."""
    kind, colon, rest = device.partition(":")
    if not colon or kind not in ("uhd", "soapy", "sigmf", "zmq") or (kind != "uhd" and not rest):
        raise BlockError(f"there is no radio {device!r}: name one as {_KINDS}")
    pairs = [pair for pair in rest.split(",") if pair]
    if kind in ("uhd", "soapy") and not all(re.fullmatch(r"\s*[^=\s]+\s*=.+", pair) for pair in pairs):
        raise BlockError(f"{device!r}: its arguments are KEY=VALUE, separated by commas, as in {kind}:serial=30F4A2B")
    return kind, rest


def _check_rate(device: str, got: float, wanted: float) -> None:
    """Refuse a radio that took another sample rate than the one asked for, since no burst would survive it."""
    if abs(got - wanted) > _RATE_TOLERANCE * wanted:
        raise BlockError(
            f"{device} has {got:g} samples per second in place of {wanted:g}: choose a clock that it divides, "
            "or another radio.max_prb or radio.subcarrier_spacing_khz."
        )


def _uhd(device: str, rest: str, transmits: bool, tune: tuple[float, float, float]) -> Any:
    """Return the tuned sink or source of a USRP."""
    from gnuradio import uhd  # noqa: PLC0415 - imported only where it is asked for

    samp_rate, center_freq, gain = tune
    arguments = uhd.stream_args(cpu_format="fc32", channels=[0])
    radio = uhd.usrp_sink(rest, arguments, "") if transmits else uhd.usrp_source(rest, arguments)
    radio.set_samp_rate(samp_rate)
    radio.set_center_freq(center_freq, 0)
    radio.set_gain(gain, 0)
    _check_rate(device, radio.get_samp_rate(), samp_rate)
    return radio


def _found() -> list[str]:
    """Return the USRPs that are there, by serial number."""
    from gnuradio import uhd  # noqa: PLC0415 - imported only where it is asked for

    return [f"serial={address.get('serial')}" for address in uhd.find("")]


def _soapy(device: str, rest: str, transmits: bool, tune: tuple[float, float, float]) -> Any:
    """Return the tuned sink or source of a radio of SoapySDR."""
    from gnuradio import soapy  # noqa: PLC0415 - imported only where it is asked for

    samp_rate, center_freq, gain = tune
    radio = (soapy.sink if transmits else soapy.source)(rest, "fc32", 1, "", "", [""], [""])
    radio.set_sample_rate(0, samp_rate)
    radio.set_frequency(0, center_freq)
    radio.set_gain(0, gain)
    _check_rate(device, radio.get_sample_rate(0), samp_rate)
    return radio


_MAKERS: dict[str, tuple[Callable[..., Any], str, str, str]] = {
    "uhd": (_uhd, "gr-uhd", "gnuradio", "uhd_find_devices"),
    "soapy": (_soapy, "gr-soapy", "gnuradio", "SoapySDRUtil --find"),
}
"""Maker of each kind of hardware, the module it needs, its package, and the command that lists such radios."""


def _hardware(device: str, transmits: bool, samp_rate: float, center_freq: float, gain: float) -> Any:
    """Return the sink or source of a radio, tuned.

    Raises:
        BlockError: its module is missing, it is not there, or it cannot be tuned as asked.
    """
    kind, rest = _split(device)
    make, module, package, lister = _MAKERS[kind]
    try:
        return make(device, rest, transmits, (samp_rate, center_freq, gain))
    except ImportError as error:
        raise BlockError(f"{device} needs {module} ({error}): apt-get install {package}") from None
    except RuntimeError as error:
        said = " ".join(str(error).split())
        if kind == "uhd":
            said += f"; UHD finds {', '.join(_found()) or 'none'}"
        raise BlockError(
            f"{device} cannot be used at {samp_rate:g} samples per second and {center_freq:g} Hz: {said[:300]}; "
            f"`{lister}` lists the radios that are there"
        ) from None


def _socket(device: str, address: str, make: Callable[..., Any]) -> Any:
    """Return the block of a socket that `make` makes, or refuse its address."""
    check_endpoint(address, connects=make is zeromq.sub_source)
    try:
        return make(_ITEM, 1, address, _TIMEOUT_MS, False, -1)
    except RuntimeError as error:
        raise BlockError(
            f"{device} cannot be opened: {error}; an address is tcp://HOST:PORT or ipc://PATH, the sink binds it"
        ) from None


def _check_tuning(recording: Recording, samp_rate: float, center_freq: float) -> None:
    """Refuse a recording of another sample rate or centre frequency, of several of them, or without sample rate."""
    meta, rate = recording.meta, recording.sample_rate
    if rate is None:
        raise RecordingError(f"{meta}: core:sample_rate is missing: add it, the flowgraph runs at {samp_rate:.10g}")
    if abs(rate - samp_rate) > _RATE_TOLERANCE * samp_rate:
        raise RecordingError(
            f"{meta}: core:sample_rate is {rate:.10g} samples per second, the flowgraph runs at {samp_rate:.10g}: "
            "resample the recording, or set the flowgraph's sample rate to it"
        )
    if len(recording.frequencies) > 1:
        several = ", ".join(f"{frequency:.10g}" for frequency in recording.frequencies[:4])
        raise RecordingError(
            f"{meta}: the captures differ in core:frequency ({several} Hz): write those of one frequency to a "
            "recording of their own"
        )
    for frequency in recording.frequencies:
        if abs(frequency - center_freq) > _FREQUENCY_TOLERANCE:
            raise RecordingError(
                f"{meta}: core:frequency is {frequency:.10g} Hz, the flowgraph is tuned to {center_freq:.10g} Hz, at "
                f"most {_FREQUENCY_TOLERANCE:g} Hz apart are allowed: tune it to the recording"
            )


class _RecordingSource(gr.sync_block):  # type: ignore[misc]
    """Plays a recording once."""

    def __init__(self, recording: Recording) -> None:
        gr.sync_block.__init__(self, "TaskWave recording", None, [np.complex64])
        for _ in recording.blocks():  # A sample that is no number is found here, and not while the flowgraph runs.
            pass
        self._blocks = recording.blocks()
        _KEPT.append(self)
        self._current = np.zeros(0, dtype=np.complex64)

    def work(self, input_items: Any, output_items: Any) -> int:
        """Fill `output_items` with samples; GNU Radio calls this."""
        out = output_items[0]
        try:
            while len(self._current) == 0:
                self._current = next(self._blocks)
        except StopIteration:
            return -1
        except (RecordingError, OSError) as error:
            end_flowgraph(error)
            return -1
        count = min(len(out), len(self._current))
        out[:count] = self._current[:count]
        self._current = self._current[count:]
        return count


class _RecordingSink(gr.sync_block):  # type: ignore[misc]
    """Writes a recording, which is there from its first sample on."""

    def __init__(self, writer: RecordingWriter) -> None:
        gr.sync_block.__init__(self, "TaskWave recorder", [np.complex64], None)
        self._writer = writer
        _KEPT.append(self)

    def work(self, input_items: Any, output_items: Any) -> int:
        """Write samples; GNU Radio calls this."""
        samples: Samples = input_items[0]
        try:
            self._writer.write(samples)
        except OSError as error:
            end_flowgraph(error)
            return -1
        return len(samples)

    def stop(self) -> bool:
        """Finish the recording; GNU Radio calls this when the flowgraph ends."""
        try:
            self._writer.close()
        except OSError as error:
            end_flowgraph(error)
        return True


class radio_sink(gr.hier_block2):  # type: ignore[misc]  # noqa: N801 - GNU Radio's spelling
    """Transmits a stream with a radio, records it, or sends it to a socket.

    Args:
        device: name of the radio; `sigmf:PATH` records `PATH.sigmf-data` with its `PATH.sigmf-meta`, neither of which
            may be there; `zmq:ADDRESS` binds a socket that a `radio_source` elsewhere connects to, at the pace of
            `samp_rate`.
        samp_rate: sample rate, samples per second.
        center_freq: carrier frequency [Hz].
        gain: gain of the transmitter [dB].
        transmit: whether a radio transmits; without it the radio is not even opened, and the samples are dropped.

    Raises:
        BlockError: there is no such radio, it cannot be tuned as asked, or there is such a recording already.
    """

    def __init__(
        self, device: str, samp_rate: float, center_freq: float, gain: float = 0, transmit: bool = False
    ) -> None:
        gr.hier_block2.__init__(self, "TaskWave radio sink", gr.io_signature(1, 1, _ITEM), gr.io_signature(0, 0, 0))
        kind, rest = _split(device)
        sink: Any
        if kind == "sigmf":
            sink = _RecordingSink(RecordingWriter(rest, samp_rate, center_freq, "GNU Radio flowgraph"))
        elif kind == "zmq":
            sink = _socket(device, rest, zeromq.pub_sink)
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
        BlockError: there is no such radio or recording, the radio cannot be tuned as asked, or the recording is of
            another sample rate or centre frequency, or of a kind that is not supported; see `open_recording`.
    """

    def __init__(self, device: str, samp_rate: float, center_freq: float, gain: float = 0) -> None:
        gr.hier_block2.__init__(self, "TaskWave radio source", gr.io_signature(0, 0, 0), gr.io_signature(1, 1, _ITEM))
        kind, rest = _split(device)
        source: Any
        if kind == "sigmf":
            recording = open_recording(rest)
            _check_tuning(recording, samp_rate, center_freq)
            source = _RecordingSource(recording)
        elif kind == "zmq":
            source = _socket(device, rest, zeromq.sub_source)
        else:
            source = _hardware(device, False, samp_rate, center_freq, gain)
        self.connect(source, self)
