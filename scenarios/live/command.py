"""The live link of `taskwave radio`: brings engine, flowgraph and keyboard together."""

import io
import queue
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from rich.console import Console

from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.files import write_atomically
from taskwave.phy.gnuradio.exchange import BurstExchange, Exchange
from taskwave.phy.gnuradio.interpreter import FlowgraphError
from taskwave.phy.gnuradio.launch import RunningFlowgraph, find_flowgraph, split_arguments
from taskwave.phy.waveform.ofdm import carrier_modem
from taskwave.scenarios.config.scenario import Scenario
from taskwave.scenarios.live.images import NamedImage, open_live_images
from taskwave.scenarios.live.recording import LiveRecorder, PlayedExchange, answer_digest, open_heard
from taskwave.scenarios.live.requirements import NO_FLOWGRAPH
from taskwave.scenarios.live.session import LiveReport, LiveSession, panorama
from taskwave.scenarios.live.states import StateTeller
from taskwave.scenarios.live.terminal import Terminal
from taskwave.scenarios.sweep.judge import Jury
from taskwave.semantic.tasks import segmentation
from taskwave.semantic.tasks.segmentation import Segmentation
from taskwave.semantic.weights import Models, load_models

_JOIN_SECONDS = 30.0
"""Longest time in which a flowgraph that was started here must join [s]."""
_LOOK_SECONDS = 0.5
"""Time between looks at the flowgraph while the next image is not due [s]."""


@dataclass(frozen=True)
class LiveOptions:
    """Holds the options of `taskwave radio`, apart from those of its scenario."""

    images: Path
    """Folder of images, or a camera of Video4Linux such as /dev/video0."""
    task: str
    """Prompt of the first task, in free wording."""
    flowgraph: str
    """Name of a bundled flowgraph, path of a .grc or .py file, or `NO_FLOWGRAPH`."""
    arguments: str
    """Arguments of the flowgraph, as a shell takes them."""
    listen: str
    """ZeroMQ address at which flowgraphs join."""
    out: Path | None
    """Folder in which an image of every transmission is kept. None: they are not kept."""
    count: int | None
    """Number of images to send. None: images are sent until the user interrupts."""
    every: float
    """Least time from one image to the next [s]."""
    record: Path | None = None
    """Path of the recording of what the receivers hear. None: it is not recorded."""


@dataclass
class _Station:
    """Holds what a live link works with."""

    options: LiveOptions
    exchange: Exchange
    terminal: Terminal
    states: StateTeller
    recorder: LiveRecorder | None
    running: RunningFlowgraph | None = None
    """Flowgraph that was started here."""


def run_live(scenario: Scenario, options: LiveOptions, console: Console, messages: Console) -> None:
    """Send the images of `options` over the link of a scenario; each line on the keyboard is the next task.

    The link, the SNR that both ends plan for and the budget are the first ones of the scenario's sweep.

    Args:
        scenario: the scenario.
        options: options of the command.
        console: console of results.
        messages: console of states and notes.

    Raises:
        ValueError: the radio cannot be on the air (see `live_config`), or the first task is not understood.
        BlockError: the address cannot be used, or there is such a recording already.
        FlowgraphError: the flowgraph cannot be started, does not join or ends.
        FileNotFoundError, RuntimeError: as in `open_live_images`.
    """
    task, config = segmentation.read(options.task), live_config(scenario.radio)
    images = open_live_images(options.images, lambda line: messages.print(line, markup=False, soft_wrap=True))
    recorder = None if options.record is None else LiveRecorder(options.record, scenario)
    exchange = Exchange(carrier_modem(config).sample_rate, options.listen)
    try:
        models = load_models(scenario.weights, scenario.text_encoder, scenario.weighed_by)
        terminal = Terminal(exchange.prompts, console, messages)
    except BaseException:
        exchange.close()
        raise
    station = _Station(options, exchange, terminal, StateTeller(exchange, terminal.note), recorder)
    try:
        if not options.images.is_char_device():
            images = open_live_images(options.images, terminal.note)
        station.running = _start_flowgraph(options)
        _wait_for(station)
        terminal.note("Type what the receiver shall look for (cars; signs and poles on the left; …), Ctrl-C to end.")
        station.states.begin()
        session = make_session(models, scenario, exchange)
        for number, named in enumerate(islice(images, options.count)):
            task = _send(station, session, number, named, task)
    finally:
        _close(station)


def replay(name: str, out: Path | None, console: Console, messages: Console) -> None:
    """Decode again what a live link has recorded, without GNU Radio.

    Args:
        name: path of the recording.
        out: folder in which an image of every transmission is kept; None: they are not kept.
        console: console of results.
        messages: console of notes.

    Raises:
        RecordingError: the recording cannot be read, is none of a live link, or does not fit this release.
        RuntimeError: an answer is another than that of the live link.
    """
    scenario, heard = open_heard(name)
    played = PlayedExchange()
    live_config(scenario.radio)
    session = make_session(load_models(scenario.weights, scenario.text_encoder, scenario.weighed_by), scenario, played)
    count = different = 0
    for count, item in enumerate(heard, start=1):
        played.load(item.bursts)
        report = session.send(item.image, item.task)
        same = answer_digest(report.delivery) == item.answer
        different += not same
        verdict = "the same answer" if same else "another answer than live"
        console.print(f"{_line(item.name, item.task, report)}; {verdict}", markup=False, soft_wrap=True)
        if out is not None:
            _keep(out, count - 1, (item.name, item.image), item.task, report)
    if different:
        raise RuntimeError(
            f"{different} of {count} answers differ from those of the live link: replay with the weights, the release "
            "and the kind of processor that recorded it"
        )
    messages.print(f"{count} images decoded again, all with the answers of the live link.")


def make_session(models: Models, scenario: Scenario, exchange: BurstExchange) -> LiveSession:
    """Return a session of the first link, SNR and budget of a scenario's sweep."""
    sweep, jury = scenario.sweep, Jury(models, scenario.judge, scenario.images.source)
    return LiveSession(
        jury, scenario.radio, exchange, sweep.links[0], scenario.conditions[0].es_n0_db, sweep.budgets[0]
    )


def live_config(config: RadioConfig) -> RadioConfig:
    """Return the radio of a scenario if it can be on the air.

    Raises:
        ValueError: it leaves synchronisation out of the count, or has impairments of its own.
    """
    if config.flowgraph is not None:
        raise ValueError("[radio.flowgraph] is for simulated runs: give the flowgraph its impairments with --arguments")
    if not config.sync_uses:
        raise ValueError("a live link synchronises, and pays for it: --set radio.sync_symbols=true")
    if config.impairments is not None or config.csi == "perfect":
        raise ValueError(
            "a live link has the hardware and the channel that are there: leave out [radio.impairments], and use "
            'csi "lmmse", "ls" or "neural"'
        )
    return config


def _start_flowgraph(options: LiveOptions) -> RunningFlowgraph | None:
    """Start the flowgraph of `options` and tell it where to join; None if somebody else starts it."""
    if options.flowgraph == NO_FLOWGRAPH:
        return None
    # An engine that listens at all interfaces is joined at the local one.
    address = options.listen.replace("*", "127.0.0.1").replace("0.0.0.0", "127.0.0.1")
    arguments = [f"--address={address}", *split_arguments(options.arguments)]
    return RunningFlowgraph(find_flowgraph(options.flowgraph), arguments)


def _wait_for(station: _Station) -> None:
    """Wait until sources and sinks of both directions have joined; `FlowgraphError` if a flowgraph of ours is late."""
    exchange, running = station.exchange, station.running
    deadline = time.monotonic() + _JOIN_SECONDS
    if running is None:
        station.terminal.note(f"Waiting at {exchange.address} for flowgraphs …")
    while not (exchange.joined("forward") and exchange.joined("reverse")):
        station.states.look()
        if running is not None:
            running.check()
            if time.monotonic() > deadline:
                raise FlowgraphError(
                    f"the flowgraph did not join at {exchange.address} within {_JOIN_SECONDS:.0f} s: it needs a "
                    "TaskWave Source and a TaskWave Sink for each direction, with this address."
                )
        time.sleep(0.05)
    station.states.look()


def _send(station: _Station, session: LiveSession, number: int, named: NamedImage, task: Segmentation) -> Segmentation:
    """Send one image for the latest task, tell what came of it, wait until the next is due, and return the task."""
    options, terminal = station.options, station.terminal
    task = _latest(station, task, time.monotonic())
    due = time.monotonic() + options.every
    report = session.send(named[1], task)
    terminal.say(
        f"{_line(named[0], task, report)}; {report.seconds:.2f} s, {report.air_seconds:.2f} of it in the flowgraph"
    )
    station.states.count(report.lost, report.bursts)
    if station.recorder is not None:
        station.recorder.add(*named, task, report)
    if options.out is not None:
        _keep(options.out, number, named, task, report)
    last = options.count is not None and number + 1 == options.count
    return _latest(station, task, due if not last else time.monotonic())


def _latest(station: _Station, task: Segmentation, deadline: float) -> Segmentation:
    """Return the task typed last of those that are understood, or `task`, after waiting for more until `deadline`."""
    while True:
        if station.running is not None:
            station.running.check()
        station.states.look()
        try:
            text = station.exchange.prompts.get(timeout=min(max(0.0, deadline - time.monotonic()), _LOOK_SECONDS))
        except queue.Empty:
            if time.monotonic() >= deadline:
                return task
            continue
        if not text.strip():
            station.terminal.note(f"an empty line: the task stays {task.prompt!r}")
            continue
        try:
            task = segmentation.read(text.strip())
        except ValueError as error:
            station.terminal.say(f"not understood: {error}")
            continue
        station.terminal.note(f"task: {task.prompt!r}")


def _keep(folder: Path, number: int, named: NamedImage, task: Segmentation, report: LiveReport) -> None:
    """Keep an image of a transmission."""
    file = io.BytesIO()
    panorama(named[1], report.delivery, task).save(file, "png")
    path = folder / f"{number:04d}-{Path(named[0]).stem}.png"
    write_atomically(path, lambda target: target.write(file.getvalue()))


def _close(station: _Station) -> None:
    """End the flowgraph, the recording and the exchange, and give the terminal back."""
    try:
        if station.running is not None:
            station.running.close()
        station.exchange.close()
        if station.recorder is not None:
            station.recorder.close()
            heard = f"{station.recorder.path}: {station.recorder.samples:,} samples" if station.recorder.samples else ""
            station.terminal.note(heard or "nothing was heard: there is no recording")
    finally:
        station.terminal.close()


def _line(name: str, task: Segmentation, report: LiveReport) -> str:
    """Return what the terminal shows of one image."""
    delivery = report.delivery
    uses, back = int(delivery.channel_uses[0]), int(delivery.feedback_uses[0])
    asked = f", asked for {delivery.messages[0]!r}" if delivery.messages and delivery.messages[0] else ""
    lost = f", {report.lost} of {report.bursts} bursts lost" if report.lost else ""
    return (
        f"{name}: {task.prompt!r}{asked}; {uses:,} channel uses ({back} back), SNR {report.snr_db:.1f} dB, "
        f"carrier {report.carrier_offset_hz:+.0f} Hz{lost}"
    )
