"""What every registered link owes, whatever it does inside (see `taskwave.links.base`)."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from typing import Any, get_args

import pytest
import torch
from torch import nn

from taskwave.links import registry
from taskwave.links.base import BudgetError, Delivery, InformedLink, Link, LinkKind
from taskwave.links.nothing import Prior
from taskwave.phy.channel.air import Air, AirInterface
from taskwave.phy.channel.medium import SlotSignal, Stream
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.grid.allocation import Allocation
from taskwave.phy.radio import Radio
from taskwave.semantic.classes import NO_ANSWER
from taskwave.semantic.judges.panel import Panel
from taskwave.semantic.judges.segmentation import Segmenter
from taskwave.semantic.tasks import questions
from taskwave.semantic.tasks.base import Answer, Detections, Task, Truth
from taskwave.semantic.tasks.segmentation import Segmentation
from taskwave.semantic.weights import Models

CARS, GROUND = Segmentation("cars", (8,)), Segmentation("road and pavement", (3, 4))
BUDGET = 1300
RADIOS: dict[str, dict[str, Any]] = {
    "plain": {"num_layers": 1},
    "reported": {"num_layers": 1, "precoding": {"kind": "codebook"}},
    "sounded": {"num_layers": 2, "precoding": {"kind": "svd"}},
    "samples": {
        "num_layers": 1,
        "impairments": {"amplifier": {"model": "rapp", "input_backoff_db": 6}, "phase_noise_deg": 1.0},
    },
}
ROUNDS = "task-adaptive-rounds"
"""Name, or start of it, of links whose receivers look at their pictures in between."""
QUICK = (
    *("task-adaptive", "jpeg", "avif-nr", "ideal-jpeg", "finite-jpeg", "prompted-avif", "nothing"),
    *("answer", "prompted-answer", "all-answers"),
    *("task-adaptive-analog", "task-adaptive-digital", "task-adaptive-4-samples", ROUNDS),
)
"""One link of each family, for every radio; its siblings differ in a codec or in the choice of windows and are, as
slow tests, for the plain radio only. Windows are sent in two ways and in rounds, and sampled."""
CASES = [
    pytest.param((radio, name), id=f"{name}-{radio}", marks=[] if name in QUICK else [pytest.mark.slow])
    for radio in RADIOS
    for name in registry.names()
    if "toy" not in name and (name in QUICK or radio == "plain")
]


ANSWERS = ("answer", "prompted-answer", "all-answers")
"""Links whose transmitter owns the task networks."""


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Radio and link."""
    return request.param


@cache
def radio_of(name: str) -> Radio:
    return Radio(RadioConfig.model_validate({"channel": "tdl-a", "max_prb": 24, **RADIOS[name]}))


@pytest.fixture(scope="module")
def radio(case: tuple[str, str]) -> Radio:
    return radio_of(case[0])


@pytest.fixture(scope="module")
def images(street_images: torch.Tensor) -> torch.Tensor:
    """[2, 3, 91, 125]: links take images of any size."""
    return nn.functional.avg_pool2d(street_images[:2], 2)[..., :91, :125]


class Untouchable(Panel):
    """Judges that no link but those of kind `answer` may look at."""

    def __getattribute__(self, name: str) -> Any:
        raise AssertionError(f"a link reads {name} of the judges, which only receivers have")


class Unsure:
    """A judge that never finds anything, so that its receiver asks for all that it can get."""

    name, digest, kinds = "unsure", "1", ("recognition",)

    def answer(self, images: torch.Tensor, truths: Sequence[Truth]) -> list[Answer]:
        assert not any(truth.is_known for truth in truths), "nobody tells what is true"
        return [Detections.none() for _ in images]


class TwoThings:
    """A locator that finds two things in every image, whatever is asked."""

    def locate(self, images: torch.Tensor, prompts: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        relevance = torch.zeros(len(images), prompts.shape[1], 12, 16)
        relevance[..., 2:5, 2:5], relevance[..., 6:10, 8:12] = 0.9, 0.8
        edges = torch.tensor([64.0, 48, 96, 80])[:, None, None].repeat(len(images), 1, 12, 16)
        edges[..., :6, :6] = torch.tensor([16.0, 16, 40, 40])[:, None, None]
        return relevance, edges


class Told:
    """A link that is shown annotations, as the evaluator of a sweep shows them: cars and ground in one place."""

    def __init__(self, link: InformedLink) -> None:
        self._link, self.name, self.kind = link, link.name, link.kind

    def run(self, images: torch.Tensor, tasks: Sequence[Task], budget: int, air: AirInterface) -> list[Delivery]:
        label = torch.zeros(images.shape[-2:], dtype=torch.uint8)
        label[40:60, 30:70], label[60:] = CARS.classes[0], GROUND.classes[0]
        return self._link.informed_by([Truth(label)] * len(images)).run(images, tasks, budget, air)


def make(name: str, models: Models, radio: Radio) -> Link:
    """Make a link; one that is shown annotations is shown some."""
    made = registry.create(name, models, radio)
    return Told(made) if isinstance(made, InformedLink) else made


@pytest.fixture(scope="module")
def models(case: tuple[str, str], colour_models: Models, colours: Segmenter) -> Models:
    """Models with the judges of the receivers."""
    if case[1].startswith(ROUNDS):
        windows = deepcopy(colour_models.windows)
        windows.worth.fill_(0.1)  # bits promise more than symbols, as rounds are of bits,
        windows.step_worth.fill_(0.9)  # and coarse ones at first do
        return replace(colour_models, judges=Panel([Unsure()]), windows=windows, locator=TwoThings())
    judges = Panel([colours]) if case[1] in ANSWERS else Untouchable.__new__(Untouchable)
    return replace(colour_models, judges=judges)


@pytest.fixture(scope="module")
def tasks(case: tuple[str, str]) -> tuple[Task, Task]:
    """Two tasks: label maps, but of a link in rounds objects, of which alone its receiver can be unsure."""
    if case[1].startswith(ROUNDS):
        return questions.read("which cars are there?"), questions.read("which traffic signs are there?")
    return CARS, GROUND


@pytest.fixture(scope="module")
def link(case: tuple[str, str], models: Models, radio: Radio) -> Link:
    return make(case[1], models, radio)


@pytest.fixture
def anew(case: tuple[str, str], models: Models, radio: Radio) -> Link:
    """Return a second link of the same name, models and radio."""
    return make(case[1], models, radio)


@pytest.fixture(scope="module")
def air(radio: Radio) -> AirInterface:
    return AirInterface(radio.config, radio.draw(2, 3, seed=1), 12.0, seed=2)


@pytest.fixture(scope="module")
def deliveries(link: Link, images: torch.Tensor, air: AirInterface, tasks: tuple[Task, Task]) -> list[Delivery]:
    return link.run(images, tasks, BUDGET, air)


def assert_equal(one: Delivery, other: Delivery) -> None:
    assert (one.answers is None) == (other.answers is None)
    assert all(map(torch.equal, one.answers or [], other.answers or []))
    assert torch.equal(one.channel_uses, other.channel_uses)
    assert torch.equal(one.feedback_uses, other.feedback_uses)
    assert torch.equal(one.airtime_slots, other.airtime_slots)
    assert torch.equal(one.outage, other.outage)
    assert one.messages == other.messages
    assert (one.image is None) == (other.image is None)
    if one.image is not None and other.image is not None:
        assert torch.equal(one.image, other.image)
    assert (one.samples is None) == (other.samples is None)
    if one.samples is not None and other.samples is not None:
        assert torch.equal(one.samples, other.samples)


def test_names_itself_and_its_kind(link: Link, case: tuple[str, str]) -> None:
    assert link.name == case[1]
    assert link.kind in get_args(LinkKind)
    assert (link.kind == "answer") == (link.name in ANSWERS) == registry.owns_task_networks(link.name)


def test_shapes_and_types(link: Link, deliveries: list[Delivery]) -> None:
    assert len(deliveries) == 2
    for task, delivery in zip((CARS, GROUND), deliveries, strict=True):
        assert (delivery.image is None) == (link.kind == "answer") == (delivery.answers is not None)
        for answer in delivery.answers or []:
            assert answer.shape == (91, 125) and answer.dtype == torch.uint8
            assert set(answer.unique().tolist()) <= {*task.classes, NO_ANSWER}
        assert len(delivery.answers or [None, None]) == 2
        for count in (delivery.channel_uses, delivery.feedback_uses, delivery.airtime_slots):
            assert count.shape == (2,)
            assert count.dtype == torch.int64
        assert delivery.outage.shape == (2,)
        assert delivery.outage.dtype == torch.bool
        if delivery.image is not None:
            assert delivery.image.shape == (2, 3, 91, 125)
            assert delivery.image.is_floating_point()
            assert 0 <= float(delivery.image.min()) <= float(delivery.image.max()) <= 1
        if delivery.samples is not None:
            assert delivery.samples.shape == (2, delivery.samples.shape[1], 3, 91, 125)
            assert 0 <= float(delivery.samples.min()) <= float(delivery.samples.max()) <= 1
        assert all(len(stage) == 2 for stage in delivery.stages.values())
        assert len(delivery.messages) in (0, 2)


def test_stays_within_the_budget(link: Link, deliveries: list[Delivery]) -> None:
    for delivery in deliveries:
        assert bool((delivery.channel_uses <= BUDGET).all())
        assert bool((delivery.channel_uses > delivery.feedback_uses).all()) or link.kind == "floor"
        assert bool((delivery.feedback_uses >= 0).all())


@dataclass(frozen=True)
class Message:
    """One message on the air, as the medium sees it."""

    air: Air
    uses: int
    slots: int


@pytest.fixture(scope="module")
def watched(
    link: Link,
    radio: Radio,
    images: torch.Tensor,
    air: AirInterface,
    deliveries: list[Delivery],
    tasks: tuple[Task, Task],
) -> tuple[Delivery, list[Message]]:
    """One more run and all its messages. `deliveries` has run already: calibrations are not sent again."""
    response, carry = Air.frequency_response, radio.medium.carry
    messages: list[Message] = []
    carrying: list[Air] = []

    def responding(way: Air, allocation: Allocation, slot: int) -> torch.Tensor:
        if not carrying:
            messages.append(Message(way, allocation.channel_uses, 1))  # a slot that an ideal code is asked about
        return response(way, allocation, slot)

    def carried(
        allocations: Sequence[Allocation], grids: Sequence[torch.Tensor], way: Air, stream: Stream
    ) -> list[SlotSignal]:
        messages.append(Message(way, sum(a.channel_uses for a in allocations), len(allocations)))
        carrying.append(way)
        signals = carry(allocations, grids, way, stream)
        carrying.pop()
        return signals

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Air, "frequency_response", responding)
        patch.setattr(radio.medium, "carry", carried)
        (delivery,) = link.run(images, tasks[:1], BUDGET, air)
    return delivery, messages


def test_charges_what_the_radio_spends(radio: Radio, watched: tuple[Delivery, list[Message]]) -> None:
    (delivery, messages), spent = watched, torch.zeros(2, 2, dtype=torch.int64)
    for message in messages:
        spent[message.air.images, int(message.air.direction == "reverse")] += message.uses
    assert torch.equal(delivery.channel_uses, spent.sum(1))
    if radio.config.precoding is None:  # else knowledge of the channel travels back as well
        assert torch.equal(delivery.feedback_uses, spent[:, 1])
    assert bool((delivery.feedback_uses <= spent[:, 1]).all())


def test_lasts_as_long_as_its_messages(radio: Radio, watched: tuple[Delivery, list[Message]]) -> None:
    """Messages of one occasion and direction may be sent side by side or one after the other."""
    delivery, messages = watched
    for image, lasted in enumerate(delivery.airtime_slots.tolist()):
        mine = [m for m in messages if image in m.air.images.tolist()]
        sent = [m for m in mine if m.air.csi_age_s is None]
        ways: dict[tuple[int, str], list[int]] = {}
        for m in sent:
            ways.setdefault((m.air.occasion, m.air.direction), []).append(m.slots)
        directions = [direction for _, direction in sorted(ways)]  # forward comes before reverse
        turns = radio.config.turnaround_slots * sum(one != other for one, other in pairwise(directions))
        least = sum(max(slots) for slots in ways.values()) + turns
        if radio.config.precoding is None:
            assert least <= lasted <= sum(m.slots for m in sent) + turns
        else:  # the exchange of channel knowledge takes its age
            knowing = len({m.air.occasion for m in sent if m.air.precoder is not None})
            assert lasted >= least + knowing * radio.config.precoding.csi_age_slots


def test_a_link_in_rounds_hears_of_every_message_but_the_last(
    case: tuple[str, str], watched: tuple[Delivery, list[Message]]
) -> None:
    """A link in rounds has two rounds here, which the other tests of this file are then about."""
    if case[1].startswith(ROUNDS):
        for image in range(2):
            mine = [m for m in watched[1] if image in m.air.images.tolist() and m.air.csi_age_s is None]
            ways = {(m.air.occasion, m.air.direction) for m in mine}
            assert ways == {(0, "forward"), (0, "reverse"), (1, "forward"), (1, "reverse"), (2, "forward")}


def test_more_feedback_lasts_longer(deliveries: list[Delivery], radio: Radio) -> None:
    for delivery in deliveries:
        asked = delivery.feedback_uses > 0
        assert bool((delivery.airtime_slots[asked] > radio.config.turnaround_slots).all())


def test_repeats_itself(
    link: Link,
    images: torch.Tensor,
    air: AirInterface,
    deliveries: list[Delivery],
    anew: Link,
    tasks: tuple[Task, Task],
) -> None:
    for again in (link, anew):
        for one, other in zip(deliveries, again.run(images, tasks, BUDGET, air), strict=True):
            assert_equal(one, other)


def test_a_task_does_not_depend_on_the_others(
    link: Link, images: torch.Tensor, air: AirInterface, deliveries: list[Delivery], tasks: tuple[Task, Task]
) -> None:
    (alone,) = link.run(images, tasks[1:], BUDGET, air)
    assert_equal(alone, deliveries[1])


def test_an_image_does_not_depend_on_its_batch(
    link: Link, images: torch.Tensor, air: AirInterface, deliveries: list[Delivery], tasks: tuple[Task, Task]
) -> None:
    (alone,) = link.run(images[1:], tasks[:1], BUDGET, air.select(slice(1, 2)))
    whole = deliveries[0]
    assert torch.equal(alone.channel_uses, whole.channel_uses[1:])
    assert torch.equal(alone.outage, whole.outage[1:])
    # Convolutions may round differently in batches of another size.
    for one, other in zip(alone.answers or [], (whole.answers or [])[1:], strict=True):
        assert float((one != other).float().mean()) < 1e-3
    for mine, every in ((alone.image, whole.image), (alone.samples, whole.samples)):
        assert (mine is None) == (every is None)
        if mine is not None and every is not None:
            torch.testing.assert_close(mine, every[1:], atol=2e-3, rtol=1e-3)


def test_a_larger_budget_is_used(
    link: Link, images: torch.Tensor, air: AirInterface, deliveries: list[Delivery], tasks: tuple[Task, Task]
) -> None:
    (larger,) = link.run(images, tasks[:1], 2 * BUDGET, air)
    assert bool((larger.channel_uses <= 2 * BUDGET).all())
    assert bool((larger.channel_uses >= deliveries[0].channel_uses).all())


def test_a_hopeless_budget_is_refused(link: Link, images: torch.Tensor, air: AirInterface) -> None:
    if link.kind == "floor":
        assert not bool(link.run(images, [CARS], 10, air)[0].channel_uses.any())
        return
    with pytest.raises(BudgetError, match=rf"{link.name}.*\b10\b"):
        link.run(images, [CARS], 10, air)


@pytest.fixture(scope="module")
def deep_fade(radio: Radio) -> AirInterface:
    return AirInterface(radio.config, radio.draw(2, 3, seed=1), -25.0, seed=2)


@pytest.fixture(scope="module")
def prior(colour_models: Models) -> torch.Tensor:
    return Prior(colour_models).image(91, 125)


def test_an_outage_is_answered_from_the_prior(
    link: Link,
    images: torch.Tensor,
    deep_fade: AirInterface,
    prior: torch.Tensor,
    colours: Segmenter,
    tasks: tuple[Task, Task],
) -> None:
    (delivery,) = link.run(images, tasks[:1], BUDGET, deep_fade)
    labels = colours.predict(prior[None])[0]
    labels[~torch.isin(labels, torch.tensor(CARS.classes, dtype=torch.uint8))] = NO_ANSWER
    for lost in delivery.outage.nonzero()[:, 0].tolist():
        assert delivery.answers is None or torch.equal(delivery.answers[lost], labels)
        assert delivery.image is None or torch.equal(delivery.image[lost], prior)
    assert bool((delivery.channel_uses > 0).all()) or link.kind == "floor"
    assert bool((delivery.channel_uses <= BUDGET).all())
    if link.kind == "bitwise":
        assert bool(delivery.outage.all())
