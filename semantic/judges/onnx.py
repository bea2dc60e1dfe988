"""Judges of a user: networks in ONNX files, each with a description beside it. They need the extra `onnx`."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from taskwave.semantic.classes import NAMES, NO_ANSWER
from taskwave.semantic.data.base import Size
from taskwave.semantic.data.sources import parse_size
from taskwave.semantic.judges.onnx_description import ANY, Description, Input, read_description
from taskwave.semantic.judges.onnx_outputs import Array, to_category, to_map, to_objects
from taskwave.semantic.tasks.base import Answer, Detections, Truth

SUFFIX = ".onnx"
"""Extension of the files."""
_KINDS = {
    "detector": ("finding", "recognition", "counting", "presence"),
    "segmentation": ("segmentation",),
    "classifier": ("classification",),
}
"""Kinds of tasks that each kind of network answers."""
_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}
"""Types of inputs that are fed."""
_TRIED = (352, 480)
"""Height and width of the image on which a network of any size is tried when it is loaded."""


@dataclass(frozen=True)
class Placement:
    """Holds where an image lies in the input of a network, all in pixels of the input."""

    height: int
    """Height of the input."""
    width: int
    """Width of the input."""
    top: int
    """First row of the image."""
    left: int
    """First column of the image."""
    inner_height: int
    """Height of the image there."""
    inner_width: int
    """Width of the image there."""

    @classmethod
    def of(cls, height: int, width: int, config: Input) -> "Placement":
        """Return the place of an image of a size as a description asks for it."""
        if config.size == ANY:
            full = -(-height // config.multiple) * config.multiple, -(-width // config.multiple) * config.multiple
        else:
            full = parse_size(config.size)
        if config.fit == "stretch":
            return cls(*full, 0, 0, *full)
        scale = 1.0 if config.size == ANY else min(full[0] / height, full[1] / width)
        inner = max(1, round(height * scale)), max(1, round(width * scale))
        return cls(*full, (full[0] - inner[0]) // 2, (full[1] - inner[1]) // 2, *inner)

    @property
    def rows(self) -> slice:
        """Rows of the image."""
        return slice(self.top, self.top + self.inner_height)

    @property
    def columns(self) -> slice:
        """Columns of the image."""
        return slice(self.left, self.left + self.inner_width)


class OnnxJudge:
    """Answers with the network of an ONNX file, on the CPU and in as many threads as the process has.

    `FILE.toml` beside `FILE.onnx` describes it, see `onnx_description`.

    Args:
        path: the ONNX file.

    Raises:
        FileNotFoundError: one of the two files is missing; for the description, the message has one to start from.
        ModuleNotFoundError: the extra is not installed.
        ValueError: the network is damaged, or the description is faulty or does not fit it.
    """

    def __init__(self, path: Path) -> None:
        if find_spec("onnxruntime") is None:
            raise ModuleNotFoundError(f"the judge {path} needs an extra: pip install 'taskwave[onnx]'")
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such file; name the ONNX file of the judge")
        self.name = path.name
        """Name in records."""
        self._path, self._beside, self._model = path, path.with_suffix(".toml"), path.read_bytes()
        self._sessions: dict[int, Any] = {}
        inputs, outputs = self._session().get_inputs(), self._session().get_outputs()
        tensors = [f"{tensor.name!r} {tensor.shape} {tensor.type}" for tensor in (*inputs, *outputs)]
        about = f"The network takes {', '.join(tensors[: len(inputs)])} and gives {', '.join(tensors[len(inputs) :])}."
        self.description = read_description(self._beside, about)
        self.digest = hashlib.sha256(self._model + self._beside.read_bytes()).hexdigest()
        """Digest of both files."""
        if len(inputs) != 1 or inputs[0].type not in _TYPES:
            raise ValueError(f"{path}: {about} Allowed: one input of {', '.join(_TYPES)}; export the network with that")
        self._feed = inputs[0]
        self._check_input(about)
        self._outputs = self._chosen([output.name for output in outputs], about)
        size = _TRIED if self.description.input.size == ANY else parse_size(self.description.input.size)
        self.answer(torch.full((1, 3, *size), 0.5), [])

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of tasks that it answers."""
        return _KINDS[self.description.kind]

    def answer(self, images: torch.Tensor, truths: Sequence[Truth]) -> list[Answer]:
        """Answer on each of the images [B, 3, H, W] in [0, 1].

        Raises:
            ValueError: the network cannot be run on them, or gives what the description does not say.
        """
        return [self._one(image) for image in images.detach().float().cpu()]

    def _one(self, image: torch.Tensor) -> Answer:
        """Answer on one image [3, H, W]."""
        description, (height, width) = self.description, image.shape[-2:]
        place = Placement.of(height, width, description.input)
        try:
            outputs = self._run(feed(image, description.input, place))
            if description.kind == "classifier":
                return description.named[to_category(outputs, description)]
            if description.kind == "segmentation":
                return _label(to_map(outputs, description), description, place, (height, width))
            return self._objects(outputs, place, (height, width))
        except ValueError as error:
            raise ValueError(f"{self._path} with {self._beside.name}: {error}") from error

    def _objects(self, outputs: Sequence[Array], place: Placement, size: Size) -> Detections:
        """Return the objects of the project's classes in pixels of an image of `size` (H, W)."""
        found = to_objects(outputs, self.description, (place.height, place.width))
        boxes = found.boxes - torch.tensor([place.left, place.top]).repeat(2)
        boxes = boxes * torch.tensor([size[1] / place.inner_width, size[0] / place.inner_height]).repeat(2)
        boxes = torch.minimum(boxes.clamp(min=0), torch.tensor([size[1], size[0]]).repeat(2))
        names = tuple(self.description.named[kind] for kind in found.classes.tolist())
        seen = ((boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])).tolist()
        every = Detections(boxes, names, found.confidence, ("",) * len(names))
        return every.select([i for i, name in enumerate(names) if name and seen[i]])

    def _run(self, image: torch.Tensor) -> list[Array]:
        """Return the outputs that the decoder reads, of an input as `feed` gives it."""
        array = image.numpy()
        if self._feed.type == "tensor(uint8)":
            array = array.round().clip(0, 255)
        try:
            given = self._session().run(self._outputs, {self._feed.name: array.astype(_TYPES[self._feed.type])})
        except Exception as error:  # the runtime raises its own kinds
            raise ValueError(
                f"cannot be run on an input {list(image.shape)} ({_short(error)}); correct [input]"
            ) from error
        return [np.ascontiguousarray(output, dtype=np.float32) for output in given]

    def _session(self) -> Any:
        """Return the network, ready to run in the number of threads of the process."""
        threads = torch.get_num_threads()
        if threads not in self._sessions:
            import onnxruntime  # noqa: PLC0415 - an extra

            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = threads, 1, 4
            try:
                session = onnxruntime.InferenceSession(self._model, options, providers=["CPUExecutionProvider"])
            except Exception as error:  # the runtime raises its own kinds
                raise ValueError(
                    f"{self._path}: no ONNX network that onnxruntime {onnxruntime.__version__} runs ({_short(error)}); "
                    "restore the file, or export it again with its weights inside"
                ) from error
            self._sessions = {threads: session}
        return self._sessions[threads]

    def _check_input(self, about: str) -> None:
        """Raise ValueError where the network fixes another input than the description says."""
        config = self.description.input
        sides = ("height", "width") if config.size == ANY else parse_size(config.size)
        wanted = (1, 3, *sides) if config.layout == "nchw" else (1, *sides, 3)
        shape = self._feed.shape
        fixed = [isinstance(there, int) and there != side for there, side in zip(shape, wanted, strict=False)]
        if len(shape) != 4 or any(fixed):
            raise ValueError(
                f"{self._beside}: input.size = {config.size!r} and input.layout = {config.layout!r} are an input "
                f"[{', '.join(map(str, wanted))}]. {about} Correct one of them"
            )
        if self._feed.type == "tensor(uint8)" and config.scale != 255:
            raise ValueError(f"{self._beside}: input.scale = {config.scale:g}. {about} Whole numbers need scale = 255")

    def _chosen(self, there: Sequence[str], about: str) -> list[str]:
        """Return the names of the outputs that are read; `ValueError` where there are none of these names."""
        output = self.description.output
        names = output.tensors or tuple(there[: 3 if output.decoder == "boxes" else 1])
        missing = [name for name in names if name not in there]
        if missing or (output.decoder == "boxes" and len(names) < 2):
            told = f"no output {missing[0]!r}" if missing else "decoder 'boxes' reads two or three outputs"
            raise ValueError(f"{self._beside}: {told}. {about} Correct output.tensors or output.decoder")
        return list(names)


def feed(image: torch.Tensor, config: Input, place: Placement) -> torch.Tensor:
    """Return an image [3, H, W] in [0, 1] as a network takes it, [1, 3, h, w] or [1, h, w, 3]."""
    inner = image[None]
    if image.shape[-2:] != (place.inner_height, place.inner_width):
        size = (place.inner_height, place.inner_width)
        inner = functional.interpolate(inner, size, mode="bilinear", align_corners=False, antialias=True)
    whole = torch.full((1, 3, place.height, place.width), config.fill)
    whole[:, :, place.rows, place.columns] = inner
    if config.order == "bgr":
        whole = whole.flip(1)
    mean, std = (torch.tensor(values).reshape(1, 3, 1, 1) for values in (config.mean, config.std))
    fed = (whole * config.scale - mean) / std
    return fed if config.layout == "nchw" else fed.movedim(1, -1)


def _label(scores: torch.Tensor, description: Description, place: Placement, size: Size) -> torch.Tensor:
    """Return street classes [H, W] uint8 from scores [C, h, w]; `NO_ANSWER` where the class is none of the project."""
    full = functional.interpolate(scores[None], (place.height, place.width), mode="bilinear", align_corners=False)
    inner = full[:, :, place.rows, place.columns]
    classes = functional.interpolate(inner, size, mode="bilinear", align_corners=False)[0].argmax(0)
    ids = [NAMES.index(name) if name else NO_ANSWER for name in description.named]
    return torch.tensor(ids, dtype=torch.uint8)[classes]


def _short(error: Exception) -> str:
    """Return the message of the runtime on one line."""
    return " ".join(str(error).split())[:200]
