"""Tests of ray tracing: routes, refusals with and without Sionna RT, and reproduction of the bundled set."""

import importlib.util
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from taskwave.phy.channel.impulse_responses import ImpulseResponses, bundled, read
from taskwave.phy.channel.ray_tracing import MAX_PATHS, Drive, positions, trace_to_file

TRACER = importlib.util.find_spec("sionna.rt") is not None


def test_a_vehicle_follows_its_route_at_its_speed() -> None:
    drive = Drive(route_m=((0.0, 0.0), (30.0, 0.0), (30.0, 10.0)), num_positions=4, speed_mps=5.0)
    points, velocities = positions(drive)
    assert points.tolist() == [[5, 0], [15, 0], [25, 0], [30, 5]]
    assert velocities.tolist() == [[5, 0], [5, 0], [5, 0], [0, 5]]


def test_routes_without_two_different_corners_are_refused() -> None:
    for route in (((0.0, 0.0),), ((0.0, 0.0), (0.0, 0.0), (1.0, 0.0))):
        with pytest.raises(ValueError, match="two corners or more"):
            positions(Drive(route_m=route))


@pytest.mark.skipif(TRACER, reason="Sionna RT is there")
def test_without_the_extra_the_remedy_is_named(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"pip install 'taskwave\[rt\]'"):
        trace_to_file(Drive(), tmp_path / "file.npz")


def test_the_bundled_set_is_small_and_fits_its_scenario() -> None:
    path = bundled()["street-canyon"]
    assert path.stat().st_size <= 200_000
    stored, drive = read(path), Drive()
    *shape, paths, samples = stored.a.shape
    assert shape == [drive.num_positions, drive.num_rx_ant, drive.num_tx_ant]
    assert paths <= MAX_PATHS and samples == 1
    assert stored.carrier_hz == drive.carrier_ghz * 1e9
    assert stored.doppler_hz is not None
    most = drive.speed_mps * drive.carrier_ghz * 1e9 / 299_792_458
    assert 0.9 * most < float(np.abs(stored.doppler_hz).max()) <= 1.001 * most


def frequency_response(stored: ImpulseResponses) -> npt.NDArray[np.complex128]:
    """Return frequency responses over 20 MHz, [N, rx, tx, frequencies], in which the order of paths does not matter."""
    turns = stored.tau[:, :, None].astype(float) * np.linspace(-10e6, 10e6, 41)
    return np.einsum("nrtp,npf->nrtf", stored.a[..., 0].astype(complex), np.exp(-2j * np.pi * turns))


@pytest.mark.slow
@pytest.mark.skipif(not TRACER, reason="needs Sionna RT: pip install 'taskwave[rt]', and LLVM")
def test_tracing_again_gives_the_bundled_set(tmp_path: Path) -> None:
    trace_to_file(Drive(), tmp_path / "again.npz")
    first = frequency_response(read(bundled()["street-canyon"]))
    again = frequency_response(read(tmp_path / "again.npz"))
    error = np.square(np.abs(again - first)).sum(axis=(1, 2, 3)) / np.square(np.abs(first)).sum(axis=(1, 2, 3))
    assert float(error.max()) < 1e-5


@pytest.mark.slow
@pytest.mark.skipif(not TRACER, reason="needs Sionna RT: pip install 'taskwave[rt]', and LLVM")
def test_unknown_scenes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"'moon' is none of Sionna RT's.*munich"):
        trace_to_file(Drive(scene="moon"), tmp_path / "file.npz")
