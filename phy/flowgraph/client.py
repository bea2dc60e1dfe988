"""The simulator's side of the GNU Radio worker: starts it, asks it, notices when it is gone."""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import taskwave
from taskwave.phy.flowgraph.wire import Message, Samples, WireError, pack, unpack

if TYPE_CHECKING:
    import zmq

INTERPRETER_VARIABLE = "TASKWAVE_GNURADIO_PYTHON"
"""Names the Python interpreter that has GNU Radio."""
DEFAULT_INTERPRETER = "/usr/bin/python3"
START_SECONDS = 30.0
ANSWER_SECONDS = 300.0
_POLL_MS = 200


class FlowgraphError(RuntimeError):
    """GNU Radio is missing, its process is gone, or it does not answer."""


def interpreter() -> str:
    """The Python interpreter that runs GNU Radio.

    Raises:
        FlowgraphError: it does not exist.
    """
    name = os.environ.get(INTERPRETER_VARIABLE, DEFAULT_INTERPRETER)
    path = shutil.which(name)
    if path is None:
        raise FlowgraphError(
            f"there is no Python interpreter {name} for GNU Radio: set {INTERPRETER_VARIABLE} to the one that can "
            "`import gnuradio`."
        )
    return path


class FlowgraphWorker:
    """A running worker. Its socket lies in a folder that only this user can open; it ends with this process.

    Raises:
        FlowgraphError: GNU Radio cannot be imported, or the worker did not start in time.
    """

    def __init__(self) -> None:
        try:
            import zmq  # noqa: PLC0415 - an extra
        except ImportError:
            raise FlowgraphError(
                "pyzmq is not installed: pip install 'taskwave[gnuradio]' to use [radio.flowgraph]."
            ) from None
        python = interpreter()
        self._folder = tempfile.mkdtemp(prefix="taskwave-")
        self.address = f"ipc://{self._folder}/worker"
        root = str(Path(str(taskwave.__file__)).parent.parent)
        # Appended, not put first: the interpreter's own NumPy is the one that GNU Radio was built for.
        code = (
            f"import sys; sys.path.append({root!r}); "
            f"from taskwave.phy.flowgraph.worker import main; main({self.address!r})"
        )
        self._errors = (Path(self._folder) / "errors").open("w+b")
        self.process = subprocess.Popen(
            [python, "-c", code], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self._errors
        )
        self._context = zmq.Context()
        self._socket: zmq.Socket[bytes] = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.connect(self.address)
        self._number = 0
        self._finalizer = weakref.finalize(
            self, _shut_down, self._context, self._socket, self.process, self._folder, self._errors
        )
        try:
            self.version = str(self._ask("hello", {}, (), START_SECONDS).values.get("gnuradio"))
        except FlowgraphError as error:
            self.close()
            raise FlowgraphError(
                f"GNU Radio does not run under {python}: {error} Install it (Debian: apt-get install gnuradio), or set "
                f"{INTERPRETER_VARIABLE} to the Python interpreter that can import gnuradio and zmq."
            ) from None

    def carry(self, samples: Samples, taps: Samples, seeds: Sequence[int], values: Mapping[str, float]) -> Samples:
        """What R antennas hear of `samples` [B, T, n] through `taps` [B, R, T, taps]: [B, R, m] complex64.

        Raises:
            FlowgraphError: the worker failed, died or does not answer.
        """
        reply = self._ask("carry", {**values, "seeds": list(seeds)}, (samples, taps), ANSWER_SECONDS)
        if reply.kind != "samples" or len(reply.arrays) != 1 or reply.arrays[0].shape[1:3] != taps.shape[:2]:
            raise FlowgraphError(f"the GNU Radio process answered with {reply.kind!r} instead of samples.")
        heard: Samples = reply.arrays[0][0]
        return heard

    def close(self) -> None:
        """End the process and remove its socket."""
        self._finalizer()

    def _ask(self, kind: str, values: Mapping[str, object], arrays: Sequence[Samples], seconds: float) -> Message:
        self._number += 1
        try:
            frames = pack(Message(kind, self._number, values, arrays))  # type: ignore[arg-type]
            self._socket.send_multipart(frames)
            while True:
                reply = unpack(self._receive(seconds))
                if reply.kind == "error":
                    raise FlowgraphError(f"{reply.values.get('message')}.")
                # An answer to an earlier request, which was interrupted, is of no interest any more.
                if reply.number == self._number:
                    return reply
        except WireError as error:
            raise FlowgraphError(f"the GNU Radio process sent something else than a message: {error}.") from None

    def _receive(self, seconds: float) -> list[bytes]:
        deadline = time.monotonic() + seconds
        while not self._socket.poll(_POLL_MS):
            code = self.process.poll()
            if code is not None:
                raise FlowgraphError(f"the GNU Radio process ended with status {code}{self._last_words()}.")
            if time.monotonic() > deadline:
                raise FlowgraphError(f"the GNU Radio process did not answer within {seconds:.0f} s.")
        return self._socket.recv_multipart()

    def _last_words(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return f" ({lines[-1][:300]})" if lines else ""


def _shut_down(
    context: "zmq.Context[zmq.Socket[bytes]]",
    socket: "zmq.Socket[bytes]",
    process: "subprocess.Popen[bytes]",
    folder: str,
    errors: object,
) -> None:
    socket.close()
    context.term()
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=5)
    process.kill()
    process.wait()
    errors.close()  # type: ignore[attr-defined]
    shutil.rmtree(folder, ignore_errors=True)
