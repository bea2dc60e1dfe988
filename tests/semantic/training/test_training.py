"""The training loop, its batches and the recipes."""

import json
import math
from pathlib import Path

import pytest
import torch
from diffusers.utils import logging as diffusers_log
from PIL import Image
from torch import nn
from transformers.utils import logging as transformers_log

from taskwave.semantic.classes import IGNORE
from taskwave.semantic.codec.latents import LatentCodec
from taskwave.semantic.data import open_images
from taskwave.semantic.training.batches import ImagePool, class_weights
from taskwave.semantic.training.damage import damage, patchwork
from taskwave.semantic.training.fit import Fit, FitConfig, learning_rate
from taskwave.semantic.training.joint import answer_loss
from taskwave.semantic.training.monitor import Monitor
from taskwave.semantic.training.reception import receive
from taskwave.semantic.training.recipe import Recipe, load_recipe
from taskwave.semantic.training.stages import STAGES, Workshop
from taskwave.semantic.weights import folder_digest, load_models, quiet_libraries, save_models

TINY = """
labelled = { source = "streets", split = "train", size = [96, 128], count = 3 }
val = { source = "streets", split = "val", size = [192, 256], count = 2 }
codec = { steps = 2, lr = 1e-3, batch = 2, network = { encoder_width = 8, decoder_width = 8 } }
general = { steps = 2, lr = 1e-3, batch = 2, network = { widths = [16, 16, 16] } }
prior = { steps = 2, lr = 1e-3, batch = 2, network = { widths = [32, 32] } }
segmentation = { steps = 2, lr = 1e-3, batch = 2, network = { widths = [8, 8, 8, 8] } }
finetune = { steps = 2, lr = 1e-3, batch = 2 }
joint = { steps = 2, lr = 1e-3, batch = 2 }
attention = { steps = 2, lr = 1e-3, batch = 2, network = { width = 16 } }
"""


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


def test_receptions_cover_all_cases_and_report_their_noise() -> None:
    generator = torch.Generator().manual_seed(0)
    symbols = torch.view_as_complex(torch.randn(256, 14, 6, 8, 2, generator=generator)) / 2**0.5
    latents = torch.randn(256, 16, 24, 32, generator=generator)
    held = receive(symbols, latents, (8, 2, 4), torch.Generator().manual_seed(1))
    got = held.symbol_noise.isfinite()
    assert bool(got[:, :8].all()), "the general layer always arrives"
    one, two = (got[:, layer].flatten(1).any(1) for layer in (8, 10))
    tokens = held.latent_noise.isfinite().flatten(1).any(1)
    for kind, expected in ((one & ~two, 1 / 5), (two & ~tokens, 1 / 5), (tokens & ~two, 1 / 5), (tokens & two, 1 / 5)):
        n, k = len(kind), int(kind.sum())
        assert abs(k - n * expected) <= 5 * (n * expected * (1 - expected)) ** 0.5
    ratio = ((held.symbols - symbols).abs().square() / held.symbol_noise)[got].mean()
    assert float(ratio) == pytest.approx(1, abs=0.03)
    numbers = held.latent_noise.isfinite()
    ratio = ((held.latents - latents).square() / held.latent_noise)[numbers].mean()
    assert float(ratio) == pytest.approx(1, abs=0.03)


def test_answers_are_compared_pixel_by_pixel_with_the_weight_of_their_class() -> None:
    """The loss is least for the answer wanted; an error on a class of weight 3 costs three times one of weight 1."""
    wanted = torch.full((1, 11, 1, 2), -30.0)
    wanted[0, 8, 0, 0] = wanted[0, 3, 0, 1] = 30
    weights = torch.ones(11)
    weights[8] = 3
    assert float(answer_loss(wanted, wanted, weights)) < 1e-6
    wrong = [wanted.clone(), wanted.clone()]
    for pixel, answer in enumerate(wrong):
        answer[0, :, 0, pixel] = 0
    car, road = (float(answer_loss(answer, wanted, weights)) for answer in wrong)
    assert car == pytest.approx(3 / 4 * math.log(11), rel=1e-4) and car == pytest.approx(3 * road, rel=1e-4)


def test_repetition_lowers_the_noise_of_the_first_layer_in_some_cells_only() -> None:
    symbols = torch.zeros(400, 14, 6, 8, dtype=torch.complex64)
    held = receive(symbols, torch.zeros(400, 16, 24, 32), (8, 2, 4), torch.Generator().manual_seed(3))
    db = -10 * held.symbol_noise[:, :8].mean(1).log10().flatten(1)
    spread = db.std(1)
    assert float(spread.max()) > 3 * float(spread.median()), "cells that were received several times stand out"


def test_receptions_without_detail_have_finite_gradients() -> None:
    symbols = torch.randn(16, 14, 2, 2, dtype=torch.complex64, requires_grad=True)
    held = receive(symbols, torch.randn(16, 16, 8, 8), (8, 2, 4), torch.Generator().manual_seed(2))
    held.symbols.abs().square().sum().backward()
    assert symbols.grad is not None and bool(symbols.grad.isfinite().all())


@pytest.mark.parametrize("name", ["streets", "camvid", "tiny"])
def test_bundled_recipes_are_valid_and_never_train_on_the_test_split_of_a_benchmark(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.labelled.split == "train" and recipe.val.split == "val"


def test_unknown_recipe_and_unknown_key_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="camvid, streets, tiny"):
        load_recipe("nothing")
    (tmp_path / "r.toml").write_text(TINY + "colour = 1\n")
    with pytest.raises(ValueError, match="colour: unknown key"):
        load_recipe(str(tmp_path / "r.toml"))


@pytest.mark.slow
def test_every_stage_trains_and_the_exported_set_loads(tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(TINY)
    recipe: Recipe = load_recipe(str(tmp_path / "tiny.toml"))
    workshop = Workshop(recipe, tmp_path / "run", "cpu", Monitor())
    with pytest.raises(FileNotFoundError, match="codec"):
        workshop.train("general")
    for stage in STAGES:
        workshop.train(stage)
    workshop.export(tmp_path / "set")
    models = load_models(tmp_path / "set")
    images = workshop.val.whole([0]).images
    assert models.codec.decode(models.codec.encode(images)).shape == images.shape
    again = Workshop(recipe, tmp_path / "again", "cpu", Monitor())
    again.start_from(models, ["joint"])
    again.train("joint")
    again.export(tmp_path / "next")
    after = load_models(tmp_path / "next")
    assert (
        after.digests["attention"] == models.digests["attention"] and after.digests["prior"] != models.digests["prior"]
    )
    weights = tmp_path / "set" / "general" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ValueError, match="general"):
        load_models(tmp_path / "set")


def test_unknown_weights_are_named() -> None:
    with pytest.raises(FileNotFoundError, match="'nowhere'"):
        load_models("nowhere")


class StopAt(Monitor):
    """Interrupts every stage after its first step."""

    def advance(self, done: int, loss: float | None = None) -> None:
        if done == 1 and loss is not None:
            raise KeyboardInterrupt


@pytest.mark.slow
def test_a_set_does_not_depend_on_interruptions(tmp_path: Path) -> None:
    """The set of a training that was stopped in every stage equals that of an unbroken one, file by file."""
    (tmp_path / "tiny.toml").write_text(TINY.replace("[192, 256]", "[96, 128]"))
    recipe = load_recipe(str(tmp_path / "tiny.toml"))
    whole, broken = (Workshop(recipe, tmp_path / name, "cpu", Monitor()) for name in ("whole", "broken"))
    stopped = Workshop(recipe, tmp_path / "broken", "cpu", StopAt())
    for stage in STAGES:
        whole.train(stage)
        with pytest.raises(KeyboardInterrupt):
            stopped.train(stage)
        broken.train(stage)
    for workshop in (whole, broken):
        workshop.export(workshop.folder / "set")
    assert folder_digest(tmp_path / "whole" / "set") == folder_digest(tmp_path / "broken" / "set")


def test_unlabelled_images_are_refused_where_labels_are_needed(tmp_path: Path) -> None:
    Image.new("RGB", (128, 96)).save(tmp_path / "grey.png")
    (tmp_path / "r.toml").write_text(
        TINY.replace('"streets", split = "train"', f'"folder", folder = "{tmp_path}", split = "train"').replace(
            "count = 3", "count = 1"
        )
    )
    workshop = Workshop(load_recipe(str(tmp_path / "r.toml")), tmp_path / "run", "cpu", Monitor())
    with pytest.raises(ValueError, match="labelled: no image of folder train has a label"):
        workshop.train("codec")


def test_a_set_is_never_written_over_something_else(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    with pytest.raises(ValueError, match="exists and is not empty: name a new folder"):
        save_models(tmp_path, LatentCodec(nn.Identity(), torch.zeros(1), torch.ones(1)), torch.ones(1), {})


def test_a_damaged_index_is_named(tmp_path: Path) -> None:
    for content in ("{", "{}", '{"latents_mean": ["a"]}'):
        (tmp_path / "bundle.json").write_text(content)
        with pytest.raises(ValueError, match=r"bundle.json is damaged"):
            load_models(tmp_path)


def test_libraries_are_silent_and_get_their_voice_back() -> None:
    before = [
        (library.is_progress_bar_enabled(), library.get_verbosity()) for library in (diffusers_log, transformers_log)
    ]
    with quiet_libraries():
        assert not diffusers_log.is_progress_bar_enabled() and not transformers_log.is_progress_bar_enabled()
    after = [
        (library.is_progress_bar_enabled(), library.get_verbosity()) for library in (diffusers_log, transformers_log)
    ]
    assert after == before


def test_loading_a_set_shows_no_foreign_progress_bars(capfd: pytest.CaptureFixture[str]) -> None:
    load_models("streets")
    assert capfd.readouterr() == ("", "")
