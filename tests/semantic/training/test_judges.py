"""Judges are trained by their recipes, step by step the same, and load by their folder."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from taskwave.scenarios.cli.training import JUDGES
from taskwave.semantic.data import open_images
from taskwave.semantic.judges.objects import ObjectJudge
from taskwave.semantic.judges.scenes import SceneNet
from taskwave.semantic.judges.segmentation import Segmenter
from taskwave.semantic.signs import SIGNS
from taskwave.semantic.training.judges.pools import VALIDATION, open_parts
from taskwave.semantic.training.judges.recipes import RECIPES, STREETS, Images, JudgeRecipe, SceneRecipe
from taskwave.semantic.training.judges.scene_workshop import train_scene_judge
from taskwave.semantic.training.judges.workshop import JudgeWorkshop
from taskwave.semantic.training.monitor import Monitor
from taskwave.semantic.weights.judges import load_judge

SMALL = (64, 64)


def test_parts_of_image_sets_are_opened_with_the_objects_that_count() -> None:
    (whole, signs), val = open_parts((Images("streets", (160, 224), 3, 2), Images("streets", (160, 224), 3, 2, SIGNS)))
    assert len(whole) == len(signs) == 2 and len(val) == VALIDATION and whole.names == signs.names
    kept = [name for i in range(2) for name in signs[i].objects.classes]  # type: ignore[union-attr]
    all_of_them = [name for i in range(2) for name in whole[i].objects.classes]  # type: ignore[union-attr]
    assert kept == [name for name in all_of_them if name in SIGNS] and len(kept) < len(all_of_them)


def test_help_names_every_recipe() -> None:
    assert ", ".join(RECIPES) == JUDGES


@pytest.mark.parametrize("name", ["gtsdb", "streets", "camvid"])
def test_a_second_judge_has_another_seed_and_other_images(name: str) -> None:
    first, second = RECIPES[name], RECIPES[f"{name}-second"]
    assert first.seed != second.seed and set(first.images) != set(second.images)


def test_the_two_judges_of_drawn_streets_share_no_scene() -> None:
    count = len(open_images("streets", "train"))
    parts = [RECIPES[name].images[0] for name in ("streets", "streets-second")]
    first, second = (range(count)[p.first :][: p.count] for p in parts)
    assert len(second) >= 500 and not set(first) & set(second)


def test_a_network_that_enlarges_sees_the_image_enlarged() -> None:
    torch.manual_seed(0)
    net, image = SceneNet(scale=1.5).eval(), torch.rand(1, 3, 64, 96)
    seen: list[torch.Tensor] = []
    net.backbone.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    with torch.no_grad():
        logits = net(image)
    assert logits.shape == (1, 11, 64, 96)
    assert torch.equal(seen[0], functional.interpolate(image, (96, 144), mode="bilinear", align_corners=False))


def test_a_judge_of_maps_is_trained_and_loads(tmp_path: Path) -> None:
    recipe = SceneRecipe((Images("streets", SMALL, 0, 2),), steps=2, batch=1, scale=1.5, scale_steps=1)
    train_scene_judge("mine", recipe, tmp_path / "work", tmp_path / "mine", 0, Monitor())
    judge = load_judge(tmp_path / "mine")
    assert isinstance(judge, Segmenter) and judge.name == "mine" and judge.net.config.scale == 1.5
    assert judge.answer(torch.rand(1, 3, 64, 64), [])[0].shape == SMALL
    train_scene_judge("mine", recipe, tmp_path / "work", tmp_path / "again", 0, Monitor())
    assert load_judge(tmp_path / "again").digest == judge.digest, "both stages were finished"


def test_a_judge_of_objects_is_trained_and_loads(tmp_path: Path) -> None:
    recipe = JudgeRecipe((Images("streets", (160, 224), 0, 4),), STREETS.classes, STREETS.reads, steps=2, batch=1)
    recipe = replace(recipe, reader_steps=2)
    JudgeWorkshop("mine", recipe, tmp_path / "work", 0, Monitor()).export(tmp_path / "mine")
    judge = load_judge(tmp_path / "mine")
    assert isinstance(judge, ObjectJudge) and judge.reader is not None
    assert judge.detector.classes == STREETS.classes
