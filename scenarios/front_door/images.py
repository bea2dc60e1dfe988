"""Whatever holds an image, as the tensor that links take."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps

from taskwave.semantic.data.files import read_image, to_rgb
from taskwave.semantic.data.sources import MOST_PIXELS

ImageLike = str | Path | Image.Image | NDArray[np.generic] | torch.Tensor
"""Path of an image file, PIL image, array [H, W, 3] or [H, W], or tensor [3, H, W] or [1, 3, H, W]. Arrays and tensors
hold integers from 0 to 255 (uint8) or floats in [0, 1]."""


def to_tensor(image: ImageLike) -> torch.Tensor:
    """Return an image as [1, 3, H, W] float32 in [0, 1].

    Raises:
        FileNotFoundError: there is no file of that name.
        OSError: the file is damaged.
        TypeError: neither a path, an image, an array nor a tensor.
        ValueError: another shape or dtype, values outside the range or not finite, transparent pixels.
    """
    if isinstance(image, str | Path):
        image = read_image(Path(image).expanduser())
    if isinstance(image, Image.Image):
        return _from_array(np.asarray(to_rgb(ImageOps.exif_transpose(image), "the image")))
    if isinstance(image, np.ndarray):
        return _from_array(image)
    if isinstance(image, torch.Tensor):
        planes = image.detach().cpu()
        if planes.ndim == 4 and len(planes) == 1:
            planes = planes[0]
        if planes.ndim != 3 or planes.shape[0] != 3:
            raise ValueError(f"a tensor {list(image.shape)} is no image: give [3, H, W] or [1, 3, H, W]")
        return _from_array(planes.movedim(0, -1).numpy())
    raise TypeError(f"{type(image).__name__} is no image: give a path, a PIL image, an array or a tensor")


def _from_array(array: NDArray[np.generic]) -> torch.Tensor:
    """Return an array [H, W, 3] or [H, W] as [1, 3, H, W] float32; `ValueError` for other shapes, dtypes and values."""
    if array.ndim == 2:
        array = np.repeat(array[..., None], 3, axis=2)
    if array.ndim != 3 or array.shape[2] != 3 or 0 in array.shape:
        raise ValueError(f"an array {list(array.shape)} is no image: give [H, W, 3] or [H, W]")
    if array.shape[0] * array.shape[1] > MOST_PIXELS:
        raise ValueError(
            f"an image of {array.shape[1]}x{array.shape[0]} pixels; allowed: at most {MOST_PIXELS} pixels in all, as "
            "links take minutes and gigabytes for more; scale it down"
        )
    if array.dtype == np.uint8:
        values = array.astype(np.float32) / 255
    elif np.issubdtype(array.dtype, np.floating):
        values = array.astype(np.float32)
        if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
            raise ValueError(
                f"an image of floats from {values.min():g} to {values.max():g}: they must be finite and in [0, 1]; "
                "divide by the largest value, or give uint8"
            )
    else:
        raise ValueError(f"an image of {array.dtype}: give uint8 from 0 to 255, or floats in [0, 1]")
    return torch.from_numpy(values.copy()).movedim(-1, 0)[None]
