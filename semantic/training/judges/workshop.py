"""The training of a judge from its recipe: a detector, for signs a reader, and the confidence an answer needs."""

from dataclasses import replace
from pathlib import Path

import torch

from taskwave.semantic.data import ImageSet
from taskwave.semantic.data.objects import matches
from taskwave.semantic.data.patches import sign_patches
from taskwave.semantic.judges.detector import DetectorNet
from taskwave.semantic.judges.objects import OTHER, ObjectJudge
from taskwave.semantic.judges.reader import PatchNet
from taskwave.semantic.tasks.base import Truth
from taskwave.semantic.training.fit import Fit, FitConfig
from taskwave.semantic.training.judges.detector import best_f1, train_detector
from taskwave.semantic.training.judges.pools import BoxPool, open_parts
from taskwave.semantic.training.judges.pretrained import load_imagenet
from taskwave.semantic.training.judges.reader import PatchPool, patches_of, train_reader
from taskwave.semantic.training.judges.recipes import JudgeRecipe
from taskwave.semantic.training.monitor import Monitor
from taskwave.semantic.weights.judges import save_object_judge

LOWEST = 0.05
"""Smallest confidence among which that of a judge is chosen."""


class JudgeWorkshop:
    """Trains the networks of a judge in a folder and exports the judge.

    Args:
        name: name of the judge.
        recipe: its recipe.
        folder: folder of checkpoints and logs.
        seed: seed of data and weights.
        monitor: follower of the progress.

    Raises:
        FileNotFoundError: images are missing.
        ModuleNotFoundError: the weights of the backbone are not installed.
    """

    def __init__(self, name: str, recipe: JudgeRecipe, folder: Path, seed: int, monitor: Monitor) -> None:
        self.name, self.recipe, self.folder, self.seed, self.monitor = name, recipe, folder, seed, monitor
        self.train, self.val = open_parts(recipe.images)

    def detector(self) -> DetectorNet:
        """Train the detector, from its checkpoint on if there is one."""
        torch.manual_seed(self.seed)
        net = DetectorNet(classes=self.recipe.classes)
        load_imagenet(net.backbone)
        net = net.to(memory_format=torch.channels_last)
        pool = BoxPool(self.train, self.recipe.classes, mirror=True)
        val = BoxPool([self.val], self.recipe.classes, mirror=False)
        return train_detector(
            net, self._fit(net, "detector", self.recipe.steps, 1e-3), pool, val, self.recipe.batch, self.monitor
        )

    def reader(self) -> PatchNet:
        """Train the reader, from its checkpoint on if there is one."""
        torch.manual_seed(self.seed)
        names = self.recipe.reads
        net = PatchNet(classes=(*names, OTHER)).to(memory_format=torch.channels_last)
        val = {self.recipe.images[0].source: patches_of(self.val, names)}
        if self.recipe.gtsrb:
            patches, val["gtsrb"] = sign_patches("train"), sign_patches("val")
        else:
            patches = patches_of(self.train[0], names)
        pool = PatchPool.of(patches, self.train, names)
        return train_reader(net, self._fit(net, "reader", self.recipe.reader_steps, 2e-3), pool, val, self.monitor)

    def export(self, target: Path) -> ObjectJudge:
        """Train what is not trained yet, choose the confidence on `val`, and write the judge to `target`."""
        detector = self.detector()
        reader = self.reader() if self.recipe.reads else None
        judge = ObjectJudge(self.name, "", detector, reader, LOWEST)
        judge = replace(judge, least=best_confidence(judge, self.val))
        save_object_judge(target, self.name, detector, reader, judge.least)
        return judge

    def _fit(self, net: torch.nn.Module, name: str, steps: int, lr: float) -> Fit:
        config = FitConfig(steps, lr, weight_decay=1e-2, warmup=200, seed=self.seed, validate_every=500, autocast=False)
        return Fit(net, config, self.folder / name)


def best_confidence(judge: ObjectJudge, images: ImageSet) -> float:
    """Return the confidence from which objects count when the F1 of classes and places is largest on an image set."""
    confidence, right, total = [], [], 0
    for i in range(len(images)):
        sample = images[i]
        truth = Truth.of(sample)
        found = judge.detections(sample.image.float() / 255)
        assert truth.objects is not None, "the image set has boxes"
        known = truth.objects if judge.reader is not None else truth.objects.of_classes(judge.detector.classes)
        confidence += found.confidence.tolist()
        right += [match is not None for match in matches(found.boxes, found.classes, known)]
        total += len(known)
    return best_f1(confidence, right, total)[1]
