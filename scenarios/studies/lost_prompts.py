"""Study of lost prompts: what links reach when a share of the receivers' prompts never arrives."""

from collections.abc import Iterator, Sequence

import pandas as pd
from matplotlib.figure import Figure

from taskwave.phy.drawing import COLOURS, label, panels
from taskwave.scenarios.config.scenario import Scenario
from taskwave.scenarios.sweep.evaluation import Evaluator
from taskwave.scenarios.sweep.points import sweep_points
from taskwave.semantic.weights import Models

SHARES = (0.0, 0.1, 0.2, 0.35, 0.5)
"""Shares of the prompts that are lost."""


def measure_lost_prompts(
    scenario: Scenario, models: Models, shares: Sequence[float]
) -> Iterator[tuple[float, int, int, pd.DataFrame | None]]:
    """Run a scenario with shares of its prompts lost, as `prompt_loss` of its radio.

    Yields:
        Share, points done, points in all, and with the last one the records of that share; None before.
    """
    for share in shares:
        radio = scenario.radio.model_copy(update={"prompt_loss": share})
        evaluator = Evaluator(scenario.model_copy(update={"radio": radio}), models)
        points, rows = list(sweep_points(evaluator.scenario)), []
        for done, point in enumerate(points, start=1):
            rows += evaluator.records(point, evaluator.deliver(point))
            yield share, done, len(points), pd.DataFrame(rows) if done == len(points) else None


def lost_prompts_figure(table: pd.DataFrame) -> Figure:
    """Draw the score over the share of lost prompts, a panel for each SNR and budget, a curve for each link.

    Args:
        table: `link`, `es_n0_db`, `budget`, `lost`, `accuracy`, `low` and `high`.
    """
    places = list(table.groupby(["es_n0_db", "budget"], sort=True))
    figure, axes = panels(len(places))
    for axis, ((es_n0_db, budget), place) in zip(axes, places, strict=True):
        for (link, curve), colour in zip(place.groupby("link", sort=False), COLOURS * 4, strict=False):
            axis.plot(curve["lost"], curve["accuracy"], marker="o", markersize=4, color=colour, label=link)
            axis.fill_between(curve["lost"], curve["low"], curve["high"], color=colour, alpha=0.12, linewidth=0)
        axis.set_ylim(0, 1)
        label(axis, f"{es_n0_db:g} dB, {budget:,} uses", "share of prompts that are lost", "score")
    axes[0].legend(frameon=False, fontsize=8)
    return figure
