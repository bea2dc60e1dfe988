"""The synchroniser block, which finds bursts in a stream. Runs under GNU Radio's interpreter."""

import threading
import time
from typing import Any

import numpy as np
from gnuradio import gr

from taskwave.phy.gnuradio.blocks import BURSTS, EXPECT, attentive, make_pdu, open_pdu
from taskwave.phy.gnuradio.wire import Samples

_THRESHOLD = 20.0
"""Least metric of a burst, over the mean of noise alone; for two pieces of the band noise passes once in 20 million
samples."""
_SILENCE = 1e-6
"""Power, over the mean, below which samples are taken as silence."""
_PAUSE_SECONDS = 0.1
"""Time without samples after which none is waiting."""
_MARGIN = 512
"""Samples before and after a burst that are handed on with it."""


class ofdm_synchroniser(gr.sync_block):  # type: ignore[misc]  # noqa: N801 - GNU Radio's spelling
    """Finds the burst that is expected (message port expect) in a stream and hands it on (message port bursts).

    It uses matched filters for the start of the burst, piece by piece of the band, normalised by the power around them.
    Noise may pass for a burst; the engine drops such windows, and the search goes on until another burst is expected.
    An expected length of zero ends it. With every window goes how far the search is behind the sample clock [ms].

    Args:
        samp_rate: sample rate of the stream, samples per second; 0: not known, the search is never behind.
    """

    def __init__(self, samp_rate: float = 0.0) -> None:
        gr.sync_block.__init__(self, "TaskWave OFDM synchroniser", [np.complex64], None)
        self._lock = threading.Lock()
        self._fronts = np.zeros((1, 1), dtype=np.complex64)
        self._length, self._number, self._start = 0, 0, -1
        self._held = np.zeros(0, dtype=np.complex64)
        self._spectra: dict[int, Any] = {}
        self._samp_rate, self._behind, self._idle_since = samp_rate, 0.0, 0.0
        self.message_port_register_in(EXPECT)
        self.message_port_register_out(BURSTS)
        self.set_msg_handler(EXPECT, self._listen)

    @attentive
    def _listen(self, message: Any) -> None:
        (number, length, pieces), fronts = open_pdu(message, "number", "length", "pieces")
        with self._lock:
            self._fronts, self._length, self._number = fronts.reshape(pieces, -1), length, number if length else 0
            self._start = -1
            self._spectra.clear()

    def work(self, input_items: Any, output_items: Any) -> int:
        """Take more samples; GNU Radio calls this."""
        samples, began = input_items[0], time.monotonic()
        if began - self._idle_since > _PAUSE_SECONDS:
            self._behind = 0.0
        with self._lock:
            if self._number:
                self._held = np.concatenate((self._held, samples))
                while self._advance():
                    pass
            else:
                self._held = np.concatenate((self._held, samples[-_MARGIN:]))[-_MARGIN:]
        self._idle_since = time.monotonic()
        if self._samp_rate:
            # Samples arrive while others are searched: what takes longer than they last is a queue that grows.
            self._behind = max(0.0, self._behind + self._idle_since - began - len(samples) / self._samp_rate)
        return len(samples)

    def _advance(self) -> bool:
        """Find the start of a burst, or hand on the burst that was found; return False for lack of samples."""
        if self._start < 0:
            # A burst resembles itself a symbol or two later: a peak counts if no higher one follows within `guard`.
            guard = self._fronts.shape[1]
            lags = len(self._held) - guard + 1
            if lags <= guard + 2 * _MARGIN:
                return False
            self._start = self._find(lags, guard)
            if self._start < 0:
                self._held = self._held[lags - guard - _MARGIN :]
                return False
        end = self._start + self._length + _MARGIN
        if len(self._held) < end:
            return False
        window: Samples = self._held[max(0, self._start - _MARGIN) : end]
        self.message_port_pub(BURSTS, make_pdu(self._number, window, behind_ms=round(1e3 * self._behind)))
        # If noise opened this window, the burst itself may still lie inside it.
        self._held, self._start = self._held[self._start + self._fronts.shape[1] :], -1
        return True

    def _find(self, lags: int, guard: int) -> int:
        """Return where the burst starts in the samples held, at least `guard` before the last lag; -1: nowhere."""
        width = self._fronts.shape[1]
        size = 1 << (len(self._held) - 1).bit_length()
        if size not in self._spectra:
            self._spectra[size] = np.fft.fft(self._fronts, size).conj()
        matched = (np.abs(np.fft.ifft(np.fft.fft(self._held, size) * self._spectra[size])[:, :lags]) ** 2).sum(axis=0)
        energy = np.concatenate(([0.0], np.cumsum(np.abs(self._held.astype(np.complex128)) ** 2)))
        level = (energy[width:] - energy[:-width]) / width
        # Digital silence holds rounding errors only, which must not pass for a signal.
        metric = matched / np.maximum(level, _SILENCE * energy[-1] / len(self._held) + 1e-30)
        best = int(metric[: lags - guard].argmax())
        whole = metric[best] >= metric[best : best + guard].max()
        return best if metric[best] > _THRESHOLD and whole else -1
