"""Stored impulse responses: an .npz file of arrays that is read without pickle and checked.

| array | shape | meaning |
|---|---|---|
| `a` | [N, rx, tx, paths] or [N, rx, tx, paths, samples] complex | path coefficients of N channels, over time |
| `tau` | [N, paths] real, >= 0 | path delays [s] |
| `doppler_hz` | [N, paths] real | optional, without `samples`: Doppler shift of each path |
| `interval_s` | scalar | with `samples`: time between samples [s] |
| `carrier_hz` | scalar | optional: carrier frequency of the channels [Hz], checked against that of the radio |
"""

import zipfile
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_REQUIRED, _OPTIONAL = {"a", "tau"}, {"doppler_hz", "interval_s", "carrier_hz"}


@dataclass(frozen=True)
class ImpulseResponses:
    """Holds impulse responses of N channels, as the module's docstring describes them."""

    a: npt.NDArray[np.complex64]
    """Path coefficients, [N, rx, tx, paths, samples] complex64; one sample where channels do not change."""
    tau: npt.NDArray[np.float32]
    """Path delays, [N, paths] float32 [s]."""
    doppler_hz: npt.NDArray[np.float32] | None = None
    """Doppler shift of every path, [N, paths] float32 [Hz], for coefficients of one sample."""
    interval_s: float | None = None
    """Time between samples [s]."""
    carrier_hz: float | None = None
    """Carrier frequency of the channels [Hz]."""


def bundled() -> dict[str, Path]:
    """Return the files of the sets that come with the package, by name."""
    folder = Path(str(resources.files("taskwave.phy.channel"))) / "bundled"
    return {path.stem: path for path in sorted(folder.glob("*.npz"))}


def find(name_or_path: str) -> Path:
    """Return the file of a bundled set, or else the path itself.

    Raises:
        ValueError: `name_or_path` is neither a bundled set nor a file.
    """
    path = bundled().get(name_or_path, Path(name_or_path).expanduser())
    if not path.is_file():
        raise ValueError(
            f"recorded.file {name_or_path!r} is neither a file nor a bundled set ({', '.join(bundled())}): "
            "give the path of an .npz file, for example one that `taskwave trace` wrote"
        )
    return path


def write(path: Path, responses: ImpulseResponses) -> None:
    """Write impulse responses in single precision; equal ones give equal files."""
    arrays = {"a": responses.a if responses.a.shape[-1] > 1 else responses.a[..., 0], "tau": responses.tau}
    for name in ("doppler_hz", "interval_s", "carrier_hz"):
        value = getattr(responses, name)
        if value is not None:
            arrays[name] = np.asarray(value)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def read(path: Path) -> ImpulseResponses:
    """Read and check a file of impulse responses.

    Raises:
        ValueError: it is no .npz file, or an array is missing, unknown, of a wrong shape or not finite.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, AttributeError, TypeError) as error:
        raise ValueError(f"{path}: not an .npz file of plain arrays: {error}") from error
    missing, unknown = _REQUIRED - arrays.keys(), arrays.keys() - _REQUIRED - _OPTIONAL
    if missing or unknown:
        raise ValueError(
            f"{path}: arrays {', '.join(sorted(arrays))}; missing: {', '.join(sorted(missing)) or 'none'}, unknown: "
            f"{', '.join(sorted(unknown)) or 'none'}. Give a and tau, and doppler_hz, interval_s, carrier_hz if needed"
        )
    _check(path, arrays)
    a = arrays["a"].astype(np.complex64)
    doppler = arrays.get("doppler_hz")
    return ImpulseResponses(
        a if a.ndim == 5 else a[..., None],
        arrays["tau"].astype(np.float32),
        None if doppler is None else doppler.astype(np.float32),
        float(arrays["interval_s"]) if "interval_s" in arrays else None,
        float(arrays["carrier_hz"]) if "carrier_hz" in arrays else None,
    )


def _check(path: Path, arrays: dict[str, npt.NDArray[Any]]) -> None:
    """Check types, shapes and values of the arrays of a file; raise `ValueError` at the first fault."""
    a, tau = arrays["a"], arrays["tau"]

    def require(good: bool, fault: str) -> None:
        if not good:
            raise ValueError(f"{path}: {fault}")

    require(np.iscomplexobj(a), f"a is {a.dtype}: it must be complex")
    require(
        a.ndim in (4, 5) and a.size > 0,
        f"a has shape {list(a.shape)}: it must be [N, rx, tx, paths] or [N, rx, tx, paths, samples], none of them 0",
    )
    for name in arrays.keys() - {"a"}:
        require(arrays[name].dtype.kind == "f", f"{name} is {arrays[name].dtype}: it must be real floating point")
    for name in ("tau", "doppler_hz"):
        expected = (a.shape[0], a.shape[3])
        if name in arrays:
            shape = arrays[name].shape
            require(shape == expected, f"{name} has shape {list(shape)}: it must be {list(expected)} as a has")
    for name in ("interval_s", "carrier_hz"):
        if name in arrays:
            value = arrays[name]
            require(value.shape == () and float(value) > 0, f"{name} is {value}: it must be one number above zero")
    for name, array in arrays.items():
        require(bool(np.isfinite(array).all()), f"{name} has values that are not finite")
    require(float(tau.min()) >= 0, "tau has negative delays: subtract the first one of each channel")
    energies = np.abs(a).reshape(len(a), -1).max(axis=1)
    require(bool((energies > 0).all()), f"channel {int(energies.argmin())} of a is zero: leave it out")
    over_time = a.ndim == 5
    require(over_time == ("interval_s" in arrays), "interval_s belongs to an a with samples, and only to such a one")
    require(not (over_time and "doppler_hz" in arrays), "doppler_hz is for an a without samples: leave one of them out")
