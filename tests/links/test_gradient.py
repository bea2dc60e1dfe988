"""The gradient of the task's loss at the transmitter, through channel, estimator and equaliser, against differences."""

import pytest
import torch
from torch.nn import functional

from taskwave.phy.channel.air import AirInterface
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.links.symbol import SymbolLink
from taskwave.phy.radio import Radio
from taskwave.semantic.data import open_images
from taskwave.semantic.diffusion.prior import predict_velocity
from taskwave.semantic.diffusion.scheduler import level_of_noise, signal_and_noise
from taskwave.semantic.weights import Models, load_models

RADIOS = {
    "4x4, K = 4, Wiener estimate": RadioConfig(num_tx_ant=4, num_rx_ant=4, num_layers=4, delay_spread_ns=50),
    "2x2, moving, linear estimate": RadioConfig(channel="tdl-a", csi="ls", speed_mps=20),
    "1x2, true channel": RadioConfig(channel="rayleigh", num_tx_ant=1, num_layers=1, csi="perfect"),
}


@pytest.fixture(scope="module")
def models() -> Models:
    return load_models("streets")


@pytest.mark.parametrize("radio", RADIOS.values(), ids=list(RADIOS))
def test_gradient_of_the_task_at_the_transmitter(models: Models, radio: RadioConfig) -> None:
    """Along the gradient with respect to each of three layers of the encoder; every network is the bundled one."""
    picture = open_images("streets", "val")[0]
    images, labels = picture.image[None].float() / 255, picture.label[None].long()
    latents, scenes = models.look(images)
    link, general = SymbolLink(Radio(radio)), models.general
    first = general.code_layers[0]
    air = AirInterface(link.radio.config, link.radio.draw(1, 1, 7), 8.0, 7).forward(0)

    def loss() -> torch.Tensor:
        symbols = general.encode(scenes)
        reception = link.send(symbols[:, :first].flatten(1), air)
        shape = symbols[:, :first].shape
        received = torch.cat([reception.symbols.view(shape), torch.zeros_like(symbols[:, first:])], 1)
        noise = torch.full(symbols.shape, torch.inf)
        noise[:, :first] = reception.noise_variance.view(shape)
        coarse = general.decode(received, noise)
        level = level_of_noise(torch.full_like(latents, torch.inf))
        _, share = signal_and_noise(level)
        clean = -share * predict_velocity(models.prior.unet, torch.zeros_like(latents), coarse, level)
        answer = models.segmentation.net(models.codec.decode(clean))
        return functional.cross_entropy(answer.double(), labels, ignore_index=255)

    layers = [p for name, p in general.encoder.named_parameters() if name.endswith("weight") and p.ndim == 4]
    chosen = [layers[0], layers[len(layers) // 2], layers[-1]]
    for parameter, gradient in zip(chosen, torch.autograd.grad(loss(), chosen), strict=True):
        slope = float(gradient.norm())
        assert slope > 0
        step = 1e-3 / slope * gradient / gradient.norm()
        with torch.no_grad():
            parameter.add_(step)
            after = float(loss())
            parameter.sub_(2 * step)
            before = float(loss())
            parameter.add_(step)
        assert (after - before) / float(2 * step.norm()) == pytest.approx(slope, rel=0.01)
