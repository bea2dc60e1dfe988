"""Messages that refine windows, and thrifty ones: what they show, what they cost, and what they leave."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from taskwave.links.task_adaptive import digital
from taskwave.links.task_adaptive.content import REFINED, Again, Content, read_payload
from taskwave.links.task_adaptive.digital import LENGTHS, DigitalMessages, DigitalPlan, Held, Turn
from taskwave.links.task_adaptive.state import Asked, Shown, Wanted
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.radio import Radio
from taskwave.semantic.codec.placement import Window
from taskwave.semantic.codec.quantiser import SNR_DB, restored, scaled
from taskwave.semantic.codec.windows import SIGNS, STEPS, Question

SIZE, TURN = (192, 256), Turn(64)
TWO = (Window(4, 10, 8, 8), Window(20, 30, 10, 10))
PROMPT = functional.normalize(torch.randn(1, 128, generator=torch.Generator().manual_seed(0)))


def content_of(plan: DigitalPlan | None) -> Content:
    assert plan is not None
    content, _ = read_payload(plan.payload, SIZE)
    assert isinstance(content, Content)
    return content


def sent(
    messages: DigitalMessages,
    plan: DigitalPlan | None,
    before: tuple[Shown, Held | None],
    air: AirInterface,
    asked: Asked,
) -> tuple[Shown, Held | None]:
    """Send a plan at once."""
    assert plan is not None
    return messages.send(plan, asked, before, TURN, air)


def coarse_plan(messages: DigitalMessages, wanted: Wanted, air: AirInterface) -> DigitalPlan:
    """A first message whose windows can be refined."""
    plan = messages.plan(replace(wanted, allowed=150), TURN, air)
    assert plan is not None and plan.held.windows == TWO
    assert int(plan.held.steps.max()) + REFINED < len(STEPS)
    return plan


def picture_with(messages: DigitalMessages, held: Held, shown: Shown) -> torch.Tensor:
    """What is shown with windows as an end that asked for signs holds them."""
    kinds = torch.full((len(held.windows),), SIGNS)
    question = Question(PROMPT.expand(len(kinds), -1), torch.full((len(kinds),), SNR_DB), kinds)
    known = restored(messages.code, held.indices, held.sizes(), kinds)
    return shown.drawn(messages.code, held.windows, known, question).picture


@pytest.mark.parametrize("rows", [(0, 1), (1,)])
def test_a_refined_window_is_as_if_it_had_been_fine_at_once(
    messages: DigitalMessages, wanted: Wanted, before: Shown, air: AirInterface, rows: tuple[int, ...]
) -> None:
    """But for the few components that rounding twice puts beside; the other windows stay as they are."""
    first = coarse_plan(messages, wanted, air)
    second = messages.refine(wanted, first.held, rows, TURN, air)
    shown, theirs = sent(messages, first, (before, None), air, wanted.said)
    refined, finer = sent(messages, second, (shown, theirs), air, wanted.said)
    assert second is not None and theirs is not None and finer is not None
    step = int(first.held.steps[0])
    symbols = messages.code.encode(
        torch.cat([window.cut(wanted.image) for window in TWO]),
        Question(PROMPT.expand(2, -1), torch.full((2,), SNR_DB), torch.full((2,), SIGNS)),
    )
    whole = scaled(messages.code, symbols, torch.ones(2), torch.full((2,), SIGNS))
    coarse, fine = ((whole / STEPS[each]).round() for each in (step, step + REFINED))
    for row in range(2):
        expected = fine[row].clamp(3 * coarse[row] - 1, 3 * coarse[row] + 1) if row in rows else coarse[row]
        assert int(finer.steps[row]) == step + REFINED * (row in rows)
        assert torch.equal(finer.indices[row], expected) and torch.equal(theirs.indices[row], coarse[row])
        assert float((expected == fine[row]).float().mean()) > 0.98 or row not in rows
    assert torch.equal(second.held.indices, finer.indices) and torch.equal(second.held.steps, finer.steps)
    changed = Held(tuple(TWO[row] for row in rows), finer.steps[list(rows)], finer.indices[list(rows)])
    torch.testing.assert_close(refined.picture, picture_with(messages, changed, shown), atol=1e-4, rtol=0)
    for row, window in enumerate(TWO):
        same = torch.equal(window.cut(refined.picture), window.cut(shown.picture))
        assert same == (row not in rows)
    assert int(refined.channel_uses) > int(shown.channel_uses) and int(refined.slots) > int(shown.slots)
    assert len(second.payload) < len(first.payload) + len(rows) * 40


def test_a_refined_window_is_nearer_to_the_image(
    messages: DigitalMessages, wanted: Wanted, before: Shown, air: AirInterface
) -> None:
    first = coarse_plan(messages, wanted, air)
    state, errors = (before, None), []
    for plan in (first, messages.refine(wanted, first.held, (0, 1), TURN, air)):
        state = sent(messages, plan, state, air, wanted.said)
        errors.append([float((w.cut(state[0].picture) - w.cut(wanted.image)).square().mean()) for w in TWO])
    assert all(fine < coarse for coarse, fine in zip(*errors, strict=True)), errors


def test_what_refines_windows_that_never_came_changes_nothing(
    messages: DigitalMessages, wanted: Wanted, before: Shown, air: AirInterface
) -> None:
    first = coarse_plan(messages, wanted, air)
    second = messages.refine(wanted, first.held, (0, 1), TURN, air)
    one = Held(TWO[:1], first.held.steps[:1], first.held.indices[:1])
    finest = replace(first.held, steps=first.held.steps * 0 + len(STEPS) - 1)
    for held in (None, one, finest):
        shown, after = sent(messages, second, (before, held), air, wanted.said)
        assert after is held and torch.equal(shown.picture, before.picture)
        assert int(shown.channel_uses) > 70


def test_windows_that_are_as_fine_as_can_be_are_not_refined(
    messages: DigitalMessages, wanted: Wanted, air: AirInterface
) -> None:
    held = coarse_plan(messages, wanted, air).held
    for last in (len(STEPS) - 2, len(STEPS) - 1):
        fine = replace(held, steps=torch.tensor([last, int(held.steps[1])]))
        plan = messages.refine(wanted, fine, (0, 1), TURN, air)
        assert plan is not None and read_payload(plan.payload, SIZE)[0] == Again((1,))
        assert torch.equal(plan.held.indices[0], fine.indices[0]) and int(plan.held.steps[0]) == last
        assert messages.refine(wanted, fine, (0,), TURN, air) is None
    assert messages.refine(wanted, held, (), TURN, air) is None


def test_as_many_windows_are_refined_as_find_room(messages: DigitalMessages, wanted: Wanted, air: AirInterface) -> None:
    held, found = coarse_plan(messages, wanted, air).held, []
    for allowed in range(20, 320, 20):
        plan = messages.refine(replace(wanted, allowed=allowed), held, (1, 0), TURN, air)
        content = read_payload(plan.payload, SIZE)[0] if plan else Again(())
        assert isinstance(content, Again)
        assert plan is None or (len(plan.payload) <= plan.option.payload_bytes and plan.allowed == allowed)
        found.append(content.rows)
    assert list(dict.fromkeys(found)) == [(), (1,), (0, 1)], "the first that is asked for comes first"


def test_a_thrifty_message_is_shorter_and_nearly_as_good(
    messages: DigitalMessages, wanted: Wanted, air: AirInterface
) -> None:
    full, short = (messages.plan(wanted, replace(TURN, enough=enough), air) for enough in (1.0, 0.9))
    assert full is not None and short is not None
    assert full.allowed == 1000 and short.allowed < 500
    assert short.worth >= 0.9 * full.worth and short.held.windows == TWO
    smaller = messages.plan(replace(wanted, allowed=max(n for n in LENGTHS if n < short.allowed)), TURN, air)
    assert smaller is None or smaller.worth < 0.9 * full.worth, "no shorter one does"


def test_what_a_thrifty_message_leaves_is_not_for_the_whole_image(
    messages: DigitalMessages, wanted: Wanted, air: AirInterface, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although tiles would find room where messages may only be long."""
    monkeypatch.setattr(digital, "LENGTHS", (1000,))
    full, thrifty = (messages.plan(wanted, replace(TURN, enough=enough), air) for enough in (1.0, 0.9))
    assert full is not None and thrifty is not None and full.allowed == thrifty.allowed
    assert content_of(full).grid is not None and content_of(thrifty).grid is None
    assert content_of(thrifty).windows == TWO


def test_a_thrifty_refinement_is_shorter_and_nearly_as_sure(
    messages: DigitalMessages, faded: DigitalMessages, wanted: Wanted, radio: Radio, air: AirInterface, interface
) -> None:
    held, fading = coarse_plan(messages, wanted, air).held, interface(radio, 1, 8.0, 2)
    wanted = replace(wanted, allowed=4000)
    full, short = (faded.refine(wanted, held, (0, 1), replace(TURN, enough=enough), fading) for enough in (1.0, 0.9))
    assert full is not None and short is not None
    assert full.allowed == 4000 and short.allowed < 2000 and short.payload == full.payload
    assert short.worth >= 0.9 * full.worth > 0.5


def test_a_message_meets_the_channel_of_its_occasion(
    faded: DigitalMessages, radio: Radio, wanted: Wanted, before: Shown, interface
) -> None:
    """Some of twelve channels carry the block at one of the two occasions only."""
    arrived = []
    for seed in range(12):
        air = AirInterface(radio.config, radio.draw(1, 9, seed), 3.0, 6)
        plan = faded.plan(wanted, TURN, air)
        assert plan is not None
        turns = [replace(TURN, occasion=occasion) for occasion in (1, 8)]
        arrived.append([faded.send(plan, wanted.said, (before, None), turn, air)[1] is not None for turn in turns])
    assert {True, False} <= {one for one, _ in arrived} and any(one != other for one, other in arrived)


def test_a_thrifty_message_is_nearly_as_good_whatever_is_allowed(
    messages: DigitalMessages, wanted: Wanted, air: AirInterface
) -> None:
    """Also where all that is allowed is needed, and is none of the usual lengths."""
    for allowed in range(40, 300, 9):
        mine = replace(wanted, allowed=allowed)
        full, short = (messages.plan(mine, replace(TURN, enough=enough), air) for enough in (1.0, 0.95))
        assert (full is None) == (short is None), allowed
        assert full is None or short is None or short.worth >= 0.95 * full.worth, allowed
