"""Ordinary changes of pictures in training: colour, blur, lower resolution, noise and JPEG."""

import io

import numpy as np
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter
from torch.nn import functional

from taskwave.semantic.training.damage import uniform


def vary(image: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Change an image [3, H, W] in [0, 1] at random: its colours always, each other property in some cases."""
    image = _colour(image, generator)
    if uniform(generator, 0, 1) < 0.3:
        image = _blur(image, uniform(generator, 0.4, 1.5))
    if uniform(generator, 0, 1) < 0.3:
        image = reduced(image[None], uniform(generator, 1, 2.5))[0]
    if uniform(generator, 0, 1) < 0.3:
        image = image + uniform(generator, 0, 0.05) * torch.randn(image.shape, generator=generator)
    image = image.clamp(0, 1)
    return _jpeg(image, int(uniform(generator, 20, 95))) if uniform(generator, 0, 1) < 0.3 else image


def _colour(image: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Change brightness, contrast, saturation and balance."""
    bright, contrast, saturation = (
        uniform(generator, low, high) for low, high in ((-0.15, 0.15), (0.7, 1.3), (0.6, 1.4))
    )
    balance = 1 + 0.1 * (2 * torch.rand(3, 1, 1, generator=generator) - 1)
    grey = image.mean(0, keepdim=True)
    image = (grey + saturation * (image - grey)) * balance
    return ((image - 0.5) * contrast + 0.5 + bright).clamp(0, 1)


def _blur(image: torch.Tensor, sigma: float) -> torch.Tensor:
    """Blur by a Gaussian of `sigma` pixels."""
    sigmas, radii = (0, sigma, sigma), (0, int(3 * sigma) + 1, int(3 * sigma) + 1)
    return torch.from_numpy(gaussian_filter(image.numpy(), sigmas, mode="nearest", radius=radii))


def reduced(images: torch.Tensor, factor: float) -> torch.Tensor:
    """Return images [B, 3, H, W] scaled down by `factor` (area-aware) and up again (bicubic, which may overshoot)."""
    height, width = images.shape[-2:]
    small = max(1, round(height / factor)), max(1, round(width / factor))
    down = functional.interpolate(images, small, mode="bilinear", antialias=True, align_corners=False)
    return functional.interpolate(down, (height, width), mode="bicubic", align_corners=False)


def _jpeg(image: torch.Tensor, quality: int) -> torch.Tensor:
    """Encode and decode as JPEG."""
    stream = io.BytesIO()
    Image.fromarray((image * 255).round().byte().movedim(0, -1).numpy()).save(stream, "JPEG", quality=quality)
    return torch.from_numpy(np.array(Image.open(stream))).movedim(-1, 0) / 255
