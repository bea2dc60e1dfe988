"""Growth of time and memory of a sweep over SNR with its points, each sweep in a process of its own."""

import json
import resource
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import torch

from taskwave.phy.benchmark.chain import Chain, Setting
from taskwave.phy.benchmark.timing import measure

Side = Literal["taskwave", "sionna"]
_FIRST_DB, _STEP_DB = 0.0, 2.0
"""First SNR of a sweep and the step to the next [dB]."""


@dataclass(frozen=True)
class Growth:
    """Holds time and memory of one sweep."""

    side: Side
    points: int
    """Number of SNRs of the sweep."""
    cpu_s: float
    """CPU time of the sweep [s], without imports, set-up and the first batch."""
    peak_mib: float
    """Largest resident set of the process [MiB], libraries and set-up included."""
    sweep_mib: float | None
    """Largest growth of the resident set during the sweep [MiB]; None where it is not known (only Linux tells it)."""


def build(side: Side, setting: Setting) -> Chain:
    """Build the chain of one side."""
    if side == "taskwave":
        from taskwave.phy.benchmark.ours import TaskWaveChain  # noqa: PLC0415 - a process holds one side only

        return TaskWaveChain(setting)
    from taskwave.phy.benchmark.reference import SionnaChain  # noqa: PLC0415

    return SionnaChain(setting)


def sweep(chain: Chain, points: int, seed: int, *, shared: bool) -> None:
    """Send one batch at each of `points` SNRs, if `shared` over the same channels, else over channels of its own."""
    for point in range(points):
        if point == 0 or not shared:
            chain.draw(seed + (0 if shared else point))
        chain.send(_FIRST_DB + _STEP_DB * point, seed)


def sweep_in_subprocess(side: Side, points: int, setting: Setting) -> Growth:
    """Measure one sweep in a process of its own."""
    argument = json.dumps({"side": side, "points": points, "setting": asdict(setting)})
    command = [sys.executable, "-m", __name__, argument]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return Growth(**json.loads(done.stdout.splitlines()[-1]))


def _main(side: Side, points: int, setting: Setting) -> None:
    torch.set_num_threads(1)
    chain = build(side, setting)
    # The first batch runs before the measurement.
    measure(lambda: sweep(chain, 1, 0, shared=True))
    set_up = _high_water_mib()
    before = _restart_high_water_mark()
    # TaskWave's channels serve all points, Sionna's are drawn for each.
    cpu_s, _ = measure(lambda: sweep(chain, points, 1, shared=side == "taskwave"))
    after = _high_water_mib()
    # Linux counts pages in batches, so a process that did not grow may seem to have shrunk a little.
    grown = None if before is None else max(0.0, after - before)
    print(json.dumps(asdict(Growth(side, points, cpu_s, max(set_up, after), grown))))


def _restart_high_water_mark() -> float | None:
    """Reset the mark of the largest resident set; return the present one [MiB], None without such a mark (proc(5))."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return None
    return _high_water_mib()


def _high_water_mib() -> float:
    """Return the largest resident set [MiB] since the last restart of the mark.

    On Linux `ru_maxrss` would include the parent's.
    """
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        unit = 2**20 if sys.platform == "darwin" else 2**10
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 2**10


if __name__ == "__main__":
    request = json.loads(sys.argv[1])
    _main(request["side"], request["points"], Setting(**request["setting"]))
