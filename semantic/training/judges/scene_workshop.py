"""The training of a judge of whole images from its recipe."""

from pathlib import Path

import torch

from taskwave.semantic.judges.scenes import ClassifierNet, SceneNet
from taskwave.semantic.training.batches import ImagePool
from taskwave.semantic.training.fit import Fit, FitConfig
from taskwave.semantic.training.judges.pools import open_parts
from taskwave.semantic.training.judges.pretrained import load_imagenet
from taskwave.semantic.training.judges.recipes import SceneRecipe
from taskwave.semantic.training.judges.scenes import train_classifier, train_scenes
from taskwave.semantic.training.monitor import Monitor
from taskwave.semantic.weights.judges import save_scene_judge

LR = 7e-4
"""Largest learning rate."""


def train_scene_judge(name: str, recipe: SceneRecipe, folder: Path, target: Path, seed: int, monitor: Monitor) -> None:
    """Train a judge in `folder`, from its checkpoint on if there is one, and write it to `target`.

    Raises:
        FileNotFoundError: images are missing.
        ModuleNotFoundError: the weights of the backbone are not installed.
    """
    train, val = open_parts(recipe.images)
    torch.manual_seed(seed)
    net = ClassifierNet(recipe.classes) if recipe.classes else SceneNet()
    load_imagenet(net.backbone)
    net = net.to(memory_format=torch.channels_last)
    config = FitConfig(recipe.steps, LR, 1e-2, warmup=200, seed=seed, validate_every=250, autocast=False)
    fit = Fit(net, config, folder / "network")
    if isinstance(net, ClassifierNet):
        trained: ClassifierNet | SceneNet = train_classifier(net, fit, train[0], val, recipe.batch, monitor)
    else:
        trained = train_scenes(net, fit, ImagePool(train), ImagePool([val]), recipe.batch, monitor)
    save_scene_judge(target, name, trained)
