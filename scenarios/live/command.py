"""What `taskwave radio` does: engine, flowgraph and keyboard brought together."""

import queue
import shlex
import sys
import threading
import time
from itertools import islice
from pathlib import Path

from rich.console import Console

from taskwave.links.base import Task
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.gnuradio.exchange import Exchange
from taskwave.phy.gnuradio.interpreter import FlowgraphError
from taskwave.phy.gnuradio.launch import RunningFlowgraph, bundled
from taskwave.phy.waveform.ofdm import carrier_modem
from taskwave.scenarios.config import loading
from taskwave.scenarios.config.scenario import parse_task
from taskwave.scenarios.live.images import open_pictures
from taskwave.scenarios.live.session import LiveReport, LiveSession, panorama
from taskwave.semantic.weights import load_models

_JOIN_SECONDS = 30.0
NO_FLOWGRAPH = "none"


def radio(
    scenario_name: str,
    overrides: list[str],
    images: Path,
    task_text: str,
    flowgraph: str,
    arguments: str,
    listen: str,
    out: Path | None,
    count: int | None,
    every: float,
    console: Console,
) -> None:
    """Send the pictures of `images` for ever, or `count` of them; each line on the keyboard is the next task."""
    scenario = loading.load(scenario_name, overrides)
    pictures, task = open_pictures(images), parse_task(task_text)
    models = load_models(scenario.weights, scenario.text_encoder)
    config = live_config(scenario.radio)
    exchange = Exchange(carrier_modem(config).sample_rate, listen)
    running: RunningFlowgraph | None = None
    try:
        if flowgraph != NO_FLOWGRAPH:
            path = bundled().get(flowgraph, Path(flowgraph))
            address = listen.replace("*", "127.0.0.1").replace("0.0.0.0", "127.0.0.1")
            running = RunningFlowgraph(path, [f"--address={address}", *shlex.split(arguments)])
        sweep = scenario.sweep
        session = LiveSession(
            models, config, exchange, sweep.links[0], scenario.conditions[0].es_n0_db, sweep.budgets[0]
        )
        _wait_for(exchange, running, console)
        threading.Thread(target=_read_keyboard, args=(exchange.prompts,), daemon=True).start()
        console.print("Type what the receiver shall look for (cars; signs and poles on the left; …), Ctrl-C to end.")
        for number, (name, picture) in enumerate(islice(pictures, count)):
            task = _latest(exchange.prompts, task, console)
            if running is not None:
                running.check()
            due = time.monotonic() + every
            report = session.send(picture, task)
            console.print(_line(name, task, report), markup=False, soft_wrap=True)
            if out is not None:
                out.mkdir(parents=True, exist_ok=True)
                panorama(picture, report.delivery, task).save(out / f"{number:04d}-{Path(name).stem}.png")
            time.sleep(max(0.0, due - time.monotonic()))
    finally:
        if running is not None:
            running.close()
        exchange.close()


def live_config(config: RadioConfig) -> RadioConfig:
    """The radio of a scenario on the air.

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


def _wait_for(exchange: Exchange, running: RunningFlowgraph | None, console: Console) -> None:
    """Until sources and sinks of both directions are there."""
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
    for line in sys.stdin:
        prompts.put(line)


def _latest(prompts: "queue.SimpleQueue[str]", task: Task, console: Console) -> Task:
    """The task typed last, of those that are understood."""
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
    delivery = report.delivery
    uses, back = int(delivery.channel_uses[0]), int(delivery.feedback_uses[0])
    asked = f", asked for {delivery.messages[0]!r}" if delivery.messages and delivery.messages[0] else ""
    lost = f", {report.lost} of {report.bursts} bursts lost" if report.lost else ""
    return (
        f"{name}: {task.prompt!r}{asked}; {uses:,} channel uses ({back} back), SNR {report.snr_db:.1f} dB, "
        f"carrier {report.carrier_offset_hz:+.0f} Hz{lost}; "
        f"{report.seconds:.2f} s, {report.air_seconds:.2f} of it in the flowgraph"
    )
