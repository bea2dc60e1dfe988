"""Image sets with one class for each image: the sheets of CIFAR-10, their splits, and every fault of their tables."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from taskwave.semantic.classes import CIFAR10_CLASSES, IGNORE
from taskwave.semantic.data import ANNOTATED, open_images
from taskwave.semantic.tasks import questions
from taskwave.semantic.tasks.base import Truth

HEAD = "sheet,index,label,class,source\n"


def _sheet(path: Path, red: int) -> None:
    """Write a sheet whose images have a red of their own and show their row and column in green and blue."""
    pixels = np.zeros((20, 32, 25, 32, 3), np.uint8)
    pixels[..., 0], pixels[..., 1] = red, np.arange(20, dtype=np.uint8)[:, None, None, None]
    pixels[..., 2] = np.arange(25, dtype=np.uint8)[:, None]
    Image.fromarray(pixels.reshape(640, 800, 3)).save(path, lossless=True)


@pytest.fixture
def cifar(tmp_path: Path) -> Path:
    for red, name in enumerate(("train_00", "train_01", "train_02", "test_00")):
        _sheet(tmp_path / f"{name}.webp", red)
    lines = [
        f"train_0{i}.webp,{i * 26},{i},{CIFAR10_CLASSES[i]},train/{CIFAR10_CLASSES[i]}/x_{i}.png" for i in (2, 0, 1)
    ]
    (tmp_path / "train_labels.csv").write_text(HEAD + "\n".join(lines) + "\n")
    (tmp_path / "test_labels.csv").write_text(HEAD + "test_00.webp,499,9,truck,test/truck/x_0.png\n")
    return tmp_path


def test_images_are_cut_from_their_sheets(cifar: Path) -> None:
    train, val, test = (open_images("cifar10", split, cifar) for split in ("train", "val", "test"))
    assert (train.names, val.names, test.names) == (("bird/x_2",), ("airplane/x_0", "automobile/x_1"), ("truck/x_0",))
    sample = train[0]
    assert sample.image.shape == (3, 32, 32) and train.size(0) == (32, 32)
    assert [int(sample.image[c].min()) for c in range(3)] == [int(sample.image[c].max()) for c in range(3)] == [2, 2, 2]
    assert test[0].image[:, 31, 31].tolist() == [3, 19, 24]
    assert (sample.category, sample.group, sample.objects) == ("bird", "bird/x_2", None)
    assert bool((sample.label == IGNORE).all()) and ANNOTATED["cifar10"] == "category"
    with pytest.raises(IndexError, match="allowed are 0 to 1"):
        val[2]
    with pytest.raises(ValueError, match="keep the size that they have"):
        open_images("cifar10", "val", cifar, (64, 64))


def test_what_is_this_is_scored_by_the_class(cifar: Path) -> None:
    task = questions.read("what is this?", ANNOTATED["cifar10"])
    truth = Truth.of(open_images("cifar10", "test", cifar)[0])
    assert truth.is_known and task.kind == "classification"
    assert (task.score("truck", truth).numerator, task.score("ship", truth).numerator) == (1, 0)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("sheet,index,class\n", "columns source are missing"),
        (HEAD, "names no image"),
        (HEAD + "test_00.webp,500,9,truck,a/b.png\n", "line 2: index '500'; allowed: 0 to 499"),
        (HEAD + "test_00.webp,-1,9,truck,a/b.png\n", "line 2: index '-1'"),
        (HEAD + "test_00.webp,1,9,lorry,a/b.png\n", "line 2: class 'lorry'; allowed: airplane, "),
        (
            HEAD + "test_00.webp,1,9,truck,a/b.png\ntest_00.webp,2,9,truck,a/b.png\n",
            "line 3: source 'a/b.png' is named twice",
        ),
        (HEAD + "test_00.webp,1,9,truck\n", "line 2: source '' is empty"),
        (HEAD + "test_07.webp,1,9,truck,a/b.png\n", "line 2: sheet 'test_07.webp' is not in"),
    ],
)
def test_faults_of_tables_are_told_by_line(cifar: Path, table: str, told: str) -> None:
    (cifar / "test_labels.csv").write_text(table)
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        open_images("cifar10", "test", cifar)
    assert told in str(caught.value) and "test_labels.csv" in str(caught.value) and "\n" not in str(caught.value)


def test_faults_of_files_are_told(cifar: Path) -> None:
    Image.new("RGB", (32, 32)).save(cifar / "test_00.webp")
    with pytest.raises(ValueError, match=r"test_00\.webp: sheet of 32x32; allowed: 800x640"):
        open_images("cifar10", "test", cifar)[0]
    (cifar / "test_labels.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"test_labels\.csv: the table of classes is missing"):
        open_images("cifar10", "test", cifar)
    (cifar / "train_labels.csv").write_text(HEAD + "train_00.webp,1,9,truck,a/b.png\n")
    with pytest.raises(ValueError, match="names 1 sheets; needed: 2 for val and more for train"):
        open_images("cifar10", "train", cifar)


@pytest.mark.data
def test_the_real_set_has_balanced_splits_without_common_images() -> None:
    sets = {split: open_images("cifar10", split) for split in ("train", "val", "test")}
    assert {split: len(images) for split, images in sets.items()} == {"train": 11000, "val": 1000, "test": 1500}
    assert not set(sets["train"].names) & set(sets["val"].names)
    counts = Counter(sets["val"][i].category for i in range(1000))
    assert set(counts) == set(CIFAR10_CLASSES) and min(counts.values()) >= 80
