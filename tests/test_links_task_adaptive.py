"""The task-adaptive link and its parts over a real radio."""

import pytest
import torch

from taskwave.links.base import BudgetError, Task
from taskwave.links.detail_plan import make_plan
from taskwave.links.detail_transfer import DetailTransfer
from taskwave.links.prompt_transfer import PromptTransfer
from taskwave.links.task_adaptive import TaskAdaptiveLink
from taskwave.phy.air import AirInterface, Radio, RadioConfig
from taskwave.semantic.detail import Holding
from taskwave.semantic.weights import Models

CARS, GROUND = Task("cars", (8,)), Task("road and pavement", (3, 4))


@pytest.fixture(scope="module")
def radio() -> Radio:
    return Radio(RadioConfig(channel="rayleigh"))


def air_at(radio: Radio, es_n0_db: float, batch: int = 3) -> AirInterface:
    return AirInterface(radio, radio.draw(batch, 3, seed=1), es_n0_db, seed=2)


LAYERS = (8, 16, 32)
CELLS = 48


@pytest.fixture
def latents() -> torch.Tensor:
    return torch.randn(3, 16, 24, 32, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def symbols() -> torch.Tensor:
    reals = torch.randn(3, sum(LAYERS), 6, 8, 2, generator=torch.Generator().manual_seed(2))
    return torch.view_as_complex(reals) / 2**0.5


@pytest.fixture
def scores() -> torch.Tensor:
    return torch.rand(3, CELLS, generator=torch.Generator().manual_seed(1))


def test_the_best_cells_arrive_where_they_belong(
    symbols: torch.Tensor, latents: torch.Tensor, scores: torch.Tensor
) -> None:
    radio = Radio(RadioConfig(channel="awgn", num_layers=1, csi="perfect"))
    transfer = DetailTransfer(radio, LAYERS, named=True)
    received, sent = Holding.empty(symbols, latents), Holding.empty(symbols, latents)
    allowed, air = torch.tensor([700, 1500, 5000]), air_at(radio, 40.0)
    uses = transfer.send(symbols, latents, scores, received, sent, allowed, air, 1)
    assert bool((uses <= allowed).all()) and bool((uses > 0.8 * allowed).all())
    for i in range(3):
        plan = transfer.plan(int(allowed[i]), CELLS, air, 1)
        arrived = refined(received)[i]
        assert int(arrived.sum()) in {count for _, count in plan.counts}
        assert scores[i][arrived].min() > scores[i][~arrived].max()
    assert torch.equal(received.latent_noise.isfinite(), sent.latent_noise.isfinite())
    got = received.symbol_noise.isfinite()
    torch.testing.assert_close(received.symbols[got], symbols[got], atol=0.2, rtol=0)
    got = received.latent_noise.isfinite()
    torch.testing.assert_close(received.latents[got], latents[got], atol=0.3, rtol=0)


def refined(holding: Holding) -> torch.Tensor:
    """Cells [B, G] of which detail is held."""
    layers = holding.symbol_noise.isfinite().any(1)
    return (layers | holding.latent_noise[:, 0, ::4, ::4].isfinite()).flatten(1)


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("allowed", [300, 700, 2500])
def test_receiver_and_transmitter_agree_on_the_cells(
    symbols: torch.Tensor, latents: torch.Tensor, scores: torch.Tensor, named: bool, allowed: int
) -> None:
    """Also when no header names them."""
    radio = Radio(RadioConfig(channel="awgn", num_layers=1, csi="perfect"))
    received, sent = Holding.empty(symbols, latents), Holding.empty(symbols, latents)
    transfer = DetailTransfer(radio, LAYERS, named)
    transfer.send(symbols, latents, scores, received, sent, torch.full((3,), allowed), air_at(radio, 40.0), 1)
    assert bool(refined(sent).any(1).all())
    assert torch.equal(received.symbol_noise.isfinite(), sent.symbol_noise.isfinite())
    assert torch.equal(received.latent_noise.isfinite(), sent.latent_noise.isfinite())


def test_the_finest_format_that_covers_the_scores_is_taken(
    symbols: torch.Tensor, latents: torch.Tensor, radio: Radio
) -> None:
    """Few relevant cells get the tokens themselves, many get one layer."""
    transfer = DetailTransfer(radio, LAYERS, named=True)
    scores = torch.stack([torch.zeros(CELLS), torch.ones(CELLS)])
    scores[0, 20:23] = 1
    received, sent = (Holding.empty(symbols[:2], latents[:2]) for _ in range(2))
    allowed, air = torch.full((2,), 600), air_at(radio, 30.0, 2)
    transfer.send(symbols[:2], latents[:2], scores, received, sent, allowed, air, 1)
    assert bool(refined(sent)[0, 20:23].all()) and bool(sent.latent_noise[0].isfinite().any())
    assert not bool(sent.latent_noise[1].isfinite().any()) and int(refined(sent)[1].sum()) > 20


def test_a_lost_header_costs_its_channel_uses_and_changes_nothing(
    radio: Radio, symbols: torch.Tensor, latents: torch.Tensor, scores: torch.Tensor
) -> None:
    received, sent = Holding.empty(symbols, latents), Holding.empty(symbols, latents)
    transfer = DetailTransfer(radio, LAYERS, named=True)
    uses = transfer.send(symbols, latents, scores, received, sent, torch.full((3,), 900), air_at(radio, -25.0), 1)
    assert bool((uses > 700).all())
    assert not bool(refined(received).any())
    assert bool(refined(sent).any()), "the transmitter cannot know"


def test_a_second_round_sends_other_cells(
    radio: Radio, symbols: torch.Tensor, latents: torch.Tensor, scores: torch.Tensor
) -> None:
    received, sent = Holding.empty(symbols, latents), Holding.empty(symbols, latents)
    transfer = DetailTransfer(radio, LAYERS, named=True)
    air = air_at(radio, 30.0)
    for occasion, rounds in ((1, 1), (2, 2)):
        transfer.send(symbols, latents, scores, received, sent, torch.full((3,), 250), air, occasion)
        count = refined(sent).sum(1)
        if occasion == 1:
            first = count
        assert torch.equal(count, rounds * first)


def test_a_plan_says_every_choice_in_its_header() -> None:
    plan = make_plan(CELLS, LAYERS, 800, True, lambda bits: 4 * bits, lambda symbols: symbols // 2)
    assert len(plan.counts) >= 3
    for index, (_, count) in enumerate(plan.counts):
        chosen = sorted(torch.randperm(CELLS, generator=torch.Generator().manual_seed(index))[:count].tolist())
        bits = plan.encode(index, chosen, gain=17)
        assert len(bits) == plan.header_bits
        assert plan.decode(bits, (0, [])) == (17, index, chosen)
    assert plan.decode([1] * plan.header_bits, (0, [])) is None


def test_a_plan_that_names_nothing_sends_the_power_only() -> None:
    plan = make_plan(CELLS, LAYERS, 800, False, lambda bits: 4 * bits, lambda symbols: symbols // 2)
    bits = plan.encode(1, [3, 4], gain=9)
    assert len(bits) == plan.header_bits == 5
    assert plan.decode(bits, (1, [3, 4])) == (9, 1, [3, 4])


def test_prompts_are_heard_or_charged_as_lost(radio: Radio) -> None:
    transfer = PromptTransfer(radio)
    asked = ["cars on the left", "cars and " + "unbeknownst " * 6, "poles"]
    allowed = torch.full((3,), 9000)
    heard, uses = transfer.send(asked, air_at(radio, 30.0), 0, allowed)
    assert heard == [text.strip() for text in asked] and len(set(uses.tolist())) > 1, "longer prompts cost more"
    lost, charged = transfer.send(asked, air_at(radio, -25.0), 0, allowed)
    assert lost == [None] * 3 and bool((charged > uses).all()), "a lower SNR takes a lower code rate"
    silent, free = transfer.send(asked, air_at(radio, 30.0), 0, torch.zeros(3, dtype=torch.int64))
    assert silent == [None] * 3 and not bool(free.any())


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
            assert not bool(delivery.feedback_uses.any()) and not delivery.messages


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
