"""What a scenario file may say: pydantic models that refuse what they do not know and correct nothing silently."""

import difflib
from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from taskwave.links import registry
from taskwave.links.base import Task
from taskwave.phy.channel import link_budget
from taskwave.phy.config.channel import DROP_CHANNELS, Distance
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.definitions import noise_variance
from taskwave.semantic.classes import NAMES
from taskwave.semantic.data import SOURCES
from taskwave.semantic.language import lexicon


def _tuple(value: Any) -> Any:
    """TOML has lists, a frozen model wants tuples; everything else stays what it is and fails by its type."""
    return tuple(value) if isinstance(value, list) else value


def _path(value: Any) -> Any:
    return Path(value).expanduser() if isinstance(value, str) and value else value


def _decibels(value: float) -> float:
    noise_variance(value)
    return value


def _known_link(value: str) -> str:
    registry.check(value)
    return value


def _known_source(value: str) -> str:
    if value not in SOURCES:
        near = difflib.get_close_matches(value, SOURCES, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"there is no image source of this name{hint} Sources: {', '.join(SOURCES)}")
    return value


def _prompt(value: str) -> str:
    if lexicon.parse(value).columns != lexicon.COLUMNS:
        raise ValueError("a task is scored on the whole image: name classes only, without left, centre or right")
    unknown = lexicon.unknown_words(value)
    if unknown:
        hints = (f"{word!r}" + (f" (near: {', '.join(near)})" if near else "") for word, near in unknown.items())
        raise ValueError(f"unknown words in a task: {', '.join(hints)}; reword it with known ones")
    return value


Decibels = Annotated[float, AfterValidator(_decibels)]
Budget = Annotated[int, Field(ge=1)]
LinkName = Annotated[str, AfterValidator(_known_link)]
Prompt = Annotated[str, AfterValidator(_prompt)]
Folder = Annotated[Path, BeforeValidator(_path)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ImageConfig(_Table):
    """`[images]`: which images, and how many go through a link at once."""

    source: Annotated[str, AfterValidator(_known_source)]
    """Name of an image set: `streets` (generated) or one that `open_images` knows, such as `camvid`."""
    split: Literal["train", "val", "test"]
    count: int = Field(ge=1)
    """Images used, spread evenly over the split."""
    batch: int = Field(default=8, ge=1, le=256)
    """Images of one point: a matter of memory and of how often results reach the disk. Channels and noise are drawn
    batch by batch, so other batches are other realisations."""
    folder: Folder | None = None
    """Where the image set lies; relative paths start at the current folder. None: where `open_images` looks."""


class SweepConfig(_Table):
    """`[sweep]`: the grid. Every combination of SNR or distance, budget and link is run on every batch of images."""

    es_n0_db: Annotated[tuple[Decibels, ...], BeforeValidator(_tuple), Field(min_length=1)] | None = None
    distance_m: Annotated[tuple[Distance, ...], BeforeValidator(_tuple), Field(min_length=1)] | None = None
    """In place of `es_n0_db`: horizontal distances [m], from which `[radio.link_budget]` computes it."""
    budgets: Annotated[tuple[Budget, ...], BeforeValidator(_tuple), Field(min_length=1)]
    """Channel uses per image and task, both directions."""
    links: Annotated[tuple[LinkName, ...], BeforeValidator(_tuple), Field(min_length=1)]
    occasions: int = Field(default=3, ge=1, le=16)
    """Times the channel is realised per image: the first transmission and the later rounds a link may use."""


class StripConfig(_Table):
    """`[strip]`: the picture strip drawn after a run, all rows at one SNR and budget."""

    es_n0_db: Decibels
    budget: Budget
    link: LinkName
    baseline: LinkName
    task: Prompt
    images: int = Field(default=3, ge=1, le=8)
    """Rows, the first images of the first batch."""


class Condition(NamedTuple):
    """One value of the sweep's first axis."""

    es_n0_db: float
    distance_m: float | None
    """None where SNRs are swept."""


class Scenario(_Table):
    """One scenario file: everything its results depend on, apart from the code and the weights."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    description: str = Field(min_length=1)
    seed: int = Field(ge=0)
    weights: str = Field(min_length=1)
    """A bundled set (`streets`, `camvid`) or the path of a folder with trained weights."""
    text_encoder: str | None = Field(default=None, min_length=1)
    """Folder or Hugging Face id of a pretrained text encoder (CLIP, BERT, MiniLM …) in place of the bundled one."""
    judge: Folder | None = None
    """Folder of a task network that judges the pictures of all links. None: the one in `weights`."""
    tasks: Annotated[tuple[Prompt, ...], BeforeValidator(_tuple), Field(min_length=1)]
    """One prompt a task, in free wording."""
    images: ImageConfig
    radio: RadioConfig
    sweep: SweepConfig
    strip: StripConfig | None = None

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """SNRs of the sweep, or its distances with the SNRs of the link budget, to a hundredth of a decibel."""
        if self.sweep.distance_m is None:
            return tuple(Condition(es_n0_db, None) for es_n0_db in self.sweep.es_n0_db or ())
        at = ((d, link_budget.es_n0_db(self.radio.at_distance(d))) for d in self.sweep.distance_m)
        return tuple(Condition(round(es_n0_db, 2), distance_m) for distance_m, es_n0_db in at)

    def radio_at(self, distance_m: float | None) -> RadioConfig:
        """The radio of a condition: small-scale fading that does not know of distances is the same at all of them."""
        if distance_m is None or self.radio.channel not in DROP_CHANNELS:
            return self.radio
        return self.radio.at_distance(distance_m)

    def parsed_tasks(self) -> tuple[Task, ...]:
        """The tasks with the classes their prompts name."""
        return tuple(parse_task(prompt) for prompt in self.tasks)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
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
            name = task_name(task)
            if name in seen:
                raise ValueError(
                    f"tasks {seen[name]!r} and {task.prompt!r} both mean {name}: "
                    "keep one, their records could not be told apart"
                )
            seen[name] = task.prompt
        if self.strip and task_name(parse_task(self.strip.task)) not in seen:
            raise ValueError(f"strip.task {self.strip.task!r} is none of the tasks: {', '.join(map(repr, self.tasks))}")
        if self.images.source == "streets" and self.images.folder is not None:
            raise ValueError("images.folder is given, but the source 'streets' is generated: remove images.folder")
        return self


def parse_task(prompt: str) -> Task:
    """A task in free wording, with the classes it names."""
    return Task(prompt, lexicon.parse(prompt).classes)


def task_name(task: Task) -> str:
    """Canonical name of a task in records and figures: its class names in the order of their ids, joined by `+`."""
    return "+".join(NAMES[c] for c in sorted(task.classes))
