"""Stored impulse responses: an .npz file of arrays that is read without pickle and checked.

| array | shape | meaning |
|---|---|---|
| `a` | [N, rx, tx, paths] or [N, rx, tx, paths, samples] complex | path coefficients of N channels, over time |
| `tau` | [N, paths] real, >= 0 | path delays [s] |
| `doppler_hz` | [N, paths] real | optional, without `samples`: Doppler shift of each path |
| `interval_s` | scalar | with `samples`: time between samples [s] |
| `carrier_hz` | scalar | optional: carrier frequency of the channels [Hz], checked against that of the radio |
"""

import os
import zipfile
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from taskwave.phy.files import write_atomically

_REQUIRED, _OPTIONAL = {"a", "tau"}, {"doppler_hz", "interval_s", "carrier_hz"}


_MAX_BYTES = 2**31
"""Largest size of the arrays of a file, unpacked and as stored [bytes]."""
_MAX_DELAY_S = 1e-3
"""Largest delay [s], of 300 km of way; delays in other units than seconds are mostly beyond it."""


@dataclass(frozen=True)
class ImpulseResponses:
    """Holds impulse responses of N channels, as the module's docstring describes them.

    Those of a file are in double precision, so that neither large nor small numbers are lost before normalisation.
    """

    a: npt.NDArray[np.complexfloating]
    """Path coefficients, [N, rx, tx, paths, samples] complex; one sample where channels do not change."""
    tau: npt.NDArray[np.floating]
    """Path delays, [N, paths] real [s]."""
    doppler_hz: npt.NDArray[np.floating] | None = None
    """Doppler shift of every path, [N, paths] real [Hz], for coefficients of one sample."""
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
    """Write impulse responses in single precision, whole or not at all; equal ones give equal files.

    Raises:
        StorageError: the file cannot be written.
    """
    a = responses.a if responses.a.shape[-1] > 1 else responses.a[..., 0]
    arrays: dict[str, npt.NDArray[Any]] = {"a": a.astype(np.complex64), "tau": responses.tau.astype(np.float32)}
    if responses.doppler_hz is not None:
        arrays["doppler_hz"] = responses.doppler_hz.astype(np.float32)
    for name in ("interval_s", "carrier_hz"):
        value = getattr(responses, name)
        if value is not None:
            arrays[name] = np.asarray(value)
    write_atomically(path, lambda file: np.savez_compressed(file, allow_pickle=False, **arrays))


def read(path: Path) -> ImpulseResponses:
    """Read and check a file of impulse responses.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is no .npz file or too large, or an array is missing, unknown, of a wrong shape, not finite or
            out of range.
    """
    arrays = _arrays(path)
    missing, unknown = _REQUIRED - arrays.keys(), arrays.keys() - _REQUIRED - _OPTIONAL
    if missing or unknown:
        raise ValueError(
            f"{path}: arrays {', '.join(sorted(arrays))}; missing: {', '.join(sorted(missing)) or 'none'}, unknown: "
            f"{', '.join(sorted(unknown)) or 'none'}. Give a and tau, and doppler_hz, interval_s, carrier_hz if needed"
        )
    _check(path, arrays)
    a = np.ascontiguousarray(arrays["a"], np.complex128)
    doppler = arrays.get("doppler_hz")
    return ImpulseResponses(
        a if a.ndim == 5 else a[..., None],
        np.ascontiguousarray(arrays["tau"], np.float64),
        None if doppler is None else np.ascontiguousarray(doppler, np.float64),
        float(arrays["interval_s"]) if "interval_s" in arrays else None,
        float(arrays["carrier_hz"]) if "carrier_hz" in arrays else None,
    )


def _arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Read the arrays of a file by name, without pickle; raise `ValueError` where they are none or too many bytes."""
    with path.open("rb") as file:
        stored = os.fstat(file.fileno()).st_size
        if stored > _MAX_BYTES:
            raise ValueError(f"{path}: {stored} bytes; allowed: {_MAX_BYTES}; split the channels into several files")
        try:
            with zipfile.ZipFile(file) as archive:
                members = archive.infolist()
            size = sum(member.file_size for member in members)
            twice = len({member.filename for member in members}) < len(members)
            arrays = {}
            if size <= _MAX_BYTES and not twice:
                file.seek(0)
                with np.load(file, allow_pickle=False) as opened:
                    arrays = {name: opened[name] for name in opened.files}
        except Exception as error:  # NumPy and zipfile raise exceptions of many kinds for damaged files.
            raise ValueError(
                f"{path}: not an .npz file of plain arrays: {error or type(error).__name__}; write it with numpy.savez"
            ) from error
    if size > _MAX_BYTES:
        raise ValueError(
            f"{path}: arrays of {size} bytes; allowed: {_MAX_BYTES}; split the channels into several files"
        )
    strange = [name for name, array in arrays.items() if not isinstance(array, np.ndarray)]
    if twice or strange:
        fault = f"holds {strange[0]!r}, which is no array" if strange else "holds an array twice"
        raise ValueError(f"{path}: not an .npz file of plain arrays: {fault}; write it with numpy.savez")
    return arrays


def _check(path: Path, arrays: dict[str, npt.NDArray[Any]]) -> None:
    """Check types, shapes and values of the arrays of a file; raise `ValueError` at the first fault."""
    a, tau = arrays["a"], arrays["tau"]

    def require(good: bool, fault: str) -> None:
        if not good:
            raise ValueError(f"{path}: {fault}")

    require(a.dtype.kind == "c", f"a is {a.dtype}: it must be complex; convert it, for example with a.astype(complex)")
    require(
        a.ndim in (4, 5) and a.size > 0,
        f"a has shape {list(a.shape)}: it must be [N, rx, tx, paths] or [N, rx, tx, paths, samples], none of them 0",
    )
    for name in sorted(arrays.keys() - {"a"}):
        require(
            arrays[name].dtype.kind == "f",
            f"{name} is {arrays[name].dtype}: it must be real floating point; convert it, for example with "
            f"{name}.astype(float)",
        )
    for name in ("tau", "doppler_hz"):
        expected = (a.shape[0], a.shape[3])
        if name in arrays:
            shape = arrays[name].shape
            require(shape == expected, f"{name} has shape {list(shape)}: it must be {list(expected)} as a has")
    for name, array in sorted(arrays.items()):
        with np.errstate(over="ignore"):  # Long doubles may not fit; they are refused with all that is not finite.
            finite = np.isfinite(array.astype(np.complex128 if name == "a" else np.float64))
        at = np.unravel_index(int(finite.argmin()), array.shape)
        require(
            bool(finite.all()),
            f"{name} has values that are not finite in double precision, the first at {[int(i) for i in at]}: leave "
            "that channel out or repair it",
        )
    for name in ("interval_s", "carrier_hz"):
        if name in arrays:
            value = arrays[name]
            require(value.shape == () and float(value) > 0, f"{name} is {value}: it must be one number above zero")
    least, most = float(tau.min()), float(tau.max())
    require(least >= 0, f"tau has negative delays, down to {least:g} s: subtract the first one of each channel")
    require(
        most <= _MAX_DELAY_S,
        f"tau has delays up to {most:g} s; allowed: 0 to {_MAX_DELAY_S:g} s; give seconds (nanoseconds times 1e-9)",
    )
    there = (a != 0).reshape(len(a), -1).any(axis=1)
    require(bool(there.all()), f"channel {int(there.argmin())} of a is zero: leave it out")
    over_time = a.ndim == 5
    require(over_time == ("interval_s" in arrays), "interval_s belongs to an a with samples, and only to such a one")
    require(not (over_time and "doppler_hz" in arrays), "doppler_hz is for an a without samples: leave one of them out")
