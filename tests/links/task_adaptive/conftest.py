"""Fixtures of messages as bits: a code for which a finer step is worth more, and what is sent with it."""

import pytest
import torch
from torch.nn import functional

from taskwave.links.task_adaptive.adaptation import LinkAdaptation
from taskwave.links.task_adaptive.digital import DigitalMessages
from taskwave.links.task_adaptive.state import Asked, Shown, Wanted
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.radio import Radio
from taskwave.semantic.codec.placement import Window
from taskwave.semantic.codec.windows import KINDS, SIGNS, STEPS, WindowCode

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
