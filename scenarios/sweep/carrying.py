"""Budgets that are too small for links, found without a transmission: each runs until it would begin to send."""

from typing import Any, NoReturn

import torch

from taskwave.links.base import BudgetError, informed
from taskwave.phy.channel.air import Air, AirInterface, Direction
from taskwave.scenarios.sweep.evaluation import Evaluator
from taskwave.scenarios.sweep.points import SweepPoint


class _SendsError(Exception):
    """Raised when a link begins to send, for which its budget was enough then."""


class _SilentAir(Air):
    """Stands for the air of a transmission and stops whoever wants its channel or its noise."""

    def _stop(self, *_: Any, **__: Any) -> NoReturn:
        raise _SendsError

    before = frequency_response = frequency_response_at = path_delays = antenna_paths = noise = _stop


class _SilentInterface(AirInterface):
    """Gives silent air in both directions."""

    def _air(self, occasion: int, direction: Direction, es_n0_db: float) -> Air:
        air = super()._air(occasion, direction, es_n0_db)
        return _SilentAir(air.config, air.fading, air.es_n0_db, air.seed, air.images, air.occasion, air.direction)


def uncarried(evaluator: Evaluator) -> dict[str, dict[int, str]]:
    """Return for each link of a scenario the budgets that are too small for it, with what it says of them.

    Every link gets the first image, for the first task, from the smallest budget on, at each SNR or distance until it
    gets as far as sending. One that sends before it refuses a budget, as none of the built-in links does, is not found.

    Raises:
        ValueError: a link refuses the image or the radio.
    """
    scenario, faults = evaluator.scenario, dict[str, dict[int, str]]()
    for link in scenario.sweep.links:
        for budget in sorted(scenario.sweep.budgets):
            reasons = []
            for condition in scenario.conditions:
                reason = _refusal(evaluator, SweepPoint(0, condition.es_n0_db, budget, link, condition.distance_m))
                if reason is None:
                    break
                reasons.append(reason)
            else:
                faults.setdefault(link, {})[budget] = reasons[0]
                continue
            break  # Larger ones carry it, too.
    return faults


def _refusal(evaluator: Evaluator, point: SweepPoint) -> str | None:
    """Return what a link says of a budget that is too small for it. None: it would send."""
    air = evaluator.air(point)
    silent = _SilentInterface(air.config, air.fading, air.es_n0_db, air.seed).select(slice(0, 1))
    batch = evaluator.batch(point.batch)
    link = informed(evaluator.link(point.link, point.distance_m), batch.truths[:1])
    try:
        with torch.no_grad():
            link.run(batch.images[:1], evaluator.tasks[:1], point.budget, silent)
    except BudgetError as error:
        return str(error)
    except _SendsError:
        pass
    return None
