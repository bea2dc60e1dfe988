"""Where running flowgraphs join: bursts out to their sources, what their sinks heard back in."""

import contextlib
import queue
import threading
import time
from dataclasses import dataclass

import numpy as np
import zmq

from taskwave.phy.air import Direction
from taskwave.phy.flowgraph.client import FlowgraphError
from taskwave.phy.flowgraph.wire import Message, Samples, WireError, pack, unpack

DEFAULT_ADDRESS = "tcp://127.0.0.1:47100"
"""Reached from this machine only."""
_POLL_MS = 5
_SILENCE_SECONDS = 5.0
"""Blocks say every second that they are there."""


@dataclass
class _Member:
    """A block of a flowgraph."""

    role: str
    direction: str
    samp_rate: float
    seen: float


class Exchange:
    """Serves the blocks of one or two flowgraphs. One burst is on its way in each direction at a time.

    Args:
        sample_rate: of the waveform, samples per second.
        address: ZeroMQ endpoint to bind.

    Raises:
        FlowgraphError: the address cannot be bound.
    """

    def __init__(self, sample_rate: float, address: str = DEFAULT_ADDRESS) -> None:
        self.sample_rate, self.address = sample_rate, address
        self.prompts: queue.SimpleQueue[str] = queue.SimpleQueue()
        """Texts that users of flowgraphs typed."""
        self.refused = 0
        """Messages that were no messages of the protocol."""
        self._members: dict[bytes, _Member] = {}
        self._outgoing: queue.SimpleQueue[tuple[str, str, Message]] = queue.SimpleQueue()
        self._heard: queue.SimpleQueue[tuple[int, Samples]] = queue.SimpleQueue()
        self._number = 0
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.setsockopt(zmq.LINGER, 0)
        try:
            self._socket.bind(address)
        except zmq.ZMQError as error:
            self._context.destroy()
            raise FlowgraphError(
                f"cannot listen at {address}: {error}. Choose another address with --listen."
            ) from None
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

    def send(self, samples: Samples, front: Samples, direction: Direction, seconds: float) -> Samples | None:
        """Put a burst on the air and wait for what is heard of it.

        Args:
            samples: [n] complex64.
            front: [N] complex64, how the burst starts, for the synchroniser.
            direction: which flowgraph's source and sink.
            seconds: how long to listen.

        Returns:
            [m] complex64, a window around the burst; None: nothing was heard.

        Raises:
            FlowgraphError: no flowgraph serves this direction.
        """
        if not self.joined(direction):
            raise FlowgraphError(
                f"no flowgraph with a source and a sink for the {direction} direction is connected to {self.address}: "
                "start one, or see whether it stopped."
            )
        self._number += 1
        number = self._number
        self._outgoing.put(("sink", direction, Message("expect", number, {"length": len(samples)}, [front])))
        self._outgoing.put(("source", direction, Message("burst", number, {}, [samples])))
        deadline = time.monotonic() + seconds
        while True:
            try:
                answered, window = self._heard.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                return None
            if answered == number:
                return window

    def publish(self, message: Message) -> None:
        """Show all sinks something."""
        self._outgoing.put(("sink", "", message))

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
            role, direction = message.values.get("role"), message.values.get("direction")
            samp_rate = message.values.get("samp_rate")
            if role not in ("source", "sink") or direction not in ("forward", "reverse"):
                raise WireError(f"role {role!r} and direction {direction!r} do not exist")
            if not isinstance(samp_rate, float):
                raise WireError(f"{samp_rate!r} is no sample rate")
            self._members[sender] = _Member(role, direction, samp_rate, time.monotonic())
        elif message.kind == "heard" and len(message.arrays) == 1 and message.arrays[0].dtype == np.complex64:
            self._heard.put((message.number, message.arrays[0].reshape(-1)))
        elif message.kind == "prompt" and isinstance(message.values.get("text"), str):
            self.prompts.put(message.values["text"][:1000])
        else:
            raise WireError(f"a {message.kind!r} message is not for the engine")
