"""Batches of training images, which are held in memory and cropped, scaled, mirrored and recoloured at random."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional

from taskwave.semantic.classes import IGNORE
from taskwave.semantic.data import ImageSet


@dataclass(frozen=True)
class TrainingBatch:
    """Holds images with their labels."""

    images: torch.Tensor
    """Images [B, 3, h, w], float in [0, 1]."""
    labels: torch.Tensor
    """Class ids [B, h, w], uint8."""


class ImagePool:
    """Holds all samples of some image sets as 8-bit tensors, and draws batches of them."""

    def __init__(self, sets: Sequence[ImageSet], device: str = "cpu", count: int | None = None) -> None:
        """Read the samples of `sets`, at most the first `count` of each (all by default).

        Batches are put on `device`; the samples stay where they are.
        """
        samples = [images[i] for images in sets for i in range(min(len(images), count or len(images)))]
        self.images = [s.image for s in samples]
        self.labels = [s.label for s in samples]
        self.device = device

    def __len__(self) -> int:
        return len(self.images)

    def whole(self, index: Sequence[int]) -> TrainingBatch:
        """Return the samples of the given indices, unchanged; they must have one size."""
        images = torch.stack([self.images[i] for i in index]).to(self.device)
        return TrainingBatch(images.float() / 255, torch.stack([self.labels[i] for i in index]).to(self.device))

    def draw(
        self, count: int, size: tuple[int, int], generator: torch.Generator, zoom: tuple[float, float] = (1.0, 1.0)
    ) -> TrainingBatch:
        """Draw `count` random crops of `size` (h, w).

        `zoom` is the range of the resizing factor before cropping; a factor that would leave the image smaller
        than the crop is raised to fit. Half of the crops are mirrored, all vary a little in brightness and contrast.
        """
        images, labels = [], []
        for _ in range(count):
            i = int(torch.randint(len(self.images), (), generator=generator))
            r = torch.rand(6, generator=generator).tolist()
            height, width = self.images[i].shape[-2:]
            factor = max(zoom[0] + (zoom[1] - zoom[0]) * r[0], size[0] / height, size[1] / width)
            window = (min(height, round(size[0] / factor)), min(width, round(size[1] / factor)))
            top, left = int(r[1] * (height - window[0] + 1)), int(r[2] * (width - window[1] + 1))
            part = self.images[i][:, top : top + window[0], left : left + window[1]][None].float() / 255
            label = self.labels[i][top : top + window[0], left : left + window[1]][None, None]
            if window != size:
                part = functional.interpolate(part, size=size, mode="bilinear", antialias=True, align_corners=False)
                label = functional.interpolate(label, size=size, mode="nearest-exact")
            part = (((part - 0.5) * (0.8 + 0.4 * r[3])) + 0.5 + 0.1 * (r[4] - 0.5)).clamp(0, 1)
            if r[5] < 0.5:
                part, label = part.flip(-1), label.flip(-1)
            images.append(part[0])
            labels.append(label[0, 0])
        stacked = torch.stack(images).to(self.device).contiguous(memory_format=torch.channels_last)
        return TrainingBatch(stacked, torch.stack(labels).to(self.device))


def class_weights(pool: ImagePool, classes: int) -> torch.Tensor:
    """Return a weight for each class, [classes]: the inverse square root of its frequency, so that small objects count.

    The mean over the classes is one.
    """
    counts = torch.zeros(classes)
    for label in pool.labels:
        counts += torch.bincount(label[label != IGNORE].flatten(), minlength=classes)[:classes]
    weights = (counts.sum() / counts.clamp_min(1)).sqrt()
    return weights / weights.mean()
