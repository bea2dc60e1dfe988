"""A recipe: which images train a set of weights, and how long and how wide each network is trained."""

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from taskwave.semantic.data import open_images
from taskwave.semantic.training.batches import ImagePool
from taskwave.semantic.training.fit import FitConfig

HERE = Path(__file__).parent / "recipes"


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ImageSource(_Table):
    """Images of one data set, at `size` (H, W); `count` takes the first few only."""

    source: str
    split: Literal["train", "val", "test"]
    size: tuple[int, int]
    count: int | None = Field(default=None, gt=0)


class Stage(_Table):
    """Training of one network: its size (`network`, arguments of its constructor) and its schedule."""

    steps: int = Field(gt=0)
    lr: float = Field(gt=0)
    batch: int = Field(default=16, gt=0)
    weight_decay: float = Field(default=1e-4, ge=0)
    validate_every: int = Field(default=250, gt=0)
    network: dict[str, int | list[int]] = {}

    def fit(self, seed: int) -> FitConfig:
        """The schedule as the training loop wants it."""
        return FitConfig(self.steps, self.lr, self.weight_decay, seed=seed, validate_every=self.validate_every)


class Recipe(_Table):
    """One set of weights. `unlabelled` images join `labelled` ones for every network but task and attention."""

    seed: int = 0
    labelled: ImageSource
    repeat: int = Field(default=1, ge=1)
    """How often each labelled image counts beside the unlabelled ones."""
    unlabelled: ImageSource | None = None
    val: ImageSource
    codec: Stage
    general: Stage
    prior: Stage
    segmentation: Stage
    finetune: Stage
    joint: Stage
    attention: Stage


def load_recipe(name_or_file: str) -> Recipe:
    """A bundled recipe by name (`streets`, `camvid`) or a TOML file. Raises `FileNotFoundError`, `ValueError`."""
    path = HERE / f"{name_or_file}.toml"
    path = path if path.is_file() else Path(name_or_file)
    if not path.is_file():
        bundled = ", ".join(sorted(p.stem for p in HERE.glob("*.toml")))
        raise FileNotFoundError(f"no recipe '{name_or_file}': name a bundled one ({bundled}) or a TOML file")
    return Recipe.model_validate(tomllib.loads(path.read_text()))


def open_pool(source: ImageSource, device: str) -> ImagePool:
    """The images of `source`, in memory."""
    return ImagePool([open_images(source.source, source.split, size=source.size)], device, source.count)
