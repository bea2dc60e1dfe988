"""Prompts that are lost are sent again, once, where there is time and room; what that costs is counted."""

import pytest
import torch

from taskwave.links.task_adaptive.asking import Asking
from taskwave.links.task_adaptive.link import TaskAdaptiveLink
from taskwave.links.transport.prompts import HeardPrompt, PromptTransfer
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.radio import Radio
from taskwave.semantic.tasks import questions
from taskwave.semantic.weights import Models

SNR = torch.tensor([10.0, 10.0, 10.0])


def losing(clear_radio: Radio, share: float) -> Radio:
    return Radio(RadioConfig(**{**clear_radio.config.model_dump(), "prompt_loss": share}))


def over(radio: Radio, air: AirInterface) -> AirInterface:
    return AirInterface(radio.config, air.fading, air.es_n0_db, air.seed)


@pytest.fixture
def lost_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lose the first prompt of the second image, and no other."""
    whole = PromptTransfer.send

    def send(self, prompts, snr, air, occasion, allowed):
        heard, spent = whole(self, prompts, snr, air, occasion, allowed)
        return [None if i == 1 and occasion == 0 else each for i, each in enumerate(heard)], spent

    monkeypatch.setattr(PromptTransfer, "send", send)


@pytest.mark.usefixtures("lost_first")
def test_only_whoever_gets_no_answer_asks_again_and_pays_for_it(clear_radio: Radio, interface) -> None:
    asking, air = Asking(clear_radio), interface(clear_radio, 3, 20.0, 3)
    heard, cost = asking.ask("signs", SNR, 1000, air), asking.uses(air)
    assert [each and each.text for each in heard.prompts] == ["signs"] * 3
    assert heard.occasions == [1, 2, 1] and heard.kept == [cost, 2 * cost, cost]
    assert heard.spent.uses.tolist() == [cost, 2 * cost, cost]
    assert heard.waited.tolist() == [0, 2 * air.config.turnaround_slots, 0]


@pytest.mark.usefixtures("lost_first")
@pytest.mark.parametrize(("occasions", "allowed"), [(2, 1000), (3, 100)])
def test_nobody_asks_again_without_time_or_room(clear_radio: Radio, interface, occasions: int, allowed: int) -> None:
    asking, air = Asking(clear_radio), interface(clear_radio, 3, 20.0, occasions)
    assert allowed == 1000 or allowed < 3 * asking.uses(air)
    heard = asking.ask("signs", SNR, allowed, air)
    assert heard.prompts[1] is None and heard.occasions == [1] * 3 and heard.kept == [asking.uses(air)] * 3


def test_silence_costs_nothing_and_keeps_as_much_as_a_prompt_that_was_lost(clear_radio: Radio, interface) -> None:
    """The transmitter cannot tell one from the other."""
    asking, air = Asking(clear_radio), interface(clear_radio, 3, 20.0, 3)
    heard = asking.ask(None, SNR, 1000, air)
    assert heard.prompts == [None] * 3 and not bool(heard.spent.uses.any())
    assert heard.occasions == [2] * 3 and heard.kept == [2 * asking.uses(air)] * 3


@pytest.mark.usefixtures("lost_first")
def test_an_image_whose_first_prompt_was_lost_gets_its_windows(
    colour_models: Models, clear_radio: Radio, street_images: torch.Tensor, interface
) -> None:
    link, task = TaskAdaptiveLink(colour_models, clear_radio), questions.read("which traffic signs are there?")
    late, early = (
        link.run(street_images, [task], 1500, interface(clear_radio, 3, 20.0, occasions))[0] for occasions in (3, 2)
    )
    assert late.heard == ["signs"] * 3 and early.heard == ["signs", None, "signs"]
    assert bool((late.channel_uses <= 1500).all())
    assert int(late.airtime_slots[1]) > int(late.airtime_slots[0]) + 2 * clear_radio.config.turnaround_slots - 1
    assert late.image is not None and early.image is not None
    assert not torch.equal(late.image[1], early.image[1])


def test_the_share_of_prompts_that_is_lost_on_purpose(clear_radio: Radio, interface) -> None:
    """k of n losses, |k - n p| <= 5 sqrt(n p (1 - p)) + 1; a larger share loses the same ones and more."""
    batch, kept = 300, {}
    for share in (0.0, 0.4, 0.6, 1.0):
        radio = losing(clear_radio, share)
        air = over(radio, interface(clear_radio, batch, 30.0, 2))
        heard, spent = PromptTransfer(radio).send(
            ["cars"] * batch, torch.full((batch,), 100.0), air, 0, torch.full((batch,), 10_000)
        )
        assert bool((spent.uses > 0).all()), "what is lost was on the air"
        lost = {i for i, each in enumerate(heard) if each is None}
        assert abs(len(lost) - batch * share) <= 5 * (batch * share * (1 - share)) ** 0.5 + 1
        kept[share] = lost
    assert not kept[0.0] and kept[0.4] < kept[0.6] < kept[1.0]


def test_a_report_is_of_the_prompt_that_was_heard(clear_radio: Radio, interface) -> None:
    air = interface(clear_radio, 3, 20.0, 3)
    heard = Asking(clear_radio).ask("cars", torch.tensor([2.0, 10.0, 100.0]), 1000, air)
    assert [type(each) for each in heard.prompts] == [HeardPrompt] * 3
    assert [round(each.snr, 1) for each in heard.prompts if each] == [2.0, 12.6, 79.4]
