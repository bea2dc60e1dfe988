"""Plans of what is compared, and the measurements that fill the tables."""

import statistics
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import pandas as pd

from taskwave.phy.benchmark.chain import STAGES, Chain, Setting, run
from taskwave.phy.benchmark.growth import Growth, Side, build, sweep, sweep_in_subprocess
from taskwave.phy.benchmark.timing import compare, measure
from taskwave.phy.config.radio import Channel

_ES_N0_DB = 10.0
_CHANNELS: tuple[Channel, ...] = ("awgn", "tdl-c", "cdl-c")

Row = dict[str, object]
"""Row of the table of speeds, by column."""
Work = Callable[[Chain, int], None]
"""Work of one chain, given a seed."""


@dataclass(frozen=True)
class BenchmarkPlan:
    """Describes what is measured, and how often."""

    settings: list[Setting]
    """Settings of the comparisons at one SNR."""
    swept: list[Setting]
    """Settings of the comparisons of sweeps."""
    staged: list[Setting]
    """Settings whose stages are timed."""
    pairs: int
    """Number of pairs of runs of a comparison, and of runs of a stage."""
    points: int
    """Number of SNRs of a compared sweep."""
    grown: list[tuple[Side, int]]
    """Side and number of SNRs of each sweep whose growth is measured."""
    growing: Setting
    """Setting of the sweeps in `grown`."""


def full() -> BenchmarkPlan:
    """Plan AWGN, TDL and CDL with 1, 2 and 4 antennas, which takes some five minutes on one core."""
    every = [(channel, antennas) for channel in _CHANNELS for antennas in (1, 2, 4)]
    uncoded = [Setting(channel, antennas, "ls") for channel, antennas in every]
    # Sionna's LMMSE estimator holds a matrix of pilots times subcarriers for every antenna, stream and message.
    lmmse = [Setting(channel, antennas, "lmmse", num_prb=6) for channel, antennas in every if channel != "awgn"]
    coded = [Setting(channel, antennas, "ls", coded=True) for channel, antennas in every if channel != "tdl-c"]
    return BenchmarkPlan(
        settings=[*uncoded, *lmmse, *coded],
        swept=uncoded,
        staged=[*uncoded, *lmmse[-2:-1], *coded[-2:-1]],
        pairs=6,
        points=6,
        grown=[(side, points) for side in ("taskwave", "sionna") for points in (3, 12, 48)],
        growing=Setting("cdl-c", 4, "ls"),
    )


def quick() -> BenchmarkPlan:
    """Plan small grids and few pairs, which show that the benchmark works and not how fast the chains are."""
    channels: tuple[Channel, ...] = ("awgn", "tdl-c")
    small = [Setting(channel, 2, "ls", num_prb=2) for channel in channels]
    coded = Setting("awgn", 1, "lmmse", coded=True, num_prb=2)
    return BenchmarkPlan(
        settings=[*small, coded], swept=small[1:], staged=[coded], pairs=2, points=2,
        grown=[("taskwave", 2)], growing=small[1],
    )  # fmt: skip


def comparisons(plan: BenchmarkPlan) -> Iterator[Row]:
    """Yield rows of whole chains with one batch at one SNR, then rows of sweeps, each as soon as it is measured."""
    for setting in plan.settings:
        yield _row("one SNR", setting, _once, _once, 1, plan.pairs)
    for setting in plan.swept:
        shared, fresh = _sweep(plan.points, shared=True), _sweep(plan.points, shared=False)
        yield _row("sweep", setting, shared, fresh, plan.points, plan.pairs)
        if setting.channel != "awgn":
            yield _row("sweep, Sionna's channels shared too", setting, shared, shared, plan.points, plan.pairs)


def stage_times(plan: BenchmarkPlan) -> pd.DataFrame:
    """Measure the median CPU time of each stage of one batch [ms]: columns setting, stage, taskwave, sionna."""
    rows = []
    for setting in plan.staged:
        by_side = {side: _stages(build(side, setting), plan.pairs) for side in ("taskwave", "sionna")}
        rows += [
            {"setting": setting.label, "stage": stage} | {side: times.get(stage) for side, times in by_side.items()}
            for stage in STAGES
            if any(stage in times for times in by_side.values())
        ]
    return pd.DataFrame(rows)


def growth(plan: BenchmarkPlan) -> Iterator[Growth]:
    """Yield time and memory of each sweep as soon as it is measured."""
    for side, points in plan.grown:
        yield sweep_in_subprocess(side, points, plan.growing)


def _row(kind: str, setting: Setting, ours: Work, reference: Work, points: int, pairs: int) -> Row:
    chains = build("taskwave", setting), build("sionna", setting)
    found = compare(lambda seed: ours(chains[0], seed), lambda seed: reference(chains[1], seed), pairs)
    slots = setting.batch * points
    return {
        "work": kind,
        "setting": setting.label,
        **asdict(setting),
        "points": points,
        "pairs": pairs,
        "taskwave_slots_per_s": slots / found.ours_s,
        "sionna_slots_per_s": slots / found.reference_s,
        **{name: getattr(found, name) for name in ("ratio", "low", "high", "wall_ratio")},
    }


def _once(chain: Chain, seed: int) -> None:
    run(chain, _ES_N0_DB, seed)


def _sweep(points: int, *, shared: bool) -> Work:
    return lambda chain, seed: sweep(chain, points, seed, shared=shared)


def _stages(chain: Chain, repeats: int) -> dict[str, float]:
    times: dict[str, list[float]] = {}
    run(chain, _ES_N0_DB, 0)
    for seed in range(1, repeats + 1):
        for name, stage in chain.stages(_ES_N0_DB, seed):
            times.setdefault(name, []).append(1e3 * measure(stage)[0])
    return {name: statistics.median(values) for name, values in times.items()}
