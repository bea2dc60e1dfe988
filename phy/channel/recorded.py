"""Stored impulse responses: an .npz file of arrays, read without pickle and checked.

| array | shape | meaning |
|---|---|---|
| `a` | [N, rx, tx, paths] or [N, rx, tx, paths, samples] complex | path coefficients of N channels, over time |
| `tau` | [N, paths] real, >= 0 | path delays [s] |
| `doppler_hz` | [N, paths] real | optional, without `samples`: Doppler shift of each path |
| `interval_s` | scalar | with `samples`: time between them [s] |
| `carrier_hz` | scalar | optional: the carrier they belong to, checked against that of the radio |

Image b of a draw gets record number p(b mod N), p being a permutation that the seed determines: none comes again
before all had their turn.
"""

import hashlib
import math
import zipfile
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from taskwave.phy.channel.family import Cir, Profile, grid_step_s, profile_on_grid, sample_interval_s, share_beyond
from taskwave.phy.config import RadioConfig
from taskwave.phy.seeds import generator

_MAX_CHANGE = 0.06
"""From sample to sample. Linear interpolation then loses 1 % of the energy."""
_REQUIRED, _OPTIONAL = {"a", "tau"}, {"doppler_hz", "interval_s", "carrier_hz"}


@dataclass(frozen=True)
class Records:
    """Impulse responses of N channels, see the module's docstring."""

    a: npt.NDArray[np.complex64]
    """[N, rx, tx, paths, samples]."""
    tau: npt.NDArray[np.float32]
    """[N, paths]."""
    doppler_hz: npt.NDArray[np.float32] | None = None
    """[N, paths]."""
    interval_s: float | None = None
    carrier_hz: float | None = None


def bundled() -> dict[str, Path]:
    """The sets that come with the package: name to file."""
    folder = Path(str(resources.files("taskwave.phy.channel"))) / "records"
    return {path.stem: path for path in sorted(folder.glob("*.npz"))}


def find(name_or_path: str) -> Path:
    """The file of a bundled set, or the path itself.

    Raises:
        ValueError: neither.
    """
    path = bundled().get(name_or_path, Path(name_or_path).expanduser())
    if not path.is_file():
        raise ValueError(
            f"recorded.file {name_or_path!r} is neither a file nor a bundled set ({', '.join(bundled())}): "
            "give the path of an .npz file, for example one that `taskwave trace` wrote"
        )
    return path


def write(path: Path, records: Records) -> None:
    """Write records in single precision; equal records give equal files."""
    arrays = {"a": records.a if records.a.shape[-1] > 1 else records.a[..., 0], "tau": records.tau}
    for name in ("doppler_hz", "interval_s", "carrier_hz"):
        value = getattr(records, name)
        if value is not None:
            arrays[name] = np.asarray(value)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def read(path: Path) -> Records:
    """Read and check a file of records.

    Raises:
        ValueError: it is no such file, or an array is missing, unknown, of a wrong shape or not finite.
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
    return Records(
        a if a.ndim == 5 else a[..., None],
        arrays["tau"].astype(np.float32),
        None if doppler is None else doppler.astype(np.float32),
        float(arrays["interval_s"]) if "interval_s" in arrays else None,
        float(arrays["carrier_hz"]) if "carrier_hz" in arrays else None,
    )


def _check(path: Path, arrays: dict[str, npt.NDArray[Any]]) -> None:
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
    require(float(tau.min()) >= 0, "tau has negative delays: subtract the first one of each record")
    energies = np.abs(a).reshape(len(a), -1).max(axis=1)
    require(bool((energies > 0).all()), f"record {int(energies.argmin())} of a is zero: leave it out")
    over_time = a.ndim == 5
    require(over_time == ("interval_s" in arrays), "interval_s belongs to an a with samples, and only to such a one")
    require(not (over_time and "doppler_hz" in arrays), "doppler_hz is for an a without samples: leave one of them out")


class Recorded:
    """Impulse responses of a file. See `Family`.

    Raises:
        ValueError: the file is not there, is damaged, or does not fit the radio.
    """

    def __init__(self, config: RadioConfig) -> None:
        assert config.recorded is not None
        self.config = config
        path = find(config.recorded.file)
        self.digest = hashlib.sha256(path.read_bytes()).hexdigest()
        self._records = read(path)
        antennas = self._records.a.shape[1:3]
        if antennas != (config.num_rx_ant, config.num_tx_ant):
            raise ValueError(
                f"{path}: recorded with {antennas[0]} receive and {antennas[1]} transmit antennas, but num_rx_ant is "
                f"{config.num_rx_ant} and num_tx_ant {config.num_tx_ant}: set them alike"
            )
        carrier_hz = self._records.carrier_hz
        if carrier_hz is not None and abs(carrier_hz / (config.carrier_ghz * 1e9) - 1) > 0.01:
            raise ValueError(
                f"{path}: recorded at {carrier_hz / 1e9:g} GHz, but carrier_ghz is {config.carrier_ghz:g}: set it alike"
            )
        a = torch.from_numpy(self._records.a)
        each = a.abs().square().sum(dim=3).mean(dim=(1, 2, 3))
        energy = each.mean() if config.recorded.normalise == "all" else each[:, None, None, None, None]
        self._a = a / energy.sqrt()
        self._tau = torch.from_numpy(self._records.tau)
        if self._change > _MAX_CHANGE:
            raise ValueError(
                f"{path}: its channels change by {self._change:.0%} of their energy from sample to sample, "
                f"{_MAX_CHANGE:.0%} can be interpolated: record with a shorter interval_s than "
                f"{self._records.interval_s:g}"
            )
        config.check_doppler(self._doppler_hz, str(path))

    def sample_s(self, duration_s: float) -> float | None:
        """See `Family`."""
        if self._records.doppler_hz is not None:
            return sample_interval_s(duration_s, float(np.abs(self._records.doppler_hz).max()))
        return self._records.interval_s

    def draw(self, images: range, num_samples: int, sample_s: float | None, seed: int) -> Cir:
        """See `Family`.

        Raises:
            ValueError: records that end before the radio has done.
        """
        order = torch.randperm(len(self._a), generator=generator(seed))
        rows = order[torch.tensor(images) % len(order)]
        a, tau = self._a[rows], self._tau[rows]
        if sample_s is None:
            return a, tau
        if self._records.doppler_hz is not None:
            times = torch.arange(num_samples, dtype=torch.float64) * sample_s
            turns = torch.from_numpy(self._records.doppler_hz)[rows].double()[..., None] * times
            phase = (2 * torch.pi * turns.remainder(1)).float()[:, None, None]
            return a * torch.polar(torch.ones_like(phase), phase), tau
        if num_samples > a.shape[-1]:
            raise ValueError(
                f"recorded.file {self._file} has {a.shape[-1]} samples of {sample_s:g} s, but {num_samples} are "
                "needed: record longer, or use fewer occasions, turnaround_slots or max_slots"
            )
        return a[..., :num_samples], tau

    @property
    def _file(self) -> str:
        assert self.config.recorded is not None
        return self.config.recorded.file

    @property
    def _powers(self) -> torch.Tensor:
        """[N, paths] mean powers, as the records are drawn."""
        return self._a.abs().square().mean(dim=(1, 2, 4))

    @cached_property
    def profile(self) -> Profile:
        """Mean over all records."""
        return profile_on_grid(self._powers, self._tau, grid_step_s(self.config.bandwidth_hz), self._doppler_hz)

    @property
    def beyond_prefix(self) -> float | None:
        """See `Family`."""
        return share_beyond(self._powers, self._tau, self.config.prefix_s)

    @property
    def _doppler_hz(self) -> float:
        """sqrt(2) times the root mean square: paths from all sides (Jakes) of that shift change as fast."""
        if self._records.doppler_hz is not None:
            shift = torch.from_numpy(self._records.doppler_hz).square()
            return float((2 * (self._powers * shift).sum() / self._powers.sum()).sqrt())
        if self._records.interval_s is None:
            return 0.0
        return math.sqrt(2 * self._change) / (2 * math.pi * self._records.interval_s)

    @cached_property
    def _change(self) -> float:
        """Mean energy of the difference between samples, as a share of that of the channels."""
        if self._a.shape[-1] == 1:
            return 0.0
        change = (self._a[..., 1:] - self._a[..., :-1]).abs().square().mean()
        return float(change / self._a.abs().square().mean())
