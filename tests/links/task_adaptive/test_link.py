"""The task-adaptive link: where its windows fall, as what they are sent, and what a lost prompt leaves."""

from copy import deepcopy
from dataclasses import replace
from typing import get_args

import pytest
import torch

from taskwave.links.base import BudgetError, InformedLink
from taskwave.links.task_adaptive.link import Carriage, OracleTaskAdaptiveLink, TaskAdaptiveLink
from taskwave.links.task_adaptive.state import Shown
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.radio import Radio
from taskwave.semantic.data.objects import Objects
from taskwave.semantic.tasks import questions
from taskwave.semantic.tasks.base import Truth
from taskwave.semantic.weights import Models

SIGNS = questions.read("which traffic signs are there?")
BOXES = [(40.0, 16.0, 72.0, 48.0), (160.0, 96.0, 200.0, 136.0), (64.0, 72.0, 96.0, 104.0)]


def truth_with(box: tuple[float, float, float, float]) -> Truth:
    return Truth(torch.full((192, 256), 8, dtype=torch.uint8), Objects.of([(box, "stop", "")]))


def told(models: Models, radio: Radio, carriage: Carriage) -> OracleTaskAdaptiveLink:
    """A link that knows the places and sends windows in one way."""
    return OracleTaskAdaptiveLink(models, radio, carriage).informed_by([truth_with(box) for box in BOXES])


@pytest.fixture(params=["analog", "digital"])
def carriage(request: pytest.FixtureRequest) -> Carriage:
    return request.param


def test_windows_fall_on_the_true_places_and_make_them_better(
    colour_models: Models, clear_radio: Radio, street_images: torch.Tensor, interface, carriage: Carriage
) -> None:
    link = told(colour_models, clear_radio, carriage)
    assert isinstance(link, InformedLink)
    (delivery,) = link.run(street_images, [SIGNS], 280, interface(clear_radio, 3, 20.0, 2))
    coarse = delivery.stages["coarse"]
    assert delivery.image is not None
    for i, (x0, y0, x1, y1) in enumerate((int(v) for v in box) for box in BOXES):
        changed = (delivery.image[i] != coarse[i]).any(0)
        now, before = (
            float((each[i] - street_images[i])[:, y0:y1, x0:x1].square().mean()) for each in (delivery.image, coarse)
        )
        assert now < 0.5 * before
        changed[max(0, y0 - 16) : y1 + 16, max(0, x0 - 16) : x1 + 16] = False
        assert not bool(changed.any()), "with so few uses nothing is left for the whole image"


def test_the_oracle_wants_annotations(colour_models: Models, clear_radio: Radio, street_images, interface) -> None:
    link, air = OracleTaskAdaptiveLink(colour_models, clear_radio), interface(clear_radio, 3, 20.0, 2)
    with pytest.raises(ValueError, match="annotations of the images, and there are none"):
        link.run(street_images, [SIGNS], 1000, air)
    with pytest.raises(ValueError, match="annotations of 1 images, but 3"):
        link.informed_by([truth_with(BOXES[0])]).run(street_images, [SIGNS], 1000, air)


def test_a_lost_prompt_leaves_all_to_the_whole_image(
    colour_models: Models, clear_radio: Radio, street_images: torch.Tensor, interface, carriage: Carriage
) -> None:
    """An image whose prompt is lost is sent as by a link that never asks, but for what the prompt cost."""
    deaf = RadioConfig(**{**clear_radio.config.model_dump(), "feedback_es_n0_offset_db": -40.0})
    air = interface(clear_radio, 3, 8.0, 2)
    lost = AirInterface(deaf, air.fading, air.es_n0_db, air.seed)
    (delivery,) = told(colour_models, Radio(deaf), carriage).run(street_images, [SIGNS], 3000, lost)
    assert delivery.heard == [None] * 3 and bool((delivery.feedback_uses > 0).all())
    blind = TaskAdaptiveLink(colour_models, Radio(deaf), asks=False, carriage=carriage)
    (other,) = blind.run(street_images, [SIGNS], 3000 - int(delivery.feedback_uses[0]), lost)
    assert bool((other.feedback_uses == 0).all()) and other.heard == [None] * 3
    assert delivery.image is not None and other.image is not None
    errors = [float((each - street_images).square().mean()) for each in (delivery.image, other.image)]
    assert errors[0] == pytest.approx(errors[1], rel=0.15)
    assert errors[0] < 0.7 * float((delivery.stages["coarse"] - street_images).square().mean())


def test_the_question_changes_the_message_only_through_the_prompt(
    colour_models: Models, clear_radio: Radio, street_images: torch.Tensor, interface, carriage: Carriage
) -> None:
    """Two questions about the same classes get the same picture; so the transmitter knows no more than the prompt."""
    link = TaskAdaptiveLink(colour_models, clear_radio, carriage=carriage)
    air = interface(clear_radio, 3, 15.0, 2)
    tasks = [SIGNS, questions.read("what is the speed limit?"), questions.read("how many vehicles are there?")]
    which, limit, vehicles = link.run(street_images, tasks, 2000, air)
    assert which.image is not None and limit.image is not None and vehicles.image is not None
    assert torch.equal(which.image, limit.image)
    assert which.messages != vehicles.messages


def test_the_windows_are_of_signs_where_the_prompt_names_signs_and_only_there(
    colour_models: Models, clear_radio: Radio, street_images: torch.Tensor, interface, carriage: Carriage
) -> None:
    """A code with another map of signs shows the signs asked for otherwise, and all else as before."""
    other = deepcopy(colour_models.windows)
    other.basis.copy_(other.basis.flip(0))
    objects = Objects.of([(BOXES[0], "stop", ""), (BOXES[1], "car", "")])
    truths = [Truth(torch.full((192, 256), 8, dtype=torch.uint8), objects)] * 3
    tasks, air = [SIGNS, questions.read("how many vehicles are there?")], interface(clear_radio, 3, 20.0, 2)
    first, second = (
        told(models, clear_radio, carriage).informed_by(truths).run(street_images, tasks, 280, air)
        for models in (colour_models, replace(colour_models, windows=other))
    )
    for (left, upper, right, lower), before, after, same in zip(BOXES, first, second, (False, True), strict=False):
        assert before.image is not None and after.image is not None
        changed = (before.image != before.stages["coarse"])[..., int(upper) : int(lower), int(left) : int(right)]
        assert bool(changed.any()), "there is a window"
        assert torch.equal(before.image, after.image) == same


def weighed(models: Models, of_symbols: float, of_steps: float) -> Models:
    """Return models with a code to which all symbols are worth the same, and all steps."""
    windows = deepcopy(models.windows)
    windows.worth.fill_(of_symbols)
    windows.step_worth.fill_(of_steps)
    return replace(models, windows=windows)


def refuse(*_: object) -> Shown:
    pytest.fail("this is not to be sent")


@pytest.mark.parametrize(("worth", "better"), [((0.5, 0.6), "digital"), ((0.6, 0.5), "analog"), ((0.5, 0.5), "analog")])
def test_windows_are_sent_as_what_promises_most(
    colour_models: Models, clear_radio: Radio, street_images: torch.Tensor, interface, worth, better: Carriage
) -> None:
    """Over a channel on which all arrives the worth alone decides."""
    models, air = weighed(colour_models, *worth), interface(clear_radio, 3, 20.0, 2)
    pictures = {
        carriage: told(models, clear_radio, carriage).run(street_images, [SIGNS], 600, air)[0].image
        for carriage in get_args(Carriage)
    }
    assert torch.equal(pictures["better"], pictures[better])
    assert not torch.equal(pictures["analog"], pictures["digital"])


def test_what_promises_most_counts_how_likely_it_arrives(
    colour_models: Models, clear_radio: Radio, street_images: torch.Tensor, interface
) -> None:
    """Bits that would be worth more are not sent where they hardly ever arrive."""
    link = told(weighed(colour_models, 0.5, 1.0), clear_radio, "better")
    link.digital.send = refuse
    link.run(street_images, [SIGNS], 600, interface(clear_radio, 3, -8.0, 2))


@pytest.mark.parametrize("asks", [True, False])
def test_a_link_of_one_carriage_sends_nothing_as_the_other(
    colour_models: Models, clear_radio: Radio, street_images: torch.Tensor, interface, carriage: Carriage, asks: bool
) -> None:
    """Not even where the other promises more, or where nothing of its own fits."""
    models = weighed(colour_models, float(carriage == "digital"), float(carriage == "analog"))
    link, air = told(models, clear_radio, carriage), interface(clear_radio, 3, 20.0, 2)
    link.asks = asks
    other = link.analog if carriage == "digital" else link.digital
    other.send = refuse
    small, large = (link.run(street_images, [SIGNS], budget, air)[0] for budget in (100, 600))
    assert small.image is not None and torch.equal(small.image, small.stages["coarse"])
    assert large.image is not None and not torch.equal(large.image, large.stages["coarse"])


@pytest.mark.parametrize("asks", [True, False])
def test_links_are_named_by_what_they_do(colour_models: Models, clear_radio: Radio, asks: bool) -> None:
    names = {
        carriage: TaskAdaptiveLink(colour_models, clear_radio, asks=asks, carriage=carriage).name
        for carriage in get_args(Carriage)
    }
    usual = "task-adaptive" + ("" if asks else "-uniform")
    assert names == {"better": usual, "analog": f"{usual}-analog", "digital": f"{usual}-digital"}
    if asks:
        told = {carriage: OracleTaskAdaptiveLink(colour_models, clear_radio, carriage).name for carriage in names}
        assert told == {carriage: f"{name}-oracle" for carriage, name in names.items()}


@pytest.mark.parametrize("asks", [True, False])
def test_small_budgets_are_kept_or_refused(
    colour_models: Models, clear_radio: Radio, street_images: torch.Tensor, interface, carriage: Carriage, asks: bool
) -> None:
    link, air = (
        TaskAdaptiveLink(colour_models, clear_radio, asks=asks, carriage=carriage),
        interface(clear_radio, 1, 20.0, 2),
    )
    kept = 0
    for budget in range(40, 140, 12):
        try:
            (delivery,) = link.run(street_images[:1], [SIGNS], budget, air)
        except BudgetError:
            continue
        kept += 1
        assert int(delivery.channel_uses) <= budget
    assert kept >= 3
