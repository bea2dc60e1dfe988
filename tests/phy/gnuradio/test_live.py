"""Tests of the blocks, the example flowgraphs and the exchange that they join."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import zmq

from taskwave.phy.channel.air import AirInterface
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.gnuradio.client import FlowgraphWorker
from taskwave.phy.gnuradio.exchange import Exchange
from taskwave.phy.gnuradio.interpreter import FlowgraphError, environment, interpreter
from taskwave.phy.gnuradio.launch import RunningFlowgraph, bundled, compile_graph
from taskwave.phy.gnuradio.medium import LiveMedium
from taskwave.phy.gnuradio.wire import Message, pack
from taskwave.phy.links.slot import SlotTransceiver
from taskwave.phy.radio import Radio
from taskwave.phy.waveform.burst import Burst
from taskwave.phy.waveform.ofdm import carrier_modem
from taskwave.scenarios.live.session import LiveSession, panorama
from taskwave.scenarios.sweep.judge import Jury
from taskwave.semantic.tasks.segmentation import Segmentation
from taskwave.semantic.weights import Models

CONFIG = RadioConfig(channel="tdl-c", subcarrier_spacing_khz=15, num_tx_ant=1, num_rx_ant=1, num_layers=1,
                     max_prb=25, sync_symbols=True)  # fmt: skip
CARS, SIGNS = Segmentation("cars", (8,)), Segmentation("signs", (6,))


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Exchange]:
    exchange = Exchange(7.68e6, f"ipc://{tmp_path}/engine")
    yield exchange
    exchange.close()


def joined(exchange: Exchange) -> bool:
    return exchange.joined("forward") and exchange.joined("reverse")


def live_radio(exchange: Exchange) -> tuple[Radio, LiveMedium]:
    radio = Radio(CONFIG)
    medium = LiveMedium(CONFIG, radio.channel, exchange)
    radio.medium = medium
    return radio, medium


def air_of(radio: Radio) -> AirInterface:
    return AirInterface(radio.config, radio.draw(1, 1, 0), 20.0, 1)


@pytest.mark.gnuradio
@pytest.mark.parametrize("name", list(bundled()))
def test_examples_compile(name: str, tmp_path: Path) -> None:
    program = compile_graph(bundled()[name], tmp_path)
    compile(program.read_text(), str(program), "exec")


@pytest.mark.gnuradio
def test_bursts_go_through_the_loopback_both_ways(snr_db, exchange: Exchange) -> None:
    running = RunningFlowgraph(bundled()["loopback"], [f"--address={exchange.address}", "--es-n0=20"])
    try:
        assert wait_until(lambda: joined(exchange))
        radio, medium = live_radio(exchange)
        # The loopback has two echoes, whose energy of 0.13 in all adds to the signal's.
        assert 16 < snr_db(air_of(radio).forward(0), 2000, radio) < 23
        assert 16 < snr_db(air_of(radio).reverse(0), 60, radio) < 23
        offsets = [float(r.carrier_offset_hz) for r in medium.receptions]
        assert offsets == pytest.approx([700, -700], abs=25)
        os.kill(running.pid, signal.SIGKILL)
        with pytest.raises(FlowgraphError, match="status -9"):
            while True:
                running.check()
        assert wait_until(lambda: not joined(exchange))
        with pytest.raises(FlowgraphError, match="no flowgraph with a source and a sink for the forward direction"):
            snr_db(air_of(radio).forward(0), 60, radio)
    finally:
        running.close()


@pytest.mark.gnuradio
def test_a_session_sends_images_for_changing_tasks(exchange: Exchange, tiny_models: Models) -> None:
    image = torch.rand(3, 192, 256, generator=torch.Generator().manual_seed(1))
    running = RunningFlowgraph(bundled()["loopback"], [f"--address={exchange.address}"])
    try:
        assert wait_until(lambda: joined(exchange))
        jury = Jury(tiny_models, None)
        session = LiveSession(jury, CONFIG, exchange, "task-adaptive-analog", 15.0, 3000)
        for task in (CARS, SIGNS):
            report = session.send(image, task)
            assert report.lost == 0
            assert report.bursts == 4  # general part, prompt, header, windows
            assert report.delivery.heard[0] is not None
            assert task.prompt.removesuffix("s") in report.delivery.heard[0]
            assert panorama(image, report.delivery, task).size == (4 * 256, 192)
        bitwise = LiveSession(jury, CONFIG, exchange, "jpeg", 15.0, 3000)
        assert bitwise.send(image, CARS).bursts == 1
    finally:
        running.close()


@pytest.mark.gnuradio
@pytest.mark.slow
def test_two_flowgraphs_make_one_link(snr_db, exchange: Exchange, tmp_path: Path) -> None:
    """The two stations of the examples run in processes of their own and are joined by sockets in place of radios."""
    there, back = (f"zmq:ipc://{tmp_path}/{name}" for name in ("there", "back"))
    common = [f"--address={exchange.address}"]
    stations = [
        RunningFlowgraph(bundled()[name], [*common, f"--tx-device={tx}", f"--rx-device={rx}"])
        for name, tx, rx in (("radio_transmitter", there, back), ("radio_receiver", back, there))
    ]
    try:
        assert wait_until(lambda: joined(exchange))
        radio, _ = live_radio(exchange)
        # A socket drops what is sent before the other end is there.
        assert wait_until(lambda: snr_db(air_of(radio).forward(0), 300, radio) > 25, 30)
        assert snr_db(air_of(radio).reverse(0), 60, radio) > 25
    finally:
        for station in stations:
            station.close()


def test_the_exchange_survives_garbage(exchange: Exchange) -> None:
    stranger = zmq.Context.instance().socket(zmq.DEALER)
    stranger.setsockopt(zmq.LINGER, 0)
    stranger.connect(exchange.address)
    garbage = [
        [b"GET / HTTP/1.1"],
        [b"\xff" * 16, b"{}"],
        pack(Message("join", 0, {"role": "king", "direction": "forward"})),
        pack(Message("join", 0, {"role": "sink", "direction": "forward"})),
        pack(Message("carry", 0)),
        pack(Message("window", 0)),
        [pack(Message("join", 0))[0], b'{"samp_rate": NaN}'],
        pack(Message("prompt", 0, {"text": 7})),
        pack(Message("prompt", 0, {"text": "\ud800"})),
        pack(Message("prompt", 0, {"text": "\x1b[2J"})),
    ]
    for frames in garbage:
        stranger.send_multipart(frames)
    assert wait_until(lambda: exchange.refused == len(garbage))
    stranger.send_multipart(pack(Message("prompt", 0, {"text": "signs"})))
    assert exchange.prompts.get(timeout=5) == "signs"
    stranger.send_multipart(pack(Message("join", 0, {"role": "sink", "direction": "reverse", "samp_rate": 7.68e6})))
    time.sleep(0.1)
    assert not exchange.joined("reverse")  # a sink alone
    stranger.close()


def test_another_sample_rate_is_told(exchange: Exchange) -> None:
    member = zmq.Context.instance().socket(zmq.DEALER)
    member.setsockopt(zmq.LINGER, 0)
    member.connect(exchange.address)
    member.send_multipart(pack(Message("join", 0, {"role": "source", "direction": "reverse", "samp_rate": 1e6})))
    time.sleep(0.2)
    with pytest.raises(FlowgraphError, match=r"runs at 1e\+06 samples per second, this radio needs 7\.68e\+06"):
        exchange.joined("reverse")
    member.close()


def test_silence_is_a_lost_burst(snr_db, exchange: Exchange) -> None:
    """The blocks are there but never receive anything."""
    members = []
    for role in ("source", "sink"):
        member = zmq.Context.instance().socket(zmq.DEALER)
        member.setsockopt(zmq.LINGER, 0)
        member.connect(exchange.address)
        member.send_multipart(pack(Message("join", 0, {"role": role, "direction": "forward", "samp_rate": 7.68e6})))
        members.append(member)
    assert wait_until(lambda: exchange.joined("forward"))
    radio, medium = live_radio(exchange)
    assert snr_db(air_of(radio).forward(0), 60, radio) < -10
    assert not bool(medium.receptions[0].found.any())
    for member in members:
        member.close()


def test_an_address_in_use_is_told(exchange: Exchange) -> None:
    first = Exchange(7.68e6, "tcp://127.0.0.1:47199")
    with pytest.raises(FlowgraphError, match=r"cannot listen at tcp://127\.0\.0\.1:47199.*--listen"):
        Exchange(7.68e6, "tcp://127.0.0.1:47199")
    first.close()


def test_more_antennas_are_refused(exchange: Exchange) -> None:
    config = RadioConfig(sync_symbols=True)
    with pytest.raises(ValueError, match="one antenna at each end, not 2 and 2"):
        LiveMedium(config, Radio(config).channel, exchange)


def test_a_flowgraph_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no flowgraph .*nowhere\.grc: name a \.grc or \.py file, or loopback"):
        RunningFlowgraph(tmp_path / "nowhere.grc", [])


WINDOW = """
import sys
from PyQt5 import Qt
import taskwave_loopback_gui as program

application = Qt.QApplication(sys.argv)
window = program.taskwave_loopback_gui(sys.argv[1])
program.snippets_main_after_init(window)
content = window.top_widget.minimumSizeHint()
print(window.width(), window.height(), content.width() <= 1280, content.height() <= 900)
"""


@pytest.mark.gnuradio
def test_the_window_opens_at_a_size_that_fits_common_screens(exchange: Exchange, tmp_path: Path) -> None:
    compile_graph(bundled()["loopback_gui"], tmp_path)
    values = {**environment(), "QT_QPA_PLATFORM": "offscreen", "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    command = [interpreter(), "-c", WINDOW, exchange.address]
    done = subprocess.run(command, env=values, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "1280 900 True True", done.stderr


def processor_share(pid: int, seconds: float = 10.0) -> float:
    """Return the share of a core that a process uses."""

    def ticks() -> int:
        return sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]))

    before, start = ticks(), time.monotonic()
    time.sleep(seconds)
    return (ticks() - before) / os.sysconf("SC_CLK_TCK") / (time.monotonic() - start)


@pytest.mark.gnuradio
@pytest.mark.slow
@pytest.mark.parametrize("name", ["loopback", "radio_transmitter", "radio_receiver"])
def test_idle_flowgraphs_use_little_of_a_core(name: str, exchange: Exchange, tmp_path: Path) -> None:
    devices = [f"--{side}-device=zmq:ipc://{tmp_path}/{side}" for side in ("tx", "rx")]
    arguments = devices if name.startswith("radio") else []
    running = RunningFlowgraph(bundled()[name], [f"--address={exchange.address}", *arguments])
    try:
        assert wait_until(lambda: len(exchange.members()) >= 2)
        assert processor_share(running.pid) < 0.1
        assert processor_share(os.getpid(), 5.0) < 0.1
    finally:
        running.close()


@pytest.mark.gnuradio
@pytest.mark.slow
def test_an_idle_worker_uses_little_of_a_core() -> None:
    worker = FlowgraphWorker()
    try:
        assert processor_share(worker.process.pid) < 0.1
    finally:
        worker.close()


SYNCHRONISER = """
import sys
import numpy as np
from taskwave.phy.gnuradio.blocks import make_pdu, open_pdu
from taskwave.phy.gnuradio.synchroniser import ofdm_synchroniser

given = np.load(sys.argv[1])
burst, fronts = given["burst"], given["fronts"]
noise = np.random.default_rng(1).normal(scale=0.1, size=(2, len(burst) + 20000))
stream = (noise[0] + 1j * noise[1]).astype(np.complex64)
stream[9000 : 9000 + len(burst)] += burst
for chunk in (100, 364, 1024, 2044, 4096, 8191, len(stream)):
    block, windows = ofdm_synchroniser(), []
    block.message_port_pub = lambda port, message: windows.append(open_pdu(message)[1])
    block._listen(make_pdu(1, fronts.reshape(-1), length=len(burst), pieces=len(fronts)))
    for start in range(0, len(stream), chunk):
        block.work([stream[start : start + chunk]], [])
    whole = [np.abs(np.correlate(w, burst)).max() > 0.9 * np.vdot(burst, burst).real for w in windows]
    print(chunk, any(whole), len(windows) <= 4)
"""


@pytest.mark.gnuradio
def test_the_synchroniser_loses_nothing_in_any_chunks(tmp_path: Path) -> None:
    radio = Radio(CONFIG)
    allocations = radio.allocator(1).allocate(300)
    burst = Burst(carrier_modem(CONFIG), radio.channel, allocations, CONFIG.sync_blocks)
    slot = SlotTransceiver(radio, allocations[0])
    symbols = torch.ones(1, allocations[0].num_data_symbols, dtype=torch.complex64)
    sent = burst.transmit([slot.transmit(symbols)])[0, 0]
    np.savez(tmp_path / "burst.npz", burst=sent.numpy(), fronts=burst.fronts[:, 0].numpy())
    command = [interpreter(), "-c", SYNCHRONISER, str(tmp_path / "burst.npz")]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    assert len(lines) == 7, done.stderr
    assert all(line.endswith("True True") for line in lines), lines


RECORDING = """
import sys
import numpy as np
from gnuradio import blocks, gr
from taskwave.phy.gnuradio.radios import radio_sink, radio_source

path, sent = sys.argv[1], [complex(i, -i) for i in range(5000)]
graph = gr.top_block()
graph.connect(blocks.vector_source_c(sent), radio_sink(f"sigmf:{path}", 1e6, 2.4e9))
graph.run()
graph, received = gr.top_block(), blocks.vector_sink_c()
graph.connect(radio_source(f"sigmf:{path}", 1e6, 2.4e9), received)
graph.run()
print(list(received.data()) == sent)
silent = gr.top_block()
silent.connect(blocks.vector_source_c(sent), radio_sink("uhd:serial=none", 1e6, 2.4e9))
silent.run()
print("silent")
for bad in ("usrp", "soapy:", "sigmf:/nowhere/x"):
    try:
        radio_source(bad, 1e6, 2.4e9)
    except ValueError as error:
        print(error)
"""


@pytest.mark.gnuradio
def test_recordings_and_silent_radios(tmp_path: Path) -> None:
    command = [interpreter(), "-c", RECORDING, f"{tmp_path}/run1.5"]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if ":info:" not in line]
    assert lines[:2] == ["True", "silent"], done.stdout + done.stderr
    assert "no radio 'usrp': name one as uhd:" in lines[2]
    assert "no radio 'soapy:'" in lines[3]
    assert "no recording /nowhere/x.sigmf-data" in lines[4]
    assert {path.name for path in tmp_path.iterdir()} == {"run1.5.sigmf-data", "run1.5.sigmf-meta"}
