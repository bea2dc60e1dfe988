"""Street scenes that the project draws: reproducible, varied, and with label maps that fit the image."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest
import torch

from taskwave.semantic.classes import NAMES
from taskwave.semantic.data import Sample, StreetScenes, open_images
from taskwave.semantic.data.streets.canvas import CAR, Camera, Canvas, Sketch
from taskwave.semantic.data.streets.lighting import majority
from taskwave.semantic.data.streets.people import Pedestrian
from taskwave.semantic.data.streets.vehicles import draw_vehicle

BOUNDS = {
    "sky": (15, 30), "building": (15, 32), "pole": (0.8, 3.5), "road": (22, 38), "pavement": (2.5, 8), "tree": (5, 16),
    "sign": (0.4, 2), "fence": (0.6, 3.5), "car": (3, 10), "pedestrian": (0.3, 1.5), "bicyclist": (0.2, 1.2),
}  # fmt: skip
"""Lowest and highest share of every class in percent of all pixels, around what CamVid has."""


def _digest(sample: Sample) -> str:
    assert sample.objects is not None
    parts = (sample.image.numpy().tobytes(), sample.label.numpy().tobytes(), sample.objects.boxes.numpy().tobytes())
    return hashlib.sha256(b"".join(parts) + repr((sample.objects.classes, sample.objects.texts)).encode()).hexdigest()


@pytest.fixture(scope="module")
def scenes() -> list[Sample]:
    images = open_images("streets", "train")
    return [images[i] for i in range(100)]


def test_shapes_and_types(scenes: list[Sample]) -> None:
    for sample in scenes[:5]:
        assert sample.image.shape == (3, 192, 256) and sample.image.dtype == torch.uint8
        assert sample.label.shape == (192, 256) and sample.label.dtype == torch.uint8
    small = StreetScenes("val", 1, size=(64, 96))[0]
    assert small.image.shape == (3, 64, 96) and small.label.shape == (64, 96)


def test_classes_occur_about_as_often_as_in_real_streets(scenes: list[Sample]) -> None:
    counts = sum(torch.bincount(s.label.flatten().long(), minlength=256) for s in scenes)
    assert isinstance(counts, torch.Tensor)
    assert counts[len(NAMES) :].sum() == 0
    shares = {name: 100 * float(counts[i]) / float(counts.sum()) for i, name in enumerate(NAMES)}
    assert all(low < shares[name] < high for name, (low, high) in BOUNDS.items()), shares


def test_every_class_is_in_many_scenes(scenes: list[Sample]) -> None:
    present = torch.stack([torch.bincount(s.label.flatten().long(), minlength=11) > 0 for s in scenes]).sum(0)
    assert (present >= 35).all(), dict(zip(NAMES, present.tolist(), strict=True))


def test_small_and_large_vehicles_occur(scenes: list[Sample]) -> None:
    shares = sorted(float((s.label == CAR).float().mean()) for s in scenes)
    assert shares[10] < 0.02 and shares[-5] > 0.15


def test_day_and_night_occur(scenes: list[Sample]) -> None:
    brightness = sorted(float(s.image.float().mean()) for s in scenes)
    assert brightness[4] < 70 and brightness[-10] > 125


def test_a_scene_is_the_same_in_another_process_and_in_a_longer_set() -> None:
    code = (
        "import hashlib; from taskwave.semantic.data import StreetScenes; s = StreetScenes('test', 3, seed=5)[2];"
        "b = s.image.numpy().tobytes() + s.label.numpy().tobytes() + s.objects.boxes.numpy().tobytes();"
        "print(hashlib.sha256(b + repr((s.objects.classes, s.objects.texts)).encode()).hexdigest())"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    images = StreetScenes("test", 900, seed=5)
    images[7]  # What was drawn before must not matter.
    assert _digest(images[2]) == other


def test_splits_and_seeds_share_no_scene() -> None:
    digests = {
        _digest(StreetScenes(split, 2, seed=seed, size=(32, 48))[i])
        for split in ("train", "val", "test")
        for seed in (0, 1)
        for i in range(2)
    }
    assert len(digests) == 12


def test_names_are_unique() -> None:
    names = [n for split in ("train", "val", "test") for n in StreetScenes(split).names]
    assert len(set(names)) == len(names) == 2400


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match=r"'dev'.*train, val, test"):
        StreetScenes("dev")
    with pytest.raises(ValueError, match="count is 0"):
        StreetScenes("val", 0)
    with pytest.raises(ValueError, match="seed is -1"):
        StreetScenes("val", 1, seed=-1)
    with pytest.raises(ValueError, match="at least 16"):
        StreetScenes("val", 1, size=(8, 64))
    with pytest.raises(IndexError, match="allowed are 0 to 1"):
        StreetScenes("val", 2)[2]


def _canvas() -> Canvas:
    return Canvas(Camera(384, 512, f=450.0, u0=256.0, v0=190.0, height=1.5))


def test_projection_is_a_pinhole() -> None:
    camera = _canvas().camera
    assert camera.project(0, 1.5, 30) == (256.0, 190.0)  # Eye height lies on the horizon.
    assert camera.project(2, 0, 10) == pytest.approx((256 + 90, 190 + 67.5))
    assert camera.column_depth(-4.0, 100, 101)[0] == pytest.approx(450 * 4 / (256 - 100.5), rel=1e-5)


def test_label_and_image_of_a_drawing_are_aligned() -> None:
    canvas = _canvas()
    sketch = Sketch(canvas, (100, 50, 200, 120), 12.0)
    sketch.polygon([(110, 60), (180, 60), (180, 110), (110, 110)], (10, 200, 30), CAR)
    sketch.done()
    painted = (canvas.paint[..., 1] == 200) & (canvas.paint[..., 0] == 10)
    assert painted.sum() == 71 * 51
    assert np.array_equal(painted, canvas.label == CAR) and np.array_equal(painted, canvas.depth == np.float32(12.0))


@pytest.mark.parametrize("yaw", [0.0, np.pi / 2, np.pi, 4.0])
def test_a_vehicle_has_the_size_its_distance_gives(yaw: float) -> None:
    heights = []
    for z in (10.0, 30.0):
        canvas = _canvas()
        draw_vehicle(1.0, z, yaw, False, (1.0, 1.0), np.random.default_rng(3)).paint(canvas, np.random.default_rng(4))
        rows = np.flatnonzero((canvas.label == CAR).any(1))
        heights.append(rows[-1] - rows[0] + 1)
    assert 2.4 < heights[0] / heights[1] < 4.2


def test_nearer_items_cover_farther_ones() -> None:
    canvas = _canvas()
    rng = np.random.default_rng(0)
    Pedestrian(0.0, 20.0, 1.75, 1, 0.1, True).paint(canvas, rng)
    draw_vehicle(0.0, 10.0, 0.0, False, (1.0, 1.0), rng).paint(canvas, rng)
    u, v = canvas.camera.project(0.0, 0.6, 10.0)
    assert canvas.label[int(v), int(u)] == CAR


def test_majority_takes_the_most_frequent_id() -> None:
    rng = np.random.default_rng(1)
    label = rng.integers(0, 3, (40, 60)).astype(np.uint8)
    reduced = majority(label)
    for i, j in np.ndindex(20, 30):
        block = np.bincount(label[2 * i : 2 * i + 2, 2 * j : 2 * j + 2].ravel(), minlength=3)
        assert block[reduced[i, j]] == block.max()
