"""Messages of windows as bits: what they show, what they cost, how they are chosen, and payloads that make no sense."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from taskwave.links.loop import digital
from taskwave.links.loop.adaptation import _CALIBRATION, LinkAdaptation, Report
from taskwave.links.loop.content import REFINED, Again, Content, read_payload
from taskwave.links.loop.digital import LENGTHS, USUAL, DigitalMessages, DigitalPlan, Held, Turn
from taskwave.links.loop.state import Asked, Shown, Wanted, redrawn
from taskwave.links.transport.arrival import Transmission, arrival_prediction
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.radio import Radio
from taskwave.semantic.codec.placement import Window
from taskwave.semantic.codec.quantiser import SNR_DB, restored, scaled
from taskwave.semantic.codec.windows import ANYTHING, KINDS, SIGNS, STEPS, Question, WindowCode

SIZE, TURN = (192, 256), Turn(64)
TWO = (Window(4, 10, 8, 8), Window(20, 30, 10, 10))
PROMPT = functional.normalize(torch.randn(1, 128, generator=torch.Generator().manual_seed(0)))


@pytest.fixture(scope="module")
def code(street_images: torch.Tensor) -> WindowCode:
    """A code for which a finer step is worth more, whose networks do something, and differently for a prompt."""
    torch.manual_seed(0)
    net = WindowCode(symbols=64, widths=(8, 8, 8)).eval().requires_grad_(False)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    parts = street_images.unfold(2, 64, 16).unfold(3, 64, 16).permute(0, 2, 3, 1, 4, 5).flatten(0, 2)
    for kind in range(len(KINDS)):
        net.start_linear(functional.avg_pool2d(parts, 2), kind)
    net.step_worth.copy_(torch.linspace(0.3, 1, len(STEPS)))
    return net


@pytest.fixture(scope="module")
def messages(code: WindowCode, clear_radio: Radio) -> DigitalMessages:
    return DigitalMessages(code, clear_radio)


@pytest.fixture(scope="module")
def faded(code: WindowCode, radio: Radio) -> DigitalMessages:
    """Messages over a channel that fades."""
    return DigitalMessages(code, radio)


@pytest.fixture(scope="module")
def adaptation(faded: DigitalMessages) -> LinkAdaptation:
    return faded.adaptation


@pytest.fixture
def wanted(street_images: torch.Tensor) -> Wanted:
    return Wanted(street_images[:1], TWO, Asked(PROMPT, SIGNS, 20.0), 1000)


@pytest.fixture
def before(street_images: torch.Tensor) -> Shown:
    """Grey of which 70 channel uses and two slots are spent."""
    grey = torch.full_like(street_images[:1], 0.5)
    return Shown(grey, torch.tensor([100.0]), torch.tensor([70]), torch.tensor([2]), torch.tensor([0]))


@pytest.fixture
def air(clear_radio: Radio, interface) -> AirInterface:
    return interface(clear_radio, 1, 20.0, 2)


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
            picture = redrawn(code, picture, places, known, question)
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


def coarse_plan(messages: DigitalMessages, wanted: Wanted, air: AirInterface) -> DigitalPlan:
    """A first message whose windows can be refined."""
    plan = messages.plan(replace(wanted, allowed=150), TURN, air)
    assert plan is not None and plan.held.windows == TWO
    assert int(plan.held.steps.max()) + REFINED < len(STEPS)
    return plan


def shown_of(messages: DigitalMessages, held: Held, picture: torch.Tensor) -> torch.Tensor:
    """A picture with windows as an end that asked for signs holds them."""
    kinds = torch.full((len(held.windows),), SIGNS)
    question = Question(PROMPT.expand(len(kinds), -1), torch.full((len(kinds),), SNR_DB), kinds)
    return redrawn(
        messages.code, picture, held.windows, restored(messages.code, held.indices, held.sizes(), kinds), question
    )


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
    torch.testing.assert_close(refined.picture, shown_of(messages, changed, shown.picture), atol=1e-4, rtol=0)
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
    """Of many channels some are good at one occasion only."""
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
