"""Messages of windows as symbols: size and strength of the general part, what they promise, and copies."""

from copy import deepcopy

import pytest
import torch
from torch.nn import functional

from taskwave.links.base import BudgetError
from taskwave.links.task_adaptive.analog import AnalogMessages
from taskwave.links.task_adaptive.general import NUMBERS, SHARE, GeneralPart
from taskwave.links.task_adaptive.plan import Portion
from taskwave.links.task_adaptive.state import Asked, Shown, Wanted
from taskwave.phy.radio import Radio
from taskwave.semantic.codec.placement import Window
from taskwave.semantic.codec.windows import ANYTHING, KINDS, SIGNS, Question, WindowCode


@pytest.fixture(scope="module")
def code(street_images: torch.Tensor) -> WindowCode:
    """A code that has started on tiles of street scenes of low contrast."""
    torch.manual_seed(0)
    net = WindowCode(widths=(8, 8, 8)).eval()
    parts = street_images.unfold(2, 64, 16).unfold(3, 64, 16).permute(0, 2, 3, 1, 4, 5).flatten(0, 2)
    for kind in range(len(KINDS)):
        net.start_linear(0.35 + 0.3 * functional.avg_pool2d(parts, 2), kind)
    return net


@pytest.fixture(scope="module")
def general(code: WindowCode, clear_radio: Radio) -> GeneralPart:
    return GeneralPart(code, clear_radio)


@pytest.mark.parametrize("number", NUMBERS)
def test_the_general_part_is_the_largest_that_fits_its_share(general: GeneralPart, number: int) -> None:
    budget = round(general.data.channel_uses(number) / SHARE)
    assert general.number(budget, 0, "") == number
    smaller = [each for each in NUMBERS if each < number] or [number]
    assert general.number(budget - 1, 0, "") == max(smaller)


def test_the_prompt_finds_room_beside_the_general_part(general: GeneralPart) -> None:
    """Where the budget is short the general part is small, and refused where the smallest leaves no room."""
    largest, smallest = (general.data.channel_uses(each) for each in (NUMBERS[0], NUMBERS[-1]))
    budget = round(largest / SHARE)
    assert general.number(budget, budget - largest, "") == NUMBERS[0]
    assert general.number(budget, budget - largest + 1, "") == NUMBERS[1]
    assert general.number(smallest + 40, 40, "") == NUMBERS[-1]
    with pytest.raises(BudgetError, match=rf"link: .* {smallest} and 41 .* {smallest + 40}; .* {smallest + 41}$"):
        general.number(smallest + 40, 41, "link")


@torch.no_grad()
def test_an_image_of_the_usual_power_is_shown_as_well_as_can_be(
    code: WindowCode, general: GeneralPart, clear_radio: Radio, interface
) -> None:
    """Nothing says how strong the first symbols were, which are stronger than the mean of all."""
    batch, number = 1000, 32
    question = Question(torch.zeros(batch, 128), torch.zeros(batch), torch.full((batch,), ANYTHING))
    phases = 2 * torch.pi * torch.rand(batch, number, generator=torch.Generator().manual_seed(1))
    symbols = torch.polar(torch.ones_like(phases), phases) * code.amplitude(question.kinds)[:, :number]
    known = code.received(symbols, torch.zeros(symbols.shape), question.kinds)
    images = code.decode(*known, torch.full((batch, 3, 32, 32), 0.5), question)
    assert 0 < float(images.min()) < float(images.max()) < 1
    air = interface(clear_radio, batch, 0.0)
    shown = general.send(images, number, air).picture
    power = code.amplitude(question.kinds[:1])[0, :number].square()
    share = (power.mean() / power / general.nominal_snr(number, air)).repeat_interleave(2)
    expected = (code.deviation[ANYTHING, : 2 * number].square() * share / (1 + share)).sum()
    error = (shown - images).square().flatten(1).sum(1).mean()
    assert float(error) == pytest.approx(float(expected), rel=0.05)


@torch.no_grad()
def test_the_picture_follows_the_copy_that_arrived_well(
    code: WindowCode, clear_radio: Radio, street_images: torch.Tensor
) -> None:
    messages, window = AnalogMessages(code, clear_radio), Window(0, 0, 16, 16)
    image = street_images[:1, :, 32:96, 48:112]
    asked, nothing = Asked(torch.zeros(1, 128), SIGNS, 10.0), torch.zeros(1, dtype=torch.int64)
    before = Shown(torch.full_like(image, 0.5), torch.ones(1), nothing, nothing, nothing)
    one, three = (Portion((window,), 64, copies) for copies in (1, 3))
    noise = torch.tensor([1e8, 0.3, 1e8])[:, None].expand(3, 64)
    white = torch.complex(*torch.randn(2, 3, 64, generator=torch.Generator().manual_seed(1))) / 2**0.5
    values = messages._symbols(image, three, asked, about=True)[0] + white * noise.sqrt()
    good, every = (
        messages._shown(
            before, portion, (values[rows].reshape(1, -1), noise[rows].reshape(1, -1)), asked, about=True
        ).picture
        for portion, rows in ((one, [1]), (three, [0, 1, 2]))
    )
    error, errors = ((picture - image).square().mean() for picture in (good, before.picture))
    assert float(error) < 0.5 * float(errors)
    assert torch.allclose(every, good, atol=1e-4)


def test_symbols_promise_less_where_windows_are_left_out_or_headers_are_lost(
    code: WindowCode, clear_radio: Radio, street_images: torch.Tensor, interface
) -> None:
    net, two = deepcopy(code), (Window(0, 0, 8, 8), Window(20, 30, 8, 8))
    net.worth.fill_(0.6)
    messages, said = AnalogMessages(net, clear_radio), Asked(torch.zeros(1, 128), SIGNS, 10.0)
    cases = [(two, 400, 20.0, 0.6), (two, 100, 20.0, 0.3), (two[:1], 100, 20.0, 0.6), (two, 400, -20.0, 0.0)]
    for windows, allowed, es_n0_db, worth in cases:
        air = interface(clear_radio, 1, es_n0_db).forward(0)
        plan = messages.plan(Wanted(street_images[:1], windows, said, allowed), air)
        assert plan.chosen is not None and plan.worth == pytest.approx(worth, abs=0.01)
