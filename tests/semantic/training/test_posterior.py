"""Training of the posterior: the energy score is proper, what arrives is finite, and a step learns."""

import math

import pytest
import torch

from taskwave.semantic.codec.windows import ANYTHING, SIGNS, WindowCode
from taskwave.semantic.data import open_images
from taskwave.semantic.diffusion.posterior import WindowPosterior, lost_of
from taskwave.semantic.judges.reader import PatchNet
from taskwave.semantic.language.text_encoder import TextEncoder
from taskwave.semantic.training.fit import Fit, FitConfig
from taskwave.semantic.training.locator import Wordings
from taskwave.semantic.training.monitor import Monitor
from taskwave.semantic.training.perceptual import PerceptualDistance
from taskwave.semantic.training.posterior import arrive, energy, score, train_posterior
from taskwave.semantic.training.window_pool import WindowPool
from taskwave.semantic.training.windows import Eyes

COUNT = 200_000


def gaussian_score(mean: float, spread: float) -> float:
    """Mean score of samples of a normal distribution of numbers, where the truth is of the standard one."""
    first, second, truth = torch.randn(3, COUNT, 1, generator=torch.Generator().manual_seed(0))
    return float(energy(mean + spread * first, mean + spread * second, truth).mean())


def expected_score(mean: float, spread: float) -> float:
    """E|X - y| - E|X - X'| / 2 in closed form."""

    def absolute(mean: float, variance: float) -> float:
        """Mean of the absolute value of a normal number."""
        bell = math.sqrt(2 * variance / math.pi) * math.exp(-(mean**2) / (2 * variance)) if variance else 0.0
        return bell + mean * (math.erf(mean / math.sqrt(2 * variance)) if variance else 1.0)

    return absolute(mean, 1 + spread**2) - absolute(0, 2 * spread**2) / 2


@pytest.mark.parametrize(("mean", "spread"), [(0.0, 1.0), (0.0, 0.5), (0.0, 2.0), (0.7, 1.0), (-0.7, 0.5), (0.0, 0.0)])
def test_the_energy_score_of_gaussians_has_its_closed_form(mean: float, spread: float) -> None:
    error = 5 * (1 + abs(mean) + spread) / COUNT**0.5
    assert gaussian_score(mean, spread) == pytest.approx(expected_score(abs(mean), spread), abs=error)


def test_the_energy_score_is_least_for_the_distribution_of_the_truth() -> None:
    right = gaussian_score(0, 1)
    wrong = [(0, 0.0), (0, 0.6), (0, 1.6), (0.4, 1.0), (-0.4, 1.0)]
    assert all(gaussian_score(*case) > right + 0.01 for case in wrong)


def test_the_energy_score_is_of_vectors_at_every_place() -> None:
    """Root mean square distances over the numbers of a vector, for each place on its own."""
    first, second, truth = torch.zeros(3, 2, 4, 5, 6)
    first[0, :, 2, 3], second[0, :, 2, 3] = 3, -1
    truth[1, 0, 1, 1] = 2
    found = energy(first, second, truth)
    assert found.shape == (2, 5, 6)
    assert float(found[0, 2, 3]) == pytest.approx((3 + 1 - 4) / 2, abs=1e-4)
    assert float(found[1, 1, 1]) == pytest.approx(2 / 4**0.5, abs=1e-4)
    found[0, 2, 3] = found[1, 1, 1] = 0
    assert float(found.abs().max()) < 1e-4


def test_equal_samples_have_a_slope() -> None:
    samples = torch.zeros(2, 3, 4, requires_grad=True)
    energy(samples, samples, torch.zeros(2, 3, 4)).sum().backward()
    assert samples.grad is not None and bool(samples.grad.isfinite().all())


@pytest.fixture(scope="module")
def pool() -> WindowPool:
    scenes = open_images("streets", "train", size=(192, 256))
    samples = [scenes[i] for i in range(6)]
    return WindowPool(samples, samples, [], Wordings(TextEncoder.load(None), 1))


@pytest.fixture(scope="module")
def code(pool: WindowPool) -> WindowCode:
    torch.manual_seed(0)
    net = WindowCode(symbols=48, widths=(8, 8, 8)).eval().requires_grad_(False)
    for kind in (SIGNS, ANYTHING):
        net.start_linear(pool.draw(256, torch.Generator().manual_seed(0), kind).windows, kind)
    return net


def test_windows_arrive_in_all_qualities_and_say_how_much_is_lost(pool: WindowPool, code: WindowCode) -> None:
    drawn = pool.draw(120, torch.Generator().manual_seed(1))
    first, again = (arrive(code, drawn, torch.Generator().manual_seed(2)) for _ in range(2))
    assert torch.equal(first.mean, again.mean) and torch.equal(first.lost, again.lost)
    assert first.mean.shape == drawn.windows.shape and first.lost.shape == (120,)
    assert bool(first.mean.isfinite().all()) and float((first.mean - 0.5).abs().max()) < 0.71
    nothing = float(lost_of(code, torch.zeros(1, 96), torch.tensor([SIGNS])))
    assert bool(first.lost.isfinite().all()) and bool((first.lost <= nothing).all()) and float(first.lost.std()) > 0.3
    assert torch.equal(first.question.kinds, drawn.kinds) and torch.equal(first.question.embedding, drawn.embedding)
    error = (first.mean - drawn.windows).square().mean((1, 2, 3))
    most, least = (error[first.lost.argsort(descending=down)[:40]].mean() for down in (True, False))
    assert float(most) > 1.5 * float(least), "where more is lost windows are farther from what they show"


@pytest.fixture(scope="module")
def eyes() -> Eyes:
    torch.manual_seed(0)
    return Eyes(PerceptualDistance(), PatchNet(classes=("a", "b", "c")).eval().requires_grad_(False))


@pytest.mark.parametrize("spread", [0.0, 3.0])
def test_the_loss_is_less_for_residuals_of_the_right_spread(
    pool: WindowPool, code: WindowCode, eyes: Eyes, monkeypatch: pytest.MonkeyPatch, spread: float
) -> None:
    """Windows are as their mean and white noise of a tenth: samples that say so are better than too few or too much."""
    generator = torch.Generator().manual_seed(1)
    drawn = pool.draw(24, generator)
    arrived = arrive(code, drawn, generator)
    noise = 0.1 * torch.randn(drawn.windows.shape, generator=generator)
    arrived = type(arrived)(drawn.windows - noise, arrived.lost, arrived.question)
    net = WindowPosterior(widths=(8, 8, 8)).eval()
    torch.nn.init.constant_(net.size.bias, math.log(0.1))

    def loss(scale: float) -> float:
        def forward(noisy: torch.Tensor, level: torch.Tensor, arrived: object, white: torch.Tensor) -> torch.Tensor:
            return scale * white

        monkeypatch.setattr(net, "forward", forward)
        with torch.no_grad():
            return float(score(net, arrived, drawn, eyes, torch.Generator().manual_seed(3)))

    assert loss(1.0) < loss(spread)


def test_the_size_is_learned_from_the_residuals(pool: WindowPool, code: WindowCode, eyes: Eyes) -> None:
    """The slope of the bias of the size leads to the root mean square of what is not known."""
    generator = torch.Generator().manual_seed(1)
    drawn = pool.draw(24, generator)
    drawn.weight.fill_(1)
    arrived = arrive(code, drawn, generator)
    power = (drawn.windows - arrived.mean).square().mean((1, 2, 3))
    net, slopes = WindowPosterior(widths=(8, 8, 8)).eval(), []
    for factor in (0.5, 1.0, 2.0):
        # With equal sizes the likelihood is best where their square is the mean power.
        torch.nn.init.constant_(net.size.bias, math.log(factor * float(power.mean()) ** 0.5))
        net.zero_grad()
        score(net, arrived, drawn, eyes, torch.Generator().manual_seed(3)).backward()
        slopes.append(float(net.size.bias.grad))
    assert slopes[0] < 0 < slopes[2] and slopes[1] == pytest.approx(0, abs=1e-3)


@pytest.mark.slow
def test_a_posterior_trains_and_reports(pool: WindowPool, code: WindowCode, eyes: Eyes, tmp_path) -> None:
    reports: list[dict[str, float]] = []

    class Kept(Monitor):
        def validated(self, record: dict[str, float]) -> None:
            reports.append(record)

    torch.manual_seed(0)
    net = WindowPosterior(widths=(8, 8, 8))
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    fit = Fit(net, FitConfig(2, 1e-3, seed=0, warmup=1, averaging=0.5), tmp_path)
    trained = train_posterior(net, code, fit, (pool, pool), eyes, Kept())
    assert trained is fit.averaged and not trained.training
    assert not all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())
    (report,) = reports
    kinds = (
        "score",
        "looks_of_mean",
        "error_of_mean",
        *(f"{n}_{s}" for n in ("looks", "error", "apart") for s in (1, 4)),
    )
    assert {"step", "loss"} | {f"{kind}_{name}" for kind in ("signs", "anything") for name in kinds} == set(report)
    assert report["step"] == 2 and all(math.isfinite(value) for value in report.values())
