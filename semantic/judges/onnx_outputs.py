"""The outputs of networks in ONNX files: objects in pixels of the input, maps of classes, and classes of images.

Decoders of objects, for a batch of one image and C classes:

- `boxes`: edges left, upper, right and lower [1, N, 4], scores [1, N] and classes [1, N], or scores [1, N, C] alone;
  the axis of the batch may be missing.
- `grid` (FastestDet): [1, 5 + C, h, w] with the confidence that the cell (x, y) shows an object, tx, ty, tw, th, and C
  scores. The centre is ((x + tanh tx) / w, (y + tanh ty) / h), the size (sigmoid tw, sigmoid th), relative to the
  input; the confidence of the best class is objectness^0.6 · score^0.4.
- `yolo`: [1, 4 + C, N] or [1, N, 4 + C], centre, size and C scores of each box; with `objectness` 5 + C, where the
  scores of the classes are multiplied by the one in front of them.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from taskwave.semantic.judges.detector import Found, distinct
from taskwave.semantic.judges.onnx_description import Description

Array = NDArray[np.float32]

MOST = 1000
"""Number of the surest objects of an image among which those that overlap are sought."""


def to_objects(outputs: Sequence[Array], description: Description, size: tuple[int, int]) -> Found:
    """Return the objects that a detector found, the surest first, their boxes in pixels of its input.

    Args:
        outputs: outputs that its decoder reads.
        description: description of the network.
        size: height and width of the input.

    Raises:
        ValueError: the outputs have another form, or hold NaN; without the file.
    """
    output = description.output
    if output.decoder == "boxes":
        found = _boxes(outputs, description)
    else:
        found = _grid(outputs, description) if output.decoder == "grid" else _yolo(outputs, description)
    if not bool(found.boxes.isfinite().all() and found.confidence.isfinite().all()):
        raise ValueError("the outputs hold NaN or infinity; check scale, mean and std of [input]")
    order = found.confidence.argsort(descending=True, stable=True)
    found = found.select(order[found.confidence[order] >= output.threshold][:MOST])
    scale = (size[1], size[0]) if output.decoder == "grid" or output.units == "relative" else (1, 1)
    boxes = found.boxes * torch.tensor(scale).repeat(2)
    found = Found(boxes, found.classes, found.confidence.clamp(max=1))
    return found.select(distinct(found, output.overlap))


def to_map(outputs: Sequence[Array], description: Description) -> torch.Tensor:
    """Return the scores [C, h, w] of a segmentation network; of `ids` one for the class that is given, else zero.

    Raises:
        ValueError: the output has another form; without the file.
    """
    count, tensor = len(description.classes), torch.from_numpy(outputs[0])
    if description.output.decoder == "ids":
        if tensor.ndim == 4:
            tensor = tensor.squeeze(1 if tensor.shape[1] == 1 else 3)
        if tensor.ndim != 3 or len(tensor) != 1 or not bool(((tensor >= 0) & (tensor < count)).all()):
            raise _wrong(outputs, description, f"[1, h, w] of ids from 0 to {count - 1}")
        return functional.one_hot(tensor[0].long(), count).movedim(-1, 0).float()
    last = description.input.layout == "nhwc"
    if tensor.ndim != 4 or (len(tensor), tensor.shape[3 if last else 1]) != (1, count):
        raise _wrong(outputs, description, f"[1, h, w, {count}]" if last else f"[1, {count}, h, w]")
    return tensor[0].movedim(-1, 0) if last else tensor[0]


def to_category(outputs: Sequence[Array], description: Description) -> int:
    """Return the class that a classifier gave to an image.

    Raises:
        ValueError: the output has another form; without the file.
    """
    if outputs[0].size != len(description.classes):
        raise _wrong(outputs, description, f"[1, {len(description.classes)}]")
    return int(outputs[0].argmax())


def _boxes(outputs: Sequence[Array], description: Description) -> Found:
    """Return all objects of the decoder `boxes`."""
    count = len(description.classes)
    edges, scores, *kinds = map(torch.from_numpy, outputs)
    number = edges.numel() // 4
    per_object = 1 if kinds else count
    fits = edges.shape[-1:] == (4,) and scores.numel() == number * per_object
    if not fits or any(k.numel() != number or bool(((k < 0) | (k >= count)).any()) for k in kinds):
        classes = f"classes [1, N] from 0 to {count - 1}" if kinds else f"scores [1, N, {count}]"
        raise _wrong(outputs, description, f"boxes [1, N, 4], {'scores [1, N], ' if kinds else ''}{classes}")
    if kinds:
        return Found(edges.reshape(-1, 4), kinds[0].flatten().long(), scores.flatten())
    return _best(edges.reshape(-1, 4), scores.reshape(-1, count))


def _grid(outputs: Sequence[Array], description: Description) -> Found:
    """Return all objects of the decoder `grid`, in shares of the input."""
    tensor, count = torch.from_numpy(outputs[0]), len(description.classes)
    if tensor.ndim != 4 or tensor.shape[:2] != (1, 5 + count):
        raise _wrong(outputs, description, f"[1, {5 + count}, h, w]")
    rows, columns = tensor.shape[2:]
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    object_score, tx, ty, tw, th = tensor[0, :5]
    middle_x, middle_y = (x + tx.tanh()) / columns, (y + ty.tanh()) / rows
    boxes = _edges(torch.stack((middle_x, middle_y, tw.sigmoid(), th.sigmoid()), dim=-1).reshape(-1, 4))
    scores = object_score.clamp(min=0) ** 0.6 * tensor[0, 5:].clamp(min=0) ** 0.4
    return _best(boxes, scores.flatten(1).T)


def _yolo(outputs: Sequence[Array], description: Description) -> Found:
    """Return all objects of the decoder `yolo`."""
    tensor, before = torch.from_numpy(outputs[0]), 5 if description.output.objectness else 4
    wanted = before + len(description.classes)
    if tensor.ndim != 3 or len(tensor) != 1 or wanted not in tensor.shape[1:]:
        raise _wrong(outputs, description, f"[1, N, {wanted}] or [1, {wanted}, N]")
    rows = tensor[0].T if tensor.shape[1] == wanted else tensor[0]
    scores = rows[:, before:] * rows[:, 4:5] if before == 5 else rows[:, before:]
    return _best(_edges(rows[:, :4]), scores)


def _best(boxes: torch.Tensor, scores: torch.Tensor) -> Found:
    """Return objects of the surest class of each, from scores [N, C]."""
    confidence, classes = scores.max(1)
    return Found(boxes, classes, confidence)


def _edges(boxes: torch.Tensor) -> torch.Tensor:
    """Return edges [N, 4] of boxes [N, 4] that are given by centre and size."""
    middle, half = boxes[:, :2], boxes[:, 2:] / 2
    return torch.cat((middle - half, middle + half), dim=1)


def _wrong(outputs: Sequence[Array], description: Description, needed: str) -> ValueError:
    """Return the error of outputs that have another form than the decoder reads."""
    shapes = ", ".join(str(list(array.shape)) for array in outputs)
    return ValueError(
        f"the outputs read have the shapes {shapes}, but {len(description.classes)} classes and decoder "
        f"{description.output.decoder!r} need {needed}; correct classes, decoder or tensors"
    )
