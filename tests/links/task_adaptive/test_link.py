"""The task-adaptive link and its parts over a real radio."""

from dataclasses import replace

import pytest
import torch

from taskwave.links.base import BudgetError
from taskwave.links.task_adaptive.detail import EncodedImages
from taskwave.links.task_adaptive.link import TaskAdaptiveLink
from taskwave.links.task_adaptive.prompts import MESSAGE_BITS, MOST_CLASSES, PromptTransfer, effective_snr, reported_snr
from taskwave.links.task_adaptive.scores import Attender, Selection, View
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.radio import Radio
from taskwave.semantic.attention.prompt import PromptAttention
from taskwave.semantic.language.lexicon import parse
from taskwave.semantic.tasks.segmentation import Segmentation
from taskwave.semantic.weights import Models

CARS, GROUND = Segmentation("cars", (8,)), Segmentation("road and pavement", (3, 4))


@pytest.fixture(scope="module")
def radio() -> Radio:
    return Radio(RadioConfig(channel="rayleigh"))


def air_at(radio: Radio, es_n0_db: float, batch: int = 3) -> AirInterface:
    return AirInterface(radio.config, radio.draw(batch, 3, seed=1), es_n0_db, seed=2)


CELLS = 48


def test_asking_does_not_pay_where_little_or_nearly_everything_can_be_sent(radio: Radio, tiny_models: Models) -> None:
    link = TaskAdaptiveLink(tiny_models, radio)
    latents = torch.zeros(1, 16, 24, 32)
    images = EncodedImages(latents, latents, torch.zeros(1, 56, 6, 8, dtype=torch.complex64))
    pays = [link._asking_pays(allowed, images, air_at(radio, 15.0), 0) for allowed in (60, 700, 12000)]
    assert pays == [False, True, False]


def test_prompts_are_heard_or_charged_as_lost(radio: Radio) -> None:
    transfer = PromptTransfer(radio)
    asked = ["cars on the left", "cars and " + "unbeknownst " * 6, "poles"]
    allowed, quality = torch.full((3,), 9000), torch.tensor([0.2, 3.0, 50.0])
    heard, expense = transfer.send(asked, quality, air_at(radio, 30.0), 0, allowed)
    assert [h.text for h in heard if h] == [text.strip() for text in asked]
    assert [h.snr for h in heard if h] == [reported_snr(snr) for snr in quality.tolist()]
    assert [h.snr for h in heard if h] == pytest.approx(quality.tolist(), rel=10**0.1 - 1)
    uses = expense.uses
    assert len(set(uses.tolist())) > 1, "longer prompts cost more"
    some, cost = transfer.send([None, asked[1], None], quality, air_at(radio, 30.0), 0, allowed)
    assert some == [None, heard[1], None] and cost.uses.tolist() == [0, int(uses[1]), 0]
    lost, charged = transfer.send(asked, quality, air_at(radio, -25.0), 0, allowed)
    assert lost == [None] * 3 and bool((charged.uses > uses).all()), "a lower SNR takes a lower code rate"
    silent, free = transfer.send(asked, quality, air_at(radio, 30.0), 0, torch.zeros(3, dtype=torch.int64))
    assert silent == [None] * 3 and not bool(free.uses.any())


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
    tiny_models: Models, radio: Radio, street_images: torch.Tensor, selection: Selection
) -> None:
    link = TaskAdaptiveLink(tiny_models, radio, selection)
    cars, ground = link.run(street_images, [CARS, GROUND], 1200, air_at(radio, 10.0))
    general = link.general_link.channel_uses(384)
    for delivery in (cars, ground):
        assert bool((delivery.channel_uses <= 1200).all()) and bool((delivery.channel_uses > 1080).all())
        assert delivery.image is not None and delivery.image.shape == (3, 3, 192, 256) and delivery.answers is None
        details = delivery.channel_uses - delivery.feedback_uses - general
        assert bool((details > 0).all())
        if selection == "attention":
            assert bool((delivery.feedback_uses > 0).all()) and len(delivery.messages) == 3
        else:
            assert not bool(delivery.feedback_uses.any()) and not delivery.messages and not delivery.heard


def test_what_was_asked_and_what_was_heard(tiny_models: Models, street_images: torch.Tensor) -> None:
    """The prompt is what was sent, lost or not; nothing is heard where nothing is asked."""
    radio = Radio(RadioConfig(channel="rayleigh", control_code_rate=0.75))
    link, lost = TaskAdaptiveLink(tiny_models, radio), 0
    for seed in range(4):
        air = AirInterface(radio.config, radio.draw(3, 3, seed), 8.0, seed)
        (delivery,) = link.run(street_images, [CARS], 1200, air)
        assert all(delivery.messages) and bool((delivery.feedback_uses > 0).all())
        assert all(heard in (None, asked) for asked, heard in zip(delivery.messages, delivery.heard, strict=True))
        lost += delivery.heard.count(None)
    assert 1 <= lost < 12
    (silent,) = link.run(street_images, [CARS], link.general_link.channel_uses(384) + 60, air)
    assert silent.messages == [""] * 3 and silent.heard == [None] * 3 and not bool(silent.feedback_uses.any())


def test_every_prompt_costs_the_same_so_that_a_lost_one_can_be_reckoned_with(
    tiny_models: Models, radio: Radio, street_images: torch.Tensor
) -> None:
    """Also where a task has more classes than a sentence of the phrase book."""
    link, air = TaskAdaptiveLink(tiny_models, radio), air_at(radio, 10.0)
    (delivery,) = link.run(street_images, [Segmentation("everything", tuple(range(11)))], 1200, air)
    assert all(delivery.messages)
    assert all(len(parse(message).classes) <= MOST_CLASSES for message in delivery.messages)
    assert set(delivery.feedback_uses.tolist()) == {link.prompts.link.channel_uses(MESSAGE_BITS[0], air.reverse(0))}


def test_what_does_not_depend_on_the_task_is_computed_once(
    tiny_models: Models, radio: Radio, street_images: torch.Tensor
) -> None:
    """The answers of blind links are one tensor; those of the others share the coarse image."""
    tasks, air = [CARS, GROUND, CARS], air_at(radio, 10.0)
    small = TaskAdaptiveLink(tiny_models, radio).general_link.channel_uses(384) + 60
    for selection, budget in (("uniform", 1200), ("random", 1200), ("attention", small)):
        link = TaskAdaptiveLink(tiny_models, radio, selection)  # type: ignore[arg-type]
        first, *others = link.run(street_images, tasks, budget, air)
        assert all(_shared(other.image, first.image) and other is not first for other in others)
    first, *others = TaskAdaptiveLink(tiny_models, radio).run(street_images, tasks, 1200, air)
    assert all(_shared(other.stages["coarse"], first.stages["coarse"]) for other in others)
    assert not _shared(others[0].image, first.image), "another question"
    assert _shared(others[1].image, first.image), "the same question"


def _shared(one: torch.Tensor | None, other: torch.Tensor | None) -> bool:
    """Return whether two tensors are the same memory."""
    assert one is not None and other is not None
    return one.data_ptr() == other.data_ptr()


def test_airtime_is_slots_and_turnarounds(tiny_models: Models, radio: Radio, street_images: torch.Tensor) -> None:
    """General part and blind detail follow each other; a prompt takes its slot and two turns."""
    turn, air = radio.config.turnaround_slots, air_at(radio, 10.0)
    (blind,) = TaskAdaptiveLink(tiny_models, radio, "uniform").run(street_images, [CARS], 1200, air)
    assert blind.airtime_slots.tolist() == [2] * 3
    (asking,) = TaskAdaptiveLink(tiny_models, radio).run(street_images, [CARS], 1200, air)
    assert asking.airtime_slots.tolist() == [3 + 2 * turn] * 3
    (twice,) = TaskAdaptiveLink(tiny_models, radio, rounds=2).run(street_images, [CARS], 2400, air)
    assert twice.airtime_slots.tolist() == [5 + 4 * turn] * 3 and all(" | " in asked for asked in twice.messages)


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
