"""The window code: a linear start that is optimal, symbols in order of worth, and what was not received."""

import pytest
import torch
from torch.nn import functional

from taskwave.semantic.codec.windows import ANYTHING, SIGNS, Question, WindowCode


def asked(batch: int, kind: int = SIGNS, snr_db: float = 10.0) -> Question:
    return Question(torch.zeros(batch, 128), torch.full((batch,), snr_db), torch.full((batch,), kind))


@pytest.fixture(scope="module")
def windows(street_images: torch.Tensor) -> torch.Tensor:
    """[432, 3, 32, 32]: all tiles of 64 pixels that begin at multiples of 16, reduced."""
    parts = street_images.unfold(2, 64, 16).unfold(3, 64, 16).permute(0, 2, 3, 1, 4, 5).flatten(0, 2)
    return functional.avg_pool2d(parts, 2)


@pytest.fixture(scope="module")
def code(windows: torch.Tensor) -> WindowCode:
    torch.manual_seed(0)
    net = WindowCode(symbols=64, widths=(8, 8, 8)).eval()
    net.start_linear(windows, SIGNS)
    net.start_linear(windows, ANYTHING)
    return net


@torch.no_grad()
def arrive(code: WindowCode, windows: torch.Tensor, number: int, noise: float, kind: int = SIGNS) -> torch.Tensor:
    """Decode `number` symbols of each window after white noise of a variance, of a message of unit mean power."""
    question = asked(len(windows), kind)
    sent = code.encode(windows, question)[:, :number] * code.amplitude(question.kinds)[:, :number]
    power = sent.abs().square().mean()
    white = torch.complex(*torch.randn(2, *sent.shape, generator=torch.Generator().manual_seed(1))) / 2**0.5
    known = code.received(sent + white * (noise * power) ** 0.5, torch.full(sent.shape, noise) * power, question.kinds)
    return code.decode(*known, torch.full_like(windows, 0.5), question)


def test_starts_as_the_principal_components(code: WindowCode, windows: torch.Tensor) -> None:
    values = code._values(windows).double()
    kept = torch.linalg.svdvals(values - values.mean(0))[: 2 * 64].square().sum() / len(values)
    expected = (windows - windows.mean(0)).square().flatten(1).sum(1).mean() - kept
    error = (arrive(code, windows, 64, 1e-9) - windows).square().flatten(1).sum(1).mean()
    assert float(error) == pytest.approx(float(expected), rel=0.02)


def test_symbols_have_unit_power_and_amplitudes_fall(code: WindowCode, windows: torch.Tensor) -> None:
    symbols = code.encode(windows, asked(len(windows)))
    assert symbols.dtype == torch.complex64 and symbols.shape == (len(windows), 64)
    assert torch.allclose(symbols.abs().square().mean(0), torch.ones(64), atol=0.01)
    amplitude = code.amplitude(torch.tensor([SIGNS]))[0]
    assert bool((amplitude.diff() <= 0).all())
    assert float(amplitude.square().mean()) == pytest.approx(1)


def test_every_symbol_more_lowers_the_error(code: WindowCode, windows: torch.Tensor) -> None:
    errors = [float((arrive(code, windows, n, 1e-3) - windows).square().mean()) for n in (4, 8, 16, 32, 64)]
    assert errors == sorted(errors, reverse=True)


def test_linear_estimate_is_the_best_there_is(code: WindowCode, windows: torch.Tensor) -> None:
    # A received component of unit power with noise s is known to within s / (1 + s) of its power.
    noise, number = 0.5, 16
    exact, noisy = (arrive(code, windows, number, s) for s in (1e-9, noise))
    power = code.amplitude(torch.tensor([SIGNS]))[0, :number].square()
    share = (noise * power.mean() / power).repeat_interleave(2)
    expected = float((code.deviation[SIGNS, : 2 * number].square() * share / (1 + share)).sum())
    assert float((noisy - exact).square().flatten(1).sum(1).mean()) == pytest.approx(expected, rel=0.05)


def test_the_kind_of_question_decides_what_is_sent(code: WindowCode, windows: torch.Tensor) -> None:
    """Windows are best sent by the components of such windows."""
    mine, other = (
        float((arrive(code, windows, 16, 1e-3, kind) - windows).square().mean()) for kind in (SIGNS, ANYTHING)
    )
    assert mine < 0.95 * other


def test_received_leaves_what_was_not_sent_open(code: WindowCode, windows: torch.Tensor) -> None:
    question = asked(2)
    symbols = code.encode(windows[:2], question)
    amplitude = code.amplitude(question.kinds)[:, :10]
    back, gains = code.received(symbols[:, :10] * amplitude, torch.full((2, 10), 0.3), question.kinds)
    share = (1 / (1 + 0.3 / amplitude.square())).repeat_interleave(2, dim=1)
    components = torch.view_as_real(symbols[:, :10]).flatten(1) * 2**0.5
    assert back.shape == gains.shape == (2, 128)
    assert torch.allclose(back[:, :20], share * components, atol=1e-5)
    assert torch.allclose(gains[:, :20], share)
    assert not back[:, 20:].any() and not gains[:, 20:].any()


def test_nothing_received_is_the_mean(code: WindowCode, windows: torch.Tensor) -> None:
    nothing = torch.zeros(1, 128)
    shown = code.decode(nothing, nothing, torch.full((1, 3, 32, 32), 0.5), asked(1))
    assert torch.allclose(code._values(shown)[0], code.mean[SIGNS], atol=1e-3)


def test_the_prompt_reaches_encoder_and_decoder(windows: torch.Tensor) -> None:
    net = WindowCode(symbols=64, widths=(8, 8, 8))
    torch.manual_seed(1)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    net.start_linear(windows, ANYTHING)
    said = [
        Question(functional.normalize(torch.randn(1, 128)), torch.zeros(1), torch.tensor([ANYTHING])) for _ in range(2)
    ]
    one, other = (net.encode(windows[:1], question) for question in said)
    assert not torch.allclose(one, other)
    known = net.received(one * net.amplitude(said[0].kinds), torch.ones(one.shape), said[0].kinds)
    shown = [net.decode(*known, windows[:1], question) for question in said]
    assert not torch.allclose(*shown)


@torch.no_grad()
def test_the_network_sees_what_arrives_and_how_sure_it_is() -> None:
    """A code that was never started has no linear picture of signs in which the network could see the components."""
    torch.manual_seed(2)
    net = WindowCode(symbols=64, widths=(8, 8, 8)).eval()
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    components, gains = torch.randn(1, 128), (1 / (1 + torch.logspace(-1, 1, 128)))[None]
    cases = [(components, gains), (-components, gains), (0 * components, gains), (0 * components, gains.flip(1))]
    shown = [net.decode(*case, torch.full((1, 3, 32, 32), 0.5), asked(1)) for case in cases]
    assert not torch.allclose(shown[0], shown[1], atol=1e-3)
    assert not torch.allclose(shown[2], shown[3], atol=1e-3)
