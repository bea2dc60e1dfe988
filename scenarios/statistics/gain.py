"""Semantic gain: channel uses of the baseline over channel uses of the scheme at equal task accuracy, with intervals.

The curves of both are pooled anew in every resample of `pooling`, and the gain is taken from them; its 95 % interval is
that of the percentiles. Where a curve of a resample falls, its envelope leaves out the points that fall. Where the two
share no accuracy, the gain of the resample is only bounded: the lower end of the interval takes the least and the upper
end the most that it can be (0 and inf where there is no bound), so that an interval is never too short. Where that
cannot be said either (a task without a pixel), the resample is undefined and does not count; tables say how many. With
more than half of them undefined there is no interval (NaN).

What the receiver answers with nothing sent (links of the kind "floor", zero where none was run) needs no transmission:
there is no gain at or below it.
"""

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import bjontegaard  # type: ignore[import-untyped]
import numpy as np
import numpy.typing as npt
import pandas as pd

from taskwave.scenarios.statistics.envelopes import Envelopes, envelopes
from taskwave.scenarios.statistics.pooling import Floats, Pooled

GAIN_COLUMNS = [
    *("es_n0_db", "task", "accuracy", "scheme_uses", "baseline_uses", "baseline"),
    *("gain", "relation", "gain_from", "gain_to", "undefined"),
]
SUMMARY_COLUMNS = [
    *("es_n0_db", "task", "scheme_best", "baseline_best", "low", "high"),
    *("gain_at_low", "gain_at_low_from", "gain_at_low_to", "mean_gain", "mean_gain_from", "mean_gain_to"),
    *("gain_at_high", "gain_at_high_from", "gain_at_high_to", "bd_rate", "bd_rate_from", "bd_rate_to"),
    *("apart", "undefined"),
]


@dataclass(frozen=True)
class Envelope:
    """Holds the best accuracy within a number of channel uses, for one task and SNR, over one or several links.

    A link that may spend more may also spend less, so accuracy never falls: points are left out where another one has
    the same or a better accuracy with no more channel uses.
    """

    uses: Floats
    """Channel uses [N], strictly rising."""
    accuracy: Floats
    """Accuracies [N] within these channel uses, strictly rising."""
    links: tuple[str, ...]
    """Names of the N links that reach them."""
    rows: tuple[int, ...]
    """Indices of the N points in the table that they come from."""

    def uses_at(self, accuracy: float) -> float:
        """Return the channel uses that reach `accuracy`, interpolated over log(uses); inf where it is not reached.

        At or below the accuracy of the first point these are the uses of that point (fewer were not measured).
        """
        if accuracy > self.accuracy[-1]:
            return math.inf
        return float(np.exp(np.interp(accuracy, self.accuracy, np.log(self.uses))))


def envelope(points: pd.DataFrame) -> Envelope:
    """Return the envelope of rows with `channel_uses`, `accuracy` and `link`, of one task and SNR."""
    ordered = points.sort_values(["channel_uses", "accuracy"], ascending=[True, False])
    best = ordered["accuracy"].cummax().shift(fill_value=-math.inf)
    kept = ordered[ordered["accuracy"] > best]
    uses, accuracy = kept["channel_uses"].to_numpy(float), kept["accuracy"].to_numpy(float)
    return Envelope(uses, accuracy, tuple(kept["link"].astype(str)), tuple(kept.index))


def bjontegaard_gain(scheme: Envelope, baseline: Envelope) -> float:
    """Return the gain averaged (geometrically) over the accuracies that both reach; NaN where there are none.

    This is the Bjontegaard delta rate (VCEG-M33, 2001) with piecewise cubic Hermite interpolation of log(uses) over
    accuracy.
    """
    if min(len(scheme.uses), len(baseline.uses)) < 2:
        return math.nan
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Curves do not overlap")  # NaN says so.
        percent = bjontegaard.bd_rate(
            baseline.uses,
            baseline.accuracy,
            scheme.uses,
            scheme.accuracy,
            method="pchip",
            require_matching_points=False,
            min_overlap=0,
        )
    return 1 / (1 + float(percent) / 100)


@dataclass(frozen=True)
class Pair:
    """Holds the curves of a scheme and of the best of its baselines, for one task and SNR."""

    cell: dict[str, object]
    """Columns `es_n0_db` and `task`."""
    scheme: Envelope
    """Envelope of the scheme."""
    baseline: Envelope
    """Envelope of the baselines."""
    schemes: Envelopes
    """Envelope of the scheme in each of the R resamples."""
    baselines: Envelopes
    """Envelope of the baselines in each of the R resamples."""
    floor: float
    """Accuracy with nothing sent."""


def pairs(pooled: Pooled, scheme: str, baselines: list[str]) -> Iterator[Pair]:
    """Yield the curves of `scheme` and `baselines` for every task and SNR where both have results."""
    table = pooled.table[pooled.table["accuracy"].notna()]
    for task in table["task"].unique():
        for es_n0_db in sorted(table["es_n0_db"].unique()):
            part = table[(table["task"] == task) & (table["es_n0_db"] == es_n0_db)]
            floor = max(part.loc[part["kind"] == "floor", "accuracy"], default=0.0)
            part = part.assign(accuracy=part["accuracy"].clip(lower=floor))  # Who gets less ignores what arrived.
            own, others = part[part["link"] == scheme], part[part["link"].isin(baselines)]
            if not (own.empty or others.empty):
                mine, theirs = (
                    envelopes(pooled.resampled_uses[:, rows.index], pooled.resampled[:, rows.index].clip(floor))
                    for rows in (own, others)
                )
                cell: dict[str, object] = {"es_n0_db": es_n0_db, "task": task}
                yield Pair(cell, envelope(own), envelope(others), mine, theirs, floor)


def gain_interval(least: Floats, most: Floats) -> tuple[float, float]:
    """Return the ends of the 95 % interval of a gain from bounds of its logarithm in each resample.

    Args:
        least: lower bounds [R], -inf where there is none, NaN where the gain is undefined.
        most: upper bounds [R], inf where there is none; equal to `least` where the gain is known.
    """
    defined = ~np.isnan(least)
    if 2 * defined.sum() <= len(least):
        return math.nan, math.nan
    low = np.quantile(least[defined], 0.025, method="lower")
    return math.exp(low), math.exp(np.quantile(most[defined], 0.975, method="higher"))


def gains(pooled: Pooled, scheme: str, baselines: list[str]) -> pd.DataFrame:
    """Return the channel uses that `scheme` and the best of `baselines` need at each measured accuracy of `scheme`.

    There is one row for each (SNR, task, accuracy above the floor): `scheme_uses`, `baseline_uses`, `baseline` (the
    link that is best there, or `not reached`), `gain`, and `relation`. It is `=`, or `>=` where the gain is a lower
    bound, because no baseline reaches the accuracy with any measured budget, or `<=` where it is an upper bound,
    because the smallest measured budget of the baseline exceeds the accuracy already. `gain_from` and `gain_to` are the
    95 % interval, at the accuracy that the same budget of `scheme` reaches in each resample; `undefined` resamples do
    not count.
    """
    rows = []
    for pair in pairs(pooled, scheme, baselines):
        mine = pair.scheme
        for uses, accuracy, row in zip(mine.uses, mine.accuracy, mine.rows, strict=True):
            if accuracy <= pair.floor:
                continue
            spent = np.log(pooled.resampled_uses[:, row])
            least, most = (needed - spent for needed in pair.baselines.log_uses_bounds(pooled.resampled[:, row]))
            low, high = gain_interval(least, most)
            rows.append(
                {
                    **pair.cell,
                    "accuracy": accuracy,
                    "scheme_uses": uses,
                    **_gain_at(accuracy, uses, pair.baseline),
                    **{"gain_from": low, "gain_to": high, "undefined": int(np.isnan(least).sum())},
                }
            )
    return pd.DataFrame(rows, columns=GAIN_COLUMNS)


def _gain_at(accuracy: float, uses: float, baseline: Envelope) -> dict[str, object]:
    """Return the columns of `gains` that depend on the baseline, for `uses` channel uses at `accuracy`."""
    if accuracy > baseline.accuracy[-1]:
        most = float(baseline.uses[-1])
        return {"baseline_uses": most, "baseline": "not reached", "gain": most / uses, "relation": ">="}
    needed = baseline.uses_at(accuracy)
    link = baseline.links[int(np.searchsorted(baseline.accuracy, accuracy))]
    relation = "<=" if accuracy < baseline.accuracy[0] else "="
    return {"baseline_uses": needed, "baseline": link, "gain": needed / uses, "relation": relation}


def gain_summary(pooled: Pooled, scheme: str, baselines: list[str]) -> pd.DataFrame:
    """Return a row for each (SNR, task): accuracies that scheme and baselines reach, and gains where both reach them.

    Columns: es_n0_db, task, `scheme_best`, `baseline_best` (accuracies), `low`, `high` (range of accuracies that both
    reach; NaN where there is none above the floor), `gain_at_low` (NaN at the floor), `mean_gain` (Bjontegaard),
    `gain_at_high`, `bd_rate` (Bjontegaard delta rate in per cent of the baseline's uses, negative where the scheme
    needs fewer), each with its 95 % interval (`_from`, `_to`), `apart` (resamples in which the two share no accuracy,
    so that the gain is only bounded) and `undefined` (resamples without a mean gain, which do not count).
    """
    rows = []
    for pair in pairs(pooled, scheme, baselines):
        mine, theirs = pair.scheme, pair.baseline
        low, high = max(mine.accuracy[0], theirs.accuracy[0]), min(mine.accuracy[-1], theirs.accuracy[-1])
        row = {**pair.cell, "scheme_best": mine.accuracy[-1], "baseline_best": theirs.accuracy[-1]}
        if low > high or high <= pair.floor:
            rows.append(row)
            continue
        bounds, apart = _summary_bounds(pair.schemes, pair.baselines)
        values = {
            "gain_at_low": theirs.uses_at(low) / mine.uses_at(low) if low > pair.floor else math.nan,
            "mean_gain": bjontegaard_gain(mine, theirs),
            "gain_at_high": theirs.uses_at(high) / mine.uses_at(high),
        }
        for name, value in values.items():
            ends = (math.nan, math.nan) if math.isnan(value) else gain_interval(*bounds[name])
            row |= {name: value, f"{name}_from": ends[0], f"{name}_to": ends[1]}
        row |= {
            "bd_rate": _percent(row["mean_gain"]),
            "bd_rate_from": _percent(row["mean_gain_to"]),
            "bd_rate_to": _percent(row["mean_gain_from"]),
        }
        undefined = int(np.isnan(bounds["mean_gain"][0]).sum())
        rows.append({**row, "low": low, "high": high, "apart": int(apart.sum()), "undefined": undefined})
    counts = {"apart": "Int64", "undefined": "Int64"}
    return pd.DataFrame(rows, columns=SUMMARY_COLUMNS).astype(counts)


def _percent(gain: float) -> float:
    """Return the Bjontegaard delta rate [%] of a gain."""
    return 100 * (1 / gain - 1) if gain > 0 else math.inf if gain == 0 else math.nan


def _summary_bounds(
    mine: Envelopes, theirs: Envelopes
) -> tuple[dict[str, tuple[Floats, Floats]], npt.NDArray[np.bool_]]:
    """Return bounds of the log gains of a summary in each resample, and in which resamples both share no accuracy."""
    low, high = np.maximum(mine.lowest, theirs.lowest), np.minimum(mine.highest, theirs.highest)
    above, below = mine.lowest > theirs.highest, mine.highest < theirs.lowest
    with np.errstate(invalid="ignore"):
        gains_by_name = {
            "gain_at_low": theirs.log_uses_at(low) - mine.log_uses_at(low),
            "mean_gain": theirs.mean_log_uses(low, high) - mine.mean_log_uses(low, high),
            "gain_at_high": theirs.log_uses_at(high) - mine.log_uses_at(high),
        }
    least, most = theirs.most - mine.fewest, theirs.fewest - mine.most
    bounds = {
        name: (
            np.where(above, least, np.where(below, -math.inf, gain)),
            np.where(above, math.inf, np.where(below, most, gain)),
        )
        for name, gain in gains_by_name.items()
    }
    return bounds, above | below
