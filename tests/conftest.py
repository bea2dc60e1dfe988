"""Fixtures that several test files share."""

import math
import os
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import nn

from taskwave.phy.channel.air import Air, AirInterface
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.gnuradio.client import FlowgraphWorker
from taskwave.phy.links.symbol import SymbolLink
from taskwave.phy.radio import Radio
from taskwave.phy.receiver.neural.tensorflow_bridge import import_tensorflow
from taskwave.semantic.attention.locator import Locator
from taskwave.semantic.classes import CLASSES
from taskwave.semantic.codec.windows import KINDS, WindowCode
from taskwave.semantic.data import open_images
from taskwave.semantic.data.folders import find_folder
from taskwave.semantic.diffusion.posterior import WindowPosterior
from taskwave.semantic.judges.panel import Panel
from taskwave.semantic.judges.segmentation import SegmentationNet, Segmenter
from taskwave.semantic.language.text_encoder import TextEncoder
from taskwave.semantic.surrogates.networks import SegmentationSurrogate
from taskwave.semantic.weights import Models


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tests of what is not there (images, GNU Radio, TensorFlow) are left out, but never in continuous integration."""
    try:
        if item.get_closest_marker("data") is not None:
            for name in ("camvid", "labelmefacade", "carla_det"):
                find_folder(name, None)
        if item.get_closest_marker("gnuradio") is not None:
            find_gnuradio()
        if item.get_closest_marker("tensorflow") is not None:
            import_tensorflow()
    except (FileNotFoundError, RuntimeError) as error:
        if os.environ.get("CI"):
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))


@cache
def find_gnuradio() -> str:
    """Version of GNU Radio. Raises `FlowgraphError` where there is none."""
    worker = FlowgraphWorker()
    worker.close()
    return worker.version


@pytest.fixture(scope="session")
def street_images() -> torch.Tensor:
    """[3, 3, 192, 256] float in [0, 1]."""
    scenes = open_images("streets", "val")
    return torch.stack([scenes[i].image for i in range(3)]).float() / 255


@pytest.fixture(scope="session")
def tiny_models(street_images: torch.Tensor) -> Models:
    """Real networks, small and untrained but for the linear start of the window code and the bundled text encoder."""
    torch.manual_seed(1)
    windows = WindowCode(symbols=48, widths=(8, 8, 8))
    every = street_images.unfold(2, 32, 16).unfold(3, 32, 16).permute(0, 2, 3, 1, 4, 5).flatten(0, 2)
    for kind in range(len(KINDS)):
        windows.start_linear(every, kind)
    numbers, snrs = (torch.linspace(0.2, 1, size) for size in windows.worth.shape)
    windows.worth.copy_(numbers[:, None] * snrs)
    windows.step_worth.copy_(torch.linspace(0.2, 1, len(windows.step_worth)))
    torch.manual_seed(0)
    locator = Locator(width=8)
    return Models(
        name="tiny",
        windows=windows.eval(),
        posterior=WindowPosterior(widths=(8, 8, 8)).eval(),
        text_encoder=TextEncoder.load(),
        locator=locator.eval(),
        surrogate=SegmentationSurrogate(Segmenter(SegmentationNet(widths=(8, 8, 8, 8), depths=(1, 1, 1))), "tiny"),
        digests={"windows": "tiny", "posterior": "tiny"},
    )


class NearestColour(nn.Module):
    """Every pixel is of the class whose display colour is nearest: an answer that depends on the picture."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """[B, 3, H, W] in [0, 1] to logits [B, 11, H, W]."""
        colours = torch.tensor([c.colour for c in CLASSES]) / 255
        return -(images[:, None] - colours[None, :, :, None, None]).square().sum(2)


@pytest.fixture(scope="session")
def colours() -> Segmenter:
    """Judge of street maps that answers the class of the nearest display colour."""
    return Segmenter(NearestColour(), "colours")


@pytest.fixture(scope="session")
def colour_models(tiny_models: Models, colours: Segmenter) -> Models:
    """Models whose surrogate and only judge see the nearest display colour."""
    return replace(tiny_models, surrogate=SegmentationSurrogate(colours, "colours"), judges=Panel([colours]))


@pytest.fixture(scope="module")
def radio() -> Radio:
    return Radio(RadioConfig(channel="tdl-c"))


@pytest.fixture(scope="module")
def clear_radio() -> Radio:
    return Radio(RadioConfig(channel="awgn", csi="perfect", num_tx_ant=1, num_rx_ant=1, num_layers=1))


@pytest.fixture(scope="session")
def interface():
    """Makes the air between the two ends of a radio, the same fading and noise in every test."""

    def make(radio: Radio, batch: int, es_n0_db: float = 10.0, occasions: int = 1) -> AirInterface:
        return AirInterface(radio.config, radio.draw(batch, occasions, 5), es_n0_db, 6)

    return make


@pytest.fixture(scope="session")
def snr_db():
    """SNR of one Gaussian channel that leaves the error of the best linear estimate from what arrives over `radio`."""

    def measure(air: Air, num_symbols: int = 1500, radio: Radio | None = None) -> float:
        symbols = torch.randn(air.batch, num_symbols, dtype=torch.complex64, generator=torch.Generator().manual_seed(1))
        received = SymbolLink(radio or Radio(air.config)).send(symbols, air)
        error = (received.symbols / (1 + received.noise_variance) - symbols).abs().square().mean()
        return float(10 * torch.log10(1 / error - 1))

    return measure


@pytest.fixture(scope="session")
def assert_same_rate():
    """Rates k1 of n1 and k2 of n2 agree within 5 sqrt(p (1 - p) (1 / n1 + 1 / n2)), p the pooled rate."""

    def check(k1: int, n1: int, k2: int, n2: int) -> None:
        p = (k1 + k2) / (n1 + n2)
        if min(n1, n2) * p < 100:
            pytest.fail("too few errors to tell")  # no AssertionError: no disagreement
        assert abs(k1 / n1 - k2 / n2) <= 5 * math.sqrt(p * (1 - p) * (1 / n1 + 1 / n2)), (k1 / n1, k2 / n2)

    return check


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The package of toy links, installed as far as entry points can tell, with no calls recorded yet."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent / "toy"))
    import toy_links  # noqa: PLC0415

    toy_links.Toy.calls.clear()
    return toy_links
