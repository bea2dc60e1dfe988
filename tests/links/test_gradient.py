"""The gradient of the task's loss at the transmitter, through channel, estimator and equaliser, against differences."""

import pytest
import torch
from torch.nn import functional

from taskwave.phy.channel.air import AirInterface
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.links.symbol import SymbolLink
from taskwave.phy.radio import Radio
from taskwave.semantic.codec.placement import around
from taskwave.semantic.codec.windows import SIGNS, Question, WindowCode
from taskwave.semantic.data import open_images
from taskwave.semantic.judges.reader import PatchNet, cut
from taskwave.semantic.weights import load_network
from taskwave.semantic.weights.bundle import HERE

RADIOS = {
    "4x4, K = 4, Wiener estimate": RadioConfig(num_tx_ant=4, num_rx_ant=4, num_layers=4, delay_spread_ns=50),
    "2x2, moving, linear estimate": RadioConfig(channel="tdl-a", csi="ls", speed_mps=20),
    "1x2, true channel": RadioConfig(channel="rayleigh", num_tx_ant=1, num_layers=1, csi="perfect"),
}
NUMBER = 128
"""Symbols that are sent of the window."""


@pytest.fixture(scope="module")
def code() -> WindowCode:
    return load_network(WindowCode, HERE / "roads" / "windows")


@pytest.fixture(scope="module")
def reader() -> PatchNet:
    return load_network(PatchNet, HERE / "surrogate" / "signs")


@pytest.mark.parametrize("radio", RADIOS.values(), ids=list(RADIOS))
def test_gradient_of_the_task_at_the_transmitter(code: WindowCode, reader: PatchNet, radio: RadioConfig) -> None:
    """Along the gradient with respect to each of three layers of the encoder; every network is the bundled one."""
    picture = open_images("streets", "val", size=(320, 448))[5]
    assert picture.objects is not None
    sign = picture.objects.classes.index("slippery_road")
    image, box = picture.image[None].float() / 255, picture.objects.boxes[sign : sign + 1]
    label = torch.tensor([reader.classes.index("slippery_road")])
    (window,) = around(tuple(box[0].tolist()), (320, 448))
    question = Question(torch.zeros(1, 128), torch.full((1,), 8.0), torch.tensor([SIGNS]))
    link = SymbolLink(Radio(radio))
    air = AirInterface(link.radio.config, link.radio.draw(1, 1, 7), 8.0, 7).forward(0)

    def loss() -> torch.Tensor:
        amplitude = code.amplitude(question.kinds)[:, :NUMBER]
        sent = code.encode(window.cut(image), question)[:, :NUMBER] * amplitude
        power = sent.abs().square().mean(1, keepdim=True)
        reception = link.send(sent / power.sqrt(), air)
        known = code.received(reception.symbols * power.sqrt(), reception.noise_variance * power, question.kinds)
        shown = code.decode(*known, torch.full((1, 3, 32, 32), 0.5), question)
        received = window.paste(torch.full_like(image, 0.5), shown)
        return functional.cross_entropy(reader(cut(received[0], box)).double(), label)

    layers = [
        p for name, p in code.named_parameters() if name.startswith(("enter", "look", "to_symbols")) and p.ndim > 1
    ]
    chosen = [layers[0], layers[len(layers) // 2], layers[-1]]
    for parameter, gradient in zip(chosen, torch.autograd.grad(loss(), chosen), strict=True):
        slope = float(gradient.norm())
        assert slope > 0
        step = 3e-4 / slope * gradient / gradient.norm()
        with torch.no_grad():
            parameter.add_(step)
            after = float(loss())
            parameter.sub_(2 * step)
            before = float(loss())
            parameter.add_(step)
        assert (after - before) / float(2 * step.norm()) == pytest.approx(slope, rel=0.02)
