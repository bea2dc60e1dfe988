"""Tests of the wire protocol: messages survive packing and unpacking, and all else is refused."""

import numpy as np
import pytest

from taskwave.phy.gnuradio.faults import BlockError
from taskwave.phy.gnuradio.wire import MOST_TEXT, Message, WireError, check_endpoint, check_listening, pack, unpack

SAMPLES = (np.arange(24) + 1j).astype(np.complex64).reshape(1, 2, 3, 4)
PIXELS = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
MESSAGE = Message("carry", 7, {"noise_voltage": 0.5, "seeds": [1, 2]}, [SAMPLES, SAMPLES[0, 0], PIXELS])


def test_a_message_comes_back() -> None:
    again = unpack(pack(MESSAGE))
    assert (again.kind, again.number, again.values) == ("carry", 7, MESSAGE.values)
    assert np.array_equal(again.arrays[0], SAMPLES)
    assert np.array_equal(again.arrays[1][0, 0], SAMPLES[0, 0])
    assert np.array_equal(again.arrays[2][0], PIXELS)
    assert [array.dtype for array in again.arrays] == [np.complex64, np.complex64, np.uint8]


@pytest.mark.parametrize(
    ("frame", "value", "words"),
    [
        (0, b"", "header of 0 bytes"),
        (0, b"HTTP" + bytes(12), "b'HTTP' version 0"),
        (0, b"TWFG\x02\x00\x00\x00" + bytes(8), "version 2"),
        (0, b"TWFG\x01\x00\x63\x00" + bytes(8), "message kind 99"),
        (1, b"{", "not JSON"),
        (1, b"[1]", "list, not an object"),
        (1, b"[" * 50_000, "not JSON"),
        (1, b"\xff\xfe", "not JSON"),
        (1, b" " * (MOST_TEXT + 1), "bytes of text"),
        (2, b"1234", "array frame of 4 bytes"),
        (2, b"\xff" * 20, "array of type 255"),
        (2, bytes(4) + b"\xff" * 16, "for the shape"),
        (2, pack(MESSAGE)[2][:-1], "for the shape"),
        (2, pack(MESSAGE)[2] + b"\0" * 8, "for the shape"),
    ],
)
def test_malformed_frames_are_refused(frame: int, value: bytes, words: str) -> None:
    frames = pack(MESSAGE)
    frames[frame] = value
    with pytest.raises(WireError, match=words):
        unpack(frames)


def test_the_number_of_frames_is_checked() -> None:
    for frames in ([], pack(MESSAGE)[:1], pack(MESSAGE) + pack(MESSAGE)):
        with pytest.raises(WireError, match="frames came"):
            unpack(frames)


def test_garbage_raises_nothing_but_wire_errors() -> None:
    draw = np.random.default_rng(1)
    whole = pack(MESSAGE)
    for _ in range(500):
        frames = list(whole)
        index = int(draw.integers(len(frames)))
        broken = bytearray(frames[index])
        for _ in range(int(draw.integers(1, 4))):
            broken[int(draw.integers(len(broken)))] = int(draw.integers(256))
        frames[index] = bytes(broken[: int(draw.integers(len(broken) + 1))])
        try:
            unpack(frames)
        except WireError:
            continue


def test_messages_beyond_the_protocol_are_not_sent() -> None:
    with pytest.raises(WireError, match="too large"):
        pack(Message("carry", 1, {"text": "x" * MOST_TEXT}))
    with pytest.raises(ValueError, match="Out of range float"):
        pack(Message("carry", 1, {"noise_voltage": float("nan")}))


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "tcp://[::1]:47100", "ipc://x.sock", "ipc://@hidden"])
def test_addresses_of_sockets_pass(address: str) -> None:
    check_endpoint(address, connects=True)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("", "no address"),
        ("nowhere", "no address"),
        ("tcp://127.0.0.1", "no address"),
        ("tcp://127.0.0.1:0", "port 0: ports are 1 to 65535"),
        ("tcp://127.0.0.1:99999", "port 99999"),
        ("udp://127.0.0.1:80", "no address"),
        ("inproc://x", "no address"),
        ("ipc://", "no address"),
        ("ipc://" + "x" * 108, "more than 107 bytes"),
        ("ipc:///nowhere/at/all", "create /nowhere/at"),
        ("tcp://no.such.host.invalid:80", "host of tcp://no.such.host.invalid:80 is not known"),
    ],
)
def test_what_is_no_address_is_refused(address: str, words: str) -> None:
    with pytest.raises(BlockError, match=words):
        check_endpoint(address, connects=True)


def test_an_engine_may_listen_at_all_interfaces() -> None:
    check_listening("tcp://*:47100")
    with pytest.raises(BlockError, match="no address"):
        check_endpoint("tcp://127.0.0.1:*")
