"""Exchanges in rounds: they go on while the receiver is unsure, of those windows only, and within the budget."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace

import pytest
import torch

from taskwave.links.base import BudgetError, Delivery
from taskwave.links.task_adaptive.content import Again, Content, read_payload
from taskwave.links.task_adaptive.digital import DigitalPlan, Held, Turn
from taskwave.links.task_adaptive.header import MOST_WINDOWS
from taskwave.links.task_adaptive.link import TaskAdaptiveLink
from taskwave.links.task_adaptive.rounds import RoundsLink
from taskwave.links.task_adaptive.state import Asked, Shown
from taskwave.phy.channel.air import Air, AirInterface
from taskwave.phy.links.uci import UciReception
from taskwave.phy.radio import Radio
from taskwave.semantic.codec.windows import STEPS
from taskwave.semantic.judges.panel import Panel
from taskwave.semantic.tasks import questions
from taskwave.semantic.tasks.base import Answer, Detections, Truth
from taskwave.semantic.weights import Models

SIGNS = questions.read("which traffic signs are there?")
BOXES = [(40.0, 16.0, 72.0, 48.0), (160.0, 96.0, 200.0, 136.0)]
BUDGET, SIZE = 2000, (192, 256)


class Places:
    """A locator that finds things at `BOXES` in every image, whatever is asked."""

    def locate(self, images: torch.Tensor, prompts: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        relevance = torch.zeros(len(images), prompts.shape[1], 24, 32)
        edges = torch.zeros(len(images), 4, 24, 32)
        for sure, box in zip((0.9, 0.8), BOXES, strict=True):
            left, upper, right, lower = (int(edge) // 8 for edge in box)
            relevance[..., upper:lower, left:right] = sure
            edges[..., upper:lower, left:right] = torch.tensor(box)[:, None, None]
        return relevance, edges


@dataclass(frozen=True)
class Finder:
    """A judge that finds a sign at each of `BOXES` in every picture, as sure as it is told."""

    sure: tuple[float, ...]
    name: str = "finder"
    digest: str = "1"
    kinds: tuple[str, ...] = ("recognition",)

    def answer(self, images: torch.Tensor, truths: Sequence[Truth]) -> list[Answer]:
        return [Detections(torch.tensor(BOXES), ("stop",) * 2, torch.tensor(self.sure), ("",) * 2) for _ in images]


def models_with(models: Models, *sure: float) -> Models:
    """Models of a receiver as sure as this, and of a transmitter to which bits promise more, however coarse."""
    windows = deepcopy(models.windows)
    windows.worth.fill_(0.1)
    windows.step_worth.fill_(0.9)
    return replace(models, judges=Panel([Finder(sure)]), windows=windows, locator=Places())


Sent = list[tuple[int, Content | Again]]


def watch(link: TaskAdaptiveLink, lost: int | None = None) -> Sent:
    """List the occasions and contents of the messages of bits that a link is about to send; one of them gets lost."""
    sent, send = Sent(), link.digital.send

    def sending(
        plan: DigitalPlan, asked: Asked, before: tuple[Shown, Held | None], turn: Turn, air: AirInterface
    ) -> tuple[Shown, Held | None]:
        sent.append((turn.occasion, read_payload(plan.payload, SIZE)[0]))
        return send(plan, asked, before, turn, replace(air, es_n0_db=-40.0) if turn.occasion == lost else air)

    link.digital.send = sending  # type: ignore[method-assign]
    return sent


@pytest.fixture
def image(street_images: torch.Tensor) -> torch.Tensor:
    return street_images[:1]


@pytest.fixture
def air(clear_radio: Radio, interface) -> AirInterface:
    return interface(clear_radio, 1, 20.0, 4)


def run(link: TaskAdaptiveLink, image: torch.Tensor, air: AirInterface, budget: int = BUDGET, task=SIGNS) -> Delivery:
    (delivery,) = link.run(image, [task], budget, air)
    assert bool((delivery.channel_uses <= budget).all())
    return delivery


def test_a_receiver_that_is_sure_at_once_gets_no_more(
    colour_models: Models, clear_radio: Radio, image: torch.Tensor, air: AirInterface
) -> None:
    models = models_with(colour_models, 0.9, 0.9)
    link, one = RoundsLink(models, clear_radio), TaskAdaptiveLink(models, clear_radio)
    sent = watch(link)
    rounds, once = run(link, image, air), run(one, image, air)
    assert [(occasion, type(content)) for occasion, content in sent] == [(1, Content)]
    assert int(rounds.channel_uses) < 0.5 * int(once.channel_uses)
    assert rounds.image is not None and not torch.equal(rounds.image, rounds.stages["coarse"])


@pytest.mark.parametrize(
    ("sure", "rows"), [((0.9, 0.2), (1,)), ((0.2, 0.9), (0,)), ((0.2, 0.2), (0, 1))], ids=["last", "first", "both"]
)
def test_windows_of_which_the_receiver_is_unsure_come_finer_until_the_occasions_end(
    colour_models: Models, clear_radio: Radio, image: torch.Tensor, air: AirInterface, sure, rows: tuple[int, ...]
) -> None:
    pictures = []
    for each in ((0.9, 0.9), sure):
        link = RoundsLink(models_with(colour_models, *each), clear_radio)
        sent = watch(link)
        delivery = run(link, image, air)
        assert delivery.image is not None
        pictures.append(delivery.image[0])
    (first, content), *others = sent
    assert first == 1 and isinstance(content, Content) and content.step == 0 and len(content.windows) == 2
    assert others == [(2, Again(rows)), (3, Again(rows))]
    for row, box in enumerate(BOXES):
        x0, y0, x1, y1 = (int(edge) for edge in box)
        errors = [float((each - image[0])[:, y0:y1, x0:x1].square().mean()) for each in pictures]
        assert errors[1] < 0.9 * errors[0] if row in rows else errors[1] == errors[0]


@pytest.mark.parametrize(("last", "messages"), [(2, 1), (3, 2), (5, 3), (7, 3)])
def test_rounds_end_with_the_occasions_or_the_finest_step(
    colour_models: Models, clear_radio: Radio, image: torch.Tensor, interface, last: int, messages: int
) -> None:
    """Windows that are as fine as can be are not asked for again: steps 0, 2 and 4."""
    link = RoundsLink(models_with(colour_models, 0.2, 0.2), clear_radio)
    sent = watch(link)
    delivery = run(link, image, interface(clear_radio, 1, 20.0, last))
    assert [occasion for occasion, _ in sent] == list(range(1, messages + 1)) and len(STEPS) == 6
    heard = min(messages, last - 2)  # none of the last one that there is an occasion for
    words = link.reports.channel_uses(MOST_WINDOWS + 1, interface(clear_radio, 1, 20.0, last).reverse(1))
    prompt = link.asking.uses(interface(clear_radio, 1, 20.0, last))
    assert int(delivery.feedback_uses) == prompt + heard * words


def test_a_lost_first_block_is_told_and_sent_anew(
    colour_models: Models, clear_radio: Radio, image: torch.Tensor, air: AirInterface
) -> None:
    """The picture is then what it would have been at once."""
    models = models_with(colour_models, 0.9, 0.9)
    fine, poor = RoundsLink(models, clear_radio), RoundsLink(models, clear_radio)
    sent, again = watch(fine), watch(poor, lost=1)
    usual, late = run(fine, image, air), run(poor, image, air)
    assert [occasion for occasion, _ in again] == [1, 2]
    assert [content for _, content in again] == 2 * [sent[0][1]]
    assert usual.image is not None and late.image is not None
    assert torch.equal(usual.image, late.image)
    assert int(late.channel_uses) > int(usual.channel_uses) and int(late.feedback_uses) >= int(usual.feedback_uses)


@pytest.mark.parametrize("occasions", [2, 3, 5])
def test_never_more_channel_uses_than_the_budget(
    colour_models: Models, radio: Radio, street_images: torch.Tensor, interface, occasions: int
) -> None:
    """Over a channel that fades, for a receiver that is never sure; with more of it not fewer are spent, nearly."""
    link, refused = RoundsLink(models_with(colour_models, 0.2, 0.2), radio), 0
    for es_n0_db in (0.0, 12.0):
        air = interface(radio, 3, es_n0_db, occasions)
        for budget in (40, 90, 150, 220, 300, 420, 640, 1300, 4000):
            try:
                delivery = run(link, street_images, air, budget)
            except BudgetError:
                refused += 1
                continue
            assert bool((delivery.feedback_uses < delivery.channel_uses).all())
    assert refused <= 8


@pytest.mark.parametrize("prompt", ["cars", "road and pavement"])
def test_of_questions_that_are_not_about_objects_there_is_one_round(
    colour_models: Models, radio: Radio, street_images: torch.Tensor, interface, prompt: str
) -> None:
    models, air = models_with(colour_models, 0.2, 0.2), interface(radio, 3, 12.0, 4)
    rounds, once = (
        run(link, street_images, air, 1300, questions.read(prompt))
        for link in (RoundsLink(models, radio), TaskAdaptiveLink(models, radio))
    )
    assert rounds.image is not None and once.image is not None and torch.equal(rounds.image, once.image)
    for name in ("channel_uses", "feedback_uses", "airtime_slots"):
        assert torch.equal(getattr(rounds, name), getattr(once, name))


def test_symbols_that_promise_more_than_bits_are_sent_in_one_round(
    colour_models: Models, clear_radio: Radio, image: torch.Tensor, air: AirInterface
) -> None:
    models = models_with(colour_models, 0.2, 0.2)
    models.windows.worth.fill_(0.95)
    rounds, once = (
        run(link, image, air) for link in (RoundsLink(models, clear_radio), TaskAdaptiveLink(models, clear_radio))
    )
    assert rounds.image is not None and once.image is not None and torch.equal(rounds.image, once.image)
    assert torch.equal(rounds.channel_uses, once.channel_uses)


@pytest.mark.parametrize("word", [0, 0b000010, 0b011100, 0b100000, 0b111111])
@pytest.mark.parametrize("lost", [None, 1])
def test_a_word_that_is_misread_makes_no_picture_worse(
    colour_models: Models, clear_radio: Radio, image: torch.Tensor, air: AirInterface, word: int, lost: int | None
) -> None:
    """What the receiver does not need it shows, and what it cannot use it does not."""
    link = RoundsLink(models_with(colour_models, 0.2, 0.9), clear_radio)
    watch(link, lost)
    send = link.reports.send

    def misread(words: torch.Tensor, way: Air) -> UciReception:
        reception = send(words, way)
        likely = torch.zeros_like(reception.log_likelihood)
        likely[:, word] = 1
        return replace(reception, log_likelihood=likely)

    link.reports.send = misread  # type: ignore[method-assign]
    delivery = run(link, image, air)
    assert delivery.image is not None
    for x0, y0, x1, y1 in (tuple(int(edge) for edge in box) for box in BOXES):
        errors = [
            float((picture - image)[..., y0:y1, x0:x1].square().mean())
            for picture in (delivery.image, delivery.stages["coarse"])
        ]
        assert errors[0] < 0.6 * errors[1] or (lost and errors[0] == errors[1])


def test_a_receiver_without_task_networks_is_told_so(colour_models: Models, clear_radio: Radio) -> None:
    with pytest.raises(
        ValueError,
        match="'task-adaptive-rounds' uses the task networks of receivers, but these models have none",
    ):
        RoundsLink(replace(colour_models, judges=None), clear_radio)
    assert RoundsLink(models_with(colour_models, 0.2, 0.2), clear_radio).name == "task-adaptive-rounds"


def test_the_way_back_is_waited_for_only_where_a_message_comes(
    colour_models: Models, clear_radio: Radio, image: torch.Tensor, interface
) -> None:
    """After the receiver's last word nothing turns around."""
    air, turn = interface(clear_radio, 1, 20.0, 3), clear_radio.config.turnaround_slots
    lasted = []
    for sure in ((0.9, 0.9), (0.2, 0.2)):
        link = RoundsLink(models_with(colour_models, *sure), clear_radio)
        sent = watch(link)
        lasted.append((int(run(link, image, air).airtime_slots), len(sent)))
    (short, one), (long, two) = lasted
    assert (one, two) == (1, 2)
    word, prompt = link.reports.slots(MOST_WINDOWS + 1, air.reverse(1)), 1
    assert short == 1 + turn + prompt + turn + 1 + turn + word, "general part, prompt, windows, word"
    assert long == short + turn + 1


@pytest.mark.parametrize("occasions", [2, 3])
def test_small_budgets_are_for_one_message_without_a_word(
    colour_models: Models, clear_radio: Radio, image: torch.Tensor, interface, occasions: int
) -> None:
    """Where a link of one round shows windows, one of several does."""
    models, air, shown = models_with(colour_models, 0.2, 0.2), interface(clear_radio, 1, 20.0, occasions), 0
    for budget in range(90, 190, 7):
        try:
            once = run(TaskAdaptiveLink(models, clear_radio), image, air, budget)
        except BudgetError:
            continue
        rounds = run(RoundsLink(models, clear_radio), image, air, budget)
        assert once.image is not None and rounds.image is not None
        if not torch.equal(once.image, once.stages["coarse"]):
            shown += 1
            assert not torch.equal(rounds.image, rounds.stages["coarse"]), budget
    assert shown >= 3


def test_a_lost_refinement_is_told_and_sent_anew(
    colour_models: Models, clear_radio: Radio, image: torch.Tensor, interface
) -> None:
    """Else the next one would refine what the receiver does not hold."""
    models, pictures = models_with(colour_models, 0.9, 0.2), []
    for occasions, lost in ((3, None), (4, 2)):
        link = RoundsLink(models, clear_radio)
        sent = watch(link, lost)
        pictures.append(run(link, image, interface(clear_radio, 1, 20.0, occasions)).image)
        assert [content for _, content in sent[1:]] == [Again((1,))] * (occasions - 2)
    assert pictures[0] is not None and pictures[1] is not None
    assert torch.equal(*pictures)
