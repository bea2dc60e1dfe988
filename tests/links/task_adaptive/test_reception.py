"""Detail at the receiver, which knows what arrived, what it has, and two plans: never which one was meant."""

import inspect
from itertools import pairwise

import pytest
import torch

from taskwave.links.task_adaptive.plan import GAIN, DetailHeader, DetailPlan, make_plan
from taskwave.links.task_adaptive.reception import ArrivedDetail, OwnPlans, combine, receive, symbols_of
from taskwave.semantic.codec.detail import DetailFormat, Holding

LAYERS = (8, 16, 32)
CELLS = 48
SNRS = tuple(10 ** (db / 10) for db in range(-9, 23, 2))


def nothing() -> Holding:
    symbols, latents = torch.zeros(1, sum(LAYERS), 6, 8, dtype=torch.complex64), torch.zeros(1, 16, 24, 32)
    general = symbols[:, : LAYERS[0]]
    return Holding.empty(symbols, latents).with_general(general, torch.full(general.shape, 0.5))


def formats(plan: DetailPlan) -> list[list[tuple[DetailFormat, int]]]:
    """What a plan sends, whatever it is worth at its SNR."""
    return [[(tier.form, tier.count) for tier in option] for option in plan.options]


def alike() -> OwnPlans:
    """Two plans that differ but whose headers are equally long, as more than a third of such pairs are."""
    plans = [make_plan(CELLS, LAYERS, 600, True, snr) for snr in SNRS]
    return next(
        OwnPlans(one, other)
        for one in plans
        for other in plans
        if formats(one)[0] != formats(other)[0] and one.header_bits == other.header_bits
    )


def detail(plan: DetailPlan, reported: bool, index: int = 0) -> tuple[ArrivedDetail, list[list[int]]]:
    """What arrives of an option of a plan, and the cells of its tiers."""
    draw, option = torch.Generator().manual_seed(index), plan.options[index]
    order = torch.randperm(CELLS, generator=draw)[: sum(tier.count for tier in option)]
    cells = [sorted(part.tolist()) for part in order.split([tier.count for tier in option])]
    values = torch.randn(1, symbols_of(option, LAYERS), generator=draw, dtype=torch.complex64)
    header = plan.encode(DetailHeader(reported, int(GAIN.encode(torch.ones(()))), index, cells))
    return ArrivedDetail(header, values, torch.full(values.shape, 0.1)), cells


def same(one: Holding, other: Holding) -> bool:
    return all(
        torch.equal(getattr(one, name), getattr(other, name))
        for name in ("symbols", "symbol_noise", "latents", "latent_noise")
    )


def test_a_receiver_is_told_nothing_that_it_could_not_know() -> None:
    """What it holds, what came off the air, the plans for both SNRs that it knows, and the configured code."""
    assert list(inspect.signature(receive).parameters) == ["holding", "arrived", "plans", "code_layers"]
    assert set(ArrivedDetail.__dataclass_fields__) == {"header", "symbols", "noise"}
    assert set(OwnPlans.__dataclass_fields__) == {"nominal", "reported"}


@pytest.mark.parametrize("reported", [False, True])
def test_one_bit_says_which_plan_was_meant_where_headers_are_equally_long(reported: bool) -> None:
    """False is what a transmitter sends that lost the prompt, and with it the receiver's SNR."""
    plans = alike()
    meant = plans.reported if reported else plans.nominal
    for index in range(len(meant.options)):
        arrived, cells = detail(meant, reported, index)
        got = receive(nothing(), arrived, plans, LAYERS)
        power = GAIN.power(GAIN.encode(torch.ones(())))
        message = arrived.symbols * power.sqrt(), arrived.noise * power
        assert same(got, combine(nothing(), meant.options[index], message, cells, LAYERS))
        assert not same(got, nothing())


def test_the_other_bit_is_the_other_plan() -> None:
    """A receiver that knew better, from elsewhere, would not be misled."""
    plans = alike()
    misled = []
    for index in range(len(plans.nominal.options)):
        right, wrong = (detail(plans.nominal, reported, index)[0] for reported in (False, True))
        misled.append(not same(receive(nothing(), wrong, plans, LAYERS), receive(nothing(), right, plans, LAYERS)))
    assert any(misled), "options that both plans have are placed alike"


def test_what_cannot_be_placed_changes_nothing() -> None:
    plans = alike()
    arrived, _ = detail(plans.nominal, reported=False)
    assert arrived.header is not None
    other = make_plan(CELLS, LAYERS, 2500, True, SNRS[-1])
    assert other.header_bits != plans.nominal.header_bits
    foreign, _ = detail(other, reported=False)
    undetected = [0] + [1] * (plans.nominal.header_bits - 1)
    for wrong in (
        ArrivedDetail(None, arrived.symbols, arrived.noise),
        ArrivedDetail(undetected, arrived.symbols, arrived.noise),
        ArrivedDetail(arrived.header, arrived.symbols[:, 1:], arrived.noise[:, 1:]),
        foreign,
    ):
        assert same(receive(nothing(), wrong, plans, LAYERS), nothing())


def test_headers_of_neighbouring_snrs_are_often_equally_long() -> None:
    """Lengths alone would not tell the plans apart."""
    differing = equal = 0
    for symbols in range(100, 3000, 50):
        plans = [make_plan(CELLS, LAYERS, symbols, True, snr) for snr in SNRS]
        for one, other in pairwise(plans):
            differing += formats(one) != formats(other)
            equal += formats(one) != formats(other) and one.header_bits == other.header_bits
    assert equal > differing / 3
