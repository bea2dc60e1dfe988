"""The live link of `taskwave radio`: brings engine, flowgraph and keyboard together."""

import queue
import shlex
import sys
import threading
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from rich.console import Console

from taskwave.links.base import Task
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.gnuradio.exchange import Exchange
from taskwave.phy.gnuradio.interpreter import FlowgraphError
from taskwave.phy.gnuradio.launch import RunningFlowgraph, bundled
from taskwave.phy.waveform.ofdm import carrier_modem
from taskwave.scenarios.config.scenario import Scenario, parse_task
from taskwave.scenarios.live.images import open_live_images
from taskwave.scenarios.live.session import LiveReport, LiveSession, panorama
from taskwave.semantic.weights import load_models

NO_FLOWGRAPH = "none"
"""Value of `LiveOptions.flowgraph` with which the engine waits for a flowgraph that somebody else starts."""
_JOIN_SECONDS = 30.0
"""Longest time in which a flowgraph that was started here must join [s]."""


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


def run_live(scenario: Scenario, options: LiveOptions, console: Console) -> None:
    """Send the images of `options` over the link of a scenario; each line on the keyboard is the next task.

    The link, the SNR that both ends plan for and the budget are the first ones of the scenario's sweep.

    Raises:
        ValueError: the radio cannot be on the air (see `live_config`), or the first task is not understood.
        FlowgraphError: the flowgraph cannot be started, does not join or ends.
        FileNotFoundError, RuntimeError: as in `open_live_images`.
    """
    images, task = open_live_images(options.images), parse_task(options.task)
    models = load_models(scenario.weights, scenario.text_encoder)
    config = live_config(scenario.radio)
    exchange = Exchange(carrier_modem(config).sample_rate, options.listen)
    running: RunningFlowgraph | None = None
    try:
        running = _start_flowgraph(options)
        sweep = scenario.sweep
        session = LiveSession(
            models, config, exchange, sweep.links[0], scenario.conditions[0].es_n0_db, sweep.budgets[0]
        )
        _wait_for(exchange, running, console)
        threading.Thread(target=_read_keyboard, args=(exchange.prompts,), daemon=True).start()
        console.print("Type what the receiver shall look for (cars; signs and poles on the left; …), Ctrl-C to end.")
        for number, (name, image) in enumerate(islice(images, options.count)):
            task = _latest(exchange.prompts, task, console)
            if running is not None:
                running.check()
            due = time.monotonic() + options.every
            report = session.send(image, task)
            console.print(_line(name, task, report), markup=False, soft_wrap=True)
            if options.out is not None:
                options.out.mkdir(parents=True, exist_ok=True)
                path = options.out / f"{number:04d}-{Path(name).stem}.png"
                panorama(image, report.delivery, task).save(path)
            time.sleep(max(0.0, due - time.monotonic()))
    finally:
        if running is not None:
            running.close()
        exchange.close()


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
    path = bundled().get(options.flowgraph, Path(options.flowgraph))
    # An engine that listens at all interfaces is joined at the local one.
    address = options.listen.replace("*", "127.0.0.1").replace("0.0.0.0", "127.0.0.1")
    return RunningFlowgraph(path, [f"--address={address}", *shlex.split(options.arguments)])


def _wait_for(exchange: Exchange, running: RunningFlowgraph | None, console: Console) -> None:
    """Wait until sources and sinks of both directions have joined; `FlowgraphError` if a flowgraph of ours is late."""
    deadline = time.monotonic() + _JOIN_SECONDS
    if running is None:
        console.print(f"Waiting at {exchange.address} for flowgraphs …")
    while not (exchange.joined("forward") and exchange.joined("reverse")):
        if running is not None:
            running.check()
            if time.monotonic() > deadline:
                raise FlowgraphError(
                    f"the flowgraph did not join at {exchange.address} within {_JOIN_SECONDS:.0f} s: it needs a "
                    "TaskWave Source and a TaskWave Sink for each direction, with this address."
                )
        time.sleep(0.05)


def _read_keyboard(prompts: "queue.SimpleQueue[str]") -> None:
    """Put every line of standard input into the queue of prompts, in a thread of its own."""
    for line in sys.stdin:
        prompts.put(line)


def _latest(prompts: "queue.SimpleQueue[str]", task: Task, console: Console) -> Task:
    """Return the task typed last of those that are understood, or `task` where there is none."""
    while not prompts.empty():
        text = prompts.get().strip()
        if not text:
            continue
        try:
            task = parse_task(text)
        except ValueError as error:
            console.print(f"not understood: {error}", markup=False)
    return task


def _line(name: str, task: Task, report: LiveReport) -> str:
    """Return the line that the terminal shows of one image."""
    delivery = report.delivery
    uses, back = int(delivery.channel_uses[0]), int(delivery.feedback_uses[0])
    asked = f", asked for {delivery.messages[0]!r}" if delivery.messages and delivery.messages[0] else ""
    lost = f", {report.lost} of {report.bursts} bursts lost" if report.lost else ""
    return (
        f"{name}: {task.prompt!r}{asked}; {uses:,} channel uses ({back} back), SNR {report.snr_db:.1f} dB, "
        f"carrier {report.carrier_offset_hz:+.0f} Hz{lost}; "
        f"{report.seconds:.2f} s, {report.air_seconds:.2f} of it in the flowgraph"
    )
