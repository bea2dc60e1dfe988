"""Plans of detail: what they promise, how they spend, and the header that says what was chosen."""

import pytest
import torch

from taskwave.links.task_adaptive.plan import DetailHeader, error_left, longest_header, make_plan, says_reported
from taskwave.semantic.codec.detail import FORMATS

LAYERS = (8, 16, 32)
CELLS = 48


def test_at_low_snr_the_general_part_is_repeated_and_at_high_snr_refined() -> None:
    for snr, copies, numbers in ((0.1, True, False), (100.0, False, True)):
        plan = make_plan(CELLS, LAYERS, 6000, False, snr)
        form = plan.options[plan.best(torch.ones(CELLS))][0].form
        assert (form.copies[0] > 2) == copies and (form.numbers > 0) == numbers


def test_error_falls_with_snr_and_with_everything_that_arrives() -> None:
    for form in FORMATS:
        every = (0.01, 0.1, 1.0, 10.0, 100.0)
        curve = [error_left(form, snr) for snr in every]
        assert min(curve) > 0 and curve == sorted(curve, reverse=True)
        assert all(left < error_left(None, snr) for left, snr in zip(curve, every, strict=True))


@pytest.mark.parametrize("reported", [False, True])
def test_a_plan_says_every_choice_in_its_header(reported: bool) -> None:
    plan = make_plan(CELLS, LAYERS, 900, True, 10.0)
    assert len(plan.options) >= 3 and max(len(option) for option in plan.options) == 2
    assert plan.header_bits <= longest_header(CELLS)
    for index, option in enumerate(plan.options):
        order = torch.randperm(CELLS, generator=torch.Generator().manual_seed(index))[: sum(t.count for t in option)]
        chosen = [sorted(part.tolist()) for part in order.split([tier.count for tier in option])]
        header = DetailHeader(reported, 17, index, chosen)
        bits = plan.encode(header)
        assert len(bits) == plan.header_bits and says_reported(bits) == reported
        assert plan.decode(bits) == header
    assert plan.decode([1] * plan.header_bits) is None


def test_a_plan_that_names_nothing_has_one_option_and_no_header() -> None:
    plan = make_plan(CELLS, LAYERS, 900, False, 10.0)
    assert len(plan.options) == 1, "cells that all weigh alike need no choice"
    assert plan.header_bits == 0


def test_a_plan_spends_its_symbols_where_the_scores_are() -> None:
    """Concentrated scores get a finer format in fewer cells; no option takes more symbols than there are."""
    plan = make_plan(CELLS, LAYERS, 1000, True, 10.0)
    for option in plan.options:
        assert sum(t.count * t.form.symbols_per_cell(LAYERS) for t in option) <= 1000
    flat, steep = torch.ones(CELLS), 0.5 ** torch.arange(CELLS, dtype=torch.float32)
    wide, narrow = (plan.options[plan.best(scores)] for scores in (flat, steep))
    assert sum(t.count for t in wide) > sum(t.count for t in narrow)
    assert wide[0].worth < narrow[0].worth


def test_a_prompt_that_was_not_heard_promises_less() -> None:
    plan = make_plan(CELLS, LAYERS, 900, True, 10.0)
    assert 0 < plan.promise(heard=False) < plan.promise()
