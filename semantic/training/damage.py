"""Random damage of training images, of the kinds that image codecs and small scales cause."""

import io

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

CODECS = ("JPEG", "WEBP", "AVIF")
"""Image codecs of `code`, by their names in Pillow."""


def uniform(generator: torch.Generator, low: float, high: float) -> float:
    """Draw a number between `low` and `high`."""
    return low + (high - low) * float(torch.rand((), generator=generator))


def rescale(image: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Scale an image [3, H, W] in [0, 1] down by a random factor of 1 to 10, and up again."""
    factor = 10 ** uniform(generator, 0, 1)
    height, width = image.shape[-2:]
    small = (max(4, round(height / factor)), max(4, round(width / factor)))
    down = functional.interpolate(image[None], small, mode="bicubic", antialias=True, align_corners=False)
    return functional.interpolate(down, (height, width), mode="bicubic", align_corners=False)[0].clamp(0, 1)


def code(image: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Encode and decode an image [3, H, W] in [0, 1] by a random codec at low quality.

    In 60 % of cases it is encoded at reduced size.
    """
    height, width = image.shape[-2:]
    pixels = Image.fromarray((image * 255).round().byte().movedim(0, -1).cpu().numpy())
    if uniform(generator, 0, 1) < 0.6:
        factor = uniform(generator, 1.3, 6)
        small = (max(16, round(width / factor)), max(16, round(height / factor)))
        pixels = pixels.resize(small, Image.Resampling.BOX)
    stream = io.BytesIO()
    codec = CODECS[int(torch.randint(len(CODECS), (), generator=generator))]
    quality = int(uniform(generator, 2, 50))
    if codec == "AVIF":
        pixels.save(stream, codec, quality=quality, speed=9)
    else:
        pixels.save(stream, codec, quality=quality)
    decoded = Image.open(stream).convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
    return torch.from_numpy(np.array(decoded)).movedim(-1, 0).to(image) / 255


def patchwork(clean: torch.Tensor, damaged: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Put clean blocks of 16x16 pixels, in a few regions, into a damaged image.

    `clean` and `damaged` are [3, H, W].
    """
    height, width = clean.shape[-2:]
    field = torch.randn(1, 1, height // 32 + 2, width // 32 + 2, generator=generator)
    field = functional.interpolate(field, (height // 16, width // 16), mode="bilinear", align_corners=False)
    sharp = (field > uniform(generator, -0.3, 1.2)).float().to(clean.device)
    mask = functional.interpolate(sharp, (height, width), mode="nearest")[0]
    return clean * mask + damaged * (1 - mask)


def damage(images: torch.Tensor, generator: torch.Generator, clean: float = 0.4) -> torch.Tensor:
    """Damage a batch of images [B, 3, H, W] at random; a share `clean` stays as it is."""
    out = []
    for image in images:
        if uniform(generator, 0, 1) < clean:
            out.append(image)
            continue
        damaged = (rescale, code)[int(torch.randint(2, (), generator=generator))](image, generator)
        mixed = uniform(generator, 0, 1) < 0.35
        out.append(patchwork(image, damaged, generator) if mixed else damaged)
    return torch.stack(out).contiguous(memory_format=torch.channels_last)
