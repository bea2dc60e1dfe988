"""Headroom is the accuracy of judges on images of every size, pooled over all images."""

from pathlib import Path

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper
from PIL import Image

from taskwave.scenarios.config.scenario import ImageConfig
from taskwave.scenarios.studies.headroom import headroom_table, measure_headroom
from taskwave.scenarios.sweep.judge import Jury
from taskwave.scenarios.sweep.points import ImageBatch, load_batch, open_chosen
from taskwave.semantic.classes import IGNORE
from taskwave.semantic.judges.panel import Panel
from taskwave.semantic.judges.segmentation import SegmentationNet, Segmenter
from taskwave.semantic.tasks import questions
from taskwave.semantic.tasks.base import Truth
from taskwave.semantic.training.judges.augmentation import reduced
from taskwave.semantic.weights import Models


def test_smaller_images_have_less_detail_and_their_size() -> None:
    images = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    spread = [float(reduced(images, divisor).std()) for divisor in (1, 2, 4, 8)]
    assert spread == sorted(spread, reverse=True) and spread[0] == float(images.std())
    assert reduced(images[..., :61, :37], 8).shape == (1, 3, 61, 37)


@pytest.fixture
def jury(colour_models: Models, colours: Segmenter) -> Jury:
    """The judge of colours alone."""
    made = Jury(colour_models, None)
    made.panel = Panel([colours])
    return made


def test_accuracies_pool_over_batches(
    colour_models: Models, colours: Segmenter, jury: Jury, street_images: torch.Tensor
) -> None:
    tasks, labels = [questions.read("road"), questions.read("buildings")], colours.predict(street_images)
    batches = [ImageBatch(i, (f"{i}",), (f"{i}",), street_images[i : i + 1], (Truth(labels[i]),), "") for i in range(2)]
    done: list[int] = []
    values = measure_headroom(batches, tasks, jury, colour_models, done.append)
    assert done == [1, 2] and list(values["clean"]) == [1.0, 1.0]
    road = values.iloc[0]
    assert road["task"] == "road" and 1 > road["half"] > road["eighth"] > road["nothing"]
    both = [batches[0], batches[0]]
    assert measure_headroom(both, tasks[:1], jury, colour_models)["half"][0] == pytest.approx(
        measure_headroom(both[:1], tasks[:1], jury, colour_models)["half"][0]
    )
    assert headroom_table(values).row_count == 2


def test_without_annotations_the_answers_on_the_clean_images_stand_for_them(
    colour_models: Models, colours: Segmenter, jury: Jury, street_images: torch.Tensor
) -> None:
    task, label = questions.read("road"), colours.predict(street_images)[0]
    seen, unseen = (
        measure_headroom([ImageBatch(0, ("a",), ("a",), street_images[:1], (truth,), "")], [task], jury, colour_models)
        for truth in (Truth(label), Truth(torch.full_like(label, IGNORE)))
    )
    assert unseen["clean"][0] == 1 and unseen.equals(seen)


def test_every_judge_of_a_task_has_a_row_the_one_that_answers_first(
    colour_models: Models, colours: Segmenter, jury: Jury, street_images: torch.Tensor
) -> None:
    torch.manual_seed(0)
    other = Segmenter(SegmentationNet(widths=(8, 8, 8, 8), depths=(1, 1, 1)), name="other")
    jury.panel = Panel([colours, other])
    label = colours.predict(street_images)[0]
    batch = ImageBatch(0, ("a",), ("a",), street_images[:1], (Truth(label),), "")
    values = measure_headroom([batch], [questions.read("road")], jury, colour_models)
    assert list(values["judge"]) == ["segmentation", "other"]
    assert values["clean"][0] == 1 > values["clean"][1]


def test_classes_of_pictures_are_judged_by_a_network_of_the_user(colour_models: Models, tmp_path: Path) -> None:
    """Three classes of pictures are red, green and blue, which the brightest colour of the whole tells."""
    tiles = np.zeros((20, 32, 25, 32, 3), np.uint8)
    tiles[0, :, 0, :, 0], tiles[0, :, 1, :, 1], tiles[0, :, 2, :, 2] = 200, 200, 200
    Image.fromarray(tiles.reshape(640, 800, 3)).save(tmp_path / "test_00.png")
    lines = [f"test_00.png,{i},{name},test/{name}/{i}.png" for i, name in enumerate(("ship", "frog", "bird"))]
    (tmp_path / "test_labels.csv").write_text("\n".join(("sheet,index,class,source", *lines)))
    nodes = [helper.make_node("GlobalAveragePool", ["x"], ["m"]), helper.make_node("Flatten", ["m"], ["y"])]
    ends = [("x", [1, 3, 32, 32]), ("y", [1, 3])]
    given, out = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in ends)
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(helper.make_graph(nodes, "mean", [given], [out]), opset_imports=opset, ir_version=8)
    (tmp_path / "mean.onnx").write_bytes(model.SerializeToString())
    (tmp_path / "mean.toml").write_text(
        'kind = "classifier"\nclasses = ["ship", "frog", "bird"]\n'
        '[input]\nsize = "32x32"\n[output]\ndecoder = "logits"\n'
    )
    images, indices = open_chosen(ImageConfig(source="cifar10", split="test", folder=tmp_path, count=3))
    jury, task = Jury(colour_models, tmp_path / "mean.onnx", "cifar10"), questions.read("what is this?", "category")
    rows = measure_headroom([load_batch(images, indices, 3, 0)], [task], jury, colour_models).to_dict("records")
    row, own = rows
    assert (row["judge"], row["kind"], row["clean"]) == ("mean.onnx", "classification", 1.0)
    assert own["judge"] == "cifar10", "the judge of the project stands by"
    assert row["nothing"] == pytest.approx(1 / 3)
