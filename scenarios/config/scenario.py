"""The tables of a scenario file as pydantic models, which refuse unknown keys and correct nothing silently."""

import difflib
from collections import Counter
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from taskwave.links import registry
from taskwave.phy.channel import link_budget
from taskwave.phy.config.channel import DROP_CHANNELS, Distance
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.config.table import ListToTuple, PathLike, Table
from taskwave.phy.definitions import noise_variance
from taskwave.semantic.data import ANNOTATED, SOURCES
from taskwave.semantic.data.base import Size
from taskwave.semantic.data.sources import SIZED, parse_size
from taskwave.semantic.surrogates.base import SurrogateName
from taskwave.semantic.tasks import questions
from taskwave.semantic.tasks.base import Task


def _decibels(value: float) -> float:
    """Check an Es/N0 [dB] as `noise_variance` does; `ValueError` outside its range."""
    noise_variance(value)
    return value


def _known_link(value: str) -> str:
    """Check the name of a link; `ValueError` with similar names for an unknown one."""
    registry.check(value)
    return value


def _known_source(value: str) -> str:
    """Check the name of an image set; `ValueError` with similar names for an unknown one."""
    if value not in SOURCES:
        near = difflib.get_close_matches(value, SOURCES, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"there is no image source of this name{hint} Sources: {', '.join(SOURCES)}")
    return value


def _size(value: object) -> object:
    """Check a size of images; `ValueError` where it is not text, WIDTHxHEIGHT."""
    parse_size(value if isinstance(value, str) else repr(value))
    return value


def check_prompt(value: str) -> str:
    """Check the wording of a task; `ValueError` where no kind of task understands it."""
    questions.read(value)
    return value


Decibels = Annotated[float, AfterValidator(_decibels)]
Budget = Annotated[int, Field(ge=1, le=10**9)]
LinkName = Annotated[str, AfterValidator(_known_link)]
Prompt = Annotated[str, AfterValidator(check_prompt)]


class ImageConfig(Table):
    """Describes `[images]`: the images used, and how many go through a link at once."""

    source: Annotated[str, AfterValidator(_known_source)] = "streets"
    """Name of an image set: `streets` (generated), `boxes` (your own, with boxes), `folder` (a folder of images without
    annotations, whose accuracy is null) or one that `open_images` knows, such as `camvid`, `gtsdb` or `cifar10`."""
    split: Literal["train", "val", "test"] = "val"
    """Split of the image set. A `folder` has none; its records bear this name nevertheless."""
    count: int = Field(default=8, ge=1, le=10**9)
    """Number of images used, spread evenly over the split."""
    batch: int = Field(default=8, ge=1, le=256)
    """Number of images of one point. It decides the memory needed and how often results reach the disk. Channels and
    noise are drawn batch by batch, so another number means other realisations."""
    folder: PathLike | None = None
    """Folder of the image set, which the source `folder` needs; relative paths start at the current folder. None: the
    one that `open_images` finds."""
    size: Annotated[str, BeforeValidator(_size)] | None = None
    """Size of the images, WIDTHxHEIGHT in pixels such as `480x352`, to which they are cut about the centre and resized
    with their label maps; for `streets`, `camvid`, `labelmefacade` and `folder`. None: 256x192, and for `folder` the
    size that each image has. The images of other sources keep theirs."""

    @property
    def height_and_width(self) -> Size | None:
        """Height and width of `size`, as `open_images` takes them."""
        return None if self.size is None else parse_size(self.size)

    @property
    def num_batches(self) -> int:
        """Number of batches, of which the last one may be smaller."""
        return -(-self.count // self.batch)


class SweepConfig(Table):
    """Describes `[sweep]`, the grid: every combination of SNR or distance, budget and link is run on every batch."""

    es_n0_db: Annotated[tuple[Decibels, ...], ListToTuple, Field(min_length=1)] | None = None
    """SNRs [dB]. None: distances are swept."""
    distance_m: Annotated[tuple[Distance, ...], ListToTuple, Field(min_length=1)] | None = None
    """Horizontal distances [m], from which `[radio.link_budget]` computes SNRs. None: `es_n0_db` is swept."""
    budgets: Annotated[tuple[Budget, ...], ListToTuple, Field(min_length=1)]
    """Budgets: channel uses allowed per image and task, both directions together."""
    links: Annotated[tuple[LinkName, ...], ListToTuple, Field(min_length=1)]
    """Names of the links under test."""
    occasions: int = Field(default=3, ge=1, le=16)
    """Number of channel realisations per image: the first transmission and the later rounds that a link may use."""
    fades: int = Field(default=1, ge=1, le=64)
    """Number of independent fades, each with noise of its own, over which every image is sent at every point."""


class StripConfig(Table):
    """Describes `[strip]`, the image strip drawn after a run, all rows at one SNR and budget."""

    es_n0_db: Decibels
    """SNR of all transmissions [dB]."""
    budget: Budget
    """Channel uses allowed per image, both directions together."""
    link: LinkName
    """Name of the link whose stages are shown."""
    baseline: LinkName
    """Name of the link that it is compared with."""
    task: Prompt
    """Prompt of the task, one of those in `Scenario.tasks` in this or another wording."""
    images: int = Field(default=3, ge=1, le=8)
    """Number of images shown, the first ones of the first batch."""


class Condition(NamedTuple):
    """Holds one value of the first axis of a sweep."""

    es_n0_db: float
    """SNR [dB]."""
    distance_m: float | None
    """Distance that the SNR belongs to [m]. None: SNRs are swept."""


class Scenario(Table):
    """Describes one scenario file: everything its results depend on, apart from the code and the weights."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    """Name of the scenario, which names the folder of its results. Without it, a file's own name stands for it."""
    description: str = ""
    """One line for `taskwave list`."""
    seed: int = Field(default=0, ge=0, le=2**63 - 1)
    """Seed from which channels and noise of all points are derived."""
    weights: str = Field(default="roads", min_length=1)
    """Name of a bundled set (`roads`) or path of a folder with trained weights, `windows` and `posterior`."""
    text_encoder: str | None = Field(default=None, min_length=1)
    """Folder or Hugging Face id of a pretrained text encoder (CLIP, BERT, MiniLM …). None: the bundled one."""
    surrogate: SurrogateName | None = None
    """What image codecs weigh rungs and rates by, as they know no task: `signs` (what a locator and a reader see at
    small places), `streets` or `camvid` (what a segmentation network of drawn or of real streets sees) or `psnr`. None:
    `signs` for photographs with boxes of signs, `camvid` for those of that set, else `streets`."""
    judge: PathLike | None = None
    """Name (`gtsdb`, `rapidocr`), folder or ONNX file (see docs/judges.md) of a judge that answers what it can on the
    images of all links. None, and for all else: those of the image set, and for images of none those of photographs of
    streets."""
    tasks: Annotated[tuple[Prompt, ...], ListToTuple, Field(min_length=1)]
    """Questions of the tasks, one each, in free wording."""
    images: ImageConfig = ImageConfig()
    """Table `[images]`."""
    radio: RadioConfig = RadioConfig()
    """Table `[radio]`."""
    sweep: SweepConfig
    """Table `[sweep]`."""
    strip: StripConfig | None = None
    """Table `[strip]`. None: no strip is drawn."""

    @property
    def weighed_by(self) -> SurrogateName:
        """Return the name of the surrogate."""
        if self.surrogate is not None:
            return self.surrogate
        if self.images.source in ("gtsdb", "roadsigns"):
            return "signs"
        return "camvid" if self.images.source == "camvid" else "streets"

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """SNRs of the sweep, or its distances with the SNRs of the link budget, rounded to a hundredth of a decibel."""
        if self.sweep.distance_m is None:
            return tuple(Condition(es_n0_db, None) for es_n0_db in self.sweep.es_n0_db or ())
        at = ((d, link_budget.es_n0_db(self.radio.at_distance(d))) for d in self.sweep.distance_m)
        return tuple(Condition(round(es_n0_db, 2), distance_m) for distance_m, es_n0_db in at)

    def radio_at(self, distance_m: float | None) -> RadioConfig:
        """Return the radio of a condition.

        Fading of a channel model that does not depend on distance is the same at all distances.
        """
        if distance_m is None or self.radio.channel not in DROP_CHANNELS:
            return self.radio
        return self.radio.at_distance(distance_m)

    def parsed_tasks(self) -> tuple[Task, ...]:
        """Return the tasks that the questions ask, by what the images have annotated."""
        return tuple(self.parse_task(prompt) for prompt in self.tasks)

    def parse_task(self, prompt: str) -> Task:
        """Return the task that a question in free wording asks."""
        return questions.read(prompt, ANNOTATED[self.images.source])

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        """Check what concerns several tables; `ValueError` names the keys that do not go together."""
        sweep = self.sweep
        if (sweep.es_n0_db is None) == (sweep.distance_m is None):
            raise ValueError(
                "sweep.es_n0_db and sweep.distance_m: give one of them (to sweep distances in a file that has SNRs, "
                "take sweep.es_n0_db out)"
            )
        if self.strip is not None and sweep.distance_m is not None:
            raise ValueError("strip is drawn at an SNR, but sweep.distance_m sweeps distances: leave [strip] out")
        for key, values in (
            ("sweep.es_n0_db", [condition.es_n0_db for condition in self.conditions]),
            ("sweep.distance_m", sweep.distance_m or ()),
            ("sweep.budgets", sweep.budgets),
            ("sweep.links", sweep.links),
        ):
            twice = [value for value, count in Counter(values).items() if count > 1]
            if twice:
                raise ValueError(f"{key} names {twice[0]!r} twice: every value may appear once")
        seen: dict[str, str] = {}
        for task in self.parsed_tasks():
            name = task.name
            if name in seen:
                raise ValueError(
                    f"tasks {seen[name]!r} and {task.prompt!r} both mean {name}: "
                    "keep one, their records could not be told apart"
                )
            seen[name] = task.prompt
        if self.strip and self.parse_task(self.strip.task).name not in seen:
            raise ValueError(f"strip.task {self.strip.task!r} is none of the tasks: {', '.join(map(repr, self.tasks))}")
        if self.images.source == "streets" and self.images.folder is not None:
            raise ValueError("images.folder is given, but the source 'streets' is generated: remove images.folder")
        if self.images.source == "folder" and self.images.folder is None:
            raise ValueError("images.source 'folder' needs the folder of the images: give images.folder")
        if self.images.size is not None and self.images.source not in SIZED:
            raise ValueError(
                f"images.size {self.images.size!r} is given, but images of the source {self.images.source!r} keep the "
                f"size that they have: remove images.size (it is for {', '.join(SIZED)})"
            )
        return self
