"""Answers as pictures: found, missed and false pixels or boxes in their colours, and the score in words."""

from functools import cache

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageColor, ImageDraw, ImageFont

from taskwave.semantic.classes import IGNORE
from taskwave.semantic.data.objects import Objects
from taskwave.semantic.tasks.base import Answer, Detections, Task, Truth
from taskwave.semantic.tasks.objects import AboutObjects, AboutPlaces
from taskwave.semantic.tasks.segmentation import Segmentation

HIT, MISSED, FALSE = "#009678", "#D71978", "#FFB000"
"""Colours of what is found, missed and false (they differ for every common colour blindness and in grey)."""
_PLAIN, _IGNORED = 244, 225
"""Grey levels of pixels without content and of pixels without a label."""

Pixels = npt.NDArray[np.uint8]


def draw_answer(task: Task, answer: Answer, truth: Truth, image: torch.Tensor | None) -> Pixels:
    """Return an answer beside the truth as a picture [H, W, 3].

    Args:
        task: the question.
        answer: answer on one image.
        truth: what is true of it.
        image: the image itself [3, H, W] float in [0, 1], below boxes; None: a plain ground.
    """
    if isinstance(task, Segmentation) and isinstance(answer, torch.Tensor):
        return answer_pixels(answer, truth.label, task.classes)
    height, width = truth.label.shape
    ground = np.full((height, width, 3), _PLAIN, dtype=np.uint8) if image is None else _dimmed(image)
    if isinstance(task, AboutObjects) and isinstance(answer, Detections):
        return _boxes(ground, task, answer, truth)
    canvas = Image.fromarray(ground)
    right = task.score(answer, truth).numerator > 0
    ImageDraw.Draw(canvas).text((4, 4), str(answer), fill=HIT if right else MISSED, font=_font(max(12, height // 12)))
    return np.asarray(canvas)


def true_answer(task: Task, truth: Truth) -> Answer:
    """Return the annotations of an image as the answer to a task."""
    if isinstance(task, AboutObjects):
        true = truth.objects or Objects.of(())
        return Detections(true.boxes, true.classes, torch.ones(len(true)), true.texts)
    return truth.label if truth.category is None else truth.category


def score_text(task: Task, answer: Answer, truth: Truth) -> str:
    """Return the score of an answer in words."""
    score = task.score(answer, truth)
    if not score.denominator:
        return "nothing to find"
    value = score.numerator / score.denominator
    if isinstance(task, Segmentation):
        return f"IoU {value:.2f}"
    if isinstance(task, AboutPlaces):
        return f"F1 {value:.2f}"
    if score.denominator > 1:
        return f"{score.numerator:g} of {score.denominator:g} right"
    return "right" if value else "wrong"


def answer_pixels(answer: torch.Tensor, label: torch.Tensor, classes: tuple[int, ...]) -> Pixels:
    """Return found, missed and false pixels of the classes in their colours, [H, W, 3], for answer and label [H, W]."""
    wanted = torch.isin(label, torch.tensor(classes))
    told = torch.isin(answer, torch.tensor(classes)) & (label != IGNORE)
    pixels = np.full((*label.shape, 3), _PLAIN, dtype=np.uint8)
    pixels[(label == IGNORE).numpy()] = _IGNORED
    pixels[(wanted & (answer == label)).numpy()] = ImageColor.getrgb(HIT)
    pixels[(wanted & (answer != label)).numpy()] = ImageColor.getrgb(MISSED)
    pixels[(told & ~wanted).numpy()] = ImageColor.getrgb(FALSE)
    return pixels


def _dimmed(image: torch.Tensor) -> Pixels:
    """Return an image in pale grey, [H, W, 3]."""
    grey = image.float().mean(0, keepdim=True).expand(3, -1, -1).clamp(0, 1)
    pixels: Pixels = (255 * (0.45 + 0.55 * grey)).round().byte().movedim(0, -1).numpy().copy()
    return pixels


def _boxes(ground: Pixels, task: AboutObjects, answer: Detections, truth: Truth) -> Pixels:
    """Draw the objects found and missed, with what they are said to be."""
    found, true = task.found(answer), task.true(truth)
    matched = task.match(found, true)
    canvas = Image.fromarray(ground)
    pen, font = ImageDraw.Draw(canvas), _font(max(9, canvas.height // 24))
    for j, box in enumerate(true.boxes.tolist()):
        if j not in matched:
            pen.rectangle(box, outline=MISSED, width=2)
    for i, box in enumerate(found.boxes.tolist()):
        read = found.texts[i]
        match = matched[i]
        good = match is not None and (not read or read == true.texts[match])
        pen.rectangle(box, outline=HIT if good else FALSE, width=2)
        text = (read or found.classes[i]).replace("_", " ")
        below = min(box[3] + 1, canvas.height - font.size - 2)
        pen.text((max(0, box[0]), below), text, fill=HIT if good else "#9A6A00", font=font)
    return np.asarray(canvas)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    """Return the font of the labels, which comes with matplotlib."""
    from matplotlib import get_data_path  # noqa: PLC0415 - only where text is drawn

    return ImageFont.truetype(f"{get_data_path()}/fonts/ttf/DejaVuSans.ttf", size)
