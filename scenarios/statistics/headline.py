"""The result of a run in one sentence: who needs how many times fewer channel uses, where, and how sure that is."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from taskwave.scenarios.statistics.gain import Pair, gain_interval, pairs
from taskwave.scenarios.statistics.pooling import MEAN_OF_TASKS, Floats, Pooled, main_task


def headline(pooled: Pooled, scheme: str | None = None, baselines: Sequence[str] = ()) -> str:
    """Return the sentence on a scheme and the best of some baselines, "" where there are none.

    By default these are the first semantic link and all bit-wise ones. The sentence is taken at the SNR in the middle
    of those at which both reach some accuracy, and in the middle of the accuracies that both reach there: chosen by the
    grid and not by the gain.
    """
    table = pooled.table
    if pooled.metric != "accuracy" or table["accuracy"].isna().all():
        return ""
    scheme = scheme or default_scheme(table)
    baselines = list(baselines) or default_baselines(table)
    if scheme is None or not baselines:
        return ""
    task = main_task(table)
    found = [pair for pair in pairs(pooled, scheme, baselines) if pair.cell["task"] == task]
    if not found:
        return f"{scheme} and {' or '.join(baselines)} were not measured at the same SNR: no gain."
    found = [pair for pair in found if max(pair.scheme.accuracy[-1], pair.baseline.accuracy[-1]) > pair.floor]
    if not found:
        return f"Neither {scheme} nor {' or '.join(baselines)} does better than nothing sent: no gain."
    shared = [pair for pair in found if _overlap(pair) is not None]
    if not shared:
        return _apart(found[(len(found) - 1) // 2], pooled, scheme, task)
    return _sentence(shared[(len(shared) - 1) // 2], scheme, task)


def default_scheme(table: pd.DataFrame) -> str | None:
    """Return the link under test: the first semantic one; None where there is none."""
    links = table.loc[table["kind"] == "semantic", "link"]
    return None if links.empty else str(links.iloc[0])


def default_baselines(table: pd.DataFrame) -> list[str]:
    """Return the links that a scheme is held against: all bit-wise ones."""
    return [str(name) for name in table.loc[table["kind"] == "bitwise", "link"].unique()]


def _overlap(pair: Pair) -> tuple[float, float] | None:
    """Return the range of accuracies that both reach with what they send, None where there is none."""
    low = max(pair.scheme.accuracy[0], pair.baseline.accuracy[0])
    high = min(pair.scheme.accuracy[-1], pair.baseline.accuracy[-1])
    return (float(low), float(high)) if low <= high and high > pair.floor else None


def _name(task: str) -> str:
    """Return what the accuracy of a task is called."""
    return "mean accuracy" if task == MEAN_OF_TASKS else f"{task} accuracy"


def _apart(pair: Pair, pooled: Pooled, scheme: str, task: str) -> str:
    """Return the sentence where all that one of the two reaches by sending is better than what the other does."""
    mine, theirs = pair.scheme, pair.baseline
    ahead = mine.accuracy[-1] > theirs.accuracy[-1]
    first, second, worse = (mine, theirs, pair.baselines) if ahead else (theirs, mine, pair.schemes)
    point = int(np.searchsorted(first.accuracy, second.accuracy[-1], side="right"))
    names = (scheme, theirs.links[-1]) if ahead else (theirs.links[point], scheme)
    accuracy, row = float(first.accuracy[point]), first.rows[point]
    bounds, spent = worse.log_uses_bounds(pooled.resampled[:, row]), np.log(pooled.resampled_uses[:, row])
    least, _ = gain_interval(bounds[0] - spent, bounds[1] - spent)
    sure = "no interval" if math.isnan(least) else f"interval from {least:.1f}"
    return (
        f"At {_name(task)} {accuracy:.3f} and {pair.cell['es_n0_db']:g} dB {names[0]} needs at least "
        f"{second.uses[-1] / first.uses[point]:.1f} ({sure}) times fewer channel uses than {names[1]}, which reaches "
        f"{second.accuracy[-1]:.3f} at most."
    )


def _sentence(pair: Pair, scheme: str, task: str) -> str:
    """Return the sentence where the two share accuracies."""
    low, high = _overlap(pair) or (math.nan, math.nan)
    accuracy, digits = (low + high) / 2, 3
    if low <= round(accuracy, 2) <= high:
        accuracy, digits = round(accuracy, 2), 2
    baseline = pair.baseline.links[int(np.searchsorted(pair.baseline.accuracy, accuracy))]
    gain = pair.baseline.uses_at(accuracy) / pair.scheme.uses_at(accuracy)
    ends = gain_interval(*_bounds(pair, accuracy))
    unsure = ends[0] <= 1 <= ends[1]
    word = "fewer" if gain >= 1 else "more"
    if gain < 1:
        gain, ends = 1 / gain, (1 / ends[1] if ends[1] else math.inf, 1 / ends[0] if ends[0] else math.inf)
    return (
        f"At {_name(task)} {accuracy:.{digits}f} and {pair.cell['es_n0_db']:g} dB {scheme} needs {gain:.1f} "
        f"({_span(*ends)}) times {word} channel uses than {baseline}."
        + (" The interval includes 1: these records do not tell which of the two needs fewer." if unsure else "")
    )


def _bounds(pair: Pair, accuracy: float) -> tuple[Floats, Floats]:
    """Return bounds of the log gain at a fixed accuracy in each resample."""
    target = np.full(len(pair.schemes.count), accuracy)
    mine, theirs = pair.schemes.log_uses_bounds(target), pair.baselines.log_uses_bounds(target)
    return theirs[0] - mine[1], theirs[1] - mine[0]


def _span(low: float, high: float) -> str:
    """Return a 95 % interval of a gain as text."""
    if math.isnan(low):
        return "no interval"
    if math.isinf(high):
        return f"at least {low:.1f}" if low >= 0.05 else "interval unbounded"
    return f"{low:.1f} to {high:.1f}" if low >= 0.05 else f"at most {high:.1f}"
