"""Semantic gain: channel uses of the baseline over channel uses of the scheme at equal task accuracy."""

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import bjontegaard  # type: ignore[import-untyped]
import numpy as np
import pandas as pd

from taskwave.scenarios.statistics.pooling import Floats

GAINS = ["es_n0_db", "task", "accuracy", "scheme_uses", "baseline_uses", "baseline", "gain", "relation"]
SUMMARY = [
    *("es_n0_db", "task", "scheme_best", "baseline_best"),
    *("low", "high", "gain_at_low", "mean_gain", "gain_at_high"),
]


@dataclass(frozen=True)
class Envelope:
    """The best accuracy within a number of channel uses, for one task and SNR, over one or several links.

    Whoever may spend more may also spend less, so accuracy never falls: points that another one beats with no more
    channel uses are left out. Both arrays rise strictly.
    """

    uses: Floats
    accuracy: Floats
    links: tuple[str, ...]

    def uses_at(self, accuracy: float) -> float:
        """Channel uses that reach `accuracy`, interpolated over log(uses); inf where it is not reached.

        At or below the accuracy of the first point: the uses of that point (fewer were not measured).
        """
        if accuracy > self.accuracy[-1]:
            return math.inf
        return float(np.exp(np.interp(accuracy, self.accuracy, np.log(self.uses))))


def envelope(points: pd.DataFrame) -> Envelope:
    """Envelope of rows with `channel_uses`, `accuracy` and `link`, of one task and SNR."""
    ordered = points.sort_values(["channel_uses", "accuracy"], ascending=[True, False])
    best = ordered["accuracy"].cummax().shift(fill_value=-math.inf)
    kept = ordered[ordered["accuracy"] > best]
    return Envelope(
        kept["channel_uses"].to_numpy(float), kept["accuracy"].to_numpy(float), tuple(kept["link"].astype(str))
    )


def bjontegaard_gain(scheme: Envelope, baseline: Envelope) -> float:
    """Gain averaged (geometrically) over the accuracies that both reach; NaN where they have none in common.

    Bjontegaard delta rate (VCEG-M33, 2001) with piecewise cubic Hermite interpolation of log(uses) over accuracy.
    """
    if min(len(scheme.uses), len(baseline.uses)) < 2:
        return math.nan
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Curves do not overlap")  # told by NaN
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
    """Task by task and SNR by SNR, the envelopes of `scheme` and of `baselines` where both have results."""
    for task in table["task"].unique():
        for es_n0_db in sorted(table["es_n0_db"].unique()):
            part = table[(table["task"] == task) & (table["es_n0_db"] == es_n0_db) & table["accuracy"].notna()]
            own, others = part[part["link"] == scheme], part[part["link"].isin(baselines)]
            if not (own.empty or others.empty):
                yield {"es_n0_db": es_n0_db, "task": task}, envelope(own), envelope(others)


def gain_table(table: pd.DataFrame, scheme: str, baselines: list[str]) -> pd.DataFrame:
    """Channel uses that `scheme` and the best of `baselines` need, at every accuracy that the scheme was measured at.

    `table`: that of `statistics.Pooled`. One row a (SNR, task, accuracy): `scheme_uses`, `baseline_uses`, `baseline`
    (the link that is best there, or `not reached`), `gain`, and `relation`: `=`, or `>=` where the gain is a bound,
    because no baseline reaches the accuracy with any measured budget, or `<=`, because the smallest measured
    budget of the baseline exceeds it already.
    """
    rows = []
    for cell, mine, theirs in _pairs(table, scheme, baselines):
        for uses, accuracy in zip(mine.uses, mine.accuracy, strict=True):
            rows.append({**cell, "accuracy": accuracy, "scheme_uses": uses, **_gain_at(accuracy, uses, theirs)})
    return pd.DataFrame(rows, columns=GAINS)


def _gain_at(accuracy: float, uses: float, baseline: Envelope) -> dict[str, object]:
    if accuracy > baseline.accuracy[-1]:
        most = float(baseline.uses[-1])
        return {"baseline_uses": most, "baseline": "not reached", "gain": most / uses, "relation": ">="}
    needed = baseline.uses_at(accuracy)
    link = baseline.links[int(np.searchsorted(baseline.accuracy, accuracy))]
    relation = "<=" if accuracy < baseline.accuracy[0] else "="
    return {"baseline_uses": needed, "baseline": link, "gain": needed / uses, "relation": relation}


def summary_table(table: pd.DataFrame, scheme: str, baselines: list[str]) -> pd.DataFrame:
    """One row a (SNR, task): accuracies reached by scheme and baselines, and the gain averaged over those both reach.

    Columns: es_n0_db, task, `scheme_best`, `baseline_best` (accuracies), `low`, `high` (range both reach; NaN
    where there is none), `mean_gain` (Bjontegaard), `gain_at_low`, `gain_at_high`.
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
    return pd.DataFrame(rows, columns=SUMMARY)
