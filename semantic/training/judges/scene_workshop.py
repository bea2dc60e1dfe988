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
    fit = _fit(net, folder / "network", recipe.steps, LR, seed)
    if isinstance(net, ClassifierNet):
        save_scene_judge(target, name, train_classifier(net, fit, train[0], val, recipe.batch, monitor))
        return
    pool, validation = ImagePool(train), ImagePool([val])
    trained = train_scenes(net, fit, pool, validation, recipe.batch, monitor)
    if recipe.scale_steps:
        enlarging = SceneNet(scale=recipe.scale).to(memory_format=torch.channels_last)
        enlarging.load_state_dict(trained.state_dict())
        fit = _fit(enlarging, folder / "enlarging", recipe.scale_steps, LR / 2, seed)
        trained = train_scenes(enlarging, fit, pool, validation, recipe.batch, monitor)
    save_scene_judge(target, name, trained)


def _fit(net: torch.nn.Module, folder: Path, steps: int, lr: float, seed: int) -> Fit:
    return Fit(net, FitConfig(steps, lr, 1e-2, warmup=200, seed=seed, validate_every=250, autocast=False), folder)
