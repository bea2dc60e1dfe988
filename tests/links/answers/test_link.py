"""Answers arrive as the transmitter's task networks gave them, for every kind of question; what it may know."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch

from taskwave.links import registry
from taskwave.links.answers.everything import EverythingMessage, part_of
from taskwave.links.answers.link import AllAnswersLink, AnswerLink
from taskwave.links.answers.networks import Everything, TaskNetworks
from taskwave.links.answers.prompted import PromptedAnswerLink, understood, wish
from taskwave.links.base import BudgetError
from taskwave.links.nothing import Prior
from taskwave.links.transport.rate import OfferWithin, PayloadReception
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.links.control import FeedbackLink
from taskwave.phy.radio import Radio
from taskwave.semantic.classes import NO_ANSWER
from taskwave.semantic.data.objects import overlaps
from taskwave.semantic.judges.panel import Panel
from taskwave.semantic.judges.segmentation import Segmenter
from taskwave.semantic.tasks import questions
from taskwave.semantic.tasks.base import Answer, Detections, Task
from taskwave.semantic.tasks.objects import AboutObjects, Counting, Presence
from taskwave.semantic.tasks.segmentation import Segmentation
from taskwave.semantic.weights import Models

PROMPTS = (
    *("buildings and trees", "find the traffic signs", "which traffic signs are there?", "what is the speed limit?"),
    *("how many traffic signs are there?", "is there a stop sign?", "what is this?"),
)
TASKS = tuple(questions.read(prompt, "objects") for prompt in PROMPTS)
LINKS = ("answer", "prompted-answer", "all-answers")


@pytest.fixture(scope="module")
def images(street_images: torch.Tensor) -> torch.Tensor:
    """[2, 3, 96, 128]."""
    return torch.nn.functional.avg_pool2d(street_images[:2], 2)


@pytest.fixture(scope="module")
def awgn() -> Radio:
    return Radio(RadioConfig(channel="awgn", num_layers=1, csi="perfect"))


def air_at(radio: Radio, es_n0_db: float) -> AirInterface:
    return AirInterface(radio.config, radio.draw(2, 3, seed=1), es_n0_db, seed=2)


def clean_answers(models: Models, image: torch.Tensor, task: Task) -> Answer:
    """What the judge of a task says of a clean picture; a reader is shown what the judge of objects finds."""
    assert models.judges is not None
    return TaskNetworks(models.judges).answer(image, task)


def assert_told(told: Answer, clean: Answer, task: Task) -> None:
    """An answer that arrived says to the task what the clean one does."""
    assert type(told) is type(clean)
    if isinstance(clean, torch.Tensor) and isinstance(told, torch.Tensor):
        wanted = torch.isin(clean, torch.tensor(task.street_classes, dtype=torch.uint8))
        assert torch.equal(told, torch.where(wanted, clean, NO_ANSWER))  # type: ignore[arg-type]
        return
    if not isinstance(clean, Detections) or not isinstance(told, Detections):
        assert told == clean
        return
    assert isinstance(task, AboutObjects)
    mine, theirs = task.found(told), task.found(clean)
    assert bool(len(mine)) == bool(len(theirs))
    if isinstance(task, Presence):
        return
    assert len(mine) == len(theirs)
    if not isinstance(task, Counting):
        assert mine.classes == theirs.classes and float(overlaps(mine.boxes, theirs.boxes).diagonal().min()) > 0.85
        assert mine.texts == theirs.texts == (("30", "70") if task.kind == "reading" else ("", "", ""))


@pytest.mark.parametrize("name", LINKS)
def test_answers_arrive_as_the_transmitter_gave_them(
    answering_models: Models, awgn: Radio, images: torch.Tensor, name: str
) -> None:
    link, air = registry.create(name, answering_models, awgn), air_at(awgn, 30.0)
    deliveries = link.run(images, TASKS, 12_000, air)
    for task, delivery in zip(TASKS, deliveries, strict=True):
        assert delivery.answers is not None and delivery.image is None and not bool(delivery.outage.any())
        for image, told in zip(images, delivery.answers, strict=True):
            assert_told(told, clean_answers(answering_models, image, task), task)


@pytest.mark.parametrize("name", LINKS)
def test_budgets_hold_for_every_kind_of_answer(
    answering_models: Models, awgn: Radio, images: torch.Tensor, name: str
) -> None:
    link = registry.create(name, answering_models, awgn)
    for budget in (150, 250, 400, 1000):
        for delivery in link.run(images, TASKS, budget, air_at(awgn, 3.0)):
            assert bool((delivery.channel_uses <= budget).all() & (delivery.channel_uses > 0).all())
            assert bool((delivery.feedback_uses > 0).any()) == bool(delivery.messages and delivery.messages[0])
    with pytest.raises(BudgetError, match=rf"{name}: .*\b20\b"):
        link.run(images, TASKS, 20, air_at(awgn, 3.0))


@pytest.mark.parametrize("name", LINKS)
def test_an_outage_is_answered_by_the_judge_on_the_prior(
    answering_models: Models, awgn: Radio, images: torch.Tensor, name: str
) -> None:
    link, image = registry.create(name, answering_models, awgn), Prior(answering_models).image(96, 128)
    lost = 0
    for task, delivery in zip(TASKS, link.run(images, TASKS, 1000, air_at(awgn, -30.0)), strict=True):
        assert delivery.answers is not None
        for told, outage in zip(delivery.answers, delivery.outage.tolist(), strict=True):
            if outage:
                assert_told(told, clean_answers(answering_models, image, task), task)
                lost += 1
    assert lost > 0


def test_models_without_judges_are_refused(colour_models: Models, awgn: Radio) -> None:
    for name in LINKS:
        with pytest.raises(
            ValueError, match=f"'{name}' uses the task networks of receivers, but these models have none"
        ):
            registry.create(name, replace(colour_models, judges=None), awgn)
    with pytest.raises(ValueError, match="no judge answers 'what is this"):
        AllAnswersLink(colour_models, awgn).run(torch.rand(1, 3, 96, 128), TASKS[-1:], 900, air_at(awgn, 9.0))


def test_only_what_is_asked_is_sent(answering_models: Models, awgn: Radio, images: torch.Tensor) -> None:
    """What knowing the task is worth: its answer needs fewer bytes than the one after a prompt, or all of them."""
    sent: dict[str, list[int]] = {}
    for link in (AnswerLink(answering_models, awgn), PromptedAnswerLink(answering_models, awgn)):
        sizes = sent.setdefault(link.name, [])
        for task in TASKS:
            with pytest.MonkeyPatch.context() as patch:
                spy_on_payloads(link, patch, sizes)
                link.run(images[:1], [task], 12_000, air_at(awgn, 30.0).select(slice(0, 1)))
    sizes = sent.setdefault("all-answers", [])
    link = AllAnswersLink(answering_models, awgn)
    with pytest.MonkeyPatch.context() as patch:
        spy_on_payloads(link, patch, sizes)
        link.run(images[:1], TASKS, 12_000, air_at(awgn, 30.0).select(slice(0, 1)))
    answer, prompted, (everything,) = sent["answer"], sent["prompted-answer"], sent["all-answers"]
    assert all(a < p <= everything + 1 for a, p in zip(answer, prompted, strict=True))
    assert answer[4] <= 1 and answer[5] <= 1, "a number is told as one"
    assert answer[1] < 12, "three signs"
    assert prompted[-1] == everything + 1, "nothing that could be said asks for the class of the picture"


def spy_on_payloads(link: Any, patch: pytest.MonkeyPatch, sizes: list[int]) -> None:
    """Note the size of the largest payload that a link offers."""
    run = link._transport.run

    def spying(offers: Any, *arguments: Any) -> Any:
        sizes.extend(len(offer(10**6).payload) for offer in offers)
        return run(offers, *arguments)

    patch.setattr(link._transport, "run", spying)


@pytest.mark.parametrize(
    ("task", "prompt", "heard"),
    [
        ("where are the cars?", "which cars", "cars"),
        ("what is the speed limit?", "which signs", "traffic signs"),
        ("must I give way?", "which signs", "traffic signs"),
        ("is there a stop sign?", "which signs", "traffic signs"),
        ("how many people are there?", "which pedestrians", "people"),
        ("what is this?", None, None),
    ],
)
def test_a_prompt_names_what_the_task_is_about(task: str, prompt: str | None, heard: str | None) -> None:
    asked = wish(questions.read(task, "objects"))
    assert asked == prompt
    about = None if asked is None else understood(asked)
    assert getattr(about, "concept", None) is None if heard is None else about.concept.name == heard  # type: ignore[union-attr]


def test_every_question_about_the_street_is_heard_as_it_was_meant() -> None:
    """What the transmitter understands holds what the receiver needs."""
    for prompt in (*PROMPTS, "cars", "road and pavement", "sky, buildings, trees, cars, people and poles"):
        task = questions.read(prompt, "objects")
        asked = wish(task)
        if asked is not None:
            about = understood(asked)
            if isinstance(task, Segmentation):
                assert isinstance(about, Segmentation) and set(about.classes) == set(task.classes)
            else:
                assert isinstance(about, AboutObjects) and isinstance(task, AboutObjects)
                assert set(task.concept.classes) <= set(about.concept.classes)


def lose(link: FeedbackLink, bits: torch.Tensor, air: Any) -> Any:
    reception = _SEND(link, bits, air)
    return replace(reception, ok=torch.zeros_like(reception.ok))


_SEND = FeedbackLink.send


def test_a_lost_prompt_is_paid_for_and_answered_by_everything(
    answering_models: Models, awgn: Radio, images: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    air, link = air_at(awgn, 30.0), PromptedAnswerLink(answering_models, awgn)
    heard = link.run(images, TASKS[:3], 12_000, air)
    monkeypatch.setattr(FeedbackLink, "send", lose)
    lost = link.run(images, TASKS[:3], 12_000, air)
    for task, one, other in zip(TASKS[:3], heard, lost, strict=True):
        assert one.heard == one.messages and other.heard == [None, None] and other.messages == one.messages
        assert torch.equal(one.feedback_uses, other.feedback_uses) and bool((other.feedback_uses > 0).all())
        assert other.answers is not None and not bool(other.outage.any())
        for image, told in zip(images, other.answers, strict=True):
            assert_told(told, clean_answers(answering_models, image, task), task)


def test_what_does_not_fit_is_left_out_by_what_it_is_worth(answering_models: Models, images: torch.Tensor) -> None:
    assert answering_models.judges is not None
    networks = TaskNetworks(answering_models.judges)
    clean = networks.everything(images[0])
    assert clean.objects is not None and clean.objects.texts == ("", "30", "70", "") and clean.word is not None
    floor = networks.everything(Prior(answering_models).image(96, 128))
    message = EverythingMessage(floor, 96, 128)
    offer = message.offers(clean)
    sizes, counts, worths = [], [], []
    for limit in (10, 14, 20, 30, 60, 200, 10_000):
        found = offer(limit)
        assert found is not None and len(found.payload) <= limit
        told = message.decode(found.payload + bytes(7))
        assert told.word == clean.word and told.objects is not None
        assert told.objects.classes == clean.objects.classes[: len(told.objects)], "the least sure go first"
        assert told.labels is None or told.labels.shape == (96, 128)
        sizes.append(len(found.payload))
        counts.append(len(told.objects))
        worths.append(found.worth)
    assert worths == sorted(worths) and counts[-1] == 4 and counts[0] < 4
    assert told.labels is not None and clean.labels is not None and torch.equal(told.labels, clean.labels)
    assert offer(2) is None
    for task in TASKS:
        assert part_of(task, told, clean_answers(answering_models, images[0], task)) is not None
    for payload in (b"\xff", b"\x01", bytes([0, 0, 200])):
        with pytest.raises(ValueError, match=r"\d"):
            message.decode(payload)


def test_a_part_that_was_left_out_is_an_outage(
    answering_models: Models, awgn: Radio, images: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    link: Any = AllAnswersLink(answering_models, awgn)
    count = torch.full((2,), 90)

    def carry_few(offers: Sequence[OfferWithin], *_: Any) -> PayloadReception:
        found = [offer(limit) for offer, limit in zip(offers, (14, 10_000), strict=True)]
        return PayloadReception([o.payload if o else None for o in found], count, count * 0, count * 0 + 1)

    monkeypatch.setattr(link._transport, "run", carry_few)
    deliveries = link.run(images, TASKS, 90, air_at(awgn, 15.0))
    lost = {task.kind: delivery.outage.tolist() for task, delivery in zip(TASKS, deliveries, strict=True)}
    assert lost == {kind: [kind == "segmentation", False] for kind in lost}


def test_a_judge_of_a_missing_kind_leaves_its_part_out(colours: Segmenter, images: torch.Tensor) -> None:
    networks = TaskNetworks(Panel([colours]))
    found = networks.everything(images[0])
    assert found.objects is None and found.word is None and found.labels is not None
    message = EverythingMessage(found, 96, 128)
    offer = message.offers(networks.everything(images[1]))(10_000)
    assert offer is not None
    told = message.decode(offer.payload)
    assert told.labels is not None and torch.equal(told.labels, colours.predict(images[1:])[0])
    assert EverythingMessage(Everything(None, None, None), 96, 128).decode(b"") == Everything(None, None, None)
