"""Samples of what windows may show: drawn by a seed, in any number of steps, and what a step of the network is told."""

import math

import pytest
import torch
from torch.nn import functional

from taskwave.semantic.codec.windows import ANYTHING, SIGNS, Question, WindowCode
from taskwave.semantic.diffusion.posterior import Arrived, WindowPosterior, lost_of
from taskwave.semantic.diffusion.sampling import sample


def asked(batch: int, kind: int = SIGNS) -> Question:
    return Question(torch.zeros(batch, 128), torch.full((batch,), 10.0), torch.full((batch,), kind))


@pytest.fixture
def arrived() -> Arrived:
    """Three windows, of which more and more is lost."""
    mean = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    return Arrived(mean, torch.tensor([-5.0, -2.0, 0.0]), asked(3))


@pytest.fixture(scope="module")
def posterior() -> WindowPosterior:
    torch.manual_seed(0)
    return WindowPosterior(widths=(8, 8, 8)).eval()


def draw(posterior: WindowPosterior, arrived: Arrived, count: int, seed: int = 1, steps: int = 1) -> torch.Tensor:
    return sample(posterior, arrived, count, torch.Generator().manual_seed(seed), steps)


@pytest.mark.parametrize("steps", [1, 4])
def test_the_seed_of_the_generator_decides_on_the_samples(
    posterior: WindowPosterior, arrived: Arrived, steps: int
) -> None:
    first, again, other = (draw(posterior, arrived, 4, seed, steps) for seed in (1, 1, 2))
    assert first.shape == (4, 3, 3, 32, 32) and not first.requires_grad and bool(first.isfinite().all())
    assert torch.equal(first, again) and not torch.allclose(first, other, atol=1e-3)
    assert bool((first.var(0).mean((1, 2, 3)) > 0).all()), "samples of one window differ"


@pytest.mark.parametrize(("count", "steps"), [(0, 1), (-1, 1), (1, 0)])
def test_less_than_one_sample_or_step_is_refused(
    posterior: WindowPosterior, arrived: Arrived, count: int, steps: int
) -> None:
    with pytest.raises(ValueError, match=f"{count} samples in {steps} steps: at least one of each"):
        draw(posterior, arrived, count, steps=steps)


class Told(WindowPosterior):
    """Draws white residuals of a known size, and remembers the noisy ones and levels that it is given."""

    def sizes(self, arrived: Arrived) -> torch.Tensor:
        return torch.full((len(arrived.mean),), 0.1)

    def forward(self, noisy: torch.Tensor, level: torch.Tensor, arrived: Arrived, white: torch.Tensor) -> torch.Tensor:
        self.seen = [*getattr(self, "seen", []), (noisy, level, white)]
        return 0.5 + white


def test_samples_are_the_mean_and_residuals_of_the_expected_size(arrived: Arrived) -> None:
    told = Told(widths=(8, 8, 8))
    shown = draw(told, arrived, 200)
    residual = shown - arrived.mean
    assert float(residual.mean()) == pytest.approx(0.05, abs=1e-3)
    assert float(residual.std()) == pytest.approx(0.1, rel=0.01)
    ((noisy, level, white),) = told.seen
    assert bool((level == 1).all()) and float(noisy.std()) == pytest.approx(1, rel=0.01)
    assert abs(float((noisy * white).mean())) < 0.01, "what is drawn does not hang on the noise that it began with"


def test_every_step_starts_from_the_residual_of_the_one_before_with_fresh_noise(arrived: Arrived) -> None:
    told = Told(widths=(8, 8, 8))
    draw(told, arrived, 100, steps=4)
    assert [float(level[0]) for _, level, _ in told.seen] == [1.0, 0.75, 0.5, 0.25]
    for (_, _, white), (noisy, level, _) in zip(told.seen, told.seen[1:], strict=False):
        t = float(level[0])
        fresh = (noisy - (1 - t) * (0.5 + white)) / t
        assert float(fresh.std()) == pytest.approx(1, rel=0.01) and abs(float((fresh * white).mean())) < 0.01


def test_sizes_are_positive_and_never_below_a_grey_level(posterior: WindowPosterior, arrived: Arrived) -> None:
    sizes = posterior.sizes(arrived)
    assert sizes.shape == (3,) and bool((sizes > 0).all())
    assert torch.allclose(sizes, torch.full((3,), math.exp(-2.5)), rtol=1e-4), "of a network that has not learned yet"
    sure = WindowPosterior(widths=(8, 8, 8))
    torch.nn.init.constant_(sure.size.bias, -20.0)
    assert bool((sure.sizes(arrived) == 0.004).all())


def test_the_network_is_told_what_arrived_and_what_was_asked(arrived: Arrived) -> None:
    torch.manual_seed(1)
    # Two channels a group: of one alone, normalisation takes away what it is told beside pictures.
    posterior, generator = WindowPosterior(widths=(16, 16, 16)).eval(), torch.Generator().manual_seed(2)
    for parameter in posterior.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    noisy, white = torch.randn(2, 3, 3, 32, 32, generator=generator)
    level = torch.full((3,), 0.5)
    question = Question(functional.normalize(torch.ones(3, 128)), torch.full((3,), 10.0), torch.full((3,), SIGNS))
    with torch.no_grad():
        usual = posterior(noisy, level, arrived, white)
        changed = [
            posterior(noisy, level, arrived, -white),
            posterior(noisy, level / 2, arrived, white),
            posterior(noisy, level, Arrived(1 - arrived.mean, arrived.lost, arrived.question), white),
            posterior(noisy, level, Arrived(arrived.mean, arrived.lost - 3, arrived.question), white),
            posterior(noisy, level, Arrived(arrived.mean, arrived.lost, asked(3, ANYTHING)), white),
            posterior(noisy, level, Arrived(arrived.mean, arrived.lost, question), white),
        ]
    assert usual.shape == noisy.shape
    assert [torch.allclose(usual, each, atol=1e-4) for each in changed] == [False] * len(changed)


def test_windows_do_not_depend_on_their_neighbours(posterior: WindowPosterior, arrived: Arrived) -> None:
    noisy, white = torch.randn(2, 3, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    level = torch.tensor([1.0, 0.5, 0.2])
    alone = Arrived(arrived.mean[1:2], arrived.lost[1:2], asked(1))
    with torch.no_grad():
        every, one = posterior(noisy, level, arrived, white), posterior(noisy[1:2], level[1:2], alone, white[1:2])
    torch.testing.assert_close(one, every[1:2], atol=1e-4, rtol=1e-4)


def test_what_arrived_repeats_as_whole_batches(arrived: Arrived) -> None:
    twice = arrived.repeat(2)
    for mine, theirs in (
        (twice.mean, arrived.mean),
        (twice.lost, arrived.lost),
        (twice.question.embedding, arrived.question.embedding),
        (twice.question.snr_db, arrived.question.snr_db),
        (twice.question.kinds, arrived.question.kinds),
    ):
        assert torch.equal(mine, torch.cat([theirs, theirs]))


def test_what_is_lost_is_the_share_of_the_variance_that_did_not_arrive() -> None:
    code = WindowCode(symbols=16, widths=(8, 8, 8))
    code.deviation[SIGNS] = torch.linspace(2, 1, 32)
    code.deviation[ANYTHING] = 1
    kinds, gains = torch.tensor([SIGNS, ANYTHING, SIGNS, SIGNS]), torch.zeros(4, 32)
    gains[:2, :16], gains[3] = 0.5, 1
    lost = lost_of(code, gains, kinds).exp()
    power = torch.linspace(2, 1, 32).square()
    expected = [1 - 0.5 * float(power[:16].sum() / power.sum()), 0.75, 1.0]
    assert lost[:3].tolist() == pytest.approx(expected, rel=1e-4)
    assert 0 < float(lost[3]) < 1e-4, "its logarithm is finite"
