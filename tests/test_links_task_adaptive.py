"""The task-adaptive link and its parts over a real radio."""

from dataclasses import dataclass

import pytest
import torch

from taskwave.links.base import BudgetError, Task
from taskwave.links.detail_transfer import DetailTransfer
from taskwave.links.prompt_transfer import PromptTransfer
from taskwave.links.task_adaptive import TaskAdaptiveLink
from taskwave.phy.air import AirInterface, Radio, RadioConfig
from taskwave.semantic.detail import best_groups, group_mask
from taskwave.semantic.weights import Models

CARS, GROUND = Task("cars", (8,)), Task("road and pavement", (3, 4))


@pytest.fixture(scope="module")
def radio() -> Radio:
    return Radio(RadioConfig(channel="rayleigh"))


def air_at(radio: Radio, es_n0_db: float, batch: int = 3) -> AirInterface:
    return AirInterface(radio, radio.draw(batch, 3, seed=1), es_n0_db, seed=2)


@dataclass
class Holding:
    """One end's view, empty at first."""

    coarse: torch.Tensor
    latents: torch.Tensor
    noise_variance: torch.Tensor

    @classmethod
    def empty(cls, batch: int = 3) -> "Holding":
        zeros = torch.zeros(batch, 16, 24, 32)
        return cls(zeros, zeros.clone(), torch.full_like(zeros, torch.inf))


@pytest.fixture
def latents() -> torch.Tensor:
    return torch.randn(3, 16, 24, 32, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def scores() -> torch.Tensor:
    return torch.rand(3, 192, generator=torch.Generator().manual_seed(1))


def test_the_best_groups_arrive_where_they_belong(latents: torch.Tensor, scores: torch.Tensor) -> None:
    radio = Radio(RadioConfig(channel="awgn", num_layers=1, csi="perfect"))
    transfer = DetailTransfer(radio, named=True)
    received, sent = Holding.empty(), Holding.empty()
    allowed = torch.tensor([700, 1500, 700])
    uses = transfer.send(latents, scores, received, sent, allowed, air_at(radio, 40.0), 1)
    assert bool((uses <= allowed).all()) and bool((uses > 0.8 * allowed).all())
    for i in range(3):
        count, code = transfer.plan(int(allowed[i]), 192, 192)
        expected = group_mask(best_groups(scores[i : i + 1], count), 24, 32)[0]
        arrived = received.noise_variance[i].isfinite()
        assert torch.equal(arrived[code.numbers - 1], expected) and not bool(arrived[code.numbers :].any())
        torch.testing.assert_close(received.latents[i][arrived], latents[i][arrived], atol=0.2, rtol=0)
        assert torch.equal(sent.noise_variance[i].isfinite(), arrived)


def test_a_lost_header_costs_its_channel_uses_and_changes_nothing(
    radio: Radio, latents: torch.Tensor, scores: torch.Tensor
) -> None:
    received, sent = Holding.empty(), Holding.empty()
    transfer = DetailTransfer(radio, named=True)
    uses = transfer.send(latents, scores, received, sent, torch.full((3,), 900), air_at(radio, -25.0), 1)
    assert bool((uses > 700).all())
    assert bool(received.noise_variance.isinf().all())
    assert bool(sent.noise_variance.isfinite().any()), "the transmitter cannot know"


def test_a_second_round_sends_other_groups(radio: Radio, latents: torch.Tensor, scores: torch.Tensor) -> None:
    received, sent = Holding.empty(), Holding.empty()
    transfer = DetailTransfer(radio, named=True)
    air = air_at(radio, 30.0)
    transfer.send(latents, scores, received, sent, torch.full((3,), 700), air, 1)
    first = int(sent.noise_variance.isfinite().sum())
    transfer.send(latents, scores, received, sent, torch.full((3,), 700), air, 2)
    assert int(sent.noise_variance.isfinite().sum()) == 2 * first


def test_prompts_are_heard_or_charged_as_lost(radio: Radio) -> None:
    transfer = PromptTransfer(radio)
    asked = ["cars on the left", "cars and " + "unbeknownst " * 6, "poles"]
    allowed = torch.full((3,), 4000)
    heard, uses = transfer.send(asked, air_at(radio, 30.0), 0, allowed)
    assert heard == [text.strip() for text in asked] and len(set(uses.tolist())) > 1, "longer prompts cost more"
    lost, charged = transfer.send(asked, air_at(radio, -25.0), 0, allowed)
    assert lost == [None] * 3 and torch.equal(charged, uses)
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
