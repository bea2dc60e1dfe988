"""Where running flowgraphs join: bursts out to their sources, what their sinks heard back in."""

import contextlib
import queue
import threading
import time
from dataclasses import dataclass

import numpy as np

from taskwave.phy.channel.air import Direction
from taskwave.phy.gnuradio.interpreter import FlowgraphError, import_zmq
from taskwave.phy.gnuradio.wire import Message, Samples, WireError, pack, unpack

DEFAULT_ADDRESS = "tcp://127.0.0.1:47100"
"""Reached from this machine only."""
MOST_BYTES = 1 << 26
"""Of one frame: eight million samples."""
_POLL_MS = 5
_SILENCE_SECONDS = 5.0
"""Blocks say every second that they are there."""
_READY_SECONDS = 1.0
"""For a sink to say that its synchroniser listens."""


@dataclass
class _Member:
    """A block of a flowgraph."""

    role: str
    direction: str
    samp_rate: float
    seen: float


class Exchange:
    """Serves the blocks of one or two flowgraphs. One burst is on its way at a time.

    Args:
        sample_rate: of the waveform, samples per second.
        address: ZeroMQ endpoint to bind.

    Raises:
        FlowgraphError: ZeroMQ is not installed, or the address cannot be bound.
    """

    def __init__(self, sample_rate: float, address: str = DEFAULT_ADDRESS) -> None:
        zmq = import_zmq()
        self.sample_rate, self.address = sample_rate, address
        self.prompts: queue.SimpleQueue[str] = queue.SimpleQueue()
        """Texts that users of flowgraphs typed."""
        self.refused = 0
        """Messages that were no messages of the protocol."""
        self._members: dict[bytes, _Member] = {}
        self._outgoing: queue.SimpleQueue[tuple[str, str, Message]] = queue.SimpleQueue()
        self._heard: queue.SimpleQueue[tuple[int, Samples | None]] = queue.SimpleQueue()
        self._number, self._expected = 0, ""
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        for option, value in ((zmq.LINGER, 0), (zmq.MAXMSGSIZE, MOST_BYTES), (zmq.RCVHWM, 16)):
            self._socket.setsockopt(option, value)
        try:
            self._socket.bind(address)
        except zmq.ZMQError as error:
            self._context.destroy()
            raise FlowgraphError(f"cannot listen at {address}: {error}. Choose another with --listen.") from None
        self._open = True
        self._thread = threading.Thread(target=self._serve, name="exchange", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Let go of the address."""
        self._open = False
        self._thread.join()
        self._context.destroy()

    def joined(self, direction: Direction) -> bool:
        """Whether a source and a sink of `direction` are there.

        Raises:
            FlowgraphError: their flowgraph has another sample rate than the waveform.
        """
        oldest = time.monotonic() - _SILENCE_SECONDS
        members = [m for m in list(self._members.values()) if m.direction == direction and m.seen > oldest]
        wrong = {m.samp_rate for m in members} - {self.sample_rate}
        if wrong:
            raise FlowgraphError(
                f"a flowgraph at {self.address} runs at {wrong.pop():g} samples per second, this radio needs "
                f"{self.sample_rate:g}: set its samp_rate, or radio.max_prb and radio.subcarrier_spacing_khz."
            )
        return {m.role for m in members} >= {"source", "sink"}

    def send(self, samples: Samples, fronts: Samples, direction: Direction) -> None:
        """Put a burst on the air as soon as the other end listens for it; then ask `hear` for what came.

        Args:
            samples: [n] complex64.
            fronts: [E, N] complex64, how the burst starts in each piece of the band, for the synchroniser.
            direction: which flowgraph's source and sink.

        Raises:
            FlowgraphError: no flowgraph serves this direction.
        """
        if not self.joined(direction):
            raise FlowgraphError(
                f"no flowgraph with a source and a sink for the {direction} direction is connected to {self.address}: "
                "start one, or see whether it stopped."
            )
        self._number, self._expected = self._number + 1, direction
        values = {"length": len(samples), "pieces": len(fronts)}
        self._outgoing.put(("sink", direction, Message("expect", self._number, values, [fronts])))
        # Without an answer the burst is sent all the same: the sink may be of another make.
        self._wait(time.monotonic() + _READY_SECONDS)
        self._outgoing.put(("source", direction, Message("burst", self._number, {}, [samples])))

    def hear(self, deadline: float) -> Samples | None:
        """The next window [m] complex64 in which the burst sent last may be; None at `deadline` (`time.monotonic`)."""
        while (window := self._wait(deadline)) is None and time.monotonic() < deadline:
            pass
        return window

    def rest(self, direction: Direction) -> None:
        """Let the synchroniser rest until the next burst."""
        nothing = np.zeros((1, 1), dtype=np.complex64)
        message = Message("expect", self._number, {"length": 0, "pieces": 1}, [nothing])
        self._outgoing.put(("sink", direction, message))

    def publish(self, message: Message) -> None:
        """Show all sinks something."""
        self._outgoing.put(("sink", "", message))

    def _wait(self, deadline: float) -> Samples | None:
        """The next thing a sink says of the latest burst: a window, or None (it is ready, or says nothing)."""
        while True:
            try:
                answered, window = self._heard.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                return None
            if answered == self._number:
                return window

    def _serve(self) -> None:
        while self._open:
            if self._socket.poll(_POLL_MS):
                sender, *frames = self._socket.recv_multipart()
                try:
                    self._take(sender, unpack(frames))
                except WireError:
                    self.refused += 1
            with contextlib.suppress(queue.Empty):
                while True:
                    role, direction, message = self._outgoing.get_nowait()
                    for identity, member in self._members.items():
                        if member.role == role and direction in ("", member.direction):
                            self._socket.send_multipart([identity, *pack(message)])

    def _take(self, sender: bytes, message: Message) -> None:
        if message.kind == "join":
            self._members[sender] = _member(message)
        elif message.kind == "heard":
            member = self._members.get(sender)
            if member is None or (member.role, member.direction) != ("sink", self._expected):
                raise WireError("a window of a block that is not asked for one")
            self._heard.put((message.number, _window(message)))
        elif message.kind == "prompt" and isinstance(message.values.get("text"), str):
            self.prompts.put(message.values["text"][:1000])
        else:
            raise WireError(f"a {message.kind!r} message is not for the engine")


def _member(message: Message) -> _Member:
    role, direction, samp_rate = (message.values.get(key) for key in ("role", "direction", "samp_rate"))
    if role not in ("source", "sink") or direction not in ("forward", "reverse"):
        raise WireError(f"role {role!r} and direction {direction!r} do not exist")
    if not isinstance(samp_rate, float):
        raise WireError(f"{samp_rate!r} is no sample rate")
    return _Member(role, direction, samp_rate, time.monotonic())


def _window(message: Message) -> Samples | None:
    """The samples of a window; None for a sink that is ready to listen."""
    if not message.arrays:
        return None
    (window,) = message.arrays if len(message.arrays) == 1 else (None,)
    if window is None or window.dtype != np.complex64 or not np.isfinite(window).all():
        raise WireError("a window of something else than finite samples")
    flat: Samples = window.reshape(-1)
    return flat
