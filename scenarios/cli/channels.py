"""What the commands that write impulse responses do."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from taskwave.phy.channel import impulse_responses, ray_tracing
from taskwave.phy.channel import model as recording
from taskwave.scenarios.config import loading


def record(name_or_file: str, overrides: Sequence[str], file: Path, count: int, console: Console) -> None:
    """Draw `count` channels of a scenario's radio with its seed and write them."""
    scenario = loading.load(name_or_file, overrides)
    impulse_responses.write(file, recording.record(scenario.radio, count, scenario.sweep.occasions, scenario.seed))
    _tell(file, console)


def trace(
    file: Path,
    scene: str | None,
    station: str | None,
    route: str | None,
    speed: float | None,
    carrier: float | None,
    tx_ant: int | None,
    rx_ant: int | None,
    count: int | None,
    console: Console,
) -> None:
    """Trace a drive, the default one where nothing else is said, and write it."""
    said = {
        "scene": scene,
        "station_m": None if station is None else _numbers(station, 3),
        "route_m": None if route is None else tuple(_numbers(corner, 2) for corner in route.split()),
        "speed_mps": speed,
        "carrier_ghz": carrier,
        "num_tx_ant": tx_ant,
        "num_rx_ant": rx_ant,
        "num_records": count,
    }
    drive = ray_tracing.Drive.model_validate({name: value for name, value in said.items() if value is not None})
    ray_tracing.trace_to_file(drive, file)
    _tell(file, console)


def _numbers(text: str, count: int) -> tuple[float, ...]:
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = ()
    if len(values) != count:
        raise ValueError(f"{text!r} is no position: give {count} numbers with commas between them, in metres")
    return values


def _tell(file: Path, console: Console) -> None:
    a = impulse_responses.read(file).a
    console.print(
        f"{file}: {len(a)} records, {a.shape[1]}x{a.shape[2]} antennas, {a.shape[3]} paths, {a.shape[4]} samples; "
        f"{file.stat().st_size / 1000:,.0f} kB",
        markup=False,
    )
