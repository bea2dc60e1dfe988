"""Samples of the picture: drawn layer by layer, the same for the same air, and what the receiver answers from."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch

from taskwave.links.task_adaptive.digital import DigitalMessages, Turn
from taskwave.links.task_adaptive.link import TaskAdaptiveLink
from taskwave.links.task_adaptive.samples import Sampler
from taskwave.links.task_adaptive.state import Shown, Wanted
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.radio import Radio
from taskwave.scenarios.sweep.judge import Jury
from taskwave.semantic.diffusion.posterior import WindowPosterior
from taskwave.semantic.judges.panel import Panel
from taskwave.semantic.tasks import questions
from taskwave.semantic.tasks.base import Answer, Truth
from taskwave.semantic.weights import Models

SIGNS = questions.read("which traffic signs are there?")


@pytest.fixture(scope="module")
def posterior() -> WindowPosterior:
    torch.manual_seed(0)
    return WindowPosterior(widths=(8, 8, 8)).eval()


def arrived(messages: DigitalMessages, wanted: Wanted, before: Shown, air: AirInterface) -> Shown:
    plan = messages.plan(wanted, Turn(64), air)
    assert plan is not None
    return messages.send(plan, wanted.said, (before, None), Turn(64), air)[0]


def test_layers_hold_what_the_picture_is_made_of(
    messages: DigitalMessages, wanted: Wanted, before: Shown, air: AirInterface
) -> None:
    """Drawn with no spread at all, the layers give the picture that is expected."""

    class Sure(WindowPosterior):
        def sizes(self, arrived) -> torch.Tensor:
            return torch.zeros(len(arrived.lost))

    shown = arrived(messages, replace(wanted, allowed=3000), before, air)
    assert len(shown.layers) == 2, "tiles, and windows on them"
    assert shown.layers[1].windows == wanted.windows
    (picture,) = Sampler(Sure(widths=(8, 8, 8)).eval(), 1).pictures(shown, air)
    torch.testing.assert_close(picture[None], shown.picture, atol=1e-5, rtol=0)


def test_samples_differ_among_themselves_and_not_from_call_to_call(
    messages: DigitalMessages, wanted: Wanted, before: Shown, air: AirInterface, posterior: WindowPosterior
) -> None:
    shown = arrived(messages, wanted, before, air)
    pictures = Sampler(posterior, 3).pictures(shown, air)
    assert pictures.shape == (3, *shown.picture.shape[1:]) and 0 <= float(pictures.min()) <= float(pictures.max()) <= 1
    assert torch.equal(pictures, Sampler(posterior, 3).pictures(shown, air))
    assert not torch.equal(pictures[0], pictures[1])
    other = replace(air, seed=air.seed + 1)
    assert not torch.equal(pictures, Sampler(posterior, 3).pictures(shown, other))


@pytest.mark.parametrize(
    ("drawn_as", "name"),
    [({"samples": 1}, "-1-sample"), ({"samples": 4}, "-4-samples"), ({"samples": 2, "steps": 3}, "-2-samples-3-steps")],
)
def test_a_link_with_samples_delivers_them_beside_what_it_expects(
    tiny_models: Models, clear_radio: Radio, street_images: torch.Tensor, interface, drawn_as: dict[str, int], name: str
) -> None:
    air = interface(clear_radio, 3, 20.0, 3)
    link = TaskAdaptiveLink(tiny_models, clear_radio, **drawn_as)
    (drawn,), (plain,) = (
        each.run(street_images, [SIGNS], 900, air) for each in (link, TaskAdaptiveLink(tiny_models, clear_radio))
    )
    assert link.name == f"task-adaptive{name}" and plain.samples is None
    assert drawn.samples is not None and drawn.samples.shape == (3, drawn_as["samples"], 3, *street_images.shape[-2:])
    assert drawn.image is not None and plain.image is not None
    assert torch.equal(drawn.image, plain.image) and torch.equal(drawn.channel_uses, plain.channel_uses)


class Brightness:
    """Says of a picture how bright it is, in words."""

    name, digest, kinds = "brightness", "", ("classification",)

    def answer(self, images: torch.Tensor, truths: Sequence[Truth]) -> list[Answer]:
        return ["bright" if float(image.mean()) > 0.5 else "dark" for image in images]


def test_the_answer_is_that_of_the_samples_together(
    tiny_models: Models, clear_radio: Radio, street_images: torch.Tensor, interface
) -> None:
    link = TaskAdaptiveLink(tiny_models, clear_radio, samples=3)
    (delivery,) = link.run(street_images, [SIGNS], 900, interface(clear_radio, 3, 20.0, 3))
    jury, task = Jury(tiny_models, None, "cifar10"), questions.read("what is this?")
    jury.panel = Panel([Brightness()])
    assert delivery.image is not None and delivery.samples is not None
    bright, dark = torch.ones_like(delivery.image), torch.zeros_like(delivery.image)
    mixed = replace(delivery, image=dark, samples=torch.stack([bright, dark, bright], dim=1))
    assert jury.answers(mixed, task, []) == ["bright"] * 3
    assert jury.answers(replace(mixed, samples=None), task, []) == ["dark"] * 3
