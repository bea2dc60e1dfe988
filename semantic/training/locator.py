"""The training of the locator with random wordings, and the boxes and masks of the things that they name."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn import functional

from taskwave.semantic.attention.locator import OUTLINED, TOKEN, Locator
from taskwave.semantic.classes import NUM_CLASSES, SIGN
from taskwave.semantic.data import open_images
from taskwave.semantic.language.lexicon import Meaning, phrase
from taskwave.semantic.language.text_encoder import TextEncoder
from taskwave.semantic.tasks.objects import CONCEPTS
from taskwave.semantic.training.batches import ImagePool
from taskwave.semantic.training.edges import train_edges
from taskwave.semantic.training.fit import Fit, FitConfig
from taskwave.semantic.training.judges.augmentation import vary
from taskwave.semantic.training.judges.pools import BoxPool
from taskwave.semantic.training.judges.pretrained import load_imagenet
from taskwave.semantic.training.monitor import Monitor
from taskwave.semantic.weights import load_text_encoder

CROP = (192, 256)
"""Size (h, w) of the crops in pixels."""
PROMPTS = 4
"""Number of prompts drawn for each crop."""
WORDINGS = 200
"""Number of wordings of each class."""
STREET_CLASS = {name: concept.street_classes[0] for concept in reversed(CONCEPTS) for name in concept.classes}
"""Street class that shows each class of the image sets."""


@dataclass(frozen=True)
class Shown:
    """Holds image sets with boxes of which some street classes are annotated wherever they occur."""

    pool: BoxPool
    classes: tuple[int, ...]


class Wordings:
    """Holds many wordings of each street class as embeddings, [11, `WORDINGS`, E]."""

    def __init__(self, encoder: TextEncoder, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.embeddings = torch.stack(
            [encoder.embed([phrase(Meaning((c,)), generator) for _ in range(WORDINGS)]) for c in range(NUM_CLASSES)]
        )

    def draw(self, classes: Sequence[int], generator: torch.Generator) -> torch.Tensor:
        """Return a random wording of each of `classes`, [len(classes), E]."""
        which = torch.randint(WORDINGS, (len(classes),), generator=generator)
        return self.embeddings[list(classes), which]


def token_shares(labels: torch.Tensor) -> torch.Tensor:
    """Return the share of each class in each token, [B, 11, H/8, W/8], of labels [B, H, W].

    Ignored pixels count for no class.
    """
    onehot = torch.stack([(labels == c).float() for c in range(NUM_CLASSES)], dim=1)
    return functional.avg_pool2d(onehot, TOKEN)


def box_shares(boxes: torch.Tensor, kinds: Sequence[int], size: tuple[int, int]) -> torch.Tensor:
    """Return the share of each token that lies in a box of each street class, [11, h, w], of an image of `size`."""
    covered = torch.zeros(NUM_CLASSES, *size)
    for (left, upper, right, lower), kind in zip(boxes.round().int().tolist(), kinds, strict=True):
        covered[kind, max(0, upper) : max(0, lower), max(0, left) : max(0, right)] = 1
    return functional.avg_pool2d(covered, TOKEN)


def location_loss(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return cross-entropy plus one minus the overlap, of logits and targets [B, P, h, w]."""
    relevance = logits.sigmoid()
    shared, either = (relevance * target).sum((2, 3)), (relevance.square() + target.square()).sum((2, 3))
    entropy = functional.binary_cross_entropy_with_logits(logits, target)
    return entropy + 1 - ((2 * shared + 1) / (either + 1)).mean()


def train_locator(
    net: Locator, fit: Fit, shown: Sequence[Shown], masks: ImagePool, encoder: TextEncoder, monitor: Monitor
) -> Locator:
    """Train `net` with crops of image sets, as often of each set of boxes as of the masks; 8 crops a step.

    The validation reports the overlap of relevance and truth on fixed crops of the same sets.

    Args:
        net: the locator.
        fit: its training.
        shown: image sets with boxes.
        masks: images with label maps, of all street classes.
        encoder: text encoder of the prompts.
        monitor: follower of the progress.
    """
    wordings = Wordings(encoder, seed=fit.config.seed + 1)

    def draw(generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Draw crops [8, 3, h, w], prompts [8, P, E] and targets [8, P, h/8, w/8]."""
        crops, prompts, targets = [], [], []
        for i in range(8):
            source = i % (len(shown) + 1)
            if source < len(shown):
                pool, known = shown[source].pool, shown[source].classes
                index = int(torch.randint(len(pool.images), (), generator=generator))
                crop, boxes, _ = pool.crop(index, CROP, generator)
                kinds = [STREET_CLASS[name] for name in pool.objects[index].classes]
                shares = box_shares(boxes, kinds, CROP)
                crop = vary(crop, generator)
            else:
                drawn, known = masks.draw(1, CROP, generator, (0.6, 1.2)), tuple(range(NUM_CLASSES))
                crop, shares = drawn.images[0], token_shares(drawn.labels)[0]
            asked = [known[int(torch.randint(len(known), (), generator=generator))] for _ in range(PROMPTS)]
            crops.append(crop)
            prompts.append(wordings.draw(asked, generator))
            targets.append(shares[asked])
        images = torch.stack(crops).to(memory_format=torch.channels_last)
        return images, torch.stack(prompts), torch.stack(targets)

    def loss(generator: torch.Generator) -> torch.Tensor:
        images, prompts, targets = draw(generator)
        return location_loss(net.logits(images, prompts).float(), targets)

    @torch.no_grad()
    def validate() -> dict[str, float]:
        overlap = total = torch.zeros(())
        generator = torch.Generator().manual_seed(0)
        for _ in range(8):
            images, prompts, targets = draw(generator)
            relevance = fit.averaged(images, prompts)
            overlap, total = overlap + relevance.minimum(targets).sum(), total + relevance.maximum(targets).sum()
        return {"soft_iou": float(overlap / total)}

    return fit.run(loss, validate, monitor)  # type: ignore[return-value]


def locator_from_sets(folder: Path, steps: int, seed: int, monitor: Monitor) -> Locator:
    """Train a locator with the `train` splits of GTSDB, Road Signs, CARLA (boxes) and CamVid (masks).

    Args:
        folder: folder of checkpoint and log.
        steps: number of steps.
        seed: seed of data and weights.
        monitor: follower of the progress.

    Raises:
        FileNotFoundError: images are missing.
        ModuleNotFoundError: the weights of the backbone are not installed.
    """
    torch.manual_seed(seed)
    net = Locator()
    load_imagenet(net.backbone)
    net = net.to(memory_format=torch.channels_last)
    signs, everything = (SIGN,), OUTLINED
    known = {"gtsdb": signs, "roadsigns": signs, "carla": everything}
    pools = {source: BoxPool([open_images(source, "train")], ("any",), mirror=True) for source in known}
    shown = [Shown(pools[source], classes) for source, classes in known.items()]
    masks = ImagePool([open_images("camvid", "train", size=(352, 480))])
    config = FitConfig(steps, 1e-3, weight_decay=1e-2, seed=seed, validate_every=400, autocast=False, warmup=200)
    trained = train_locator(net, Fit(net, config, folder), shown, masks, load_text_encoder(), monitor)
    return train_edges(trained, tuple(pools.values()), steps, folder / "edges", seed, monitor)
