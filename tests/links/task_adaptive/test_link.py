"""The task-adaptive link and its parts over a real radio."""

from dataclasses import replace

import pytest
import torch

from taskwave.links.base import BudgetError, Task
from taskwave.links.task_adaptive.detail import Attender, DetailOrder, DetailTransfer, EncodedImages, Holdings, View
from taskwave.links.task_adaptive.link import TaskAdaptiveLink
from taskwave.links.task_adaptive.plan import error_left, longest_header, make_plan
from taskwave.links.task_adaptive.prompts import PromptTransfer, effective_snr
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.links.symbol import SymbolLink
from taskwave.phy.radio import Radio
from taskwave.semantic.attention import PromptAttention
from taskwave.semantic.codec.detail import FORMATS, Holding
from taskwave.semantic.weights import Models

CARS, GROUND = Task("cars", (8,)), Task("road and pavement", (3, 4))


@pytest.fixture(scope="module")
def radio() -> Radio:
    return Radio(RadioConfig(channel="rayleigh"))


def air_at(radio: Radio, es_n0_db: float, batch: int = 3) -> AirInterface:
    return AirInterface(radio.config, radio.draw(batch, 3, seed=1), es_n0_db, seed=2)


LAYERS = (8, 16, 32)
CELLS = 48


def random_source(batch: int = 3) -> EncodedImages:
    scenes = torch.randn(batch, 27, 24, 32, generator=torch.Generator().manual_seed(0))
    reals = torch.randn(batch, sum(LAYERS), 6, 8, 2, generator=torch.Generator().manual_seed(2))
    return EncodedImages(scenes, scenes[:, :16], torch.view_as_complex(reals) / 2**0.5)


def holdings(source: EncodedImages, general_noise: float = 0.5) -> Holdings:
    """Receiver's and transmitter's after the general part."""
    general = source.symbols[:, : LAYERS[0]]
    held = Holding.empty(source.symbols, source.latents)
    held = held.with_general(general, torch.full(general.shape, general_noise))
    return Holdings(held, held)


def snr(air: AirInterface) -> list[float]:
    return [1 / SymbolLink(Radio(air.config)).nominal_noise(air.forward(0), 384)] * air.batch


def refined(holding: Holding) -> torch.Tensor:
    """Cells [B, G] of which detail is held."""
    copies = holding.symbol_noise[:, 0] < holding.symbol_noise[:, 0].amax() - 1e-6
    layers = holding.symbol_noise[:, LAYERS[0] :].isfinite().any(1)
    return (copies | layers | holding.latent_noise[:, 0, ::4, ::4].isfinite()).flatten(1)


@pytest.fixture
def scores() -> torch.Tensor:
    return torch.rand(3, CELLS, generator=torch.Generator().manual_seed(1))


def test_the_best_cells_arrive_where_they_belong(scores: torch.Tensor) -> None:
    radio = Radio(RadioConfig(channel="awgn", num_layers=1, csi="perfect"))
    transfer, source = DetailTransfer(radio, LAYERS, named=True), random_source()
    held = holdings(source)
    allowed, air = torch.tensor([700, 1500, 2500]), air_at(radio, 40.0)
    held, uses = transfer.send(source, held, DetailOrder(scores, allowed, snr(air)), air, 1)
    assert bool((uses <= allowed).all()) and bool((uses > 0.8 * allowed).all())
    for i in range(3):
        plan = transfer.plan(int(allowed[i]), CELLS, snr(air)[i], air, 1)
        arrived = refined(held.received)[i]
        assert int(arrived.sum()) in {sum(tier.count for tier in option) for option in plan.options}
        assert scores[i][arrived].min() > scores[i][~arrived].max()
    assert torch.equal(held.received.latent_noise.isfinite(), held.sent.latent_noise.isfinite())
    got = held.received.symbol_noise.isfinite()
    torch.testing.assert_close(held.received.symbols[got], source.symbols[got], atol=0.2, rtol=0)
    got = held.received.latent_noise.isfinite()
    assert bool(got.any())
    torch.testing.assert_close(held.received.latents[got], source.latents[got], atol=0.3, rtol=0)


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("allowed", [300, 700, 2500])
def test_receiver_and_transmitter_agree_on_the_cells(scores: torch.Tensor, named: bool, allowed: int) -> None:
    """Also when no header names them."""
    radio = Radio(RadioConfig(channel="awgn", num_layers=1, csi="perfect"))
    source, air = random_source(), air_at(radio, 40.0)
    held = holdings(source)
    transfer = DetailTransfer(radio, LAYERS, named)
    held, _ = transfer.send(source, held, DetailOrder(scores, torch.full((3,), allowed), snr(air)), air, 1)
    assert bool(refined(held.sent).any(1).all())
    assert torch.equal(refined(held.received), refined(held.sent))
    assert torch.equal(held.received.symbol_noise.isfinite(), held.sent.symbol_noise.isfinite())
    assert torch.equal(held.received.latent_noise.isfinite(), held.sent.latent_noise.isfinite())


def test_few_relevant_cells_get_a_finer_format_than_many(radio: Radio) -> None:
    transfer, source = DetailTransfer(radio, LAYERS, named=True), random_source(2)
    scores = torch.stack([torch.zeros(CELLS), torch.ones(CELLS)])
    scores[0, 20:23] = 1
    held = holdings(source)
    air = air_at(radio, 30.0, 2)
    held, _ = transfer.send(source, held, DetailOrder(scores, torch.full((2,), 600), snr(air)), air, 1)
    assert bool(refined(held.sent)[0, 20:23].all()) and bool(held.sent.latent_noise[0].isfinite().any())
    assert not bool(held.sent.latent_noise[1].isfinite().any()) and int(refined(held.sent)[1].sum()) > 20


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


def test_a_lost_header_costs_its_channel_uses_and_changes_nothing(radio: Radio, scores: torch.Tensor) -> None:
    source, air = random_source(), air_at(radio, -25.0)
    held = holdings(source)
    transfer = DetailTransfer(radio, LAYERS, named=True)
    held, uses = transfer.send(source, held, DetailOrder(scores, torch.full((3,), 900), snr(air)), air, 1)
    assert bool((uses > 700).all())
    assert not bool(refined(held.received).any())
    assert bool(refined(held.sent).any()), "the transmitter cannot know"


def test_blind_detail_is_placed_without_its_header(radio: Radio, scores: torch.Tensor) -> None:
    source, air = random_source(), air_at(radio, -25.0)
    held = holdings(source)
    transfer = DetailTransfer(radio, LAYERS, named=False)
    held, _ = transfer.send(source, held, DetailOrder(scores, torch.full((3,), 900), snr(air)), air, 1)
    assert bool(refined(held.sent).any()) and torch.equal(refined(held.received), refined(held.sent))


def test_asking_does_not_pay_where_little_or_nearly_everything_can_be_sent(radio: Radio, tiny_models: Models) -> None:
    link = TaskAdaptiveLink(tiny_models, radio)
    allowed = torch.tensor([60, 700, 12000])
    assert link._asking_pays(allowed, random_source(), air_at(radio, 15.0), 0).tolist() == [False, True, False]


def test_a_second_round_sends_other_cells(radio: Radio, scores: torch.Tensor) -> None:
    source = random_source()
    held = holdings(source)
    transfer = DetailTransfer(radio, LAYERS, named=True)
    air = air_at(radio, 30.0)
    for occasion in (1, 2):
        before = int(refined(held.sent).sum())
        held, _ = transfer.send(source, held, DetailOrder(scores, torch.full((3,), 250), snr(air)), air, occasion)
        assert int(refined(held.sent).sum()) >= before + 3
    assert bool((refined(held.sent).sum(1) > 1).all())


def test_a_plan_says_every_choice_in_its_header() -> None:
    plan = make_plan(CELLS, LAYERS, 900, True, 10.0)
    assert len(plan.options) >= 3 and max(len(option) for option in plan.options) == 2
    assert plan.header_bits <= longest_header(CELLS, named=True)
    for index, option in enumerate(plan.options):
        order = torch.randperm(CELLS, generator=torch.Generator().manual_seed(index))[: sum(t.count for t in option)]
        chosen = [sorted(part.tolist()) for part in order.split([tier.count for tier in option])]
        bits = plan.encode(index, chosen, gain=17)
        assert len(bits) == plan.header_bits
        assert plan.decode(bits, (0, [])) == (17, index, chosen)
    assert plan.decode([1] * plan.header_bits, (0, [])) is None


def test_a_plan_that_names_nothing_sends_the_power_only() -> None:
    plan = make_plan(CELLS, LAYERS, 900, False, 10.0)
    assert len(plan.options) == 1, "cells that all weigh alike need no choice"
    bits = plan.encode(0, [[3, 4]], gain=9)
    assert len(bits) == plan.header_bits == 7
    assert plan.decode(bits, (0, [[3, 4]])) == (9, 0, [[3, 4]])


def test_a_plan_spends_its_symbols_where_the_scores_are() -> None:
    """Concentrated scores get a finer format in fewer cells; no option takes more symbols than there are."""
    plan = make_plan(CELLS, LAYERS, 1000, True, 10.0)
    for option in plan.options:
        assert sum(t.count * t.form.symbols_per_cell(LAYERS) for t in option) <= 1000
    flat, steep = torch.ones(CELLS), 0.5 ** torch.arange(CELLS, dtype=torch.float32)
    wide, narrow = (plan.options[plan.best(scores)] for scores in (flat, steep))
    assert sum(t.count for t in wide) > sum(t.count for t in narrow)
    assert wide[0].worth < narrow[0].worth


def test_prompts_are_heard_or_charged_as_lost(radio: Radio) -> None:
    transfer = PromptTransfer(radio)
    asked = ["cars on the left", "cars and " + "unbeknownst " * 6, "poles"]
    allowed, quality = torch.full((3,), 9000), torch.tensor([0.2, 3.0, 50.0])
    heard, uses = transfer.send(asked, quality, air_at(radio, 30.0), 0, allowed)
    assert [h.text for h in heard if h] == [text.strip() for text in asked]
    assert [h.snr for h in heard if h] == pytest.approx(quality.tolist(), rel=10**0.1 - 1)
    assert len(set(uses.tolist())) > 1, "longer prompts cost more"
    some, cost = transfer.send([None, asked[1], None], quality, air_at(radio, 30.0), 0, allowed)
    assert some == [None, heard[1], None] and cost.tolist() == [0, int(uses[1]), 0]
    lost, charged = transfer.send(asked, quality, air_at(radio, -25.0), 0, allowed)
    assert lost == [None] * 3 and bool((charged > uses).all()), "a lower SNR takes a lower code rate"
    silent, free = transfer.send(asked, quality, air_at(radio, 30.0), 0, torch.zeros(3, dtype=torch.int64))
    assert silent == [None] * 3 and not bool(free.any())


def test_attention_scores_what_was_asked_for_and_what_is_taken_for_it(tiny_models: Models) -> None:
    """Concept 3 (road) is in one cell, and in another the receiver believes it is; errors are equal everywhere."""
    attention = PromptAttention(width=16).eval()
    for layer in (attention.to_concepts, attention.to_columns):
        torch.nn.init.zeros_(layer.weight)
    with torch.no_grad():
        attention.to_concepts.bias.fill_(-9)[3] = 9
        attention.to_columns.bias.fill_(9)
    scenes, believed = (torch.zeros(2, 27, 24, 32) for _ in range(2))
    believed[:, :16] = 1
    scenes[:, 16], believed[:, 16] = 1, 1
    for shares, row in ((scenes, 0), (believed, 20)):
        shares[:, 16, row : row + 4, :4], shares[:, 19, row : row + 4, :4] = 0, 1
    attender = Attender(replace(tiny_models, attention=attention))
    with torch.no_grad():
        scores, relevance = attender.scores(View(scenes, believed), ["road", None])
    assert set(scores[0].topk(2).indices.tolist()) == {0, 40} and float(scores[0].median()) < 0.05
    assert float(relevance[0, 0, 0]) > 0.9 and float(relevance[0, 20, 0]) > 0.9
    torch.testing.assert_close(scores[1], torch.ones(CELLS), msg="an unheard prompt leaves the error alone")


def test_the_effective_snr_of_even_noise_is_its_snr_and_of_uneven_noise_less_than_the_mean() -> None:
    torch.testing.assert_close(effective_snr(torch.full((2, 8, 6, 8), 0.1)), torch.full((2,), 10.0))
    uneven = torch.cat([torch.full((1, 50), 0.01), torch.full((1, 50), 1.0)], dim=1)
    lost = (0.01 / 1.01 + 1 / 2) / 2
    assert float(effective_snr(uneven)) == pytest.approx((1 - lost) / lost)


@pytest.mark.parametrize("selection", ["attention", "uniform", "random"])
def test_every_channel_use_is_counted(
    tiny_models: Models, radio: Radio, street_images: torch.Tensor, selection: str
) -> None:
    link = TaskAdaptiveLink(tiny_models, radio, selection)  # type: ignore[arg-type]
    cars, ground = link.run(street_images, [CARS, GROUND], 1200, air_at(radio, 10.0))
    general = link.general_link.channel_uses(384)
    for delivery in (cars, ground):
        assert bool((delivery.channel_uses <= 1200).all()) and bool((delivery.channel_uses > 1100).all())
        assert delivery.prediction.shape == (3, 192, 256) and delivery.prediction.dtype == torch.uint8
        details = delivery.channel_uses - delivery.feedback_uses - general
        assert bool((details > 0).all())
        if selection == "attention":
            assert bool((delivery.feedback_uses > 0).all()) and len(delivery.messages) == 3
        else:
            assert not bool(delivery.feedback_uses.any()) and not any(delivery.messages)


def test_an_image_does_not_depend_on_its_batch(tiny_models: Models, radio: Radio, street_images: torch.Tensor) -> None:
    link = TaskAdaptiveLink(tiny_models, radio, steps=2)
    air = air_at(radio, 5.0)
    (whole,) = link.run(street_images, [CARS], 1000, air)
    (alone,) = link.run(street_images[1:2], [CARS], 1000, air.select(torch.tensor([1])))
    assert torch.equal(whole.channel_uses[1:2], alone.channel_uses)
    assert whole.messages[1] == alone.messages[0]
    assert whole.image is not None and alone.image is not None
    torch.testing.assert_close(whole.image[1:2], alone.image, atol=2e-3, rtol=1e-3)


def test_two_rounds_stay_within_the_budget(tiny_models: Models, radio: Radio, street_images: torch.Tensor) -> None:
    link = TaskAdaptiveLink(tiny_models, radio, rounds=2)
    (delivery,) = link.run(street_images, [CARS], 1500, air_at(radio, 10.0))
    one = TaskAdaptiveLink(tiny_models, radio).run(street_images, [CARS], 1500, air_at(radio, 10.0))[0]
    assert bool((delivery.channel_uses <= 1500).all())
    assert bool((delivery.feedback_uses > one.feedback_uses).all())


def test_a_hopeless_budget_is_an_error(tiny_models: Models, radio: Radio, street_images: torch.Tensor) -> None:
    with pytest.raises(BudgetError, match="100"):
        TaskAdaptiveLink(tiny_models, radio).run(street_images, [CARS], 100, air_at(radio, 10.0))
