"""The images of a sweep have the size asked for, and results of another size, of other images or labels are others."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from taskwave.scenarios.config.scenario import ImageConfig
from taskwave.scenarios.sweep.points import load_batch, open_chosen, unasked_classes
from taskwave.semantic.tasks import questions


def _digest(config: ImageConfig) -> str:
    images, indices = open_chosen(config)
    return load_batch(images, indices, config.batch, 0).digest


@pytest.fixture
def camvid(tmp_path: Path) -> Path:
    """Make a CamVid folder of one image, black on the left and white on the right, whose labels are 3 and 8 there."""
    (tmp_path / "val").mkdir()
    (tmp_path / "valannot").mkdir()
    half = np.zeros((60, 80), np.uint8)
    half[:, 40:] = 1
    Image.fromarray(np.stack([half * 255] * 3, -1)).save(tmp_path / "val" / "a.png")
    Image.fromarray(3 + half * 5).save(tmp_path / "valannot" / "a.png")
    return tmp_path


@pytest.mark.parametrize(("size", "shape"), [(None, (192, 256)), ("80x60", (60, 80)), ("48x64", (64, 48))])
def test_images_and_labels_have_the_size_asked_for(camvid: Path, size: str | None, shape: tuple[int, int]) -> None:
    images, indices = open_chosen(ImageConfig(source="camvid", folder=camvid, count=1, size=size))
    batch = load_batch(images, indices, 1, 0)
    (truth,) = batch.truths
    assert batch.images.shape == (1, 3, *shape) and truth.label.shape == shape
    assert set(truth.label.unique().tolist()) == {3, 8}
    assert torch.equal(truth.label == 8, batch.images[0, 0] > 0.5)
    assert shape != (60, 80) or set(batch.images.unique().tolist()) == {0, 1}  # the stored size: nothing is resampled


@pytest.mark.parametrize("size", ["64x48", "48x64", "480x352"])
def test_street_scenes_are_drawn_in_the_size_asked_for(size: str) -> None:
    config = ImageConfig(count=1, size=size)
    images, indices = open_chosen(config)
    assert load_batch(images, indices, 1, 0).images.shape[-2:] == config.height_and_width == images.size(0)


def test_another_size_is_another_point_even_of_a_plain_picture(tmp_path: Path) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    config = ImageConfig(source="folder", folder=tmp_path, count=1)
    sizes = (None, "64x64", "32x128", "128x32")
    digests = [_digest(config.model_copy(update={"size": size})) for size in sizes]
    assert digests[0] == digests[1] and len(set(digests)) == 3


def test_classes_that_no_question_is_about_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "images").mkdir()
    Image.new("RGB", (64, 48)).save(tmp_path / "images" / "a.png")
    (tmp_path / "val.txt").write_text("a\n")
    table, config = tmp_path / "boxes.csv", ImageConfig(source="boxes", folder=tmp_path, count=1)
    table.write_text("image,class,x0,y0,x1,y1\na,Car,1,2,3,4\na,zebra,1,2,3,4\n")
    with pytest.raises(
        ValueError, match=r"none of the classes in its boxes\.csv \(Car, zebra\); name them as .* car, "
    ):
        open_chosen(config)
    monkeypatch.setattr(questions, "others", lambda: (lambda wording: None,))
    assert len(open_chosen(config)[1]) == 1  # a task of another package may ask about zebras
    monkeypatch.undo()
    for lines, unasked in (("a,car,1,2,3,4\na,zebra,1,2,3,4\n", ("zebra",)), ("", ())):
        table.write_text("image,class,x0,y0,x1,y1\n" + lines)
        images, indices = open_chosen(config)
        assert len(indices) == 1 and unasked_classes(images) == unasked
