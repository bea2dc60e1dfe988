"""Ray tracing by Sionna RT (extra `rt`, which needs LLVM): impulse responses of a vehicle that drives through a scene.

The tracer runs in a process of its own because on processors with AVX-512, LLVM 15 and 16 abort it, which cannot be
caught.
"""

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from taskwave.phy.channel.impulse_responses import ImpulseResponses, write

_LLVM = (
    "Sionna RT needs LLVM, and LLVM 15 and 16 abort it on processors with AVX-512: install another one (Debian: apt "
    "install libllvm19) or name its library in DRJIT_LIBLLVM_PATH"
)
"""Remedy for an LLVM that aborts the tracer, as a part of error messages."""

_HEIGHT_M = 1.6
"""Height of the vehicle's antennas [m]."""
_MAX_DEPTH = 4
"""Largest number of interactions of a path with the scene."""
MAX_PATHS = 24
"""Number of strongest paths that are kept of each channel."""


class Drive(BaseModel, frozen=True, extra="forbid"):
    """Describes a base station and a vehicle on a route of straight legs; the default made `street-canyon`."""

    model_config = ConfigDict(allow_inf_nan=False)

    scene: str = "simple_street_canyon_with_cars"
    """Name of a scene that comes with Sionna RT."""
    station_m: tuple[float, float, float] = (45.0, -6.5, 8.0)
    """Position of the base station, the image transmitter [m]."""
    route_m: tuple[tuple[float, float], ...] = ((-23.0, -16.0), (-23.0, 1.5), (62.0, 1.5))
    """Corners of the route [m]."""
    speed_mps: float = Field(default=50 / 3.6, ge=0, le=200)
    """Speed of the vehicle [m/s]."""
    carrier_ghz: float = Field(default=3.5, ge=0.5, le=100)
    """Carrier frequency [GHz]."""
    num_tx_ant: int = Field(default=2, ge=1, le=8)
    """Number of antennas of the base station."""
    num_rx_ant: int = Field(default=2, ge=1, le=8)
    """Number of antennas of the vehicle."""
    num_positions: int = Field(default=64, ge=1, le=65_536)
    """Number of positions along the route, at equal distances, each of which gives one channel."""


def positions(drive: Drive) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return positions along the route [m] and the velocities there [m/s], each [num_positions, 2].

    Raises:
        ValueError: the route has fewer than two corners, or equal ones in succession.
    """
    corners = np.asarray(drive.route_m)
    legs = np.diff(corners, axis=0)
    lengths = np.hypot(*legs.T) if len(legs) else np.zeros(0)
    if not len(lengths) or (lengths == 0).any():
        raise ValueError(f"route_m {drive.route_m}: give two corners or more, each unlike the one before")
    ends = np.concatenate(([0.0], lengths.cumsum()))
    way = (np.arange(drive.num_positions) + 0.5) / drive.num_positions * ends[-1]
    leg = np.searchsorted(ends, way, side="right") - 1
    direction = legs[leg] / lengths[leg, None]
    return corners[leg] + direction * (way - ends[leg])[:, None], direction * drive.speed_mps


def trace(drive: Drive) -> ImpulseResponses:
    """Trace the reflections at all positions of a drive, in this process; paths that a channel lacks are zero.

    Diffraction is left out because the paths that it finds depend on the number of samples and vary between runs.

    Raises:
        ImportError: Sionna RT is not installed.
        ValueError: the scene is unknown, `positions` refuses the route, or nothing reaches a position.
    """
    from sionna import rt  # noqa: PLC0415 - an extra

    names = [name for name in dir(rt.scene) if isinstance(getattr(rt.scene, name), str) and not name.startswith("_")]
    if drive.scene not in names:
        raise ValueError(f"scene {drive.scene!r} is none of Sionna RT's: {', '.join(names)}")
    scene = rt.load_scene(getattr(rt.scene, drive.scene))
    scene.frequency = drive.carrier_ghz * 1e9
    scene.tx_array, scene.rx_array = (_array(rt, n) for n in (drive.num_tx_ant, drive.num_rx_ant))
    scene.add(rt.Transmitter("station", position=list(drive.station_m)))
    points, velocities = positions(drive)
    for i, (point, velocity) in enumerate(zip(points.tolist(), velocities.tolist(), strict=True)):
        scene.add(rt.Receiver(f"position-{i}", position=[*point, _HEIGHT_M], velocity=[*velocity, 0.0]))
    paths = rt.PathSolver()(scene, max_depth=_MAX_DEPTH, refraction=False, seed=1)
    a, tau = paths.cir(normalize_delays=True, out_type="numpy")
    a, there = a[:, :, 0, :, :, :1], tau[:, 0] >= 0
    blocked = np.flatnonzero(~(np.abs(a).max(axis=(1, 2, 3, 4)) > 0))
    if len(blocked):
        raise ValueError(f"nothing reaches position {blocked[0]} at {points[blocked[0]]}; move route or station")
    a = a * there[:, None, None, :, None]
    strongest = np.argsort(-np.square(np.abs(a)).sum(axis=(1, 2, 4)), axis=1, kind="stable")[:, :MAX_PATHS]

    def kept(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return np.take_along_axis(np.where(there, values[:, 0], 0.0), strongest, axis=1).astype(np.float32)

    return ImpulseResponses(
        np.take_along_axis(a, strongest[:, None, None, :, None], axis=3),
        kept(tau),
        kept(paths.doppler.numpy()),
        carrier_hz=drive.carrier_ghz * 1e9,
    )


def _array(rt: Any, num_ant: int) -> Any:
    """Make a row of cross-polarised pairs, or of vertical antennas if their number is odd, like `link_level.panel`."""
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
    """Trace a drive in a process of its own and write its impulse responses.

    Raises:
        RuntimeError: Sionna RT is not installed, LLVM does not work, or `trace` refuses the drive.
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
