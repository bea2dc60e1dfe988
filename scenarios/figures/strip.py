"""The image strip: what each stage of a link and a baseline make of the same images, with their answers below."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from textwrap import fill

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Patch
from torch.nn import functional

from taskwave.links.base import Delivery
from taskwave.scenarios.config.scenario import StripConfig
from taskwave.scenarios.figures.answers import FALSE, HIT, MISSED, draw_answer, score_text, true_answer
from taskwave.scenarios.figures.style import channel_label
from taskwave.scenarios.sweep.evaluation import Evaluator
from taskwave.scenarios.sweep.judge import truths_or_agreed
from taskwave.scenarios.sweep.points import SweepPoint
from taskwave.semantic.tasks.base import Answer, Task, Truth
from taskwave.semantic.tasks.objects import AboutObjects

_PLAIN = 244
"""Grey level of panels without content."""
ROOM = 1.4
"""Side of a close-up relative to the longer one of the object in it."""
CLOSEUP = 0.5
"""Height of a close-up relative to the image."""


@dataclass(frozen=True)
class Column:
    """Holds one stage of B images; panels of a part that is None stay empty."""

    title: str
    """Title of the column."""
    images: torch.Tensor | None
    """Images [B, 3, H, W] float in [0, 1]."""
    answers: torch.Tensor | None
    """Answers as pictures [B, H, W, 3] uint8."""
    heat: torch.Tensor | None = None
    """Attention of the link [B, h, w] float, drawn over the images."""
    notes: tuple[str, ...] = ()
    """A line for each image: prompts of the receiver, or scores of the answers."""


@dataclass(frozen=True)
class Strip:
    """Holds the content of an image strip."""

    columns: tuple[Column, ...]
    """Stages from left to right."""
    caption: str
    """Caption of the figure."""
    closeups: torch.Tensor | None = None
    """Part of each image that is also drawn enlarged, [B, 4] edges in pixels, nan for none; None: no image has one."""


def evaluate_strip(evaluator: Evaluator, config: StripConfig) -> Strip:
    """Run the two links of a strip on the first batch of a scenario, with the channels and noise of its records.

    Raises:
        BudgetError: the budget is too small for a link; also what the links raise.
    """
    task = evaluator.scenario.parse_task(config.task)
    task_index = [each.name for each in evaluator.tasks].index(task.name)
    batch = evaluator.batch(0)
    few = slice(min(config.images, len(batch.names)))
    truths = batch.truths[few]

    def deliver(link: str) -> Delivery:
        return evaluator.deliver(SweepPoint(0, config.es_n0_db, config.budget, link))[task_index]

    def column(title: str, images: torch.Tensor | None, answers: Sequence[Answer]) -> Column:
        """Return a column of images with the answers on them."""
        shown = [None] * len(truths) if images is None else list(images)
        drawn = [draw_answer(task, *each) for each in zip(answers, against, shown, strict=True)]
        scores = tuple(score_text(task, answer, truth) for answer, truth in zip(answers, against, strict=True))
        return Column(title, images, torch.from_numpy(np.stack(drawn)), None, scores)

    scheme, baseline = deliver(config.link), deliver(config.baseline)
    original, judge = batch.images[few], evaluator.jury.panel.of(task)
    against = truths_or_agreed(task, judge.answer(original, truths), truths)
    title = "original, truth" if against is truths else "original, answer"
    first = column(title, original, [true_answer(task, truth) for truth in against])
    columns = [replace(first, notes=("",) * len(truths))]
    coarse, heat = scheme.stages.get("coarse"), scheme.stages.get("attention")
    if coarse is not None:
        columns.append(column("coarse", coarse[few], judge.answer(coarse[few], truths)))
    if heat is not None:
        pairs = list(zip(scheme.messages, scheme.heard or scheme.messages, strict=True))[few]
        notes = tuple(message if message in ("", heard) else f"{message} (lost)" for message, heard in pairs)
        columns.append(Column("attention", batch.images[few], None, heat[few], notes))
    for name, delivery in ((config.link, scheme), (config.baseline, baseline)):
        image = None if delivery.image is None else delivery.image[few]
        columns.append(column(name, image, evaluator.jury.answers(delivery, task, batch.truths)[few]))
    where = f"{config.budget:,} channel uses each, $E_s/N_0$ = {config.es_n0_db:g} dB"
    caption = f"{config.task}: {where}, {channel_label(evaluator.scenario.radio.channel_name)}"
    return Strip(tuple(columns), caption, _closeups(task, truths))


def _closeups(task: Task, truths: Sequence[Truth]) -> torch.Tensor | None:
    """Return a square around the largest true object of each image; None for questions that are not about objects."""
    if not isinstance(task, AboutObjects):
        return None
    parts = torch.full((len(truths), 4), torch.nan)
    for row, truth in enumerate(truths):
        boxes = task.true(truth).boxes
        if len(boxes):
            sides = boxes[:, 2:] - boxes[:, :2]
            largest = int(sides.prod(1).argmax())
            middle = (boxes[largest, :2] + boxes[largest, 2:]) / 2
            half = ROOM / 2 * sides[largest].max()
            parts[row] = torch.cat([middle - half, middle + half])
    return parts


def strip_figure(strip: Strip) -> Figure:
    """Draw two rows for each image, images above answers, with the score below each answer."""
    images = strip.columns[0].images
    assert images is not None, "the first column holds the images that were sent"
    num_images, _, height, width = images.shape
    wide = 2.1
    size = (wide * len(strip.columns), num_images * (2 * wide * height / width + 0.32) + 0.75)
    figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02, wspace=0.0, hspace=0.0))
    FigureCanvasAgg(figure)
    axes = figure.subplots(2 * num_images, len(strip.columns), squeeze=False).tolist()
    for i, column in enumerate(strip.columns):
        axes[0][i].set_title(column.title, fontsize=9, fontweight="bold")
        for b in range(num_images):
            _draw_image(axes[2 * b][i], column, b, (height, width))
            if strip.closeups is not None and column.heat is None and column.images is not None:
                _draw_closeup(axes[2 * b][i], column.images[b], strip.closeups[b].tolist())
            _draw_answer(axes[2 * b + 1][i], column, b)
    figure.suptitle(strip.caption, fontsize=9, color="#555555")
    marks = [Patch(color=colour) for colour in (HIT, MISSED, FALSE)]
    figure.legend(marks, ["found", "missed", "false"], loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    return figure


def _bare(axis: Axes) -> None:
    """Take ticks and frame from a panel."""
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines[:].set_visible(False)


def _draw_image(axis: Axes, column: Column, b: int, size: tuple[int, int]) -> None:
    """Draw image `b` of a column at `size` (H, W), in grey below the attention where there is one."""
    _bare(axis)
    if column.images is None:
        axis.imshow(np.full((*size, 3), _PLAIN, dtype=np.uint8), interpolation="none")
        axis.text(size[1] / 2, size[0] / 2, "no image sent", ha="center", va="center", fontsize=8, color="#777777")
        return
    shown = column.images[b].permute(1, 2, 0).numpy()
    if column.heat is not None:
        shown = np.repeat(shown.mean(axis=2, keepdims=True), 3, axis=2)
    axis.imshow(shown.clip(0, 1), interpolation="none")
    if column.heat is not None:
        heat = functional.interpolate(column.heat[b][None, None].float(), size, mode="bilinear")[0, 0]
        span = heat.max() - heat.min()
        if span > 0:  # Else nothing was asked for.
            axis.imshow(((heat - heat.min()) / span).numpy(), cmap="inferno", alpha=0.6, interpolation="none")


def _draw_closeup(axis: Axes, image: torch.Tensor, part: list[float]) -> None:
    """Draw a part of an image [3, H, W] enlarged, in the lower corner that is farther from it."""
    if any(math.isnan(edge) for edge in part):
        return
    left, upper, right, lower = part
    height, width = image.shape[-2:]
    share = CLOSEUP * height / width
    inset = axis.inset_axes((0 if left + right > width else 1 - share, 0, share, CLOSEUP))
    inset.imshow(image.permute(1, 2, 0).numpy().clip(0, 1), interpolation="none")
    inset.set(xlim=(left - 0.5, right - 0.5), ylim=(lower - 0.5, upper - 0.5), xticks=[], yticks=[])
    inset.spines[:].set(color="white", linewidth=1.2)


def _draw_answer(axis: Axes, column: Column, b: int) -> None:
    """Draw the answer for image `b` of a column and its score, or the prompt where the column has no answers."""
    _bare(axis)
    if column.answers is not None:
        axis.imshow(column.answers[b].numpy(), interpolation="none")
        axis.set_xlabel(column.notes[b], fontsize=8)
    elif column.notes:
        note = column.notes[b]
        text = (
            f"the receiver asked for\n“{fill(note, 28)}”"
            if note
            else "the receiver asked nothing:\nno prompt pays here"
        )
        axis.text(0.5, 0.95, text, ha="center", va="top", fontsize=7.5, transform=axis.transAxes)
