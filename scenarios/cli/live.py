"""Commands that work on a running GNU Radio: the live link, and tools that find the blocks of TaskWave."""
# ruff: noqa: PLC0415  Modules that load torch are imported where they are used, so that help is quick.

from pathlib import Path
from typing import Annotated

import typer

from taskwave.scenarios.cli.app import Overrides, app, console, messages


@app.command()
def radio(
    images: Annotated[Path, typer.Argument(help="A folder of images, or a camera (/dev/video0).")],
    scenario: Annotated[str, typer.Option(metavar="NAME_OR_FILE", help="Weights, radio, SNR, budget, link.")] = "live",
    overrides: Overrides = None,
    task: Annotated[str, typer.Option(help="The first task; later ones are typed while it runs.")] = "cars",
    flowgraph: Annotated[
        str, typer.Option(help="loopback, loopback_gui, a .grc or .py file, or none: wait for one elsewhere.")
    ] = "loopback",
    arguments: Annotated[str, typer.Option(help="For the flowgraph, e.g. '--es-n0=5 --carrier-offset=500'.")] = "",
    listen: Annotated[str, typer.Option(help="Where flowgraphs join.")] = "tcp://127.0.0.1:47100",
    out: Annotated[Path | None, typer.Option(help="Keep an image of every transmission here.")] = None,
    count: Annotated[int | None, typer.Option(min=1, help="Transmissions; without it, until Ctrl-C.")] = None,
    every: Annotated[float, typer.Option(min=0, help="Seconds from one image to the next, at least.")] = 0.0,
    record: Annotated[
        Path | None, typer.Option(help="Record what the receivers hear: NAME for NAME.sigmf-meta and NAME.sigmf-data.")
    ] = None,
) -> None:
    """Run the link live: images through a running GNU Radio flowgraph, for the task you type."""
    from taskwave.scenarios.live.requirements import check_station

    check_station(flowgraph, arguments, listen, record)

    from taskwave.scenarios.config import loading
    from taskwave.scenarios.live.command import LiveOptions, run_live

    try:
        loaded = loading.load(scenario, overrides or [])
        options = LiveOptions(images, task, flowgraph, arguments, listen, out, count, every, record)
        run_live(loaded, options, console, messages)
    except KeyboardInterrupt:
        messages.print("\nStopped.")
        raise typer.Exit(130) from None


@app.command()
def replay(
    recording: Annotated[str, typer.Argument(help="A recording of `taskwave radio --record`, NAME.sigmf-meta.")],
    out: Annotated[Path | None, typer.Option(help="Keep an image of every transmission here.")] = None,
) -> None:
    """Decode a recording of the live link again, without GNU Radio: the same samples, the same answers."""
    from taskwave.scenarios.live.command import replay as decode

    try:
        decode(recording, out, console, messages)
    except KeyboardInterrupt:
        messages.print("\nStopped.")
        raise typer.Exit(130) from None


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "allow_interspersed_args": False}
)
def grc(context: typer.Context) -> None:
    """Run a command (gnuradio-companion, if none is given) where GNU Radio finds the blocks of TaskWave.

    Options after the command are the command's own.
    """
    from taskwave.phy.gnuradio.interpreter import check_installed
    from taskwave.phy.gnuradio.launch import run_tool

    check_installed(" ".join(context.args))
    raise typer.Exit(run_tool(context.args or ["gnuradio-companion"]))
