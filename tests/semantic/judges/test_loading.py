"""Judges are found by name and folder, choose one another by kind, and tell what is missing."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from taskwave.links.base import Delivery
from taskwave.scenarios.sweep.judge import Jury
from taskwave.semantic.data import StreetScenes, open_images
from taskwave.semantic.data.objects import Objects
from taskwave.semantic.judges.objects import ObjectJudge
from taskwave.semantic.judges.ocr import OcrJudge
from taskwave.semantic.judges.segmentation import SegmentationNet
from taskwave.semantic.metrics import confusion_matrix, mean_iou
from taskwave.semantic.tasks import questions
from taskwave.semantic.tasks.base import Truth
from taskwave.semantic.training.judges.detector import best_f1
from taskwave.semantic.weights import Models
from taskwave.semantic.weights.bundle import HERE
from taskwave.semantic.weights.judges import BESIDE, bundled_judges, load_judge

SIGNS, CARS = questions.read("which traffic signs are there?"), questions.read("cars")


def test_judges_of_the_project_are_found_by_name() -> None:
    assert set(bundled_judges()) == {name for names in BESIDE.values() for name in names}
    for name in bundled_judges():
        assert load_judge(name).name == name
    judge = load_judge("gtsdb")
    assert isinstance(judge, ObjectJudge) and judge.reader is not None and len(judge.digest) == 64
    assert judge.least == json.loads((HERE / "judges" / "gtsdb" / "judge.json").read_text())["least"]
    assert isinstance(load_judge("rapidocr"), OcrJudge)


def test_a_folder_of_either_kind_is_a_judge(tmp_path: Path) -> None:
    mine = Path(shutil.copytree(HERE / "judges" / "gtsdb", tmp_path / "mine"))
    assert "recognition" in load_judge(mine).kinds
    SegmentationNet(widths=(8, 8, 8, 8), depths=(1, 1, 1)).save_pretrained(tmp_path / "net")
    assert load_judge(tmp_path / "net").kinds == ("segmentation",)
    with pytest.raises(FileNotFoundError, match=r"gtsdb, .*streets, .*rapidocr"):
        load_judge(tmp_path / "nowhere")
    (mine / "judge.json").write_text("{}")
    with pytest.raises(ValueError, match=r"judge\.json is damaged"):
        load_judge(mine)


def test_every_kind_has_its_judge_or_a_reason(tiny_models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BESIDE, "mine", ("mine",))
    limit = questions.read("what is the speed limit?")
    for source in ("", "gtsdb"):
        jury = Jury(tiny_models, None, source)
        assert jury.panel.of(SIGNS).name == "gtsdb" and jury.panel.of(limit).name == "rapidocr"
        assert set(jury.judges([SIGNS, limit])) == {SIGNS.name, limit.name}
    assert Jury(tiny_models, None).panel.of(CARS).name == "camvid", "images of no set may be of streets"
    with pytest.raises(ValueError, match=r"no judge answers 'cars', a task of kind segmentation \(gtsdb: finding"):
        jury.panel.of(CARS)
    assert Jury(tiny_models, None, "boxes").panel.of(limit).name == "rapidocr", "texts of a user's images are read"
    with pytest.raises(ValueError, match=r"no judge answers .*recognition.*mine: no task network"):
        Jury(tiny_models, None, "mine").panel.of(SIGNS)


def test_a_judge_answers_once_on_an_image_and_anew_on_another(
    colour_models: Models, street_images: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    jury, none = Jury(colour_models, None), torch.zeros(1, dtype=torch.int64)
    seen: list[torch.Tensor] = []
    judge = jury.panel.of(CARS)
    answer = judge.answer
    monkeypatch.setattr(judge, "answer", lambda images, truths: seen.append(images) or answer(images, truths))
    deliveries = [Delivery(none, none, none, none.bool(), street_images[i : i + 1]) for i in (0, 1)]
    first = [jury.answers(deliveries[0], task, []) for task in (CARS, questions.read("road"))]
    (other,) = jury.answers(deliveries[1], CARS, [])
    assert len(seen) == 2 and first[0] is first[1] and not torch.equal(first[0][0], other)  # type: ignore[arg-type]


def test_the_confidence_is_that_of_the_largest_f1() -> None:
    f1, least = best_f1([0.9, 0.8, 0.3, 0.2], [True, True, False, True], 3)
    assert (f1, least) == (pytest.approx(6 / 7), pytest.approx(0.1))
    assert best_f1([0.9, 0.6, 0.8, 0.3], [True, False, True, False], 2) == (1.0, pytest.approx(0.7))
    assert best_f1([], [], 2) == (0.0, 1.0)


def test_texts_are_read_where_boxes_are_known() -> None:
    image = torch.zeros(1, 3, 64, 64)
    truth = Truth(torch.zeros(64, 64, dtype=torch.uint8), Objects.of([((8.0, 8.0, 56.0, 56.0), "stop", "")]))
    (answer,) = OcrJudge().answer(image, [truth])
    assert answer.texts == ("",)  # type: ignore[union-attr]
    (nothing,) = OcrJudge().answer(image, [Truth(truth.label)])
    assert len(nothing) == 0


@pytest.mark.data
@pytest.mark.parametrize(
    ("wording", "judge", "least"),
    [
        ("which traffic signs are there?", "gtsdb", 0.95),
        ("which traffic signs are there?", "gtsdb-second", 0.95),
        ("what is the speed limit?", "rapidocr", 0.8),
    ],
)
def test_judges_know_clean_photographs(wording: str, judge: str, least: float) -> None:
    images, task, right, asked = open_images("gtsdb", "val"), questions.read(wording, "objects"), 0.0, 0.0
    for i in range(0, len(images), 3):
        sample = images[i]
        (answer,) = load_judge(judge).answer(sample.image[None].float() / 255, [Truth.of(sample)])
        score = task.score(answer, Truth.of(sample))
        right, asked = right + score.numerator, asked + score.denominator
    assert right / asked >= least


def test_second_judges_answer_only_when_they_are_named() -> None:
    for names in BESIDE.values():
        answering = {kind: name for name in reversed(names) for kind in load_judge(name).kinds}
        assert not any(name.endswith("-second") for name in answering.values())


@pytest.mark.parametrize("name", ["streets", "streets-second"])
def test_the_judges_of_drawn_streets_name_signs_and_lights(name: str) -> None:
    judge, right, total = load_judge(name), 0.0, 0.0
    assert isinstance(judge, ObjectJudge)
    for sample in (StreetScenes("test", size=(320, 448))[i] for i in range(12)):
        found = judge.detections(sample.image.float() / 255)
        for wording in ("which traffic signs are there?", "what is the light showing?"):
            score = questions.read(wording).score(found, Truth.of(sample))
            right, total = right + score.numerator, total + score.denominator
    assert total > 30 and right > 0.8 * total


@pytest.mark.parametrize(
    ("source", "name", "step", "least"),
    [
        pytest.param("camvid", "camvid", 12, 0.62, marks=pytest.mark.data),
        pytest.param("camvid", "camvid-second", 12, 0.55, marks=pytest.mark.data),
        ("streets", "streets-maps", 30, 0.65),
    ],
)
def test_the_judges_of_maps_know_clean_images(source: str, name: str, step: int, least: float) -> None:
    images, judge, matrix = open_images(source, "val", size=(352, 480)), load_judge(name), torch.zeros(11, 11)
    for i in range(0, len(images), step):
        sample = images[i]
        (answer,) = judge.answer(sample.image[None].float() / 255, [Truth.of(sample)])
        assert isinstance(answer, torch.Tensor)
        matrix = matrix + confusion_matrix(answer, sample.label)
    assert mean_iou(matrix) > least
