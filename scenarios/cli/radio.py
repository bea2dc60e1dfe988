"""Commands that measure, check and time the radio, and that write impulse responses for it."""
# ruff: noqa: PLC0415  Modules that load torch or pandas are imported where they are used, so that help is quick.

from pathlib import Path
from typing import Annotated

import typer

from taskwave.scenarios.cli.app import (
    NameOrFile,
    Overrides,
    app,
    console,
    load_networks,
    messages,
    print_paths,
    write_csv,
)


@app.command()
def rates(
    scenario: NameOrFile,
    overrides: Overrides = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the results; default runs/<name>-rates.")] = None,
) -> None:
    """Print how many bytes each budget carries: capacity, outage, finite blocks, and the MCS of NR."""
    from taskwave.phy.drawing import save
    from taskwave.phy.radio import Radio
    from taskwave.scenarios.config import loading
    from taskwave.scenarios.figures.style import channel_label
    from taskwave.scenarios.studies.rates import measure_rates, rate_figure, rate_table

    loaded = loading.load(scenario, overrides or [])
    folder = out or Path("runs") / f"{loaded.name}-rates"
    configs = [(loaded.radio_at(distance_m), es_n0_db) for es_n0_db, distance_m in loaded.conditions]
    radios = {config: Radio(config) for config, _ in configs}
    budgets = loaded.sweep.budgets
    values = measure_rates([(radios[config], es_n0_db) for config, es_n0_db in configs], budgets)
    if values.empty:
        raise ValueError(f"none of the budgets {list(budgets)} carries a symbol: raise sweep.budgets")
    console.print(rate_table(values))
    figure = save(rate_figure(values, channel_label(loaded.radio.channel_name)), folder / "rates.png")
    print_paths(write_csv(values, folder / "rates.csv"), figure)


@app.command()
def loopback(
    scenario: NameOrFile,
    overrides: Overrides = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the results; default runs/<name>-loopback.")] = None,
    bursts: Annotated[int, typer.Option(min=1, help="Bursts at each SNR and modulation.")] = 200,
    symbols: Annotated[int, typer.Option(min=1, help="Symbols of a burst; default: a general part.")] = 384,
    windows: Annotated[int, typer.Option(min=1, help="Windows of noise alone, to count false alarms.")] = 2000,
) -> None:
    """Measure symbols, bits, detection and speed through GNU Radio, against the same radio in pure simulation."""
    from taskwave.phy.gnuradio.interpreter import check_installed, import_zmq

    import_zmq()
    check_installed()

    import pandas as pd
    from rich.progress import track

    from taskwave.phy.drawing import save
    from taskwave.scenarios.config import loading
    from taskwave.scenarios.figures.style import channel_label
    from taskwave.scenarios.studies import loopback as study

    loaded = loading.load(scenario, overrides or [])
    folder = out or Path("runs") / f"{loaded.name}-loopback"
    if loaded.sweep.es_n0_db is None:
        raise ValueError("loopback measures over SNRs: give the scenario sweep.es_n0_db in place of sweep.distance_m")
    config, es_n0_dbs = loaded.radio, loaded.sweep.es_n0_db
    rows = study.measure_curves(config, es_n0_dbs, bursts, symbols, loaded.seed)
    curves = pd.DataFrame(track(rows, "SNRs", len(es_n0_dbs), console=messages))
    batches = -(-windows // study.BATCH)
    counts = study.count_false_alarms(config, windows, symbols, loaded.seed)
    alarms = sum(track(counts, "noise", batches, console=messages))
    console.print(study.curve_table(curves))
    console.print(f"{alarms} of {windows:,} windows of noise alone passed for a burst")
    console.print(study.speed_table(study.measure_speed(config, symbols), symbols))
    title = f"{channel_label(config.channel_name)}, {bursts} bursts of {symbols} symbols a point and modulation"
    figure = save(study.curve_figure(curves, title), folder / "loopback.png")
    print_paths(write_csv(curves, folder / "loopback.csv"), figure)


@app.command()
def papr(
    scenario: NameOrFile,
    overrides: Overrides = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the results; default runs/<name>-papr.")] = None,
) -> None:
    """Measure peaks of a scenario's analog messages against QAM, and their distortion behind its amplifier."""
    import torch

    from taskwave.phy.drawing import save
    from taskwave.phy.radio import Radio
    from taskwave.scenarios.config import loading
    from taskwave.scenarios.studies.papr import measure_peaks, papr_figure, papr_table
    from taskwave.scenarios.sweep.points import open_chosen

    loaded = loading.load(scenario, overrides or [])
    folder = out or Path("runs") / f"{loaded.name}-papr"
    image_set, indices = open_chosen(loaded.images)
    images = torch.stack([image_set[i].image for i in indices]).float() / 255
    peaks, errors = measure_peaks(load_networks(loaded), Radio(loaded.radio), images, loaded.seed)
    console.print(papr_table(peaks, errors))
    title = f"{len(images)} images of {loaded.images.source}"
    figure = save(papr_figure(peaks, errors, title), folder / "papr.png")
    print_paths(write_csv(peaks, folder / "papr.csv"), write_csv(errors, folder / "evm.csv"), figure)


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


@app.command()
def record(
    scenario: NameOrFile,
    file: Annotated[Path, typer.Argument(help="The .npz file to write.")],
    overrides: Overrides = None,
    count: Annotated[int, typer.Option(min=1, help="Channels.")] = 64,
) -> None:
    """Write impulse responses of a scenario's channel, for `radio.recorded.file`."""
    from taskwave.phy.channel import impulse_responses, model
    from taskwave.scenarios.config import loading

    loaded = loading.load(scenario, overrides or [])
    responses = model.draw_impulse_responses(loaded.radio, count, loaded.sweep.occasions, loaded.seed)
    impulse_responses.write(file, responses)
    _print_size(file)


@app.command()
def trace(
    file: Annotated[Path, typer.Argument(help="The .npz file to write.")],
    scene: Annotated[str | None, typer.Option(help="A scene of Sionna RT.")] = None,
    station: Annotated[str | None, typer.Option(metavar="X,Y,Z", help="Position of the base station [m].")] = None,
    route: Annotated[
        str | None, typer.Option(metavar="'X,Y X,Y ...'", help="Corners of the vehicle's way [m].")
    ] = None,
    speed: Annotated[float | None, typer.Option(min=0, help="Speed of the vehicle [m/s].")] = None,
    carrier: Annotated[float | None, typer.Option(min=0.5, max=100, help="Carrier frequency [GHz].")] = None,
    tx_ant: Annotated[int | None, typer.Option(min=1, max=8, help="Transmit antennas.")] = None,
    rx_ant: Annotated[int | None, typer.Option(min=1, max=8, help="Receive antennas.")] = None,
    count: Annotated[int | None, typer.Option(min=1, help="Positions along the way, a channel at each.")] = None,
) -> None:
    """Trace rays to a vehicle that drives through a scene (extra `rt`), for `radio.recorded.file`.

    Without options: the bundled set `street-canyon`.
    """
    from taskwave.phy.channel import ray_tracing

    given = {
        "scene": scene,
        "station_m": None if station is None else _coordinates(station, 3),
        "route_m": None if route is None else tuple(_coordinates(corner, 2) for corner in route.split()),
        "speed_mps": speed,
        "carrier_ghz": carrier,
        "num_tx_ant": tx_ant,
        "num_rx_ant": rx_ant,
        "num_positions": count,
    }
    drive = ray_tracing.Drive.model_validate({name: value for name, value in given.items() if value is not None})
    ray_tracing.trace_to_file(drive, file)
    _print_size(file)


def _coordinates(text: str, count: int) -> tuple[float, ...]:
    """Parse `count` coordinates [m] with commas between them; `ValueError` for anything else."""
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = ()
    if len(values) != count:
        raise ValueError(f"{text!r} is no position: give {count} numbers with commas between them, in metres")
    return values


def _print_size(file: Path) -> None:
    """Print the numbers of impulse responses, antennas, paths and samples in a file, and its size."""
    from taskwave.phy.channel import impulse_responses

    a = impulse_responses.read(file).a
    console.print(
        f"{file}: {len(a)} channels, {a.shape[1]}x{a.shape[2]} antennas, {a.shape[3]} paths, {a.shape[4]} samples; "
        f"{file.stat().st_size / 1000:,.0f} kB",
        markup=False,
    )
