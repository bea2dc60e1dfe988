"""Messages of windows as bits: what they show, what they cost, how they are chosen, and payloads that make no sense."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from taskwave.links.loop.digital import _CALIBRATION, GRIDS, Content, DigitalMessages, DigitalPlan
from taskwave.links.loop.header import MOST_WINDOWS, HeaderCode
from taskwave.links.loop.plan import grids
from taskwave.links.loop.state import Asked, Shown, Wanted, redrawn
from taskwave.links.transport.arrival import Transmission, arrival_prediction
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.radio import Radio
from taskwave.semantic.codec.placement import SIDES, Window
from taskwave.semantic.codec.quantiser import expected_snr_db, from_bytes, restored, scaled
from taskwave.semantic.codec.windows import ANYTHING, KINDS, SIGNS, STEPS, Question, WindowCode

SIZE, GENERAL = (192, 256), 64
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


@pytest.fixture
def wanted(street_images: torch.Tensor) -> Wanted:
    return Wanted(street_images[:1], TWO, Asked(PROMPT, SIGNS, 20.0), 1000)


@pytest.fixture
def before(street_images: torch.Tensor) -> Shown:
    """Grey of which 70 channel uses and two slots are spent."""
    grey = torch.full_like(street_images[:1], 0.5)
    return Shown(grey, torch.tensor([100.0]), torch.tensor([70]), torch.tensor([2]))


@pytest.fixture
def air(clear_radio: Radio, interface) -> AirInterface:
    return interface(clear_radio, 1, 20.0, 2)


def content_of(messages: DigitalMessages, plan: DigitalPlan | None) -> Content:
    assert plan is not None
    return messages._read(plan.payload, SIZE)[0]


@pytest.mark.parametrize(("windows", "allowed"), [(TWO, 150), (TWO, 1000), ((), 1000)])
def test_what_arrives_is_shown_as_the_transmitter_itself_would(
    messages: DigitalMessages, wanted: Wanted, before: Shown, air: AirInterface, windows, allowed: int
) -> None:
    """Tiles of the whole image, of which nothing is asked, come first: windows lie on them."""
    code, wanted = messages.code, replace(wanted, windows=windows, allowed=allowed)
    plan = messages.plan(wanted, GENERAL, air)
    content = content_of(messages, plan)
    assert content.windows == windows and bool(content.tiles) == (allowed == 1000)
    picture = before.picture
    for places, step, kind, prompt in (
        (content.tiles, content.tile_step, ANYTHING, 0 * PROMPT),
        (windows, content.step, SIGNS, PROMPT),
    ):
        if places:
            steps, kinds = torch.full((len(places),), STEPS[step]), torch.full((len(places),), kind)
            question = Question(prompt.expand(len(places), -1), expected_snr_db(steps), kinds)
            symbols = code.encode(torch.cat([place.cut(wanted.image) for place in places]), question)
            known = restored(code, scaled(code, symbols, steps, kinds).round(), steps, kinds)
            picture = redrawn(code, picture, places, known, question)
    shown = messages.send(wanted, plan, wanted.said, before, air)
    torch.testing.assert_close(shown.picture, picture, atol=1e-4, rtol=0)
    assert not torch.equal(shown.picture, before.picture)


def test_the_receiver_decodes_by_what_it_asked(
    messages: DigitalMessages, wanted: Wanted, before: Shown, air: AirInterface
) -> None:
    plan = messages.plan(replace(wanted, allowed=150), GENERAL, air)
    pictures = [
        messages.send(replace(wanted, allowed=150), plan, Asked(prompt, SIGNS, snr), before, air).picture
        for prompt, snr in ((PROMPT, 20.0), (PROMPT, 3.0), (-PROMPT, 20.0))
    ]
    assert torch.equal(pictures[0], pictures[1]), "the step says how sure everything is, not the channel"
    assert not torch.allclose(pictures[0], pictures[2], atol=1e-4)


def test_a_lost_block_changes_nothing_and_is_paid_for(
    messages: DigitalMessages, wanted: Wanted, before: Shown, clear_radio: Radio, interface
) -> None:
    air = interface(clear_radio, 1, -20.0, 2)
    plan = messages.plan(wanted, GENERAL, air)
    shown = messages.send(wanted, plan, wanted.said, before, air)
    assert plan is not None and plan.worth < 0.01
    assert torch.equal(shown.picture, before.picture) and torch.equal(shown.quality, before.quality)
    assert 900 < int(shown.channel_uses) - 70 <= 1000 and int(shown.slots) > 2


@pytest.mark.parametrize("es_n0_db", [-5.0, 10.0])
def test_never_more_channel_uses_than_allowed(
    faded: DigitalMessages, radio: Radio, wanted: Wanted, before: Shown, interface, es_n0_db: float
) -> None:
    air, spent = interface(radio, 1, es_n0_db, 2), []
    for allowed in (0, 11, 90, 217, 640, 1811):
        mine = replace(wanted, allowed=allowed)
        plan = faded.plan(mine, GENERAL, air)
        if plan is None:
            continue
        assert plan.option is not None and len(plan.payload) <= plan.option.payload_bytes
        spent.append(int(faded.send(mine, plan, mine.said, before, air).channel_uses) - 70)
        assert 0 < spent[-1] <= allowed
    assert len(spent) >= 3 and spent == sorted(spent)


def test_more_channel_uses_show_more(messages: DigitalMessages, wanted: Wanted, air: AirInterface) -> None:
    """First come all windows, then finer steps, then the whole image."""
    assert messages.plan(replace(wanted, allowed=20), GENERAL, air) is None
    plans = [messages.plan(replace(wanted, allowed=allowed), GENERAL, air) for allowed in (50, 100, 150, 250, 600)]
    held = [content_of(messages, plan) for plan in plans]
    for values in (
        [len(content.windows) for content in held],
        [content.step for content in held[2:]],
        [len(content.tiles) for content in held],
        [plan.worth for plan in plans if plan],
    ):
        assert values == sorted(values) and values[0] < values[-1], held
    assert len(held[0].windows) == 1 and not held[2].tiles


def test_tiles_are_finer_where_more_of_them_would_be_coarse(
    messages: DigitalMessages, wanted: Wanted, air: AirInterface
) -> None:
    held = [
        content_of(messages, messages.plan(replace(wanted, windows=(), allowed=allowed), GENERAL, air))
        for allowed in (110, 200, 400, 1000, 4000)
    ]
    assert [content.grid for content in held] == sorted(content.grid for content in held)
    assert held[0].grid == 0 < held[-1].grid
    assert all(content.tile_step >= 3 for content in held if content.grid)


def draw(generator: torch.Generator, limit: int) -> int:
    return int(torch.randint(limit, (), generator=generator))


def test_what_a_payload_holds_comes_back(messages: DigitalMessages) -> None:
    places, generator = HeaderCode(*SIZE), torch.Generator().manual_seed(0)
    for count in [*range(MOST_WINDOWS + 1)] * 20:
        sides = [SIDES[draw(generator, len(SIDES))] for _ in range(count)]
        windows = tuple(
            Window(draw(generator, places.rows), draw(generator, places.columns), side, side) for side in sides
        )
        content = Content(windows, draw(generator, len(STEPS)))
        if draw(generator, 3):
            grid = draw(generator, len(GRIDS))
            tiles = grids(*SIZE)[GRIDS[grid] - 2]
            content = replace(content, tiles=tiles, grid=grid, tile_step=draw(generator, len(STEPS)))
        header, coded = messages._header(SIZE, content), bytes([draw(generator, 256) for _ in range(9)])
        assert 0 <= 8 * len(header) - messages._header_bits(SIZE, count) < 8
        assert messages._read(header + coded, SIZE) == (content, coded)


def test_payloads_that_make_no_sense_are_refused(messages: DigitalMessages) -> None:
    places = HeaderCode(*SIZE)
    beyond = bytes([1]) + b"\xff" * 8  # a window in a place that the image does not have
    assert 2**places._place_bits > places.rows * places.columns
    for payload in (b"", b"\x01", b"\x05\0\0", beyond, b"\xc0\x01" + bytes(9)):
        with pytest.raises(ValueError, match="names no windows of the image"):
            messages._read(payload, SIZE)


def test_bytes_of_nobody_are_read_or_refused(messages: DigitalMessages) -> None:
    generator, refused = torch.Generator().manual_seed(1), 0
    for length in [*range(40)] * 5:
        try:
            content, coded = messages._read(bytes([draw(generator, 256) for _ in range(length)]), SIZE)
            from_bytes(messages.code, coded, content.steps(), torch.full((len(content.every),), ANYTHING))
        except ValueError:
            refused += 1
    assert 10 < refused < 200


@pytest.mark.parametrize("payload", [b"\x01" + b"\xff" * 8, b"\x01\0\0\0" + b"\xff" * 30], ids=["places", "components"])
def test_a_block_that_makes_no_sense_changes_nothing(
    messages: DigitalMessages, wanted: Wanted, before: Shown, air: AirInterface, payload: bytes
) -> None:
    plan = messages.plan(wanted, GENERAL, air)
    assert plan is not None
    shown = messages.send(wanted, replace(plan, payload=payload), wanted.said, before, air)
    assert torch.equal(shown.picture, before.picture) and int(shown.channel_uses) > 70


@pytest.mark.parametrize(("windows", "allowed"), [(TWO, 250), ((), 700)])
def test_the_report_of_the_receiver_changes_the_mcs(
    faded: DigitalMessages, radio: Radio, wanted: Wanted, interface, windows, allowed: int
) -> None:
    air, wanted, rates = interface(radio, 1, 8.0, 2), replace(wanted, windows=windows, allowed=allowed), []
    for snr_db in (-3.0, 3.0, 9.0, 15.0):
        plan = faded.plan(replace(wanted, said=replace(wanted.said, snr_db=snr_db)), GENERAL, air)
        assert plan is not None and plan.option is not None
        rates.append(plan.option.mcs.modulation_order * plan.option.mcs.code_rate)
    assert rates == sorted(rates) and rates[-1] > 1.5 * rates[0]


def test_a_report_counts_the_channels_on_which_as_much_arrived(
    faded: DigitalMessages, radio: Radio, wanted: Wanted, interface
) -> None:
    air = interface(radio, 1, 8.0, 2)
    poor, good = (
        {option.mcs: option.success for option in faded._options(replace(wanted, said=said), GENERAL, air)}
        for said in (replace(wanted.said, snr_db=3.0), replace(wanted.said, snr_db=9.0))
    )
    both = poor.keys() & good.keys()
    assert both and all(good[mcs] >= poor[mcs] for mcs in both)
    assert any(good[mcs] > poor[mcs] + 0.3 for mcs in both)


def test_without_a_report_all_calibration_channels_count(
    faded: DigitalMessages, radio: Radio, wanted: Wanted, interface
) -> None:
    air, found = interface(radio, 1, 8.0, 2), []
    for snr_db in (-3.0, 15.0):
        silent = replace(wanted, said=replace(wanted.said, snr_db=snr_db, measured=False))
        found.append(faded._options(silent, GENERAL, air))
    assert found[0] == found[1]
    prediction = arrival_prediction(radio, 8.0, _CALIBRATION)
    for option in found[0]:
        sent = Transmission(1, faded.links[option.mcs].symbol_link.capacity(1000))
        arrived = prediction.arrivals(option.mcs, option.payload_bytes, [sent])[-1]
        assert option.success == pytest.approx(float(arrived.mean()))
