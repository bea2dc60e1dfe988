"""The worker's flowgraph: impaired transmitters, multipath between every pair of antennas, receivers with noise.

Runs under GNU Radio's interpreter and imports nothing of the simulator but `wire`.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from gnuradio import analog, blocks, channels, filter, gr

from taskwave.phy.gnuradio.wire import Samples

_FLUSH = 128
"""Zeros after a burst: more samples than the resampler of the channel model holds back."""
_LEAD = 3
"""Zeros before a burst: samples by which the resampler of the channel model is early."""
_PHASE_SEED, _FADING_SEED = 0x5EED, 0xFADE
"""Numbers that set the randomness of phase noise and of fading apart from that of the noise."""
_MOST_PATHS = 64
"""Distance between the seeds of two fading models, since each seeds its paths with consecutive numbers."""
_PRECURSORS = 8
"""Samples by which the sinc pulse of a path starts before the path in the fading model."""
_SINUSOIDS = 8
"""Sinusoids whose sum makes the fading of a path."""


class ArraySource(gr.sync_block):  # type: ignore[misc]
    """Sends the rows of an array, each on a stream of its own, and then ends."""

    def __init__(self, rows: Samples) -> None:
        gr.sync_block.__init__(self, "array source", None, [np.complex64] * len(rows))
        self._rows = rows
        self._sent = 0

    def work(self, input_items: Any, output_items: Any) -> int:
        """Fill `output_items` with samples; GNU Radio calls this."""
        count: int = min(len(output_items[0]), self._rows.shape[1] - self._sent)
        if count == 0:
            return -1
        for row, out in zip(self._rows, output_items, strict=True):
            out[:count] = row[self._sent : self._sent + count]
        self._sent += count
        return count


class ArraySink(gr.sync_block):  # type: ignore[misc]
    """Collects streams into an array."""

    def __init__(self, streams: int) -> None:
        gr.sync_block.__init__(self, "array sink", [np.complex64] * streams, None)
        self._parts: list[Samples] = []

    def work(self, input_items: Any, output_items: Any) -> int:
        """Take more samples; GNU Radio calls this."""
        part: Samples = np.stack(input_items)
        self._parts.append(part)
        return len(part[0])

    def samples(self) -> Samples:
        """Return all samples so far, [streams, n] complex64."""
        return np.concatenate(self._parts, axis=1)


def _transmitter(graph: gr.top_block, source: ArraySource, port: int, values: Mapping[str, Any]) -> tuple[Any, int]:
    """Connect the chain of a transmit antenna and return its output, behind the amplifier."""
    out: tuple[Any, int] = (source, port)
    chain = []
    if values["iq_gain_db"] or values["iq_phase_deg"]:
        chain.append(channels.iqbal_gen(values["iq_gain_db"], values["iq_phase_deg"], 0))
    if values["third_order"]:
        chain.append(channels.distortion_3_gen(values["third_order"]))
    for block in chain:
        graph.connect(out, (block, 0))
        out = (block, 0)
    return out


def _phase_noise(values: Mapping[str, Any], seed: int) -> Any:
    """Return the chain of blocks that makes the oscillators' phasor: low-pass filtered Gaussian phase."""
    corner = 1 - math.exp(-2 * math.pi * values["phase_noise_corner"])
    # A one-pole filter of coefficient a leaves a / (2 - a) of the variance of white noise.
    spread = math.radians(values["phase_noise_deg"]) / math.sqrt(corner / (2 - corner))
    source, smooth = analog.noise_source_f(analog.GR_GAUSSIAN, spread, seed), filter.single_pole_iir_filter_ff(corner)
    return source, smooth, analog.phase_modulator_fc(1.0)


def _path(taps: Samples, values: Mapping[str, Any], seed: int) -> Any:
    """Return the multipath of a pair of antennas: its taps, or GNU Radio's fading model if `values` have its paths."""
    if "delays" not in values:
        return filter.fir_filter_ccc(1, taps.tolist())
    delays = [delay + _PRECURSORS for delay in values["delays"]]
    length = math.ceil(max(delays)) + _PRECURSORS
    return channels.selective_fading_model(
        _SINUSOIDS, values["doppler"], False, 1.0, seed, delays, values["amplitudes"], length
    )


def carry(samples: Samples, taps: Samples, values: Mapping[str, Any], seed: int) -> Samples:
    """Carry one burst from T transmit antennas to R receive antennas.

    Args:
        samples: samples that the transmit antennas send, [T, n] complex64.
        taps: taps of the multipath, [R, T, taps] complex64.
        values: noise_voltage (root of the variance of a complex sample), carrier_offset (cycles per sample),
            clock_offset (samples sent for each one received, less one), and the impairments of `FlowgraphConfig`;
            delays (samples), amplitudes and doppler (cycles per sample) of a fading model take the place of `taps`, if
            they are given.
        seed: seed of the noise, 1 and up.

    Returns:
        Received samples, [R, m] complex64, m at least n and the length of the multipath.
    """
    graph = gr.top_block()
    drift = math.ceil(samples.shape[1] * abs(values["clock_offset"]))
    padded = np.pad(samples, ((0, 0), (_LEAD, taps.shape[2] - 1 + _FLUSH + drift)))
    source, sink = ArraySource(padded), ArraySink(len(taps))
    sent = [_transmitter(graph, source, port, values) for port in range(len(samples))]
    phasor = None
    if values["phase_noise_deg"]:
        chain = _phase_noise(values, seed ^ _PHASE_SEED)
        graph.connect(*chain)
        phasor = chain[-1]
    for antenna, rows in enumerate(taps):
        faded = blocks.add_cc()
        for port, row in enumerate(rows):
            path = _path(row, values, (seed ^ _FADING_SEED) % 2**30 + _MOST_PATHS * (antenna * len(rows) + port))
            graph.connect(sent[port], path, (faded, port))
        model = channels.channel_model(
            noise_voltage=values["noise_voltage"],
            frequency_offset=values["carrier_offset"],
            epsilon=1.0 + values["clock_offset"],
            taps=[1.0],
            noise_seed=seed + antenna,
        )
        graph.connect(faded, model)
        out = model
        if phasor is not None:
            out = blocks.multiply_cc()
            graph.connect(model, (out, 0))
            graph.connect(phasor, (out, 1))
        graph.connect(out, (sink, antenna))
    graph.run()
    return sink.samples()
