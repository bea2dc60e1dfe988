"""Messages of windows: how large the general part is, how strong it is taken for, and how copies are combined."""

import pytest
import torch
from torch.nn import functional

from taskwave.links.loop.message import GENERAL_SHARE, Asked, WindowMessages
from taskwave.links.loop.plan import GENERAL_NUMBERS, Portion
from taskwave.phy.radio import Radio
from taskwave.semantic.codec.placement import Window
from taskwave.semantic.codec.windows import ANYTHING, KINDS, SIGNS, Question, WindowCode


@pytest.fixture(scope="module")
def messages(street_images: torch.Tensor, clear_radio: Radio) -> WindowMessages:
    """Messages of a code that has started on tiles of street scenes of low contrast."""
    torch.manual_seed(0)
    code = WindowCode(widths=(8, 8, 8)).eval()
    parts = street_images.unfold(2, 64, 16).unfold(3, 64, 16).permute(0, 2, 3, 1, 4, 5).flatten(0, 2)
    for kind in range(len(KINDS)):
        code.start_linear(0.35 + 0.3 * functional.avg_pool2d(parts, 2), kind)
    return WindowMessages(code, clear_radio)


@pytest.mark.parametrize("number", GENERAL_NUMBERS)
def test_the_general_part_is_the_largest_that_fits_its_share(messages: WindowMessages, number: int) -> None:
    budget = round(messages.data.channel_uses(number) / GENERAL_SHARE)
    assert messages.general_number(budget, "") == number
    smaller = [each for each in GENERAL_NUMBERS if each < number] or [number]
    assert messages.general_number(budget - 1, "") == max(smaller)


@torch.no_grad()
def test_an_image_of_the_usual_power_is_shown_as_well_as_can_be(messages: WindowMessages, interface) -> None:
    """Nothing says how strong the first symbols were, which are stronger than the mean of all."""
    batch, number, code = 1000, 32, messages.code
    phases = 2 * torch.pi * torch.rand(batch, number, generator=torch.Generator().manual_seed(1))
    symbols = functional.pad(torch.polar(torch.ones_like(phases), phases), (0, code.most - number))
    question = Question(torch.zeros(batch, 128), torch.zeros(batch), torch.full((batch,), ANYTHING))
    images = code.decode(symbols, torch.zeros(symbols.shape), torch.full((batch, 3, 32, 32), 0.5), question)
    assert 0 < float(images.min()) < float(images.max()) < 1
    air = interface(messages.data.radio, batch, 0.0)
    shown = messages.send_general(images, number, air).picture
    power = code.amplitude(question.kinds[:1])[0, :number].square()
    share = (power.mean() / power / messages.nominal_snr(number, air)).repeat_interleave(2)
    expected = (code.deviation[ANYTHING, : 2 * number].square() * share / (1 + share)).sum()
    error = (shown - images).square().flatten(1).sum(1).mean()
    assert float(error) == pytest.approx(float(expected), rel=0.05)


@torch.no_grad()
def test_the_picture_follows_the_copy_that_arrived_well(messages: WindowMessages, street_images: torch.Tensor) -> None:
    image, window = street_images[:1, :, 32:96, 48:112], Window(0, 0, 16, 16)
    asked, before = Asked(torch.zeros(1, 128), SIGNS, 10.0), torch.full_like(image, 0.5)
    one, three = (Portion((window,), 64, copies) for copies in (1, 3))
    noise = torch.tensor([1e8, 0.3, 1e8])[:, None].expand(3, 64)
    white = torch.complex(*torch.randn(2, 3, 64, generator=torch.Generator().manual_seed(1))) / 2**0.5
    values = messages._symbols(image, three, asked, about=True)[0] + white * noise.sqrt()
    good, every = (
        messages._shown(before, portion, (values[rows].reshape(1, -1), noise[rows].reshape(1, -1)), asked, about=True)
        for portion, rows in ((one, [1]), (three, [0, 1, 2]))
    )
    error, errors = ((picture - image).square().mean() for picture in (good, before))
    assert float(error) < 0.5 * float(errors)
    assert torch.allclose(every, good, atol=1e-4)
