"""The description of a network in an ONNX file: what it answers, how it is fed, how its outputs are read (TOML)."""

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveFloat,
    ValidationError,
    model_validator,
)

from taskwave.semantic.classes import NAMES
from taskwave.semantic.data.sources import parse_size
from taskwave.semantic.tasks.objects import OBJECT_CLASSES
from taskwave.semantic.text import read_text

ANY = "any"
"""Size of a network that takes images of every size."""
DECODERS: dict[str, tuple[str, ...]] = {
    "detector": ("boxes", "grid", "yolo"),
    "segmentation": ("logits", "ids"),
    "classifier": ("logits",),
}
"""Decoders of the outputs of each kind of network, see `onnx_outputs`."""
_KEYS = {
    "boxes": {"threshold", "overlap", "units"},
    "grid": {"threshold", "overlap"},
    "yolo": {"threshold", "overlap", "units", "objectness"},
    "logits": set[str](),
    "ids": set[str](),
}
"""Keys that each decoder knows beside its name and the names of the outputs."""

TEMPLATE = """\
kind = "detector"               # detector, segmentation or classifier
classes = ["person", "traffic light"]   # all classes of the network, in its order

[names]                         # its classes in the words of this project, where they differ
"traffic light" = "traffic_light"

[input]
size = "640x640"                # WIDTHxHEIGHT, or "any" for a network that takes every size
multiple = 1                    # of size "any": width and height must be multiples of it
fit = "letterbox"               # letterbox: scaled as it is, the rest filled; stretch: scaled to the size
fill = 0.447                    # of letterbox: value of the rest, 0 (black) to 1 (white)
order = "rgb"                   # rgb or bgr
layout = "nchw"                 # nchw or nhwc, of images and of logits
scale = 1.0                     # value of white, 1 or 255; then minus mean, over std, each in that order of colours
mean = [0.0, 0.0, 0.0]
std = [1.0, 1.0, 1.0]

[output]
decoder = "yolo"                # detector: boxes, grid, yolo; segmentation: logits, ids; classifier: logits
threshold = 0.5                 # of detectors: least confidence
overlap = 0.45                  # of detectors: largest overlap of two boxes of one class
units = "pixels"                # of boxes and yolo: pixels of the input, or relative (0 to 1)
objectness = false              # of yolo: whether a confidence that there is an object stands before the classes
# tensors = ["boxes", "scores", "labels"]   # names of the outputs that are read, where they are not the first ones
"""
"""Description to start from."""

_Colours = tuple[float, float, float]


def _tuple(value: Any) -> Any:
    """Turn a list of TOML into the tuple of a frozen table."""
    return tuple(value) if isinstance(value, list) else value


def _size(value: str) -> str:
    """Check a size, `any` or WIDTHxHEIGHT."""
    if value != ANY:
        parse_size(value)
    return value


class _Table(BaseModel):
    """Refuses unknown keys, values of other types, inf and nan; is frozen."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Input(_Table):
    """Describes how images become the input of a network."""

    size: Annotated[str, AfterValidator(_size)]
    """WIDTHxHEIGHT in pixels, or `any`."""
    multiple: int = Field(default=1, ge=1, le=1024)
    """Number of which width and height are multiples, for the size `any`."""
    fit: Literal["letterbox", "stretch"] = "letterbox"
    """Whether an image keeps its shape, about the centre with the rest filled, or is stretched to the size."""
    fill: float = Field(default=0.447, ge=0, le=1)
    """Value of the pixels that a letterbox adds."""
    order: Literal["rgb", "bgr"] = "rgb"
    """Order of the colours."""
    layout: Literal["nchw", "nhwc"] = "nchw"
    """Order of the dimensions of images, and of logits."""
    scale: float = Field(default=1.0, gt=0, le=65535)
    """Value of white, before `mean` and `std`."""
    mean: Annotated[_Colours, BeforeValidator(_tuple)] = (0.0, 0.0, 0.0)
    """What is subtracted, for each colour in their `order`."""
    std: Annotated[tuple[PositiveFloat, PositiveFloat, PositiveFloat], BeforeValidator(_tuple)] = (1.0, 1.0, 1.0)
    """What is divided by, for each colour in their `order`."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        """Check what concerns several keys."""
        if self.size != ANY and self.multiple != 1:
            raise ValueError(f'multiple = {self.multiple} is for size = "any"; leave it out with {self.size}')
        return self


class Output(_Table):
    """Describes how the outputs of a network are read."""

    decoder: Literal["boxes", "grid", "yolo", "logits", "ids"]
    """Form of the outputs, see `onnx_outputs`."""
    threshold: float = Field(default=0.5, gt=0, le=1)
    """Least confidence of an object."""
    overlap: float = Field(default=0.45, gt=0, le=1)
    """Intersection over union from which the less sure of two objects of one class goes; 1 keeps all."""
    units: Literal["pixels", "relative"] = "pixels"
    """Units of boxes: pixels of the input, or shares of its width and height."""
    objectness: bool = False
    """Whether the first of the scores is that of any object, by which those of the classes are multiplied."""
    tensors: Annotated[tuple[str, ...], BeforeValidator(_tuple)] | None = None
    """Names of the outputs that are read: one, or for `boxes` two or three. None: the first ones."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        """Check that the decoder knows the keys given."""
        keys = {"tensors", *_KEYS[self.decoder]}
        strange = sorted(self.model_fields_set - keys - {"decoder"})
        if strange:
            raise ValueError(
                f"decoder {self.decoder!r} has no key {strange[0]!r}; it has {', '.join(sorted(keys))}: leave it out"
            )
        wanted = (2, 3) if self.decoder == "boxes" else (1,)
        if self.tensors is not None and len(self.tensors) not in wanted:
            raise ValueError(
                f"tensors names {len(self.tensors)} outputs; decoder {self.decoder!r} reads "
                f"{' or '.join(map(str, wanted))}"
            )
        return self


class Description(_Table):
    """Describes a network in an ONNX file."""

    kind: Literal["detector", "segmentation", "classifier"]
    """What it answers."""
    classes: Annotated[tuple[str, ...], BeforeValidator(_tuple), Field(min_length=1)]
    """Its classes in its order."""
    names: dict[str, str] = {}
    """The project's name of each class that has another there."""
    input: Input
    """Table `[input]`."""
    output: Output
    """Table `[output]`."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        """Check what concerns several tables."""
        allowed = DECODERS[self.kind]
        if self.output.decoder not in allowed:
            raise ValueError(
                f"output.decoder = {self.output.decoder!r}: a {self.kind} has the decoder {' or '.join(allowed)}"
            )
        for name in self.names:
            if name not in self.classes:
                raise ValueError(f"names: {name!r} is none of the classes{_near(name, self.classes)}; correct either")
        known = self.known
        for name in self.names.values():
            if known and name not in known:
                raise ValueError(
                    f"names: {name!r} is no class of the project{_near(name, known)}; there are {_list(known)}"
                )
        if known and not any(self.named):
            raise ValueError(
                f"none of the classes is one of the project, so nothing could be answered; name some in [names]: "
                f"{_list(known)}"
            )
        return self

    @property
    def known(self) -> tuple[str, ...]:
        """The project's classes for this kind; for classifiers every name is good, and there are none."""
        if self.kind == "segmentation":
            return NAMES
        return OBJECT_CLASSES if self.kind == "detector" else ()

    @property
    def named(self) -> tuple[str, ...]:
        """The project's name of each class, empty for those that the project does not know."""
        names, known = (self.names.get(name, name) for name in self.classes), self.known
        return tuple(name if not known or name in known else "" for name in names)


def read_description(path: Path, about: str) -> Description:
    """Read the description of a network.

    Args:
        path: the description, TOML in UTF-8.
        about: what is known of the network, one line for the error of a missing file.

    Raises:
        FileNotFoundError: there is none; the message has one to start from.
        ValueError: it is no such description; one line per fault: file, key, value, what is allowed.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: missing; it says how the network beside it is fed and read. {about}\nWrite it like this one:\n\n"
            f"{TEMPLATE.rstrip()}"
        )
    try:
        return Description.model_validate(tomllib.loads(read_text(path)))
    except ValidationError as error:
        raise ValueError("\n".join(_told(path, fault) for fault in error.errors())) from error
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path}: not valid TOML: {error}") from error


def _told(path: Path, fault: Mapping[str, Any]) -> str:
    """Return the line of one fault, an entry of `ValidationError.errors()`."""
    where = ".".join(map(str, fault["loc"]))
    if fault["type"] == "missing":
        return f"{path}: {where}: this key is missing; add it"
    if fault["type"] == "extra_forbidden":
        tables: dict[str, type[_Table]] = {"input": Input, "output": Output}
        keys = tuple(tables.get(str(fault["loc"][0]), Description).model_fields)
        return f"{path}: {where}: unknown key{_near(str(fault['loc'][-1]), keys)}; allowed: {', '.join(keys)}"
    message = fault["msg"].removeprefix("Value error, ").replace("valid tuple", "list")
    own = fault["type"] == "value_error" and isinstance(fault["input"], Mapping)  # names its keys itself
    return f"{path}: {message}" if own else f"{path}: {where} = {fault['input']!r:.80}: {message}"


def _near(name: str, known: tuple[str, ...]) -> str:
    """Return a hint at the known name that is most like another."""
    near = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _list(names: tuple[str, ...]) -> str:
    """Return names as a list, cut where it is long."""
    return ", ".join(names[:60]) + (" …" if len(names) > 60 else "")
