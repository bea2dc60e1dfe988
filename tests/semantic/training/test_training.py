"""The training loop, its batches, damage of images, and the training of surrogates of maps."""

import json
from pathlib import Path

import pytest
import torch

from taskwave.semantic.classes import IGNORE
from taskwave.semantic.data import open_images
from taskwave.semantic.training.batches import ImagePool, class_weights
from taskwave.semantic.training.damage import damage, patchwork
from taskwave.semantic.training.fit import Fit, FitConfig, learning_rate
from taskwave.semantic.training.judges import pools
from taskwave.semantic.training.judges.recipes import MAPS, Images, MapRecipe
from taskwave.semantic.training.monitor import Monitor
from taskwave.semantic.training.segmentation import map_surrogate

TINY = MapRecipe(Images("streets", (64, 96), 0, 3), (8, 8, 8, 8), steps=2, batch=2)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def pool() -> ImagePool:
    return ImagePool([open_images("streets", "train")], count=3)


def quadratic(folder: Path, steps: int) -> torch.nn.Module:
    """Fit a line to noisy points with a fixed schedule of 30 steps, stopping at `steps`."""
    torch.manual_seed(0)
    module = torch.nn.Linear(1, 1)
    fit = Fit(module, FitConfig(steps, 0.05, warmup=3, validate_every=10, checkpoint_seconds=0), folder)

    def loss(generator: torch.Generator) -> torch.Tensor:
        x = torch.randn(32, 1, generator=generator)
        return (module(x) - 2 * x - 1).square().mean()

    return fit.run(loss, lambda: {})


def test_a_resumed_run_equals_an_unbroken_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = quadratic(tmp_path / "whole", 30)
    monkeypatch.setattr(
        "taskwave.semantic.training.fit.learning_rate",
        lambda step, config: learning_rate(step, FitConfig(30, 0.05, warmup=3)),
    )
    quadratic(tmp_path / "broken", 13)
    again = quadratic(tmp_path / "broken", 30)
    for a, b in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)
    log = [json.loads(line) for line in (tmp_path / "broken" / "log.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in log] == [10, 13, 20, 30]


def test_fewer_steps_than_are_done_are_refused(tmp_path: Path) -> None:
    quadratic(tmp_path, 13)
    with pytest.raises(ValueError, match="holds 13 steps, and 12 are asked for: ask for more, or name another folder"):
        quadratic(tmp_path, 12)


def test_averaged_weights_follow_with_a_decay_that_grows(tmp_path: Path) -> None:
    """The decay after n updates is min(averaging, (1 + n) / (10 + n)), from the first one on; buffers are copied."""
    module = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.BatchNorm1d(1))
    expected = [p.detach().clone() for p in module.parameters()]
    fit = Fit(module, FitConfig(5, 0.1, averaging=0.25, warmup=1), tmp_path)
    seen = []

    def loss(generator: torch.Generator) -> torch.Tensor:
        if fit.step:
            seen.append([p.detach().clone() for p in module.parameters()])
        return module(torch.randn(16, 1, generator=generator)).square().sum()

    averaged = fit.run(loss, lambda: {})
    seen.append([p.detach().clone() for p in module.parameters()])
    for step, current in enumerate(seen):
        decay = min(0.25, (1 + step) / (10 + step))
        expected = [torch.lerp(mine, theirs, 1 - decay) for mine, theirs in zip(expected, current, strict=True)]
    assert len(seen) == 5 and averaged is fit.averaged and not averaged.training
    assert all(map(torch.equal, averaged.parameters(), expected))
    assert all(map(torch.equal, averaged.buffers(), module.buffers()))


def test_learning_rate_warms_up_and_ends_at_zero() -> None:
    config = FitConfig(steps=100, lr=1.0, warmup=10)
    assert learning_rate(0, config) == pytest.approx(0.1)
    assert learning_rate(10, config) == 1.0
    assert learning_rate(55, config) == pytest.approx(0.5)
    assert learning_rate(100, config) == pytest.approx(0)


def test_crops_keep_labels_on_their_pixels(pool: ImagePool) -> None:
    """Paint each pixel with its label's brightness: after any crop, mirror and zoom the two still agree."""
    painted = ImagePool([])
    label = torch.arange(6).repeat_interleave(32).expand(192, -1).contiguous().to(torch.uint8)
    painted.images, painted.labels = [(label * 40).expand(3, -1, -1).contiguous()], [label]
    batch = painted.draw(8, (96, 96), torch.Generator().manual_seed(0), (1.0, 1.6))
    for image, mine in zip(batch.images, batch.labels, strict=True):
        means = torch.stack([image[:, mine == c].mean() for c in mine.unique()])
        assert bool((means.diff() > 0.05).all())


def test_draws_depend_on_the_generator_alone(pool: ImagePool) -> None:
    first, second = (pool.draw(2, (96, 96), torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(first.images, second.images) and torch.equal(first.labels, second.labels)


def test_rare_classes_weigh_more() -> None:
    pool = ImagePool([])
    label = torch.zeros(10, 10, dtype=torch.uint8)
    label[0, 0], label[1] = 8, IGNORE
    pool.labels = [label]
    weights = class_weights(pool, 11)
    assert weights[8] / weights[0] == pytest.approx((89 / 1) ** 0.5, rel=1e-4)


def test_damage_leaves_the_clean_share_alone(pool: ImagePool) -> None:
    images = pool.whole([0, 1, 2]).images.repeat(10, 1, 1, 1)
    out = damage(images, torch.Generator().manual_seed(0), clean=0.5)
    same = (out == images).flatten(1).all(1)
    assert 8 <= int(same.sum()) <= 22
    assert float((out - images).abs().max()) <= 1


def test_patchwork_is_made_of_both_images() -> None:
    clean, damaged = torch.ones(3, 96, 128), torch.zeros(3, 96, 128)
    shares = [float(patchwork(clean, damaged, torch.Generator().manual_seed(s)).mean()) for s in range(12)]
    assert min(shares) < 0.4 and max(shares) > 0.3 and len(set(shares)) > 6


class StopAtOnce(Monitor):
    """Interrupts a training after its first step."""

    def advance(self, done: int, loss: float | None = None) -> None:
        raise KeyboardInterrupt


def test_a_surrogate_of_maps_trains_and_does_not_depend_on_interruptions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "VALIDATION", 2)
    whole = map_surrogate(TINY, tmp_path / "whole", 1, Monitor())
    assert whole.config.widths == TINY.widths and not whole.training
    assert whole(torch.rand(1, 3, 40, 56)).shape == (1, 11, 40, 56)
    log = [json.loads(line) for line in (tmp_path / "whole" / "log.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in log] == [2] and all(0 <= log[0][name] < 1 for name in ("miou", "miou_damaged"))
    with pytest.raises(KeyboardInterrupt):
        map_surrogate(TINY, tmp_path / "broken", 1, StopAtOnce())
    broken = map_surrogate(TINY, tmp_path / "broken", 1, Monitor())
    other = map_surrogate(TINY, tmp_path / "other", 2, Monitor())
    weights, same, different = (list(net.parameters()) for net in (whole, broken, other))
    assert all(map(torch.equal, weights, same)) and not all(map(torch.equal, weights, different))


def test_surrogates_of_maps_never_see_the_split_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "VALIDATION", 2)
    assert {name: recipe.images.source for name, recipe in MAPS.items()} == {"streets": "streets", "camvid": "camvid"}
    (train,), val = pools.open_parts((TINY.images,))
    assert train.names == tuple(f"street-train-0-0000{i}" for i in range(3))
    assert val.names == ("street-val-0-00000", "street-val-0-00001")
