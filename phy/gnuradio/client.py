"""The simulator's side of the GNU Radio worker: starts the process, sends it requests and checks that it still runs."""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

from taskwave.phy.gnuradio.faults import ERROR
from taskwave.phy.gnuradio.interpreter import (
    INTERPRETER_VARIABLE,
    FlowgraphError,
    environment,
    import_zmq,
    interpreter,
)
from taskwave.phy.gnuradio.wire import Message, Samples, WireError, pack, unpack

if TYPE_CHECKING:
    import zmq

_START_SECONDS = 30.0
"""Longest time from the start of the worker to its first answer."""
_ANSWER_SECONDS = 300.0
"""Longest time from a request to its answer."""
_POLL_MS = 200
"""Time between checks that the process still runs."""


class FlowgraphWorker:
    """Runs a worker process, which ends with this process.

    Its socket lies in a folder that only this user can open.

    Raises:
        FlowgraphError: GNU Radio cannot be imported, or the worker did not start in time.
    """

    def __init__(self) -> None:
        zmq, python, values = import_zmq(), interpreter(), environment()
        folder = tempfile.mkdtemp(prefix="taskwave-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self.address = f"ipc://{folder}/worker"
        self._errors = (Path(folder) / "errors").open("w+b")
        code = f"from taskwave.phy.gnuradio.worker import main; main({self.address!r}, {os.getpid()})"
        self.process = subprocess.Popen(
            [python, "-c", code], env=values, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self._errors
        )
        context = zmq.Context()
        self._socket = context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._number = 0
        self._finalizer = weakref.finalize(self, _shut_down, context, self.process, folder, self._errors)
        try:
            self._socket.connect(self.address)
            self.version = str(self._ask("hello", {}, (), _START_SECONDS).values.get("gnuradio"))
        except zmq.ZMQError as error:
            self.close()
            raise FlowgraphError(f"{self.address} cannot be opened: {error}; set TMPDIR to a shorter path.") from None
        except FlowgraphError as error:
            self.close()
            raise FlowgraphError(
                f"GNU Radio does not run under {python}: {error} Install it (Debian: apt-get install gnuradio), or set "
                f"{INTERPRETER_VARIABLE} to the Python interpreter that can import gnuradio and zmq."
            ) from None

    def carry(self, samples: Samples, taps: Samples, seeds: Sequence[int], values: Mapping[str, object]) -> Samples:
        """Carry B bursts through the flowgraph of `graph.carry`.

        Args:
            samples: sent samples, [B, T, n] complex64.
            taps: taps of the multipath, [B, R, T, taps] complex64.
            seeds: seeds of the noise, one a burst, 1 and up.
            values: values of the flowgraph, see `graph.carry`.

        Returns:
            Received samples, [B, R, m] complex64.

        Raises:
            FlowgraphError: the worker failed, died or does not answer.
        """
        reply = self._ask("carry", {**values, "seeds": list(seeds)}, (samples, taps), _ANSWER_SECONDS)
        if reply.kind != "samples" or len(reply.arrays) != 1 or reply.arrays[0].shape[1:3] != taps.shape[:2]:
            raise FlowgraphError(f"the GNU Radio process answered with {reply.kind!r} instead of samples.")
        received: Samples = reply.arrays[0][0]
        return received

    def close(self) -> None:
        """End the process and remove its socket."""
        self._finalizer()

    def _ask(self, kind: str, values: Mapping[str, object], arrays: Sequence[Samples], seconds: float) -> Message:
        self._number += 1
        try:
            self._socket.send_multipart(pack(Message(kind, self._number, values, arrays)))  # type: ignore[arg-type]
        except WireError as error:
            raise FlowgraphError(f"{error}") from None
        while True:
            try:
                reply = unpack(self._receive(seconds))
            except WireError as error:
                raise FlowgraphError(f"the GNU Radio process sent something else than a message: {error}.") from None
            # The answer to an earlier request, which was interrupted, is not needed any more.
            if reply.number not in (0, self._number):
                continue
            if reply.kind == "error":
                raise FlowgraphError(f"{reply.values.get('message')}.")
            return reply

    def _receive(self, seconds: float) -> list[bytes]:
        deadline = time.monotonic() + seconds
        while not self._socket.poll(_POLL_MS):
            code = self.process.poll()
            if code is not None:
                raise FlowgraphError(f"the GNU Radio process ended with status {code}{last_words(self._errors)}.")
            if time.monotonic() > deadline:
                raise FlowgraphError(f"the GNU Radio process did not answer within {seconds:.0f} s.")
        frames: list[bytes] = self._socket.recv_multipart()
        return frames


def last_words(errors: IO[bytes]) -> str:
    """Return the last line that a process wrote to its file of errors, in brackets, or nothing if it wrote none."""
    errors.seek(0)
    lines = errors.read().decode(errors="replace").strip().splitlines()
    return f" ({lines[-1].removeprefix(ERROR)[:500]})" if lines else ""


def _shut_down(
    context: "zmq.Context[zmq.Socket[bytes]]", process: "subprocess.Popen[bytes]", folder: str, errors: IO[bytes]
) -> None:
    context.destroy(linger=0)
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=5)
    process.kill()
    process.wait()
    errors.close()
    shutil.rmtree(folder, ignore_errors=True)
