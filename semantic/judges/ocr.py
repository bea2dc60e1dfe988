"""The judge of texts: RapidOCR (PP-OCR, Apache-2.0), which nobody here trained. It needs the extra `ocr`."""

import re
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from PIL import Image

from taskwave.semantic.tasks.base import Answer, Detections, Truth

_FACE = (0.72, 0.54)
"""Share of the width and height of a box that is read, about its centre: the face of a sign without its ring."""
_PARTS = {"shop_sign": (1.06, 1.06), "number_plate": (1.06, 1.1)}
"""The same for classes that are written on up to their edge; `_FACE` is for all others."""
_ENLARGED = 4
"""Factor by which what is read is enlarged."""


@cache
def _engine() -> Any:
    """Return the recogniser, loaded once."""
    from rapidocr import RapidOCR  # noqa: PLC0415 - an extra

    return RapidOCR(params={"Global.log_level": "critical"})


class OcrJudge:
    """Reads what is written in the boxes of the objects that a question is about.

    It is shown where to look: so its score says what can still be read, not what can be found.

    Raises:
        ModuleNotFoundError: the extra is not installed.
    """

    name = "rapidocr"
    kinds = ("reading",)

    def __init__(self) -> None:
        if find_spec("rapidocr") is None:
            raise ModuleNotFoundError("the judge 'rapidocr' needs an extra: pip install 'taskwave[ocr]'")
        self.digest = f"rapidocr {version('rapidocr')}"

    def answer(self, images: torch.Tensor, truths: Sequence[Truth]) -> list[Answer]:
        """Read the texts at the true boxes of each of the images [B, 3, H, W] in [0, 1]."""
        return [self._read(image, truth) for image, truth in zip(images.cpu(), truths, strict=True)]

    def _read(self, image: torch.Tensor, truth: Truth) -> Detections:
        """Return the objects of an image with what is read on them; only digits and letters count."""
        if truth.objects is None:
            return Detections.none()
        pixels = (image.clamp(0, 1) * 255).round().byte().movedim(0, -1).numpy()
        objects = truth.objects
        texts = tuple(
            _text(pixels, box, _PARTS.get(kind, _FACE)) if known else ""
            for box, kind, known in zip(objects.boxes.tolist(), objects.classes, objects.texts, strict=True)
        )
        return Detections(objects.boxes, objects.classes, torch.ones(len(texts)), texts)


def _text(pixels: np.ndarray[Any, Any], box: list[float], part: tuple[float, float]) -> str:
    """Read what is in a box, or in the `part` of its width and height about its centre."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    half_x, half_y = part[0] * (box[2] - box[0]) / 2, part[1] * (box[3] - box[1]) / 2
    cut = Image.fromarray(pixels).crop((round(x - half_x), round(y - half_y), round(x + half_x), round(y + half_y)))
    large = cut.resize((max(1, cut.width * _ENLARGED), max(1, cut.height * _ENLARGED)), Image.Resampling.BICUBIC)
    read = _engine()(np.array(large), use_det=False, use_cls=False, use_rec=True)
    return re.sub(r"[^0-9A-Za-z]", "", "".join(read.txts or ()))
