"""Recipes, which name the images that train a set of weights, and the size and schedule of each network."""

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from taskwave.semantic.data import open_images
from taskwave.semantic.training.batches import ImagePool
from taskwave.semantic.training.fit import FitConfig

HERE = Path(__file__).parent / "recipes"
"""Folder of the bundled recipes."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ImageSource(_Table):
    """Names images of one data set."""

    source: str
    """Name of the data set."""
    split: Literal["train", "val", "test"]
    """Name of the split."""
    size: tuple[int, int]
    """Size (H, W) of the images in pixels."""
    count: int | None = Field(default=None, gt=0)
    """Number of images taken from the start of the split; None takes all."""


class Stage(_Table):
    """Describes the training of one network."""

    steps: int = Field(gt=0)
    """Number of training steps."""
    lr: float = Field(gt=0)
    """Largest learning rate."""
    batch: int = Field(default=16, gt=0)
    """Number of images per step."""
    weight_decay: float = Field(default=1e-4, ge=0)
    """Weight decay of AdamW."""
    validate_every: int = Field(default=250, gt=0)
    """Number of steps between validations."""
    network: dict[str, int | list[int]] = {}
    """Arguments of the constructor of the network, which set its size."""

    def fit(self, seed: int) -> FitConfig:
        """Return the configuration of the training loop with this schedule and `seed`."""
        return FitConfig(self.steps, self.lr, self.weight_decay, seed=seed, validate_every=self.validate_every)


class Recipe(_Table):
    """Describes the training of one set of weights."""

    seed: int = 0
    """Seed of the initial weights and of the batches."""
    labelled: ImageSource
    """Labelled training images."""
    repeat: int = Field(default=1, ge=1)
    """Number of times that each labelled image counts beside the unlabelled ones."""
    unlabelled: ImageSource | None = None
    """Further training images, for every network but task network and attention."""
    val: ImageSource
    """Images of the validation."""
    codec: Stage
    """Stage of the image codec."""
    general: Stage
    """Stage of the analog code by itself."""
    prior: Stage
    """Stage of the prior by itself."""
    segmentation: Stage
    """First stage of the task network."""
    finetune: Stage
    """Second stage of the task network, with regenerated images."""
    joint: Stage
    """Stage of analog code and prior together."""
    attention: Stage
    """Stage of the attention."""


def load_recipe(name_or_file: str) -> Recipe:
    """Load a bundled recipe by name (`streets`, `camvid`), or a TOML file.

    Raises:
        FileNotFoundError: there is neither such a recipe nor such a file.
        ValueError: the file is not valid TOML or not a valid recipe.
    """
    path = HERE / f"{name_or_file}.toml"
    path = path if path.is_file() else Path(name_or_file)
    if not path.is_file():
        bundled = ", ".join(sorted(p.stem for p in HERE.glob("*.toml")))
        raise FileNotFoundError(f"no recipe '{name_or_file}': name a bundled one ({bundled}) or a TOML file")
    return Recipe.model_validate(tomllib.loads(path.read_text()))


def open_pool(source: ImageSource, device: str) -> ImagePool:
    """Read the images of `source` into memory; batches of them are put on `device`."""
    return ImagePool([open_images(source.source, source.split, size=source.size)], device, source.count)
