"""Judges in ONNX files: networks made here, whose answers are known by hand, and one from outside."""

import hashlib
import re
import tomllib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from onnx import TensorProto

from taskwave.semantic.classes import NAMES, NO_ANSWER
from taskwave.semantic.data import open_images
from taskwave.semantic.data.folders import find_folder
from taskwave.semantic.judges.onnx import OnnxJudge, Placement, feed
from taskwave.semantic.judges.onnx_description import Input, read_description
from taskwave.semantic.judges.onnx_outputs import to_objects
from taskwave.semantic.tasks import questions
from taskwave.semantic.tasks.base import Detections, Truth

DOCS = Path(__file__).parents[3] / "docs" / "judges.md"


def answer(judge: OnnxJudge, image: torch.Tensor) -> Detections:
    (found,) = judge.answer(image[None], [])
    assert isinstance(found, Detections)
    return found


def quarters(height: int, width: int) -> torch.Tensor:
    """Red, green and blue in three quarters of an image and red in the last, and the class of each pixel."""
    classes = torch.zeros(height, width, dtype=torch.int64)
    classes[: height // 2, width // 2 :] = 1
    classes[height // 2 :, : width // 2] = 2
    return classes


BOXES = [[[8, 6, 40, 30], [9, 6, 41, 30], [8, 6, 40, 30], [0, 0, 64, 48], [1, 1, 2, 2]]]
SCORES, KINDS = [[0.7, 0.8, 0.6, 0.4, 0.9]], [[0, 0, 1, 0, 1]]


def test_boxes_are_chosen_named_and_brought_to_the_image(networks: SimpleNamespace, tmp_path: Path) -> None:
    judge = OnnxJudge(networks.constants(tmp_path, boxes=BOXES, scores=SCORES, labels=KINDS))
    found = answer(judge, torch.zeros(3, 96, 192))  # twice as high as the input, three times as wide
    assert found.classes == ("traffic_light", "person", "traffic_light")
    assert found.confidence.tolist() == pytest.approx([0.9, 0.8, 0.6])
    assert found.boxes.tolist() == [[3, 2, 6, 4], [27, 12, 123, 60], [24, 12, 120, 60]]
    assert (judge.name, set(judge.kinds)) == ("a.onnx", {"finding", "recognition", "counting", "presence"})
    both = (tmp_path / "a.onnx").read_bytes() + (tmp_path / "a.toml").read_bytes()
    assert judge.digest == hashlib.sha256(both).hexdigest()


def test_every_box_stays_where_none_may_go(networks: SimpleNamespace, tmp_path: Path) -> None:
    text = networks.described["detector"] + "overlap = 1\nthreshold = 0.3\n"
    judge = OnnxJudge(networks.constants(tmp_path, text, boxes=BOXES, scores=SCORES, labels=KINDS))
    assert len(answer(judge, torch.zeros(3, 48, 64))) == 5


def test_scores_of_all_classes_and_relative_boxes(networks: SimpleNamespace, tmp_path: Path) -> None:
    text = networks.described["detector"] + 'units = "relative"\ntensors = ["scores", "edges"]\n'.replace(
        '"scores", "edges"', '"edges", "s"'
    )
    path = networks.constants(
        tmp_path, text, s=[[[0.1, 0.9], [0.3, 0.2]]], edges=[[[0.25, 0.5, 0.5, 1.5], [0, 0, 1, 1]]]
    )
    found = answer(OnnxJudge(path), torch.zeros(3, 40, 80))
    assert found.classes == ("traffic_light",) and found.boxes.tolist() == [[20, 20, 40, 40]]  # cut at the edge


def test_a_letterbox_is_taken_off_again(networks: SimpleNamespace, tmp_path: Path) -> None:
    # An image of 100x50 is 64x32 in an input of 64x48, with 8 rows above and below.
    path = networks.constants(
        tmp_path,
        networks.described["detector"].replace("stretch", "letterbox"),
        b=[[[32, 8, 64, 24]]],
        s=[[0.9]],
        c=[[0]],
    )
    found = answer(OnnxJudge(path), torch.zeros(3, 50, 100))
    assert found.boxes.tolist() == [[50, 0, 100, 25]]
    place = Placement.of(50, 100, Input(size="64x48"))
    fed = feed(torch.ones(3, 50, 100), Input(size="64x48", fill=0.25), place)
    assert fed.shape == (1, 3, 48, 64) and torch.allclose(fed[:, :, 8:40], torch.ones(()))
    assert bool((fed[:, :, :8] == 0.25).all()) and bool((fed[:, :, 40:] == 0.25).all())


def test_a_grid_is_decoded_as_fastestdet_does(networks: SimpleNamespace, tmp_path: Path) -> None:
    grid = np.full((1, 7, 2, 4), 0.0)
    grid[0, :, 1, 2] = [0.9, np.arctanh(0.5), np.arctanh(-0.5), 0.0, np.log(1 / 3), 0.2, 0.8]
    text = networks.described["detector"].replace("boxes", "grid")
    found = answer(OnnxJudge(networks.constants(tmp_path, text, y=grid)), torch.zeros(3, 48, 64))
    # centre (2.5 / 4, 0.5 / 2) of 64x48, size 1/2 and 1/4
    assert found.classes == ("traffic_light",)
    assert found.boxes.flatten().tolist() == pytest.approx([40 - 16, 12 - 6, 40 + 16, 12 + 6], abs=1e-4)
    assert found.confidence.tolist() == pytest.approx([0.9**0.6 * 0.8**0.4])


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("objectness", [False, True])
def test_yolo_is_decoded_either_way_round(
    networks: SimpleNamespace, tmp_path: Path, turned: bool, objectness: bool
) -> None:
    rows = [[16, 12, 8, 4, 0.5, 0.1, 0.9], [40, 24, 8, 8, 0.9, 0.8, 0.1], [40, 24, 8, 8, 0.9, 0.7, 0.1]]
    table = np.array(rows)[:, [0, 1, 2, 3, *([4] if objectness else []), 5, 6]][None]
    text = networks.described["detector"].replace("boxes", "yolo") + f"objectness = {str(objectness).lower()}\n"
    path = networks.constants(tmp_path, text, y=table.swapaxes(1, 2) if turned else table)
    found = answer(OnnxJudge(path), torch.zeros(3, 48, 64))
    person, light = [36, 20, 44, 28], [12, 10, 20, 14]
    assert found.boxes.tolist() == ([person] if objectness else [light, person])  # 0.5 · 0.9 is below the threshold
    assert found.confidence.tolist() == pytest.approx([0.72] if objectness else [0.9, 0.8])


@pytest.mark.parametrize("size", ["any", "64x48", "40x40"])
@pytest.mark.parametrize("fit", ["stretch", "letterbox"])
def test_maps_of_classes_lie_on_the_image(networks: SimpleNamespace, tmp_path: Path, size: str, fit: str) -> None:
    shape = (1, 3, "h", "w") if size == "any" else (1, 3, *map(int, reversed(size.split("x"))))
    more = "multiple = 16\n" if size == "any" else ""
    text = networks.described["segmentation"].replace('"any"\n', f'"{size}"\nfit = "{fit}"\n{more}')
    judge = OnnxJudge(networks.copies(tmp_path, text, shape))
    classes = quarters(72, 100)
    image = torch.nn.functional.one_hot(classes, 3).movedim(-1, 0).float()
    (label,) = judge.answer(image[None], [])
    assert isinstance(label, torch.Tensor) and label.shape == (72, 100) and label.dtype == torch.uint8
    wanted = torch.tensor([NAMES.index("car"), NO_ANSWER, NAMES.index("sky")], dtype=torch.uint8)[classes]
    same = label == wanted
    same[34:38], same[:, 48:52] = True, True  # between the quarters colours mix
    assert bool(same.all()) and judge.kinds == ("segmentation",)


def test_channels_may_come_last(networks: SimpleNamespace, tmp_path: Path) -> None:
    text = networks.described["segmentation"].replace('"any"', '"any"\nlayout = "nhwc"')
    judge = OnnxJudge(networks.copies(tmp_path, text, (1, "h", "w", 3)))
    classes = quarters(32, 64)
    (label,) = judge.answer(torch.nn.functional.one_hot(classes, 3).movedim(-1, 0).float()[None], [])
    assert torch.equal(label == NAMES.index("sky"), classes == 2)  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(1, 2, 2), (1, 1, 2, 2), (1, 2, 2, 1)])
def test_ids_of_classes_are_read(networks: SimpleNamespace, tmp_path: Path, shape: tuple[int, ...]) -> None:
    text = networks.described["segmentation"].replace("logits", "ids").replace('"any"', '"64x48"\nfit = "stretch"')
    judge = OnnxJudge(networks.constants(tmp_path, text, y=np.array([0, 1, 2, 2]).reshape(shape)))
    (label,) = judge.answer(torch.zeros(1, 3, 40, 80), [])
    assert label[[0, 0, 39, 39], [0, 79, 0, 79]].tolist() == [NAMES.index("car"), NO_ANSWER, 0, 0]  # type: ignore[index]


@pytest.mark.parametrize(("order", "said"), [("rgb", "red"), ("bgr", "blue")])
def test_colours_come_in_their_order(networks: SimpleNamespace, tmp_path: Path, order: str, said: str) -> None:
    judge = OnnxJudge(
        networks.means(tmp_path, networks.described["classifier"].replace('"any"', f'"any"\norder = "{order}"'))
    )
    image = torch.zeros(2, 3, 32, 32)
    image[:, 0], image[1, 1] = 0.5, 1.0
    assert judge.answer(image, []) == [said, "frog"] and judge.kinds == ("classification",)
    assert questions.read("what is this?").score(said, Truth(torch.zeros(1, 1), category=said)).numerator == 1


def test_values_are_scaled_before_mean_and_std() -> None:
    config = Input(size="any", order="bgr", scale=255.0, mean=(1.0, 2.0, 3.0), std=(1.0, 2.0, 4.0), layout="nhwc")
    image = torch.tensor([1.0, 0.5, 0.0]).reshape(3, 1, 1).expand(3, 16, 16)
    fed = feed(image, config, Placement.of(16, 16, config))
    assert fed.shape == (1, 16, 16, 3)
    assert fed[0, 0, 0].tolist() == pytest.approx([-1.0, (127.5 - 2) / 2, (255 - 3) / 4])


def test_whole_numbers_are_fed_to_networks_that_take_them(networks: SimpleNamespace, tmp_path: Path) -> None:
    text = networks.described["segmentation"].replace('"any"', '"any"\nscale = 255')
    judge = OnnxJudge(networks.copies(tmp_path, text, kind=TensorProto.UINT8))
    image = torch.zeros(1, 3, 32, 32)
    image[0, 2] = 1
    assert bool((judge.answer(image, [])[0] == NAMES.index("sky")).all())  # type: ignore[union-attr]
    (tmp_path / "a.toml").write_text(networks.described["segmentation"])
    with pytest.raises(ValueError, match="Whole numbers need scale = 255"):
        OnnxJudge(tmp_path / "a.onnx")


def test_answers_do_not_depend_on_the_batch_or_the_number_of_threads(networks: SimpleNamespace, tmp_path: Path) -> None:
    judge = OnnxJudge(networks.copies(tmp_path, networks.described["segmentation"]))
    images = torch.rand(3, 3, 40, 56, generator=torch.Generator().manual_seed(1))
    together, before = judge.answer(images, []), torch.get_num_threads()
    try:
        torch.set_num_threads(before + 1)
        alone = [judge.answer(image[None], [])[0] for image in images]
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(together, alone, strict=True))  # type: ignore[arg-type]


def test_only_the_surest_of_many_objects_are_compared(networks: SimpleNamespace, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(networks.described["detector"].replace('"boxes"', '"boxes"\nunits = "relative"'))
    corners = torch.arange(3000.0)[:, None] * torch.tensor([2.0, 0, 2, 0]) + torch.tensor([0.0, 0, 1, 1])
    outputs = [corners.numpy(), torch.linspace(0.6, 1, 3000).numpy(), np.zeros(3000, np.float32)]
    found = to_objects(outputs, read_description(tmp_path / "a.toml", ""), (48, 64))
    assert len(found.boxes) == 1000 and float(found.confidence[0]) == 1 and float(found.boxes[0, 0]) == 5998 * 64


@pytest.mark.data
def test_a_network_from_outside_finds_cars_as_the_page_says(tmp_path: Path) -> None:
    model = find_folder("camvid", None).parents[1] / "judges" / "fastestdet" / "fastestdet.onnx"
    if not model.is_file():
        pytest.skip(f"{model} is not there")
    (text,) = re.findall(r"```toml\n(kind.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert tomllib.loads(text)["output"]["decoder"] == "grid"
    (tmp_path / "fastestdet.toml").write_text(text)
    (tmp_path / "fastestdet.onnx").symlink_to(model)
    judge, images = OnnxJudge(tmp_path / "fastestdet.onnx"), open_images("carla", "val")
    task, right, asked = questions.read("where are the vehicles?", "objects"), 0.0, 0.0
    for i in range(0, len(images), 4):
        sample = images[i]
        score = task.score(answer(judge, sample.image.float() / 255), Truth.of(sample))
        right, asked = right + score.numerator, asked + score.denominator
    assert right / asked > 0.4
