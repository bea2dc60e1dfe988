"""A folder of a user's own images: names, groups, sizes, and labels that are none."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from taskwave.semantic.classes import IGNORE
from taskwave.semantic.data import open_images


def _image(path: Path, width: int = 50, height: int = 35) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height), (200, 100, 50)).save(path)


def test_images_keep_their_size_and_have_no_label(tmp_path: Path) -> None:
    for name in ("b.jpg", "a.PNG", "drive 2/x.png", "drive 2/deep/y.png", ".hidden/z.png", "other/x.webp"):
        _image(tmp_path / name)
    images = open_images("folder", "val", tmp_path)
    assert images.names == ("a", "b", "drive 2/x", "drive 2/deep/y", "other/x")
    assert [images[i].group for i in range(5)] == ["a", "b", "drive 2", "drive 2/deep", "other"]
    sample = images[2]
    assert sample.image.shape == (3, 35, 50) and sample.image.dtype == torch.uint8
    assert sample.image[:, 3, 3].tolist() == [200, 100, 50]
    assert sample.label.shape == (35, 50) and sample.label.dtype == torch.uint8 and (sample.label == IGNORE).all()
    assert images.size(2) == (35, 50)


def test_a_size_asked_for_is_given(tmp_path: Path) -> None:
    _image(tmp_path / "a.png")
    images = open_images("folder", "train", tmp_path, (48, 64))
    assert images.size(0) == (48, 64) and images[0].image.shape == (3, 48, 64) and (images[0].label == IGNORE).all()


def test_images_are_turned_by_their_tag(tmp_path: Path) -> None:
    pixels = np.zeros((20, 30, 3), np.uint8)
    pixels[:10] = 255
    tags = Image.Exif()
    tags[274] = 6
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=tags)
    images = open_images("folder", "val", tmp_path)
    assert images.size(0) == (30, 20)
    assert (images[0].image[:, :, 10:] == 255).all() and (images[0].image[:, :, :10] == 0).all()


def test_faults_of_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs the folder of the images"):
        open_images("folder", "val")
    with pytest.raises(FileNotFoundError, match="holds no image"):
        open_images("folder", "val", tmp_path)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        open_images("folder", "val", tmp_path / "nowhere")
    _image(tmp_path / "in" / "a.png")
    (tmp_path / "in" / "back").symlink_to(tmp_path)
    with pytest.raises(ValueError, match=r"back: links back to .*; remove the link"):
        open_images("folder", "val", tmp_path)
