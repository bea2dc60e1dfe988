"""Timing of two pieces of work in turns, for machines that others use as well."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from scipy.stats import binom

_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Comparison:
    """Compares TaskWave and Sionna over pairs of runs, one right after the other."""

    ours_s: float
    """Median CPU time of one run of TaskWave [s]."""
    reference_s: float
    """Median CPU time of one run of Sionna [s]."""
    ratio: float
    """Median over the pairs of Sionna's CPU time over TaskWave's."""
    low: float
    """Lower end of the interval of `ratio` (sign test, 95 %; below six pairs the extremes, which are less sure)."""
    high: float
    """Upper end of the interval of `ratio`."""
    wall_ratio: float
    """Median over the pairs of Sionna's wall-clock time over TaskWave's."""


def compare(ours: Callable[[int], None], reference: Callable[[int], None], pairs: int) -> Comparison:
    """Run both once to warm up, then `pairs` times in turns; the first to run alternates.

    Args:
        ours: one run of TaskWave, given a seed.
        reference: one run of Sionna, given the same seed.
        pairs: number of pairs of runs.
    """
    ours(0)
    reference(0)
    times: list[tuple[tuple[float, float], tuple[float, float]]] = []
    for pair in range(1, pairs + 1):
        if pair % 2:
            first = measure(lambda seed=pair: ours(seed))  # type: ignore[misc]
            times.append((first, measure(lambda seed=pair: reference(seed))))  # type: ignore[misc]
        else:
            first = measure(lambda seed=pair: reference(seed))  # type: ignore[misc]
            times.append((measure(lambda seed=pair: ours(seed)), first))  # type: ignore[misc]
    ratios = [b[0] / a[0] for a, b in times]
    low, high = median_interval(ratios)
    return Comparison(
        statistics.median(a[0] for a, _ in times),
        statistics.median(b[0] for _, b in times),
        statistics.median(ratios),
        low,
        high,
        statistics.median(b[1] / a[1] for a, b in times),
    )


def measure(work: Callable[[], None]) -> tuple[float, float]:
    """Return the CPU time of this process and the wall-clock time [s] that `work` takes, without gradients."""
    with torch.no_grad():
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        return time.process_time() - cpu, time.perf_counter() - wall


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % interval of the median without any assumption on the distribution (sign test)."""
    ordered = sorted(values)
    cut = max(int(binom.ppf((1 - _CONFIDENCE) / 2, len(ordered), 0.5)), 1)
    return ordered[cut - 1], ordered[-cut]
