"""Image sets in files: the loaders on tiny folders of their layout, on the real sets, and every bad input."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from taskwave.semantic.classes import IGNORE
from taskwave.semantic.data import open_images

Folder = Path


def _image(path: Path, width: int = 80, height: int = 60) -> None:
    """Write an image whose red grows with the column and green with the row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    u, v = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    Image.fromarray(np.stack([u, v, u * 0], -1).astype(np.uint8)).save(path)


def _label(path: Path, ids: np.ndarray) -> None:  # type: ignore[type-arg]
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(ids.astype(np.uint8)).save(path)


@pytest.fixture
def camvid(tmp_path: Path) -> Folder:
    """Make a CamVid folder of three images whose label is 3 on the left, 11 on the right and 9 in the lowest row."""
    ids = np.full((60, 80), 3)
    ids[:, 40:] = 11
    ids[59] = 9
    for name in ("a", "b", "c"):
        _image(tmp_path / "val" / f"{name}.png")
        _label(tmp_path / "valannot" / f"{name}.png", ids)
    return tmp_path


def test_images_and_labels_are_resized_together(camvid: Folder) -> None:
    images = open_images("camvid", "val", camvid, (48, 64))
    assert images.names == ("a", "b", "c") and len(images) == 3
    sample = images[1]
    assert sample.name == "b"
    assert sample.image.shape == (3, 48, 64) and sample.image.dtype == torch.uint8
    assert sample.label.shape == (48, 64) and sample.label.dtype == torch.uint8
    assert (sample.label[:46, :32] == 3).all() and (sample.label[:46, 32:] == IGNORE).all()
    assert (sample.label[47] == 9).all()
    # Red grows to the right and not downwards, so no axis was swapped on the way.
    assert sample.image[0, 20, 60] > sample.image[0, 20, 4] + 150
    assert abs(int(sample.image[0, 4, 30]) - int(sample.image[0, 44, 30])) < 3


def test_another_aspect_ratio_cuts_the_centre(camvid: Folder) -> None:
    sample = open_images("camvid", "val", camvid, (60, 40))[0]
    assert (sample.label[:59, :20] == 3).all() and (sample.label[:59, 20:] == IGNORE).all()
    assert 55 < sample.image[0, 30, 0] < 75  # A quarter of the width is cut on the left.


def test_the_list_gives_order_and_choice(camvid: Folder) -> None:
    (camvid / "val.txt").write_text("/SegNet/CamVid/val/c.png /SegNet/CamVid/valannot/c.png\na\n")
    assert open_images("camvid", "val", camvid).names == ("c", "a")


def _cut(folder: Folder) -> None:
    path = folder / "val" / "a.png"
    path.write_bytes(path.read_bytes()[:150])


def _text(folder: Folder) -> None:
    (folder / "val" / "a.png").write_text("not an image")


def _no_label(folder: Folder) -> None:
    (folder / "valannot" / "a.png").unlink()


def _small_label(folder: Folder) -> None:
    _label(folder / "valannot" / "a.png", np.zeros((30, 40)))


def _illegal_id(folder: Folder) -> None:
    _label(folder / "valannot" / "a.png", np.full((60, 80), 37))


def _colour_label(folder: Folder) -> None:
    _image(folder / "valannot" / "a.png")


def _transparent(folder: Folder) -> None:
    Image.new("RGBA", (80, 60)).save(folder / "val" / "a.png")


def _cut_label(folder: Folder) -> None:
    path = folder / "valannot" / "a.png"
    path.write_bytes(path.read_bytes()[:60])


@pytest.mark.parametrize(
    ("damage", "error", "words"),
    [
        (_cut, OSError, ("val/a.png", "not a readable image", "restore")),
        (_text, OSError, ("val/a.png", "not a readable image")),
        (_no_label, FileNotFoundError, ("valannot/a.png", "label map is missing")),
        (_small_label, ValueError, ("valannot/a.png", "40x30", "80x60", "restore")),
        (_illegal_id, ValueError, ("valannot/a.png", "37", "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 255", "map")),
        (_colour_label, ValueError, ("valannot/a.png", "RGB", "single-channel")),
        (_transparent, ValueError, ("val/a.png", "RGBA", "convert")),
        (_cut_label, OSError, ("valannot/a.png", "not a readable image")),
    ],
)
def test_a_bad_file_is_one_clear_error(
    camvid: Folder, damage: Callable[[Folder], None], error: type[Exception], words: tuple[str, ...]
) -> None:
    damage(camvid)
    images = open_images("camvid", "val", camvid)
    with pytest.raises(error) as caught:
        images[0]
    assert all(word in str(caught.value) for word in words), caught.value
    assert "\n" not in str(caught.value)
    assert images[1].name == "b"  # The other images stay usable.


def test_a_missing_image_is_found_on_opening(camvid: Folder) -> None:
    (camvid / "val.txt").write_text("a\nb\nzebra\nyak\n")
    with pytest.raises(FileNotFoundError, match=r"zebra.*1 more of the 4"):
        open_images("camvid", "val", camvid)


def test_bad_arguments(camvid: Folder, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'vla'.*train, val, test"):
        open_images("camvid", "vla", camvid)
    with pytest.raises(ValueError, match=r"'imagenet'.*streets, camvid"):
        open_images("imagenet", "val")
    with pytest.raises(ValueError, match=r"\(0, 64\).*at least 16"):
        open_images("camvid", "val", camvid, (0, 64))
    with pytest.raises(ValueError, match="drawn, not read"):
        open_images("streets", "val", camvid)
    with pytest.raises(FileNotFoundError, match="train"):
        open_images("camvid", "train", camvid)
    with pytest.raises(IndexError, match="allowed are 0 to 2"):
        open_images("camvid", "val", camvid)[3]
    (camvid / "val.txt").write_text("\n")
    with pytest.raises(ValueError, match="names no image"):
        open_images("camvid", "val", camvid)


def test_a_missing_folder_says_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TASKWAVE_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match=r"nowhere.*TASKWAVE_DATA.*taskwave download camvid"):
        open_images("camvid", "val")
    with pytest.raises(FileNotFoundError, match="elsewhere"):
        open_images("camvid", "val", tmp_path / "elsewhere")


def test_facades_are_mapped_and_suspects_left_out(tmp_path: Path) -> None:
    ids = np.repeat(np.arange(9), 10)[None].repeat(60, 0)
    for name in ("a", "b"):
        _image(tmp_path / "images" / f"{name}.jpg", 90, 60)
        _label(tmp_path / "labels" / f"{name}.png", ids)
    (tmp_path / "train.txt").write_text("a\nb\n")
    (tmp_path / "suspect.txt").write_text("a\n")
    images = open_images("labelmefacade", "train", tmp_path, (60, 90))
    assert images.names == ("b",)
    assert images[0].label[0, 5::10].tolist() == [IGNORE, 1, 8, 1, 4, 3, 0, 5, 1]
    with pytest.raises(ValueError, match="train, test"):
        open_images("labelmefacade", "val", tmp_path)


def test_carla_images_have_boxes_and_no_label(tmp_path: Path) -> None:
    _image(tmp_path / "images" / "f.jpg", 256, 152)
    (tmp_path / "test.txt").write_text("f\n")
    (tmp_path / "boxes.csv").write_text("image,class,xmin,ymin,xmax,ymax\nf,vehicle,10,20,110,70\n")
    sample = open_images("carla", "test", tmp_path)[0]
    assert sample.image.shape == (3, 152, 256) and (sample.label == IGNORE).all()
    assert sample.objects is not None and sample.objects.classes == ("vehicle",)
    assert sample.objects.boxes.tolist() == [[4, 8, 44, 28]]


@pytest.mark.data
@pytest.mark.parametrize(("split", "counts"), [("train", {367}), ("val", {101}), ("test", {62, 233})])
def test_real_camvid(split: str, counts: set[int]) -> None:
    """Hold for the set with and without drive Seq05VD."""
    images = open_images("camvid", split)
    assert len(images) in counts
    count = len(images)
    shares = torch.zeros(256)
    for i in range(0, count, count // 12):
        sample = images[i]
        assert sample.image.shape == (3, 192, 256) and sample.label.shape == (192, 256)
        shares += torch.bincount(sample.label.flatten().long(), minlength=256)
    assert shares[11:255].sum() == 0
    assert 0.12 < shares[3] / shares.sum() < 0.45  # road
    assert (shares[:11] > 0).all()


@pytest.mark.data
@pytest.mark.parametrize(("source", "split", "count"), [
    ("labelmefacade", "train", 98), ("labelmefacade", "test", 810), ("carla", "train", 623), ("carla", "test", 249),
])  # fmt: skip
def test_real_pretraining_sets(source: str, split: str, count: int) -> None:
    images = open_images(source, split)
    assert len(images) == count
    assert images[count - 1].image.float().std() > 5
