"""The points of a sweep and the images that they are evaluated on."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from taskwave.scenarios.config.scenario import ImageConfig, Scenario
from taskwave.semantic.data import ImageSet, check_batches, open_images
from taskwave.semantic.data.annotated import Annotated
from taskwave.semantic.tasks import questions
from taskwave.semantic.tasks.base import Truth
from taskwave.semantic.tasks.objects import OBJECT_CLASSES


@dataclass(frozen=True)
class SweepPoint:
    """Names one point of the grid: a link, an SNR (or a distance and its SNR) and a budget, for one batch of images."""

    batch: int
    """Index of the batch."""
    es_n0_db: float
    """SNR [dB]."""
    budget: int
    """Channel uses allowed per image and task, both directions together."""
    link: str
    """Name of the link."""
    distance_m: float | None = None
    """Distance that the SNR belongs to [m]. None: SNRs are swept."""
    fade: int = 0
    """Index of the fade: every fade has channels and noise of its own."""


@dataclass(frozen=True)
class ImageBatch:
    """Holds the images of one batch, as links and metrics take them."""

    index: int
    """Index of the batch."""
    names: tuple[str, ...]
    """Names of its B images."""
    groups: tuple[str, ...]
    """Drive, clip or series of each image; its own name where there is none."""
    images: torch.Tensor
    """Images [B, 3, H, W] float32 in [0, 1]."""
    truths: tuple[Truth, ...]
    """What is annotated of each image."""
    digest: str
    """SHA-256 digest of size, pixels and annotations, by which results of other images are told apart."""


def sweep_points(scenario: Scenario) -> Iterator[SweepPoint]:
    """Yield every point of a scenario, batch by batch: an interrupted run has whole curves over fewer images."""
    sweep = scenario.sweep
    for fade in range(sweep.fades):
        for batch in range(scenario.images.num_batches):
            for es_n0_db, distance_m in scenario.conditions:
                for budget in sweep.budgets:
                    for link in sweep.links:
                        yield SweepPoint(batch, es_n0_db, budget, link, distance_m, fade)


def open_chosen(config: ImageConfig) -> tuple[ImageSet, tuple[int, ...]]:
    """Return the image set of a scenario and the indices that it uses, spread evenly over the split.

    Raises:
        ValueError: the split has fewer images than asked for, those of a batch differ in size, or no question is about
            any of the classes of their objects; also what `open_images` raises.
    """
    images = open_images(config.source, config.split, config.folder, config.height_and_width)
    if config.count > len(images):
        raise ValueError(
            f"images.count = {config.count}: the {config.split} split of {config.source} has {len(images)} images; "
            f"give --set images.count={len(images)} or less"
        )
    if isinstance(images, Annotated) and not questions.others():
        _check_classes(images, config)
    indices = tuple(i * len(images) // config.count for i in range(config.count))
    check_batches(images, indices, config.batch)
    return images, indices


def unasked_classes(images: ImageSet) -> tuple[str, ...]:
    """Return the classes in the table of boxes of an image set that no question is about: their boxes count nowhere."""
    if not isinstance(images, Annotated) or questions.others():
        return ()
    return tuple(kind for kind in images.classes if kind not in OBJECT_CLASSES)


def _check_classes(images: Annotated, config: ImageConfig) -> None:
    """Raise ValueError where no question can be about any object of the images, whose accuracy would be null."""
    if images.classes and not set(OBJECT_CLASSES) & set(images.classes):
        raise ValueError(
            f"{config.folder or config.source}: questions are about none of the classes in its boxes.csv "
            f"({', '.join(images.classes[:8])}); name them as questions do: {', '.join(OBJECT_CLASSES)}"
        )


def load_batch(images: ImageSet, indices: tuple[int, ...], size: int, index: int) -> ImageBatch:
    """Read batch `index` of the images at `indices`, in batches of `size`."""
    samples = [images[i] for i in indices[index * size : (index + 1) * size]]
    pixels = torch.stack([sample.image for sample in samples])
    truths = tuple(Truth.of(sample) for sample in samples)
    content = repr(tuple(pixels.shape)).encode() + pixels.numpy().tobytes() + b"".join(map(_content, truths))
    return ImageBatch(
        index=index,
        names=tuple(sample.name for sample in samples),
        groups=tuple(sample.group for sample in samples),
        images=pixels.float() / 255,
        truths=truths,
        digest=hashlib.sha256(content).hexdigest(),
    )


def _content(truth: Truth) -> bytes:
    """Return what is annotated of an image as bytes, equal for equal annotations."""
    known = [truth.category, *([truth.objects.classes, truth.objects.texts] if truth.objects is not None else [])]
    boxes = b"" if truth.objects is None else truth.objects.boxes.numpy().tobytes()
    return truth.label.numpy().tobytes() + boxes + repr(known).encode()
