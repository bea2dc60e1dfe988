"""Impulse responses of a vehicle that drives through a scene, by Sionna RT (extra `rt`; it needs LLVM).

The tracer runs in a process of its own: on processors with AVX-512, LLVM 15 and 16 abort it, which cannot be caught.
"""

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, Field

from taskwave.phy.channel.impulse_responses import ImpulseResponses, write

_LLVM = (
    "Sionna RT needs LLVM, and LLVM 15 and 16 abort it on processors with AVX-512: install another one (Debian: apt "
    "install libllvm19) or name its library in DRJIT_LIBLLVM_PATH"
)


class Drive(BaseModel, frozen=True, extra="forbid"):
    """A base station and a vehicle on a route of straight pieces. The default is what `street-canyon` was made of."""

    scene: str = "simple_street_canyon_with_cars"
    """Name of a scene that comes with Sionna RT."""
    station_m: tuple[float, float, float] = (45.0, -6.5, 8.0)
    """Position of the base station, the image transmitter [m]."""
    route_m: tuple[tuple[float, float], ...] = ((-23.0, -16.0), (-23.0, 1.5), (62.0, 1.5))
    """Corners of the route [m]."""
    height_m: float = 1.6
    """Of the vehicle's antennas [m]."""
    speed_mps: float = Field(default=50 / 3.6, ge=0, le=200)
    carrier_ghz: float = Field(default=3.5, ge=0.5, le=100)
    num_tx_ant: int = Field(default=2, ge=1, le=8)
    num_rx_ant: int = Field(default=2, ge=1, le=8)
    num_records: int = Field(default=64, ge=1)
    """Places along the route, at equal distances, each of which gives one record."""
    max_depth: int = Field(default=4, ge=0)
    """Most interactions of a path with the scene."""
    num_paths: int = Field(default=24, ge=1)
    """Strongest paths of each record that are kept."""


def positions(drive: Drive) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Places [num_records, 2] along the route and velocities [num_records, 2] there [m], [m/s].

    Raises:
        ValueError: a route without two different corners.
    """
    corners = np.asarray(drive.route_m)
    legs = np.diff(corners, axis=0)
    lengths = np.hypot(*legs.T) if len(legs) else np.zeros(0)
    if not len(lengths) or (lengths == 0).any():
        raise ValueError(f"route_m {drive.route_m}: give two corners or more, each unlike the one before")
    ends = np.concatenate(([0.0], lengths.cumsum()))
    way = (np.arange(drive.num_records) + 0.5) / drive.num_records * ends[-1]
    leg = np.searchsorted(ends, way, side="right") - 1
    direction = legs[leg] / lengths[leg, None]
    return corners[leg] + direction * (way - ends[leg])[:, None], direction * drive.speed_mps


def trace(drive: Drive) -> ImpulseResponses:
    """Trace all places of a drive, in this process: reflections only. Paths that a record does not have are zero.

    Diffraction is left out: which of its paths are found depends on the number of samples and varies between runs.

    Raises:
        ImportError: no Sionna RT.
        ValueError: an unknown scene, a route that is none, or a place that nothing reaches.
    """
    from sionna import rt  # noqa: PLC0415 - an extra

    names = [name for name in dir(rt.scene) if isinstance(getattr(rt.scene, name), str) and not name.startswith("_")]
    if drive.scene not in names:
        raise ValueError(f"scene {drive.scene!r} is none of Sionna RT's: {', '.join(names)}")
    scene = rt.load_scene(getattr(rt.scene, drive.scene))
    scene.frequency = drive.carrier_ghz * 1e9
    scene.tx_array, scene.rx_array = (_array(rt, n) for n in (drive.num_tx_ant, drive.num_rx_ant))
    scene.add(rt.Transmitter("station", position=list(drive.station_m)))
    places, velocities = positions(drive)
    for i, (place, velocity) in enumerate(zip(places.tolist(), velocities.tolist(), strict=True)):
        scene.add(rt.Receiver(f"place-{i}", position=[*place, drive.height_m], velocity=[*velocity, 0.0]))
    paths = rt.PathSolver()(scene, max_depth=drive.max_depth, refraction=False, seed=1)
    a, tau = paths.cir(normalize_delays=True, out_type="numpy")
    a, there = a[:, :, 0, :, :, :1], tau[:, 0] >= 0
    blocked = np.flatnonzero(~(np.abs(a).max(axis=(1, 2, 3, 4)) > 0))
    if len(blocked):
        raise ValueError(f"nothing reaches place {blocked[0]} at {places[blocked[0]]}; move route or station")
    a = a * there[:, None, None, :, None]
    strongest = np.argsort(-np.square(np.abs(a)).sum(axis=(1, 2, 4)), axis=1, kind="stable")[:, : drive.num_paths]

    def kept(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return np.take_along_axis(np.where(there, values[:, 0], 0.0), strongest, axis=1).astype(np.float32)

    return ImpulseResponses(
        np.take_along_axis(a, strongest[:, None, None, :, None], axis=3),
        kept(tau),
        kept(paths.doppler.numpy()),
        carrier_hz=drive.carrier_ghz * 1e9,
    )


def _array(rt: Any, num_ant: int) -> Any:
    """As `tr38901.panel`: cross-polarised pairs in a row, vertical antennas if their number is odd."""
    dual = num_ant % 2 == 0
    return rt.PlanarArray(
        num_rows=1,
        num_cols=num_ant // 2 if dual else num_ant,
        vertical_spacing=0.5,
        horizontal_spacing=0.5,
        pattern="iso",
        polarization="cross" if dual else "V",
    )


def trace_to_file(drive: Drive, path: Path) -> None:
    """Trace a drive in a process of its own and write its records.

    Raises:
        RuntimeError: no Sionna RT, no LLVM that works, or what `trace` refuses.
    """
    if importlib.util.find_spec("sionna.rt") is None:
        raise RuntimeError("ray tracing needs Sionna RT: pip install 'taskwave[rt]'")
    positions(drive)
    command = [sys.executable, "-m", "taskwave.phy.channel.ray_tracing", drive.model_dump_json(), str(path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode < 0:
        raise RuntimeError(f"the ray tracer was ended by signal {-done.returncode}. {_LLVM}")
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2]
        raise RuntimeError(f"ray tracing failed: {last}" + (f". {_LLVM}" if "LLVM" in done.stderr else ""))


if __name__ == "__main__":
    write(Path(sys.argv[2]), trace(Drive.model_validate_json(sys.argv[1])))
