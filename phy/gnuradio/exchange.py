"""The exchange that running flowgraphs join: it hands bursts to their sources and takes what their sinks received."""

import contextlib
import queue
import threading
import time
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from taskwave.phy.channel.air import Direction
from taskwave.phy.gnuradio.interpreter import FlowgraphError, import_zmq
from taskwave.phy.gnuradio.wire import Message, Samples, WireError, check_listening, pack, unpack

_MOST_BYTES = 1 << 26
"""Most bytes of one frame: eight million samples."""
_POLL_MS = 5
"""Longest wait for a message before those to send have their turn."""
_SILENCE_SECONDS = 5.0
"""Time without a message after which a block counts as gone; blocks send one every second."""
_READY_SECONDS = 1.0
"""Longest time to wait for a sink to report that its synchroniser is searching."""
_MOST_PROMPT = 1000
"""Most characters of a text that a user typed; the rest is cut off."""


@dataclass
class _Member:
    """Describes a block of a flowgraph that has joined."""

    role: str
    """Role of the block: source or sink."""
    direction: Direction
    """Direction that the block serves: forward or reverse."""
    samp_rate: float
    """Sample rate of the flowgraph, samples per second."""
    seen: float
    """Time of the block's last message (`time.monotonic`)."""


class BurstExchange(Protocol):
    """Describes what carries bursts between both ends of a link: flowgraphs, or a recording of what they heard."""

    def send(self, samples: Samples, fronts: Samples, direction: Direction) -> None:
        """Put a burst on the air, see `Exchange.send`."""

    def receive(self, deadline: float) -> Samples | None:
        """Wait for the next window of samples in which that burst may be, see `Exchange.receive`."""

    def end_search(self, direction: Direction) -> None:
        """Stop the search for that burst."""

    def publish(self, message: Message) -> None:
        """Take a message for display."""


class Exchange:
    """Serves the blocks of one or two flowgraphs, with one burst on its way at a time.

    Args:
        sample_rate: sample rate of the waveform, samples per second.
        address: ZeroMQ endpoint to bind; one at 127.0.0.1 can be reached from this machine only.

    Raises:
        FlowgraphError: ZeroMQ is not installed, or the address cannot be bound.
        BlockError: `address` is no endpoint of ZeroMQ.
    """

    def __init__(self, sample_rate: float, address: str) -> None:
        zmq = import_zmq()
        check_listening(address)
        self.sample_rate, self.address = sample_rate, address
        self.prompts: queue.SimpleQueue[str] = queue.SimpleQueue()
        """Texts that users of flowgraphs have typed."""
        self.refused = 0
        """Number of messages received that were not messages of the protocol."""
        self.behind = 0.0
        """Time by which the search for bursts is behind the sample clock, as the latest window told [s]."""
        self._members: dict[bytes, _Member] = {}
        self._outgoing: queue.SimpleQueue[tuple[str, str, Message]] = queue.SimpleQueue()
        self._windows: queue.SimpleQueue[tuple[int, Samples | None]] = queue.SimpleQueue()
        self._number, self._expected = 0, ""
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        for option, value in ((zmq.LINGER, 0), (zmq.MAXMSGSIZE, _MOST_BYTES), (zmq.RCVHWM, 16)):
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
        """Stop serving and release the address."""
        self._open = False
        self._thread.join()
        self._context.destroy()

    def members(self) -> set[tuple[Direction, str]]:
        """Return direction and role (source or sink) of the blocks that have joined and are still running."""
        oldest = time.monotonic() - _SILENCE_SECONDS
        return {(m.direction, m.role) for m in list(self._members.values()) if m.seen > oldest}

    def joined(self, direction: Direction) -> bool:
        """Return whether a source and a sink of `direction` have joined and are still running.

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
        """Put a burst on the air as soon as the synchroniser of the other end searches for it.

        `receive` returns what arrived.

        Args:
            samples: samples of the burst, [n] complex64.
            fronts: start of the burst in each piece of the band, [E, N] complex64, for the synchroniser.
            direction: direction of the source and sink to use.

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
        # The burst is sent without an answer, too, since a sink of another make may not report that it is ready.
        self._wait(time.monotonic() + _READY_SECONDS)
        self._outgoing.put(("source", direction, Message("burst", self._number, {}, [samples])))

    def receive(self, deadline: float) -> Samples | None:
        """Wait for the next window of samples in which the burst that was sent last may be.

        Args:
            deadline: time at which to give up (`time.monotonic`).

        Returns:
            [m] complex64; None: no window came in time.
        """
        while (window := self._wait(deadline)) is None and time.monotonic() < deadline:
            pass
        return window

    def end_search(self, direction: Direction) -> None:
        """Stop the search of the synchroniser until the next burst."""
        nothing = np.zeros((1, 1), dtype=np.complex64)
        message = Message("expect", self._number, {"length": 0, "pieces": 1}, [nothing])
        self._outgoing.put(("sink", direction, message))

    def publish(self, message: Message) -> None:
        """Send a message to all sinks, for display."""
        self._outgoing.put(("sink", "", message))

    def _wait(self, deadline: float) -> Samples | None:
        """Return the next window that a sink sends for the latest burst; None: the sink is ready, or nothing came."""
        while True:
            try:
                answered, window = self._windows.get(timeout=max(0.0, deadline - time.monotonic()))
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
        elif message.kind == "window":
            member = self._members.get(sender)
            if member is None or (member.role, member.direction) != ("sink", self._expected):
                raise WireError("a window of a block that is not asked for one")
            window, behind = _window(message), message.values.get("behind_ms", 0)
            if not isinstance(behind, int) or behind < 0:
                raise WireError(f"{behind!r} is no time in milliseconds")
            self.behind = 1e-3 * behind if window is not None else self.behind
            self._windows.put((message.number, window))
        elif message.kind == "prompt" and isinstance(message.values.get("text"), str):
            text = message.values["text"]
            if not all(character.isprintable() or character.isspace() for character in text):
                raise WireError("a prompt with characters that are no text")
            self.prompts.put(text[:_MOST_PROMPT])
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
    """Return the samples [m] of a window; None: the sink reports that it is ready."""
    if not message.arrays:
        return None
    (window,) = message.arrays if len(message.arrays) == 1 else (None,)
    if window is None or window.dtype != np.complex64 or not np.isfinite(window).all():
        raise WireError("a window of something else than finite samples")
    flat: Samples = window.reshape(-1)
    return flat
