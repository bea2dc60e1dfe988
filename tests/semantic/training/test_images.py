"""Training images come from the cache the second time, and only there where nothing that determines them changed."""

import shutil
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from taskwave.semantic.data import open_images
from taskwave.semantic.training.images import find, has_labels, load
from taskwave.semantic.training.monitor import Monitor
from taskwave.semantic.training.recipe import ImageSource

DRAWN = ImageSource(source="streets", split="val", size=(32, 48), count=3)


class Notes(Monitor):
    def __init__(self) -> None:
        self.notes: list[str] = []
        self.drawn = 0

    def note(self, text: str) -> None:
        self.notes.append(text)

    def advance(self, done: int, loss: float | None = None) -> None:
        self.drawn = done


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "taskwave" / "images"


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Write a set in the layout of CamVid: four images of noise with label maps."""
    root, generator = tmp_path / "mine", np.random.default_rng(0)
    for split in ("train", "val"):
        for folder in (split, f"{split}annot"):
            (root / folder).mkdir(parents=True)
        for i in range(2):
            pixels = generator.integers(0, 255, (48, 64, 3), np.uint8)
            Image.fromarray(pixels).save(root / split / f"{i}.png")
            Image.fromarray(pixels[..., 0] % 11).save(root / f"{split}annot" / f"{i}.png")
    return root


def test_the_second_start_maps_the_same_images_without_drawing() -> None:
    first, second = Notes(), Notes()
    drawn, mapped = (load(find(DRAWN, "val"), "cpu", notes) for notes in (first, second))
    expected = open_images("streets", "val", size=(32, 48))
    for i in range(3):
        assert torch.equal(drawn.images[i], expected[i].image) and torch.equal(mapped.images[i], expected[i].image)
        assert torch.equal(drawn.labels[i], expected[i].label) and torch.equal(mapped.labels[i], expected[i].label)
    assert first.drawn == 3 and second.drawn == 0
    assert "kept for the next time" in first.notes[0] and "MB" in second.notes[0]


def test_another_choice_is_another_file() -> None:
    changes = ({"split": "train"}, {"count": 2}, {"size": (32, 32)})
    files = {find(DRAWN.model_copy(update=change), "val").file for change in ({}, *changes)}
    assert len(files) == 4


def test_changed_photographs_are_read_again(photographs: Path) -> None:
    source = ImageSource(source="camvid", split="train", size=(32, 48), folder=str(photographs))
    before = find(source, "labelled")
    load(before, "cpu", Monitor())
    again = find(source, "labelled")
    assert before.file.is_file() and again.file == before.file and again.content == before.content
    Image.new("RGB", (64, 48), "red").save(photographs / "train" / "0.png")
    after = find(source, "labelled")
    assert after.file != before.file and after.content != before.content
    red = load(after, "cpu", Monitor()).images[0].float().mean((1, 2))
    assert red[0] > 200 and red[1] < 50


def test_images_elsewhere_or_of_another_time_are_the_same_images_but_are_read_again(photographs: Path) -> None:
    """The identity of a training is in names and sizes, so that a copy of a data set continues it."""
    source = ImageSource(source="camvid", split="train", size=(32, 48), folder=str(photographs))
    moved = shutil.copytree(photographs, photographs.with_name("moved"))
    a, b = find(source, "labelled"), find(source.model_copy(update={"folder": str(moved)}), "labelled")
    assert a.content == b.content and a.file != b.file


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY nonsense", None])
def test_a_damaged_file_of_the_cache_is_told_and_made_anew(damage: bytes | None) -> None:
    found = find(DRAWN, "val")
    whole = load(found, "cpu", Monitor())
    expected = [image.clone() for image in whole.images]
    found.file.write_bytes(found.file.read_bytes()[:-10] if damage is None else damage)
    notes = Notes()
    again = load(found, "cpu", notes)
    assert "is damaged" in notes.notes[0] and notes.drawn == 3
    assert all(map(torch.equal, again.images, expected))


def test_a_cache_that_cannot_be_written_is_told_and_training_goes_on(cache: Path) -> None:
    cache.parent.mkdir(parents=True)
    cache.write_text("a file where the folder should be")
    notes = Notes()
    assert len(load(find(DRAWN, "val"), "cpu", notes)) == 3
    assert "not kept for the next time" in notes.notes[0]


def _draw(_: int) -> float:
    return float(load(find(DRAWN, "val"), "cpu", Monitor()).images[0].float().mean())


def test_two_processes_at_once_leave_one_whole_file(cache: Path) -> None:
    with get_context("spawn").Pool(2) as workers:
        first, second = workers.map(_draw, range(2))
    assert first == second
    assert [path.suffix for path in cache.iterdir()] == [".npy"]


@pytest.mark.parametrize(
    ("change", "error", "told"),
    [
        ({"source": "imagenet"}, ValueError, r"val: image source 'imagenet': allowed are streets"),
        ({"count": 201}, ValueError, r"val.count = 201: streets val holds 200 images; allowed are 1 to 200"),
        ({"folder": "/nowhere"}, ValueError, "val: folder /nowhere"),
        ({"source": "camvid", "folder": "/nowhere"}, FileNotFoundError, "val: /nowhere"),
        ({"source": "labelmefacade"}, ValueError, "val: split 'val' of labelmefacade: allowed are train, test"),
    ],
)
def test_missing_images_are_named_with_their_key(change: dict[str, object], error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        find(DRAWN.model_copy(update=change), "val")


def test_a_set_without_labels_is_told_from_one_with_labels() -> None:
    pool = load(find(DRAWN, "val"), "cpu", Monitor())
    assert has_labels(pool)
    for label in pool.labels:
        label.fill_(255)
    assert not has_labels(pool)
