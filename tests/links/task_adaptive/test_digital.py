"""Messages of windows as bits: what they show, what they cost, how they are chosen, and payloads that make no sense."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from taskwave.links.task_adaptive.adaptation import _CALIBRATION, LinkAdaptation, Report
from taskwave.links.task_adaptive.content import Content, read_payload
from taskwave.links.task_adaptive.digital import USUAL, DigitalMessages, DigitalPlan, Held, Turn
from taskwave.links.task_adaptive.state import Asked, Shown, Wanted
from taskwave.links.transport.arrival import Transmission, arrival_prediction
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.radio import Radio
from taskwave.semantic.codec.placement import Window
from taskwave.semantic.codec.quantiser import SNR_DB, restored, scaled
from taskwave.semantic.codec.windows import ANYTHING, SIGNS, STEPS, Question

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


@pytest.mark.parametrize(("windows", "allowed"), [(TWO, 150), (TWO, 1000), ((), 1000)])
def test_what_arrives_is_shown_as_the_transmitter_itself_would(
    messages: DigitalMessages, wanted: Wanted, before: Shown, air: AirInterface, windows, allowed: int
) -> None:
    """Tiles of the whole image, of which nothing is asked, come first: windows lie on them."""
    code, wanted = messages.code, replace(wanted, windows=windows, allowed=allowed)
    plan = messages.plan(wanted, TURN, air)
    content = content_of(plan)
    tiles = content.tiles(SIZE)
    assert content.windows == windows and bool(tiles) == (allowed == 1000)
    picture = before.picture
    for places, step, kind, prompt in (
        (tiles, content.tile_step, ANYTHING, 0 * PROMPT),
        (windows, content.step, SIGNS, PROMPT),
    ):
        if places:
            steps, kinds = torch.full((len(places),), STEPS[step]), torch.full((len(places),), kind)
            question = Question(prompt.expand(len(places), -1), torch.full((len(places),), SNR_DB), kinds)
            symbols = code.encode(torch.cat([place.cut(wanted.image) for place in places]), question)
            known = restored(code, scaled(code, symbols, steps, kinds).round(), steps, kinds)
            under = torch.cat([place.cut(picture) for place in places])
            for place, part in zip(places, code.decode(*known, under, question).clamp(0, 1), strict=True):
                picture = place.paste(picture, part[None])
    shown, held = sent(messages, plan, (before, None), air, wanted.said)
    assert held is not None and held.windows == windows and held.steps.tolist() == [content.step] * len(windows)
    torch.testing.assert_close(shown.picture, picture, atol=1e-4, rtol=0)
    assert not torch.equal(shown.picture, before.picture)


def test_the_receiver_decodes_by_what_it_asked(
    messages: DigitalMessages, wanted: Wanted, before: Shown, air: AirInterface
) -> None:
    plan = messages.plan(replace(wanted, allowed=150), TURN, air)
    pictures = [
        sent(messages, plan, (before, None), air, Asked(prompt, SIGNS, snr))[0].picture
        for prompt, snr in ((PROMPT, 20.0), (PROMPT, 3.0), (-PROMPT, 20.0))
    ]
    assert torch.equal(pictures[0], pictures[1]), "the step says how sure everything is, not the channel"
    assert not torch.allclose(pictures[0], pictures[2], atol=1e-4)


def test_a_lost_block_changes_nothing_and_is_paid_for(
    messages: DigitalMessages, wanted: Wanted, before: Shown, clear_radio: Radio, interface
) -> None:
    air = interface(clear_radio, 1, -20.0, 2)
    plan = messages.plan(wanted, TURN, air)
    shown, held = sent(messages, plan, (before, None), air, wanted.said)
    assert plan is not None and plan.worth < 0.01 and held is None
    assert torch.equal(shown.picture, before.picture) and torch.equal(shown.quality, before.quality)
    assert 900 < int(shown.channel_uses) - 70 <= 1000 and int(shown.slots) > 2


@pytest.mark.parametrize("es_n0_db", [-5.0, 10.0])
def test_never_more_channel_uses_than_allowed(
    faded: DigitalMessages, radio: Radio, wanted: Wanted, before: Shown, interface, es_n0_db: float
) -> None:
    air, spent = interface(radio, 1, es_n0_db, 2), []
    for allowed in (0, 11, 90, 217, 640, 1811):
        mine = replace(wanted, allowed=allowed)
        plan = faded.plan(mine, TURN, air)
        if plan is None:
            continue
        assert len(plan.payload) <= plan.option.payload_bytes and plan.allowed == allowed
        spent.append(int(sent(faded, plan, (before, None), air, mine.said)[0].channel_uses) - 70)
        assert 0 < spent[-1] <= allowed
    assert len(spent) >= 3 and spent == sorted(spent)


def test_more_channel_uses_show_more(messages: DigitalMessages, wanted: Wanted, air: AirInterface) -> None:
    """First come all windows, then finer steps, then the whole image."""
    assert messages.plan(replace(wanted, allowed=20), TURN, air) is None
    plans = [messages.plan(replace(wanted, allowed=allowed), TURN, air) for allowed in (50, 100, 150, 250, 600)]
    held = [content_of(plan) for plan in plans]
    for values in (
        [len(content.windows) for content in held],
        [content.step for content in held[2:]],
        [len(content.tiles(SIZE)) for content in held],
        [plan.worth for plan in plans if plan],
    ):
        assert values == sorted(values) and values[0] < values[-1], held
    assert len(held[0].windows) == 1 and not held[2].tiles(SIZE)


def test_tiles_are_finer_where_more_of_them_would_be_coarse(
    messages: DigitalMessages, wanted: Wanted, air: AirInterface
) -> None:
    held = [
        content_of(messages.plan(replace(wanted, windows=(), allowed=allowed), TURN, air))
        for allowed in (110, 200, 400, 1000, 4000)
    ]
    grids = [-1 if content.grid is None else content.grid for content in held]
    assert grids == sorted(grids) and grids[0] == 0 < grids[-1]
    assert all(content.tile_step >= USUAL for content in held if content.grid)


@pytest.mark.parametrize(
    "payload",
    [b"\x02" + b"\xff" * 8, b"\x02" + bytes(3) + b"\xff" * 30, b"\x03" + bytes(9), b"\x01" + bytes(9)],
    ids=["places", "components", "refined", "none"],
)
def test_a_block_that_makes_no_sense_changes_nothing(
    messages: DigitalMessages, wanted: Wanted, before: Shown, air: AirInterface, payload: bytes
) -> None:
    plan = messages.plan(wanted, TURN, air)
    assert plan is not None
    shown, held = sent(messages, replace(plan, payload=payload), (before, None), air, wanted.said)
    assert held is None and torch.equal(shown.picture, before.picture) and int(shown.channel_uses) > 70


@pytest.mark.parametrize(("windows", "allowed"), [(TWO, 250), ((), 700)])
def test_the_report_of_the_receiver_changes_the_mcs(
    faded: DigitalMessages, radio: Radio, wanted: Wanted, interface, windows, allowed: int
) -> None:
    air, wanted, rates = interface(radio, 1, 8.0, 2), replace(wanted, windows=windows, allowed=allowed), []
    for snr_db in (-3.0, 3.0, 9.0, 15.0):
        plan = faded.plan(replace(wanted, said=replace(wanted.said, snr_db=snr_db)), TURN, air)
        assert plan is not None
        rates.append(plan.option.mcs.modulation_order * plan.option.mcs.code_rate)
    assert rates == sorted(rates) and rates[-1] > 1.5 * rates[0]


def test_a_report_counts_the_channels_on_which_as_much_arrived(
    adaptation: LinkAdaptation, radio: Radio, interface
) -> None:
    air = interface(radio, 1, 8.0, 2)
    poor, good = (
        {option.mcs: option.success for option in adaptation.options(1000, 1, Report(64, snr_db), air)}
        for snr_db in (3.0, 9.0)
    )
    both = poor.keys() & good.keys()
    assert both and all(good[mcs] >= poor[mcs] for mcs in both)
    assert any(good[mcs] > poor[mcs] + 0.3 for mcs in both)


def test_without_a_report_all_calibration_channels_count(
    adaptation: LinkAdaptation, faded: DigitalMessages, radio: Radio, wanted: Wanted, interface
) -> None:
    air, found = interface(radio, 1, 8.0, 2), adaptation.options(1000, 1, None, interface(radio, 1, 8.0, 2))
    for snr_db in (-3.0, 15.0):
        silent = replace(wanted, said=replace(wanted.said, snr_db=snr_db, measured=False))
        assert faded._options(silent, 1000, TURN, air) == found
    prediction = arrival_prediction(radio, 8.0, _CALIBRATION)
    for option in found:
        sending = Transmission(1, adaptation.links[option.mcs].symbol_link.capacity(1000))
        arrived = prediction.arrivals(option.mcs, option.payload_bytes, [sending])[-1]
        assert option.success == pytest.approx(float(arrived.mean()))


def test_a_later_occasion_is_expected_of_what_the_channel_has_become_by_then(
    adaptation: LinkAdaptation, radio: Radio, interface
) -> None:
    """A report says less of a channel that has moved on: over good and poor channels what is expected is more alike."""
    air, apart = interface(radio, 1, 8.0, 3), []
    for occasion in (1, 2):
        poor, good = (
            {option.mcs: option.success for option in adaptation.options(1000, occasion, Report(64, snr_db), air)}
            for snr_db in (3.0, 9.0)
        )
        both = poor.keys() & good.keys()
        apart.append(sum(good[mcs] - poor[mcs] for mcs in both))
    assert apart[0] > 1.1 * apart[1] > 0, apart
