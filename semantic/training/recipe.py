"""Recipes, which name the images that train a set of weights, and the size and schedule of each network.

Nothing here loads torch, so that a plan can be shown and a fault be named before the heavy imports.
"""

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, StrictInt, ValidationError, field_validator, model_validator

HERE = Path(__file__).parent / "recipes"
"""Folder of the bundled recipes."""

NEEDS: dict[str, tuple[str, ...]] = {
    "codec": (),
    "segmentation": (),
    "general": ("codec", "segmentation"),
    "prior": ("codec", "segmentation", "general"),
    "finetune": ("codec", "segmentation", "general", "prior"),
    "joint": ("codec", "general", "prior", "finetune"),
    "attention": ("codec", "finetune"),
}
"""Earlier stages whose networks each stage reads, by the name of the stage, in order."""
STAGES = tuple(NEEDS)
"""Names of all stages, in order."""
EXPORTED = ("codec", "finetune", "joint", "attention")
"""Stages whose networks make the finished set."""
LARGEST_SEED = 2**63 - 1
"""Largest seed."""

Positive = Annotated[int, Field(gt=0, le=10**9, strict=True)]
Rate = Annotated[float, Field(strict=True, allow_inf_nan=False)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ImageSource(_Table):
    """Names images of one data set."""

    source: str
    """Name of the data set."""
    split: Literal["train", "val", "test"]
    """Name of the split."""
    size: tuple[Annotated[StrictInt, Field(ge=16, le=4096)], Annotated[StrictInt, Field(ge=16, le=4096)]]
    """Size (H, W) of the images in pixels."""
    count: Positive | None = None
    """Number of images taken from the start of the split; None takes all."""
    folder: str | None = Field(default=None, min_length=1)
    """Folder of the data set; None: $TASKWAVE_DATA/<set>."""


class Stage(_Table):
    """Describes the training of one network."""

    steps: Positive
    """Number of training steps."""
    lr: Rate = Field(gt=0)
    """Largest learning rate."""
    batch: Positive = 16
    """Number of images per step."""
    weight_decay: Rate = Field(default=1e-4, ge=0)
    """Weight decay of AdamW."""
    validate_every: Positive = 250
    """Number of steps between validations."""
    network: dict[str, Any] = {}
    """Arguments of the constructor of the network, whole numbers or lists of them, which set its size."""

    @field_validator("network")
    @classmethod
    def _check_network(cls, network: dict[str, Any]) -> dict[str, int | list[int]]:
        """Refuse a size that is no whole number above 0 and no list of them."""
        for key, value in network.items():
            numbers = value if isinstance(value, list) and value else [value]
            if any(type(n) is not int or not 0 < n <= 10**6 for n in numbers):
                raise ValueError(f"{key} = {value!r}: allowed are whole numbers from 1 to {10**6}, or a list of them")
        return network


class Recipe(_Table):
    """Describes the training of one set of weights."""

    seed: int = Field(default=0, ge=0, le=LARGEST_SEED, strict=True)
    """Seed of the initial weights and of the batches."""
    labelled: ImageSource
    """Labelled training images."""
    repeat: Positive = 1
    """Number of times that each labelled image counts beside the unlabelled ones."""
    unlabelled: ImageSource | None = None
    """Further training images, for every network but task network and attention."""
    val: ImageSource
    """Images of the validation."""
    codec: Stage
    """Stage of the image codec."""
    segmentation: Stage
    """First stage of the task network."""
    general: Stage
    """Stage of the analog code by itself."""
    prior: Stage
    """Stage of the prior by itself."""
    finetune: Stage
    """Second stage of the task network, with regenerated images."""
    joint: Stage
    """Stage of analog code and prior together."""
    attention: Stage
    """Stage of the attention."""

    @model_validator(mode="after")
    def _check_val(self) -> "Recipe":
        """Refuse images of the validation that the networks cannot take whole."""
        if any(n % 32 for n in self.val.size) or self.val.size[1] < 96:
            raise ValueError(
                f"val.size = {list(self.val.size)}: allowed are multiples of 32, the width at least 96, because the "
                "images of the validation are used whole; for example [192, 256]"
            )
        return self

    @model_validator(mode="after")
    def _check_networks(self) -> "Recipe":
        """Refuse a size of a network that an earlier stage determines."""
        for name in ("finetune", "joint"):
            if self.stage(name).network:
                raise ValueError(
                    f"{name}.network: this stage continues with networks of earlier stages and takes no size; "
                    f"give it in {'segmentation' if name == 'finetune' else 'general and prior'}"
                )
        return self

    def stage(self, name: str) -> Stage:
        """Return the stage `name`, one of `STAGES`."""
        found: Stage = getattr(self, name)
        return found

    def images_of(self, stage: str) -> dict[str, ImageSource]:
        """Return the image sources that a stage trains with, by their keys."""
        sources = {"labelled": self.labelled}
        if self.unlabelled is not None and stage not in ("segmentation", "finetune", "attention"):
            sources["unlabelled"] = self.unlabelled
        return sources


def bundled_recipes() -> tuple[str, ...]:
    """Return the names of the bundled recipes."""
    return tuple(sorted(p.stem for p in HERE.glob("*.toml")))


def load_recipe(name_or_file: str) -> Recipe:
    """Load a bundled recipe by name (`bundled_recipes`), or a TOML file.

    Raises:
        FileNotFoundError: there is neither such a recipe nor such a file.
        ValueError: the file is not valid TOML or not a valid recipe; one line per fault: file, key, value, what is
            allowed.
    """
    path = HERE / f"{name_or_file}.toml"
    path = path if path.is_file() else Path(name_or_file)
    if not path.is_file():
        raise FileNotFoundError(
            f"no recipe '{name_or_file}': name a bundled one ({', '.join(bundled_recipes())}) or a TOML file"
        )
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not a TOML file in UTF-8: {error}; correct that line") from error
    try:
        return Recipe.model_validate(tables)
    except ValidationError as error:
        raise ValueError("\n".join(f"{path}: {_explain(fault)}" for fault in error.errors())) from error


def _explain(fault: Mapping[str, Any]) -> str:
    """Return key, value and what is allowed of one fault, an entry of `ValidationError.errors()`."""
    *tables, key = fault["loc"] or ("",)
    where = ".".join(str(part) for part in fault["loc"])
    message = fault["msg"].removeprefix("Value error, ").replace("valid tuple", "list of two numbers")
    if fault["type"] == "extra_forbidden":
        allowed = _keys(tables)
        near = difflib.get_close_matches(str(key), allowed, n=1)
        hint = f"did you mean '{near[0]}'? " if near else ""
        return f"{where}: unknown key; {hint}allowed here: {', '.join(allowed)}"
    if fault["type"] == "missing":
        return f"{where}: this key is missing; add it (docs/training.md describes every key)"
    return f"{where} = {fault['input']!r}: {message}" if where else message


def _keys(tables: list[Any]) -> list[str]:
    """Return the keys that the table at this place of a recipe may hold."""
    if not tables:
        return list(Recipe.model_fields)
    annotation = Recipe.model_fields[str(tables[0])].annotation
    models = [t for t in (annotation, *get_args(annotation)) if isinstance(t, type) and issubclass(t, BaseModel)]
    return list(models[0].model_fields)
