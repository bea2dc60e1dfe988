"""The GNU Radio blocks of TaskWave, for Companion and for other flowgraphs. Runs under GNU Radio's interpreter.

They handle samples and messages only. Links and models run in the engine (`taskwave radio`), to which the blocks
connect at its address. Bursts travel between blocks as PDUs: a dictionary with `number`, and a vector of complex64
samples.
"""

import os
import queue
import shutil
import signal
import threading
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np
import pmt
import zmq
from gnuradio import gr

from taskwave.phy.gnuradio.faults import BlockError, install_lines
from taskwave.phy.gnuradio.interpreter import FOLDER_VARIABLE, PARENT_VARIABLE
from taskwave.phy.gnuradio.wire import Message, Samples, check_endpoint, pack, unpack

install_lines()

BURSTS, EXPECT, _PROMPT = (pmt.intern(name) for name in ("bursts", "expect", "prompt"))
"""Names of message ports."""
_JOIN_SECONDS = 1.0
"""Time between the messages by which a block joins and stays joined."""
_POLL_MS = 5
"""Longest wait for a message before those to send have their turn."""
_MOST_PROMPT = 1000
"""Most characters of a text that a user typed; the rest is cut off."""
_FLUSH = 8192
"""Zeros after a burst: blocks behind the framer hold samples back until more samples follow."""
_WAIT_SECONDS = 0.02
"""Longest wait for a burst in one call of the framer."""


def _end_with_parent() -> None:
    """End a flowgraph that the engine started when the engine is gone."""
    parent = os.environ.get(PARENT_VARIABLE)
    if parent is not None and os.getppid() != int(parent):
        shutil.rmtree(os.environ.get(FOLDER_VARIABLE, ""), ignore_errors=True)
        os.kill(os.getpid(), signal.SIGTERM)


def make_pdu(number: int, samples: Samples, **values: int) -> Any:
    """Return a PDU of `samples` [n] complex64 with `number` and other values."""
    meta = pmt.make_dict()
    for key, value in {"number": number, **values}.items():
        meta = pmt.dict_add(meta, pmt.intern(key), pmt.from_long(value))
    return pmt.cons(meta, pmt.init_c32vector(len(samples), samples.tolist()))


def open_pdu(message: Any, *keys: str) -> tuple[list[int], Samples]:
    """Return the values of `keys` and the samples [n] complex64 of a PDU.

    Raises:
        ValueError: `message` is no such PDU.
    """
    if not pmt.is_pair(message) or not pmt.is_dict(pmt.car(message)) or not pmt.is_c32vector(pmt.cdr(message)):
        raise ValueError("a message that is no PDU of complex samples")
    values = pmt.to_python(pmt.car(message)) or {}
    if not all(isinstance(values.get(key), int) for key in keys):
        raise ValueError(f"a PDU without {' or '.join(keys)}")
    return [values[key] for key in keys], np.array(pmt.c32vector_elements(pmt.cdr(message)), dtype=np.complex64)


def attentive(handle: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    """Make a method that handles messages log those that are bad and go on, instead of ending its flowgraph."""

    @wraps(handle)  # GNU Radio finds handlers by their names.
    def careful(block: Any, message: Any) -> None:
        try:
            handle(block, message)
        except (ValueError, LookupError, TypeError) as error:
            gr.log.warn(f"{block.name()}: {type(error).__name__}: {error}")

    return careful


class _EngineClient(gr.basic_block):  # type: ignore[misc]
    """Connects a block to the engine and exchanges messages with it in a thread of its own.

    Args:
        name: name of the block.
        address: address of the engine, a ZeroMQ endpoint.
        role: role of the block: source or sink.
        direction: direction that the block serves: forward (images) or reverse (prompts).
        samp_rate: sample rate of the flowgraph, samples per second; the engine refuses one that is not the waveform's.

    Raises:
        BlockError: there is no such direction, or `address` is no endpoint of ZeroMQ.
    """

    def __init__(self, name: str, address: str, role: str, direction: str, samp_rate: float) -> None:
        gr.basic_block.__init__(self, name, None, None)
        if direction not in ("forward", "reverse"):
            raise BlockError(f"direction {direction!r}: it is forward (images) or reverse (prompts)")
        check_endpoint(address, connects=True)
        self._join = Message("join", 0, {"role": role, "direction": direction, "samp_rate": float(samp_rate)})
        self._address, self._running = address, False
        self._outgoing: queue.SimpleQueue[Message] = queue.SimpleQueue()

    def start(self) -> bool:
        """Connect to the engine; GNU Radio calls this before the flowgraph runs.

        Raises:
            BlockError: the address cannot be connected to.
        """
        self._context = zmq.Context()
        socket = self._context.socket(zmq.DEALER)
        socket.setsockopt(zmq.LINGER, 0)
        try:
            socket.connect(self._address)
        except zmq.ZMQError as error:
            raise BlockError(f"the engine's address {self._address} cannot be reached: {error}") from None
        self._running = True
        self._thread = threading.Thread(target=self._talk, args=(socket,), daemon=True)
        self._thread.start()
        return True

    def stop(self) -> bool:
        """Disconnect from the engine; GNU Radio calls this when the flowgraph ends."""
        self._running = False
        self._thread.join()
        return True

    def take(self, message: Message) -> None:
        """Act on a message from the engine."""

    @attentive
    def _receive(self, frames: Any) -> None:
        self.take(unpack(frames))

    def _talk(self, socket: Any) -> None:
        due = 0.0
        while self._running:
            if time.monotonic() >= due:  # Repeated, since the engine drops blocks that fall silent.
                _end_with_parent()
                socket.send_multipart(pack(self._join))
                due = time.monotonic() + _JOIN_SECONDS
            if socket.poll(_POLL_MS):
                self._receive(socket.recv_multipart())
            while not self._outgoing.empty():
                socket.send_multipart(pack(self._outgoing.get()))
        self._context.destroy(linger=0)


class semantic_source(_EngineClient):  # noqa: N801 - GNU Radio's spelling
    """Hands on the bursts that the engine sends.

    Message ports: prompt (in: text that becomes the receiver's task), bursts (out: PDU).

    Args:
        address: address of the engine, a ZeroMQ endpoint.
        direction: direction of the bursts: forward (images) or reverse (prompts).
        samp_rate: sample rate of the flowgraph, samples per second.
    """

    def __init__(self, address: str, direction: str, samp_rate: float) -> None:
        _EngineClient.__init__(self, "TaskWave source", address, "source", direction, samp_rate)
        self.message_port_register_out(BURSTS)
        self.message_port_register_in(_PROMPT)
        self.set_msg_handler(_PROMPT, self._ask)

    def take(self, message: Message) -> None:
        """Hand on a burst."""
        if message.kind == "burst":
            self.message_port_pub(BURSTS, make_pdu(message.number, message.arrays[0].reshape(-1)))

    @attentive
    def _ask(self, message: Any) -> None:
        """Send the engine a text, or the second part of a pair (edit boxes send pairs)."""
        text = pmt.cdr(message) if pmt.is_pair(message) else message
        if pmt.is_symbol(text):
            self._outgoing.put(Message("prompt", 0, {"text": pmt.symbol_to_string(text)[:_MOST_PROMPT]}))


class semantic_sink(_EngineClient):  # noqa: N801 - GNU Radio's spelling
    """Sends the engine the windows in which bursts were found, and hands on what the engine decoded, for display.

    Message ports: bursts (in: PDU), expect (out: PDU for the synchroniser), image, mask (out: PDU of pixels with
    `height` and `width`), constellation (out: PDU of complex symbols), prompt (out: text the receiver asked with).

    Args:
        address: address of the engine, a ZeroMQ endpoint.
        direction: direction of the bursts: forward (images) or reverse (prompts).
        samp_rate: sample rate of the flowgraph, samples per second.
    """

    def __init__(self, address: str, direction: str, samp_rate: float) -> None:
        _EngineClient.__init__(self, "TaskWave sink", address, "sink", direction, samp_rate)
        self.message_port_register_in(BURSTS)
        self.set_msg_handler(BURSTS, self._forward)
        for name in ("expect", "image", "mask", "constellation", "prompt"):
            self.message_port_register_out(pmt.intern(name))

    def take(self, message: Message) -> None:
        """Hand on which burst to search for, or what to display."""
        if message.kind == "expect":
            length, pieces = int(message.values["length"]), int(message.values["pieces"])
            fronts = message.arrays[0].reshape(-1)
            self.message_port_pub(EXPECT, make_pdu(message.number, fronts, length=length, pieces=pieces))
            self._outgoing.put(Message("window", message.number))  # Without samples it reports that the sink is ready.
        elif message.kind == "display":
            for name, array in zip(message.values["names"], message.arrays, strict=True):
                self.message_port_pub(pmt.intern(name), _shown(array))
            if message.values.get("prompt"):
                self.message_port_pub(_PROMPT, pmt.intern(str(message.values["prompt"])))

    @attentive
    def _forward(self, message: Any) -> None:
        (number,), samples = open_pdu(message, "number")
        behind = pmt.to_python(pmt.car(message)).get("behind_ms", 0)
        self._outgoing.put(Message("window", number, {"behind_ms": behind}, [samples]))


def _shown(array: Any) -> Any:
    """Return a PDU of pixels [1, H, W, 3] uint8 or of complex64 symbols."""
    if array.dtype == np.complex64:
        return pmt.cons(pmt.PMT_NIL, pmt.init_c32vector(array.size, array.reshape(-1).tolist()))
    meta = pmt.dict_add(pmt.make_dict(), pmt.intern("height"), pmt.from_long(array.shape[1]))
    meta = pmt.dict_add(meta, pmt.intern("width"), pmt.from_long(array.shape[2]))
    return pmt.cons(meta, pmt.init_u8vector(array.size, array.reshape(-1).tolist()))


class ofdm_framer(gr.sync_block):  # type: ignore[misc]  # noqa: N801 - GNU Radio's spelling
    """Puts bursts (message port bursts, PDU) onto a stream, with zeros after each.

    Args:
        idle: whether zeros are sent while there is no burst, as a radio needs; else the stream stops between bursts.
        amplitude: factor of the samples, whose mean energy is that of the occupied share of the band.
    """

    def __init__(self, idle: bool = False, amplitude: float = 1.0) -> None:
        gr.sync_block.__init__(self, "TaskWave OFDM framer", None, [np.complex64])
        self._idle, self._amplitude = idle, amplitude
        self._waiting: queue.SimpleQueue[Samples] = queue.SimpleQueue()
        self._current = np.zeros(0, dtype=np.complex64)
        self.message_port_register_in(BURSTS)
        self.set_msg_handler(BURSTS, self._take)

    @attentive
    def _take(self, message: Any) -> None:
        _, samples = open_pdu(message)
        flush = np.zeros(_FLUSH, dtype=np.complex64)
        self._waiting.put(np.concatenate((self._amplitude * samples, flush)).astype(np.complex64))

    def work(self, input_items: Any, output_items: Any) -> int:
        """Fill `output_items` with samples; GNU Radio calls this."""
        out = output_items[0]
        if len(self._current) == 0:
            try:
                self._current = self._waiting.get(block=not self._idle, timeout=None if self._idle else _WAIT_SECONDS)
            except queue.Empty:
                if not self._idle:
                    return 0
                out[:] = 0
                return len(out)
            self.add_item_tag(0, self.nitems_written(0), pmt.intern("tx_sob"), pmt.PMT_T)
        count = min(len(out), len(self._current))
        out[:count] = self._current[:count]
        self._current = self._current[count:]
        if len(self._current) == 0:
            last = self.nitems_written(0) + count - 1
            self.add_item_tag(0, last, pmt.intern("tx_eob"), pmt.PMT_T)
        return count
