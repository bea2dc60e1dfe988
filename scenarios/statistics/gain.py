"""Semantic gain: channel uses of the baseline over channel uses of the scheme at equal task accuracy."""

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import bjontegaard  # type: ignore[import-untyped]
import numpy as np
import pandas as pd

from taskwave.scenarios.statistics.pooling import Floats

GAIN_COLUMNS = ["es_n0_db", "task", "accuracy", "scheme_uses", "baseline_uses", "baseline", "gain", "relation"]
SUMMARY_COLUMNS = [
    *("es_n0_db", "task", "scheme_best", "baseline_best"),
    *("low", "high", "gain_at_low", "mean_gain", "gain_at_high"),
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
    return Envelope(
        kept["channel_uses"].to_numpy(float), kept["accuracy"].to_numpy(float), tuple(kept["link"].astype(str))
    )


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


def _pairs(
    table: pd.DataFrame, scheme: str, baselines: list[str]
) -> Iterator[tuple[dict[str, object], Envelope, Envelope]]:
    """Yield task and SNR, the envelope of `scheme` and that of `baselines`, wherever both have results."""
    for task in table["task"].unique():
        for es_n0_db in sorted(table["es_n0_db"].unique()):
            part = table[(table["task"] == task) & (table["es_n0_db"] == es_n0_db) & table["accuracy"].notna()]
            own, others = part[part["link"] == scheme], part[part["link"].isin(baselines)]
            if not (own.empty or others.empty):
                yield {"es_n0_db": es_n0_db, "task": task}, envelope(own), envelope(others)


def gains(table: pd.DataFrame, scheme: str, baselines: list[str]) -> pd.DataFrame:
    """Return the channel uses that `scheme` and the best of `baselines` need at each measured accuracy of `scheme`.

    `table` is that of `pooling.Pooled`. There is one row for each (SNR, task, accuracy): `scheme_uses`,
    `baseline_uses`, `baseline` (the link that is best there, or `not reached`), `gain`, and `relation`. It is `=`, or
    `>=` where the gain is a lower bound, because no baseline reaches the accuracy with any measured budget, or `<=`
    where it is an upper bound, because the smallest measured budget of the baseline exceeds the accuracy already.
    """
    rows = []
    for cell, mine, theirs in _pairs(table, scheme, baselines):
        for uses, accuracy in zip(mine.uses, mine.accuracy, strict=True):
            rows.append({**cell, "accuracy": accuracy, "scheme_uses": uses, **_gain_at(accuracy, uses, theirs)})
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


def gain_summary(table: pd.DataFrame, scheme: str, baselines: list[str]) -> pd.DataFrame:
    """Return a row for each (SNR, task): accuracies that scheme and baselines reach, and gains where both reach them.

    Columns: es_n0_db, task, `scheme_best`, `baseline_best` (accuracies), `low`, `high` (range of accuracies that both
    reach; NaN where there is none), `gain_at_low`, `mean_gain` (Bjontegaard), `gain_at_high`.
    """
    rows = []
    for cell, mine, theirs in _pairs(table, scheme, baselines):
        low = max(mine.accuracy[0], theirs.accuracy[0])
        high = min(mine.accuracy[-1], theirs.accuracy[-1])
        common = low <= high
        rows.append(
            {
                **cell,
                "scheme_best": mine.accuracy[-1],
                "baseline_best": theirs.accuracy[-1],
                "low": low if common else math.nan,
                "high": high if common else math.nan,
                "gain_at_low": theirs.uses_at(low) / mine.uses_at(low) if common else math.nan,
                "mean_gain": bjontegaard_gain(mine, theirs),
                "gain_at_high": theirs.uses_at(high) / mine.uses_at(high) if common else math.nan,
            }
        )
    return pd.DataFrame(rows, columns=SUMMARY_COLUMNS)
