"""The training of the posterior of windows: samples of what arrived that are as far apart as each is from the truth."""

from pathlib import Path

import torch
from torch.nn import functional

from taskwave.semantic.codec.quantiser import SNR_DB, restored, scaled
from taskwave.semantic.codec.windows import KINDS, STEPS, Question, WindowCode
from taskwave.semantic.diffusion.posterior import Arrived, WindowPosterior, lost_of
from taskwave.semantic.diffusion.sampling import sample
from taskwave.semantic.judges.reader import cut
from taskwave.semantic.training.fit import Fit, FitConfig
from taskwave.semantic.training.monitor import Monitor
from taskwave.semantic.training.window_pool import Drawn, WindowPool
from taskwave.semantic.training.windows import (
    DIGITAL,
    RANGE_DB,
    Eyes,
    eyes_of_training,
    pools_of_sets,
    receive,
    surroundings,
)
from taskwave.semantic.weights import load_network

BATCH = 24
"""Number of windows per step, each drawn twice."""
FROM_NOTHING = 0.5
"""Share of the windows whose residual starts as nothing but noise."""
PATCHES = (1, 4, 16)
"""Sides in pixels of the parts of a window of which samples are to be right together."""
LOOKS = 0.15
"""Weight of features of the perceptual network relative to pixels."""
FINEST = 3.0
"""Largest weight of the looks of a window, relative to one of which pixels are unknown by a tenth."""
MEANING = 0.5
"""Weight of the answers of the surrogate relative to pixels."""


def energy(first: torch.Tensor, second: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Return the energy score [B, ...] of two samples [B, N, ...] of vectors of N numbers.

    It is the mean distance of samples from the truth less half their distance from each other, which is least for
    samples of the very distribution of the truth (Gneiting and Raftery 2007, strictly proper).
    """

    def distance(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return (x - y).square().mean(1).add(1e-10).sqrt()

    return (distance(first, truth) + distance(second, truth) - distance(first, second)) / 2


def arrive(code: WindowCode, drawn: Drawn, generator: torch.Generator) -> Arrived:
    """Return what arrives of drawn windows, half of them quantised, at random SNRs, numbers of symbols and steps."""
    batch = len(drawn.windows)
    digital = torch.rand(batch, generator=generator) < DIGITAL
    step = torch.tensor(STEPS)[torch.randint(len(STEPS), (batch,), generator=generator)]
    snr_db = RANGE_DB[0] + (RANGE_DB[1] - RANGE_DB[0]) * torch.rand(batch, generator=generator)
    expected = torch.where(digital, SNR_DB, snr_db + 1.5 * torch.randn(batch, generator=generator))
    question = Question(drawn.embedding, expected, drawn.kinds)
    symbols = code.encode(drawn.windows, question)
    analog = receive(code, symbols, drawn, snr_db, generator)
    coded = restored(code, scaled(code, symbols, step, drawn.kinds).round(), step, drawn.kinds)
    components, gains = (torch.where(digital[:, None], a, b) for a, b in zip(coded, analog, strict=True))
    mean = code.decode(components, gains, surroundings(drawn.windows, generator), question)
    return Arrived(mean.clamp(-0.2, 1.2), lost_of(code, gains, drawn.kinds), question)


def score(net: WindowPosterior, arrived: Arrived, drawn: Drawn, eyes: Eyes, generator: torch.Generator) -> torch.Tensor:
    """Return the loss of a step: energy scores of pixels, looks and meaning, and the likelihood of the size."""
    batch, shape = len(drawn.windows), drawn.windows.shape
    residual, size = drawn.windows - arrived.mean, net.sizes(arrived)
    power = (drawn.weight * residual.square()).sum((1, 2, 3)) / (3 * drawn.weight.sum((1, 2, 3)))
    likelihood = (power / size.square() + 2 * size.log()).mean()
    unit = size.detach()[:, None, None, None]
    level = torch.rand(batch, generator=generator)
    level = torch.where(torch.rand(batch, generator=generator) < FROM_NOTHING, 1.0, level)

    def white() -> torch.Tensor:
        return torch.randn(2, *shape, generator=generator).flatten(0, 1)

    t = level.repeat(2)[:, None, None, None]
    noise = torch.randn(shape, generator=generator).repeat(2, 1, 1, 1)
    noisy = (1 - t) * (residual / unit).repeat(2, 1, 1, 1) + t * noise
    drawn_residuals = net(noisy, level.repeat(2), arrived.repeat(2), white()).float()
    shown = arrived.mean.repeat(2, 1, 1, 1) + unit.repeat(2, 1, 1, 1) * drawn_residuals
    total = 0.1 * likelihood
    for side in PATCHES:
        one, two, truth = (functional.pixel_unshuffle(x / unit, side) for x in (*shown.chunk(2), drawn.windows))
        total = total + _weighted(energy(one, two, truth), drawn.weight) / len(PATCHES)
    with torch.autocast(shown.device.type, enabled=False):
        seen, looks = shown.clamp(-0.2, 1.2), []
        with torch.no_grad():
            goal = eyes.perceptual.features(drawn.windows)
        matters = (0.1 / unit[:, 0]).clamp(max=FINEST)
        for mine, theirs in zip(eyes.perceptual.features(seen), goal, strict=True):
            one, two = mine.chunk(2)
            looks.append(_weighted(matters * energy(one, two, theirs) * mine.shape[1] ** 0.5, drawn.weight))
        total = total + LOOKS * torch.stack(looks).mean()
        if drawn.signs:
            some = list(drawn.signs.items())
            one, two, truth = (
                eyes.surrogate(torch.cat([cut(windows[i], box) for i, box in some])).softmax(1)
                for windows in (*seen.chunk(2), drawn.windows)
            )
            total = total + MEANING * (energy(one, two, truth) * one.shape[1] ** 0.5).mean()
    return total


def _weighted(score: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Return the mean of a score [B, h, w], weighted by place with [B, 1, H, W]."""
    places = functional.adaptive_avg_pool2d(weight, (score.shape[-2], score.shape[-1]))[:, 0]
    return (places * score).sum() / places.sum()


def train_posterior(
    net: WindowPosterior, code: WindowCode, fit: Fit, pools: tuple[WindowPool, WindowPool], eyes: Eyes, monitor: Monitor
) -> WindowPosterior:
    """Train `net` with windows of the first pool as they arrive, and report on fixed ones of the second.

    Args:
        net: the network.
        code: the code by which windows arrive; it stays as it is.
        fit: the training.
        pools: images to train with and of the validation.
        eyes: networks that say how windows look and what they mean.
        monitor: follower of the progress.
    """
    train, val = pools

    def loss(generator: torch.Generator) -> torch.Tensor:
        drawn = train.draw(BATCH, generator)
        with torch.no_grad():
            arrived = arrive(code, drawn, generator)
        return score(net, arrived, drawn, eyes, generator)

    @torch.no_grad()
    def validate() -> dict[str, float]:
        generator, found = torch.Generator().manual_seed(0), dict[str, float]()
        for kind, name in enumerate(KINDS):
            drawn = val.draw(192, generator, kind)
            arrived = arrive(code, drawn, generator)
            found[f"{name}_score"] = float(score(fit.averaged, arrived, drawn, eyes, generator))  # type: ignore[arg-type]
            found[f"{name}_looks_of_mean"] = float(
                eyes.perceptual(arrived.mean.clamp(0, 1), drawn.windows, drawn.weight)
            )
            for steps in (1, 4):
                drawn_twice = sample(fit.averaged, arrived, 4, generator, steps).clamp(0, 1)  # type: ignore[arg-type]
                looks = [float(eyes.perceptual(x, drawn.windows, drawn.weight)) for x in drawn_twice]
                error = (drawn_twice.mean(0) - drawn.windows).square().mean().sqrt()
                apart = drawn_twice.var(0, correction=1).mean().sqrt()
                found |= {f"{name}_looks_{steps}": sum(looks) / len(looks), f"{name}_error_{steps}": float(error)}
                found[f"{name}_apart_{steps}"] = float(apart)
            found[f"{name}_error_of_mean"] = float((arrived.mean - drawn.windows).square().mean().sqrt())
        return found

    return fit.run(loss, validate, monitor)  # type: ignore[return-value]


def posterior_from_sets(windows: Path, folder: Path, extent: tuple[int, int, int], monitor: Monitor) -> WindowPosterior:
    """Train the posterior of a window code with the images that the code was trained with.

    Args:
        windows: folder of the code.
        folder: folder of checkpoint and log.
        extent: number of steps, seed of data and weights, number of drawn scenes.
        monitor: follower of the progress.

    Raises:
        FileNotFoundError: images are missing.
        ModuleNotFoundError: the weights of the perceptual distance are not installed.
    """
    steps, seed, scenes = extent
    torch.manual_seed(seed)
    code = load_network(WindowCode, windows).requires_grad_(False)
    net = WindowPosterior()
    config = FitConfig(steps, 1e-3, weight_decay=1e-4, seed=seed, validate_every=500, averaging=0.999)
    return train_posterior(
        net, code, Fit(net, config, folder), pools_of_sets(seed, scenes), eyes_of_training(), monitor
    )
