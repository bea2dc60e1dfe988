"""Networks of a recipe in their sizes, before any training."""

import inspect
from collections.abc import Callable
from typing import Any

import torch
from diffusers import UNet2DModel
from torch import nn

from taskwave.semantic.attention.prompt import PromptAttention
from taskwave.semantic.classes import NUM_CLASSES
from taskwave.semantic.codec.analog import GeneralCode
from taskwave.semantic.codec.latents import PatchAutoencoder
from taskwave.semantic.diffusion.prior import build_unet
from taskwave.semantic.judges.segmentation import SegmentationNet
from taskwave.semantic.training.recipe import Recipe

_GIVEN = {"channels", "scene_channels", "latent_channels", "classes", "embedding", "scaling_factor"}
"""Arguments of constructors that other parts determine; a recipe gives only the codec's `latent_channels`."""

_BUILDERS: dict[str, Callable[..., nn.Module]] = {
    "codec": PatchAutoencoder,
    "segmentation": SegmentationNet,
    "general": GeneralCode,
    "prior": build_unet,
    "attention": PromptAttention,
}


class Networks:
    """Builds the networks of a recipe, freshly initialised from the global generator of torch."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.channels = int(recipe.codec.network.get("latent_channels", 16))

    def codec(self) -> PatchAutoencoder:
        """Build the image codec."""
        return PatchAutoencoder(**self._size("codec"))  # type: ignore[no-any-return]

    def segmentation(self) -> SegmentationNet:
        """Build the task network."""
        return SegmentationNet(**self._size("segmentation"))  # type: ignore[no-any-return]

    def general(self) -> GeneralCode:
        """Build the analog code."""
        return GeneralCode(self.channels + NUM_CLASSES, **self._size("general"))  # type: ignore[no-any-return]

    def prior(self) -> UNet2DModel:
        """Build the network of the prior."""
        return build_unet(self.channels, self.channels + NUM_CLASSES, **self._size("prior"))

    def attention(self) -> PromptAttention:
        """Build the attention."""
        return PromptAttention(self.channels, NUM_CLASSES, **self._size("attention"))  # type: ignore[no-any-return]

    def check(self) -> dict[str, int]:
        """Build all networks without memory and return the number of parameters of each, by its stage.

        Raises:
            ValueError: a network cannot be built with the arguments of the recipe.
        """
        counts = {}
        for stage in _BUILDERS:
            self._check_names(stage)
            size = getattr(self.recipe, stage).network
            try:
                with torch.device("meta"):
                    network: nn.Module = getattr(self, stage)()
            except (TypeError, ValueError, RuntimeError, IndexError, ZeroDivisionError) as error:
                reason = " ".join(str(error).split())
                raise ValueError(
                    f"{stage}.network = {size}: no network has this size ({reason}); the sizes of the bundled recipes "
                    "work, for example those of `streets`"
                ) from error
            counts[stage] = sum(p.numel() for p in network.parameters())
        return counts

    def _size(self, stage: str) -> dict[str, Any]:
        network = getattr(self.recipe, stage).network
        return {k: tuple(v) if isinstance(v, list) else v for k, v in network.items()}

    def _check_names(self, stage: str) -> None:
        known = sized(stage)
        for key in getattr(self.recipe, stage).network:
            if key not in known:
                raise ValueError(f"{stage}.network.{key}: unknown key; allowed here: {', '.join(known)}")


def sized(stage: str) -> tuple[str, ...]:
    """Return the arguments that the table `network` of a stage may give."""
    names = inspect.signature(_BUILDERS[stage]).parameters
    return tuple(n for n in names if n not in _GIVEN or (stage, n) == ("codec", "latent_channels"))
