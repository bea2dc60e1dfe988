"""Whatever holds an image becomes the same tensor, and what is no image is refused with a reason."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from taskwave.scenarios.front_door.images import ImageLike, to_tensor

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)


def test_every_form_of_an_image_is_the_same_tensor(tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    Image.fromarray(PIXELS).save(path)
    planes = torch.from_numpy(PIXELS).movedim(-1, 0)
    expected = planes[None].float() / 255
    forms: list[ImageLike] = [
        path, str(path), Image.fromarray(PIXELS), PIXELS, PIXELS.astype(np.float64) / 255, planes, planes[None],
        expected,
    ]  # fmt: skip
    for form in forms:
        torch.testing.assert_close(to_tensor(form), expected, atol=1e-6, rtol=0)


def test_grey_is_grey_in_all_three_planes() -> None:
    grey = to_tensor(PIXELS[..., 0])
    assert grey.shape == (1, 3, 20, 30) and torch.equal(grey[0, 0], grey[0, 2])


@pytest.mark.parametrize(
    ("image", "error", "message"),
    [
        ("missing.png", FileNotFoundError, "missing.png"),
        (np.zeros((4, 4, 4), np.uint8), ValueError, r"\[4, 4, 4\].*\[H, W, 3\]"),
        (np.zeros((0, 4, 3), np.uint8), ValueError, r"\[0, 4, 3\]"),
        (np.full((4, 4, 3), 255.0), ValueError, "255.*divide"),
        (np.full((4, 4, 3), np.nan), ValueError, "finite"),
        (np.zeros((4, 4, 3), np.int64), ValueError, "int64.*uint8"),
        (torch.zeros(2, 3, 4, 4), ValueError, r"\[2, 3, 4, 4\]"),
        (3, TypeError, "int is no image"),
    ],
    ids=["file", "planes", "empty", "range", "nan", "dtype", "batch", "type"],
)
def test_what_is_no_image_is_refused(image: ImageLike, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        to_tensor(image)


def test_an_image_that_would_take_minutes_is_refused() -> None:
    with pytest.raises(ValueError, match=r"3000x2000 pixels; allowed: at most 4194304"):
        to_tensor(np.zeros((2000, 3000, 3), np.uint8))
