"""Tests of the states that the user of a live link is told of."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from taskwave.phy.gnuradio.exchange import Exchange
from taskwave.phy.gnuradio.wire import Message, pack
from taskwave.scenarios.live import states
from taskwave.scenarios.live.states import StateTeller


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Exchange]:
    exchange = Exchange(7.68e6, f"ipc://{tmp_path}/engine")
    yield exchange
    exchange.close()


def join(exchange: Exchange, *blocks: tuple[str, str]) -> list["zmq.Socket[bytes]"]:
    sockets = []
    for direction, role in blocks:
        socket = zmq.Context.instance().socket(zmq.DEALER)
        socket.setsockopt(zmq.LINGER, 0)
        socket.connect(exchange.address)
        socket.send_multipart(pack(Message("join", 0, {"role": role, "direction": direction, "samp_rate": 7.68e6})))
        sockets.append(socket)
    deadline = time.monotonic() + 10
    while not exchange.members() >= set(blocks) and time.monotonic() < deadline:
        time.sleep(0.01)
    return sockets


def test_sides_are_told_when_they_join(exchange: Exchange) -> None:
    notes: list[str] = []
    teller = StateTeller(exchange, notes.append)
    sockets = join(exchange, ("forward", "source"))
    teller.look()
    sockets += join(exchange, ("reverse", "sink"), ("forward", "sink"), ("reverse", "source"))
    teller.look()
    teller.look()
    assert notes == [
        "joined: transmitter (forward source); not there: reverse sink",
        "joined: transmitter (reverse sink)",
        "joined: receiver (forward sink, reverse source)",
    ]
    for socket in sockets:
        socket.close()


def test_a_quiet_spell_is_told_once(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "_QUIET_SECONDS", 0.05)
    notes: list[str] = []
    teller = StateTeller(exchange, notes.append)
    teller.count(1, 1)
    assert notes == []
    for _ in range(2):
        time.sleep(0.06)
        teller.count(1, 1)
        teller.count(3, 3)
        assert notes.pop().startswith("no burst for ")
        assert notes == []
        teller.count(0, 1)


def test_a_search_behind_the_sample_clock_is_told_as_it_grows(exchange: Exchange) -> None:
    notes: list[str] = []
    teller = StateTeller(exchange, notes.append)
    for behind in (0.5, 2.0, 2.5, 4.5, 0.0, 3.0):
        exchange.behind = behind
        teller.count(0, 1)
    assert [note.split(";")[0] for note in notes] == [f"not real time: {seconds} s behind" for seconds in (2, 4, 3)]
