"""The worker process: answers requests to carry bursts through the flowgraph, until its parent is gone.

`client` starts it as `python -c "… main(address, parent)"` with GNU Radio's interpreter.
"""

import os
import shutil
from pathlib import Path
from typing import Any

import zmq

from taskwave.phy.gnuradio.wire import Message, WireError, pack, unpack

_POLL_MS = 500
"""Time between checks that the parent still runs."""


def answer(request: Message) -> Message:
    """Return the reply to a request.

    Raises:
        WireError: the request is not one of this process, or its arrays do not match.
    """
    from gnuradio import gr  # noqa: PLC0415 - a missing GNU Radio becomes an answer instead of a crash

    if request.kind == "hello":
        return Message("hello", request.number, {"gnuradio": gr.version()})
    if request.kind != "carry" or len(request.arrays) != 2:
        raise WireError(f"a {request.kind!r} message with {len(request.arrays)} arrays is no request")
    return Message("samples", request.number, {}, [_carry(request)])


def _carry(request: Message) -> Any:
    import numpy as np  # noqa: PLC0415

    from taskwave.phy.gnuradio.graph import carry  # noqa: PLC0415

    values = dict(request.values)
    samples, taps = request.arrays[0][0], request.arrays[1]
    seeds = values.pop("seeds", None)
    if not isinstance(seeds, list) or not len(samples) == len(taps) == len(seeds):
        raise WireError("samples, taps and seeds are for different numbers of bursts")
    if samples.shape[1] != taps.shape[2]:
        raise WireError(f"{samples.shape[1]} streams of samples came, taps for {taps.shape[2]}")
    return np.stack([carry(*burst[:2], values, burst[2]) for burst in zip(samples, taps, seeds, strict=True)])


def main(address: str, parent: int) -> None:
    """Serve requests as long as the process `parent` is the parent; after that the worker's folder is removed.

    Args:
        address: ZeroMQ endpoint to bind, a local socket in the worker's own folder.
        parent: id of the process that started the worker.
    """
    context = zmq.Context()
    socket = context.socket(zmq.ROUTER)
    socket.setsockopt(zmq.LINGER, 0)
    socket.bind(address)
    while os.getppid() == parent:
        if not socket.poll(_POLL_MS):
            continue
        sender, *frames = socket.recv_multipart()
        number = 0
        try:
            request = unpack(frames)
            number = request.number
            reply = pack(answer(request))
        except Exception as error:  # Every failure is reported to the process that asked.
            reply = pack(Message("error", number, {"message": f"{type(error).__name__}: {error}"[:2000]}))
        socket.send_multipart([sender, *reply])
    context.destroy()
    # A parent that was killed has not removed it.
    shutil.rmtree(Path(address.removeprefix("ipc://")).parent, ignore_errors=True)
