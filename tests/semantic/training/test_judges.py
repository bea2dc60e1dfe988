"""Judges are trained by their recipes, step by step the same, and load by their folder."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from taskwave.semantic.judges.objects import ObjectJudge
from taskwave.semantic.judges.scenes import SceneNet
from taskwave.semantic.judges.segmentation import Segmenter
from taskwave.semantic.signs import SIGNS
from taskwave.semantic.training.judges.pools import VALIDATION, open_parts
from taskwave.semantic.training.judges.recipes import RECIPES, STREETS, Images, JudgeRecipe, SceneRecipe
from taskwave.semantic.training.judges.scene_workshop import train_scene_judge
from taskwave.semantic.training.judges.workshop import JudgeWorkshop
from taskwave.semantic.training.monitor import Monitor
from taskwave.semantic.weights.judges import SECOND, load_judge

SMALL = (64, 64)


def test_parts_of_image_sets_are_opened_with_the_objects_that_count() -> None:
    (whole, signs), val = open_parts((Images("streets", (160, 224), 3, 2), Images("streets", (160, 224), 3, 2, SIGNS)))
    assert len(whole) == len(signs) == 2 and len(val) == VALIDATION and whole.names == signs.names
    kept = [name for i in range(2) for name in signs[i].objects.classes]  # type: ignore[union-attr]
    all_of_them = [name for i in range(2) for name in whole[i].objects.classes]  # type: ignore[union-attr]
    assert kept == [name for name in all_of_them if name in SIGNS] and len(kept) < len(all_of_them)


@pytest.mark.parametrize("name", SECOND)
def test_a_second_judge_has_another_seed_and_other_images(name: str) -> None:
    first, second = RECIPES[name], RECIPES[SECOND[name]]
    assert first.seed != second.seed and set(first.images) != set(second.images)


def test_a_network_that_enlarges_sees_the_image_enlarged() -> None:
    torch.manual_seed(0)
    net, image = SceneNet(scale=1.5).eval(), torch.rand(1, 3, 64, 96)
    plain = SceneNet().eval()
    plain.load_state_dict(net.state_dict())
    with torch.no_grad():
        enlarged = functional.interpolate(image, (96, 144), mode="bilinear", align_corners=False)
        low = functional.interpolate(plain(enlarged), (64, 96), mode="bilinear", align_corners=False)
        logits = net(image)
    assert logits.shape == (1, 11, 64, 96)
    assert torch.corrcoef(torch.stack([logits.flatten(), low.flatten()]))[0, 1] > 0.99


def test_a_judge_of_maps_is_trained_and_loads(tmp_path: Path) -> None:
    recipe = SceneRecipe((Images("streets", SMALL, 0, 2),), steps=2, batch=1, scale=1.5, scale_steps=1)
    train_scene_judge("mine", recipe, tmp_path / "work", tmp_path / "mine", 0, Monitor())
    judge = load_judge(tmp_path / "mine")
    assert isinstance(judge, Segmenter) and judge.name == "mine" and judge.net.config.scale == 1.5
    assert judge.answer(torch.rand(1, 3, 64, 64), [])[0].shape == SMALL
    train_scene_judge("mine", replace(recipe), tmp_path / "work", tmp_path / "again", 0, Monitor())
    assert load_judge(tmp_path / "again").digest == judge.digest, "both stages were finished"


def test_a_judge_of_objects_is_trained_and_loads(tmp_path: Path) -> None:
    recipe = JudgeRecipe((Images("streets", (160, 224), 0, 4),), STREETS.classes, STREETS.reads, steps=2, batch=1)
    recipe = replace(recipe, reader_steps=2)
    JudgeWorkshop("mine", recipe, tmp_path / "work", 0, Monitor()).export(tmp_path / "mine")
    judge = load_judge(tmp_path / "mine")
    assert isinstance(judge, ObjectJudge) and judge.reader is not None
    assert judge.detector.classes == STREETS.classes
