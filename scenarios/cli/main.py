"""The command line. Modules that load torch are imported by the command that needs them, so that help is quick."""
# ruff: noqa: PLC0415

import importlib
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Task accuracy of semantic and bit-wise links over a simulated 5G-like radio.",
    epilog="Set TASKWAVE_TRACEBACK=1 to see where in the code an error comes from.",
)
console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
messages = Console(stderr=True, highlight=False)

NameOrFile = Annotated[str, typer.Argument(metavar="NAME_OR_FILE", help="A built-in scenario or a TOML file.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a key, e.g. sweep.es_n0_db=[0,10].")
]
Folder = Annotated[Path, typer.Argument(help="The --out folder of a run.")]


@app.command("list")
def list_() -> None:
    """Show the built-in scenarios and every link that a scenario can name."""
    from taskwave.links import registry
    from taskwave.scenarios.config.loading import built_in, read

    console.print("[bold]Scenarios[/bold] (taskwave run NAME)")
    for name, path in built_in().items():
        console.print(f"  {name:18} {read(path)['description']}")
    console.print("\n[bold]Links[/bold] (sweep.links in a scenario)")
    for name in registry.names():
        console.print(f"  {name:24} {registry.origin(name)}")


@app.command()
def run(
    scenario: NameOrFile,
    overrides: Overrides = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the results; default runs/<name of the scenario>.")
    ] = None,
    profile: Annotated[bool, typer.Option("--profile", help="Print the time of each link, stage by stage.")] = False,
) -> None:
    """Run a scenario, or continue it where it stopped; print pooled accuracies and draw the figures."""
    try:
        from taskwave.scenarios.cli import commands

        commands.run(scenario, overrides or [], out, profile=profile, console=console, messages=messages)
    except KeyboardInterrupt:
        messages.print("\nStopped. Finished points are kept; run the same command again to continue.")
        raise typer.Exit(130) from None


@app.command()
def check(scenario: NameOrFile, overrides: Overrides = None) -> None:
    """Check that a scenario could run: its keys, images, radio, links and weights. Transmits nothing."""
    from taskwave.scenarios.cli import commands

    commands.check(scenario, overrides or [], console)


@app.command()
def rates(
    scenario: NameOrFile,
    overrides: Overrides = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the results; default runs/<name>-rates.")] = None,
) -> None:
    """How many bytes each budget carries: capacity, outage, finite blocks, and the MCS of NR."""
    from taskwave.scenarios.cli import commands

    commands.rates(scenario, overrides or [], out, console)


@app.command()
def loopback(
    scenario: NameOrFile,
    overrides: Overrides = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the results; default runs/<name>-loopback.")] = None,
    bursts: Annotated[int, typer.Option(min=1, help="Bursts at each SNR and modulation.")] = 200,
    symbols: Annotated[int, typer.Option(min=1, help="Of a burst: the general part of an image by default.")] = 384,
    windows: Annotated[int, typer.Option(min=1, help="Windows of noise alone, to count false alarms.")] = 2000,
) -> None:
    """Symbols, bits, detection and speed through GNU Radio, against the same radio in pure simulation."""
    from taskwave.scenarios.cli import commands

    commands.loopback(scenario, overrides or [], out, bursts, symbols, windows, console, messages)


@app.command()
def papr(
    scenario: NameOrFile,
    overrides: Overrides = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the results; default runs/<name>-papr.")] = None,
) -> None:
    """Peaks of a scenario's analog messages against QAM, and their distortion behind its amplifier."""
    from taskwave.scenarios.cli import commands

    commands.papr(scenario, overrides or [], out, console)


@app.command()
def radio(
    images: Annotated[Path, typer.Argument(help="A folder of pictures, or a camera (/dev/video0).")],
    scenario: Annotated[str, typer.Option(metavar="NAME_OR_FILE", help="Weights, radio, SNR, budget, link.")] = "live",
    overrides: Overrides = None,
    task: Annotated[str, typer.Option(help="The first task; later ones are typed while it runs.")] = "cars",
    flowgraph: Annotated[
        str, typer.Option(help="loopback, loopback_gui, a .grc or .py file, or none: wait for one elsewhere.")
    ] = "loopback",
    arguments: Annotated[str, typer.Option(help="For the flowgraph, e.g. '--es-n0=5 --carrier-offset=500'.")] = "",
    listen: Annotated[str, typer.Option(help="Where flowgraphs join.")] = "tcp://127.0.0.1:47100",
    out: Annotated[Path | None, typer.Option(help="Keep a picture of every transmission here.")] = None,
    count: Annotated[int | None, typer.Option(min=1, help="Transmissions; without it, until Ctrl-C.")] = None,
    every: Annotated[float, typer.Option(min=0, help="Seconds from one picture to the next, at least.")] = 0.0,
) -> None:
    """The link live: pictures through a running GNU Radio flowgraph, for the task you type."""
    from taskwave.scenarios.live import command as live_command

    try:
        live_command.radio(
            scenario, overrides or [], images, task, flowgraph, arguments, listen, out, count, every, console
        )
    except KeyboardInterrupt:
        messages.print("\nStopped.")
        raise typer.Exit(130) from None


@app.command()
def validate(
    groups: Annotated[
        list[str] | None, typer.Argument(metavar="[GROUP]...", help="Only these groups of checks; default: all.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the page.")] = Path("runs/validation"),
    quick: Annotated[bool, typer.Option("--quick", help="Fewer points and trials: a minute on one core.")] = False,
) -> None:
    """Check the radio against theory and standards; write a page of figures and numbers. Exit code 1 if it fails."""
    from taskwave.phy.validation.suite import validate as run_checks

    if not run_checks(groups or [], out, quick=quick, console=console, messages=messages):
        raise typer.Exit(1)


@app.command()
def benchmark(
    out: Annotated[Path, typer.Option(help="Folder of the tables and the figure.")] = Path("runs/benchmark"),
    quick: Annotated[bool, typer.Option("--quick", help="Small grids, few runs: whether it works.")] = False,
) -> None:
    """Time the radio beside Sionna's own blocks on the same work, on one thread; write tables and a figure."""
    from taskwave.phy.benchmark.command import benchmark as run_benchmark

    run_benchmark(out, quick=quick, console=console, messages=messages)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def grc(context: typer.Context) -> None:
    """Run a command (gnuradio-companion, if none is given) where GNU Radio finds the blocks of TaskWave."""
    from taskwave.phy.gnuradio.launch import run_tool

    raise typer.Exit(run_tool(context.args or ["gnuradio-companion"]))


@app.command()
def record(
    scenario: NameOrFile,
    file: Annotated[Path, typer.Argument(help="The .npz file to write.")],
    overrides: Overrides = None,
    count: Annotated[int, typer.Option(min=1, help="Channels.")] = 64,
) -> None:
    """Write impulse responses of a scenario's channel, for `radio.recorded.file`."""
    from taskwave.scenarios.cli import channels as channel_commands

    channel_commands.record(scenario, overrides or [], file, count, console)


@app.command()
def trace(
    file: Annotated[Path, typer.Argument(help="The .npz file to write.")],
    scene: Annotated[str | None, typer.Option(help="A scene of Sionna RT.")] = None,
    station: Annotated[str | None, typer.Option(metavar="X,Y,Z", help="Position of the base station [m].")] = None,
    route: Annotated[
        str | None, typer.Option(metavar="'X,Y X,Y ...'", help="Corners of the vehicle's way [m].")
    ] = None,
    speed: Annotated[float | None, typer.Option(min=0, help="Of the vehicle [m/s].")] = None,
    carrier: Annotated[float | None, typer.Option(min=0.5, max=100, help="Carrier frequency [GHz].")] = None,
    tx_ant: Annotated[int | None, typer.Option(min=1, max=8)] = None,
    rx_ant: Annotated[int | None, typer.Option(min=1, max=8)] = None,
    count: Annotated[int | None, typer.Option(min=1, help="Places along the way, one record each.")] = None,
) -> None:
    """Trace rays to a vehicle that drives through a scene (extra `rt`), for `radio.recorded.file`.

    Without options: the bundled set `street-canyon`.
    """
    from taskwave.scenarios.cli import channels as channel_commands

    channel_commands.trace(file, scene, station, route, speed, carrier, tx_ant, rx_ant, count, console)


@app.command()
def plot(
    folder: Folder,
    other: Annotated[Path | None, typer.Argument(help="A second run, drawn beside the first.")] = None,
    budget: Annotated[list[int] | None, typer.Option(help="Budgets to draw accuracy vs SNR for.")] = None,
    es_n0_db: Annotated[list[float] | None, typer.Option(help="SNRs to draw accuracy vs bandwidth for.")] = None,
) -> None:
    """Draw the figures of a run anew from its records."""
    from taskwave.scenarios.cli import commands

    commands.plot(folder, other, budget or [], es_n0_db or [], console)


@app.command()
def compare(
    folder: Folder,
    other: Annotated[Path | None, typer.Argument(help="A second run, of the same images.")] = None,
    scheme: Annotated[str | None, typer.Option(help="Link under test; default: the first semantic one.")] = None,
    against: Annotated[list[str] | None, typer.Option(help="Baselines; default: all bit-wise links.")] = None,
) -> None:
    """Semantic gain at equal accuracy, and paired differences from the other semantic links."""
    from taskwave.scenarios.cli import commands

    commands.compare(folder, other, scheme, against or [], console)


@app.command(add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def train(context: typer.Context) -> None:
    """Train weights (see `taskwave train --help`)."""
    from taskwave.scenarios.studies.neural_receiver import train_receiver

    training = importlib.import_module("taskwave.scenarios.cli.train")
    training.app.command("receiver")(train_receiver)
    training.app(args=context.args, prog_name="taskwave train")


@app.command()
def download(
    dataset: Annotated[str, typer.Argument(help="Only `camvid`.")],
    to: Annotated[Path, typer.Option(help="Folder to put it in.")],
) -> None:
    """Fetch a public image set from its home, with checksums."""
    if dataset != "camvid":
        raise ValueError(f"download {dataset!r}: allowed is camvid")
    from taskwave.semantic.data.download import download_camvid

    download_camvid(to)
    console.print(f"{to}: ready; use it with --set images.folder={to}")


def main() -> None:
    """Entry point of the command `taskwave`: one message for an error, exit code 2 (bad input) or 1 (failure)."""
    if os.environ.get("TASKWAVE_TRACEBACK"):
        app()
    try:
        app()
    except (ValueError, FileNotFoundError) as error:
        _fail(error, 2)
    except (OSError, RuntimeError) as error:
        _fail(error, 1)


def _fail(error: Exception, code: int) -> None:
    messages.print(f"[bold red]error:[/bold red] {_escape(error)}", soft_wrap=True)
    sys.exit(code)


def _escape(error: Exception) -> str:
    from rich.markup import escape

    return escape(str(error) or type(error).__name__)
