"""The image strip: what each stage of a link and a baseline make of the same images, with their answers below."""

from dataclasses import dataclass
from textwrap import fill

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Patch
from PIL import ImageColor
from torch.nn import functional

from taskwave.links.base import Delivery
from taskwave.scenarios.config.scenario import StripConfig, parse_task
from taskwave.scenarios.figures.style import channel_label
from taskwave.scenarios.sweep.evaluation import Evaluator
from taskwave.scenarios.sweep.points import SweepPoint
from taskwave.semantic.classes import IGNORE
from taskwave.semantic.metrics import iou_counts

HIT, MISSED, FALSE = "#009678", "#D71978", "#FFB000"
"""Colours of pixels that are found, missed and false (they differ for every common colour blindness and in grey)."""
_PLAIN, _IGNORED = 244, 225
"""Grey levels of pixels without content and of pixels without a label."""


@dataclass(frozen=True)
class Column:
    """Holds one stage of B images; panels of a part that is None stay empty."""

    title: str
    """Title of the column."""
    images: torch.Tensor | None
    """Images [B, 3, H, W] float in [0, 1]."""
    answers: torch.Tensor | None
    """Answers [B, H, W] uint8 class ids."""
    heat: torch.Tensor | None = None
    """Attention of the link [B, h, w] float, drawn over the images."""
    notes: tuple[str, ...] = ()
    """Prompts of the receiver, one line for each image."""


@dataclass(frozen=True)
class Strip:
    """Holds the content of an image strip."""

    columns: tuple[Column, ...]
    """Stages from left to right."""
    labels: torch.Tensor
    """True class ids [B, H, W] uint8."""
    classes: tuple[int, ...]
    """Class ids of the task."""
    caption: str
    """Caption of the figure."""


def evaluate_strip(evaluator: Evaluator, config: StripConfig) -> Strip:
    """Run the two links of a strip on the first batch of a scenario, with the channels and noise of its records.

    Raises:
        BudgetError: the budget is too small for a link; also what the links raise.
    """
    classes = parse_task(config.task).classes
    task_index = [task.classes for task in evaluator.tasks].index(classes)
    batch = evaluator.batch(0)
    few = slice(min(config.images, len(batch.names)))

    def deliver(link: str) -> Delivery:
        return evaluator.deliver(SweepPoint(0, config.es_n0_db, config.budget, link))[task_index]

    scheme, baseline = deliver(config.link), deliver(config.baseline)
    columns = [Column("original, label", batch.images[few], batch.labels[few])]
    coarse, heat = scheme.stages.get("coarse"), scheme.stages.get("attention")
    if coarse is not None:
        columns.append(Column("coarse", coarse[few], evaluator.models.segmentation.predict(coarse[few])))
    if heat is not None:
        pairs = list(zip(scheme.messages, scheme.heard or scheme.messages, strict=True))[few]
        notes = tuple(message if message in ("", heard) else f"{message} (lost)" for message, heard in pairs)
        columns.append(Column("attention", batch.images[few], None, heat[few], notes))
    for name, delivery in ((config.link, scheme), (config.baseline, baseline)):
        image = None if delivery.image is None else delivery.image[few]
        columns.append(Column(name, image, delivery.prediction[few]))
    where = f"{config.budget:,} channel uses each, $E_s/N_0$ = {config.es_n0_db:g} dB"
    caption = f"{config.task}: {where}, {channel_label(evaluator.scenario.radio.channel_name)}"
    return Strip(tuple(columns), batch.labels[few], classes, caption)


def strip_figure(strip: Strip) -> Figure:
    """Draw two rows for each image, images above answers, with the IoU of the task's classes below each answer."""
    num_images, height, width = strip.labels.shape
    wide = 2.1
    size = (wide * len(strip.columns), num_images * (2 * wide * height / width + 0.32) + 0.75)
    figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02, wspace=0.0, hspace=0.0))
    FigureCanvasAgg(figure)
    axes = figure.subplots(2 * num_images, len(strip.columns), squeeze=False).tolist()
    for i, column in enumerate(strip.columns):
        axes[0][i].set_title(column.title, fontsize=9, fontweight="bold")
        for b in range(num_images):
            _draw_image(axes[2 * b][i], column, b, (height, width))
            _draw_answer(axes[2 * b + 1][i], column, b, strip, is_label=i == 0)
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


def _draw_answer(axis: Axes, column: Column, b: int, strip: Strip, *, is_label: bool) -> None:
    """Draw the answer for image `b` of a column and its IoU, or the prompt where the column has no answers."""
    _bare(axis)
    if column.answers is None:
        if column.notes:
            note = column.notes[b]
            text = (
                f"the receiver asked for\n“{fill(note, 28)}”"
                if note
                else "the receiver asked nothing:\nno prompt pays here"
            )
            axis.text(0.5, 0.95, text, ha="center", va="top", fontsize=7.5, transform=axis.transAxes)
        return
    answer, label = column.answers[b], strip.labels[b]
    axis.imshow(answer_pixels(answer, label, strip.classes), interpolation="none")
    intersection, union = (int(count) for count in iou_counts(answer[None], label[None], strip.classes))
    if not is_label:
        axis.set_xlabel(f"IoU {intersection / union:.2f}" if union else "nothing to find", fontsize=8)


def answer_pixels(answer: torch.Tensor, label: torch.Tensor, classes: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """Return found, missed and false pixels of the classes in their colours, [H, W, 3], for answer and label [H, W]."""
    wanted = torch.isin(label, torch.tensor(classes))
    told = torch.isin(answer, torch.tensor(classes)) & (label != IGNORE)
    pixels = np.full((*label.shape, 3), _PLAIN, dtype=np.uint8)
    pixels[(label == IGNORE).numpy()] = _IGNORED
    pixels[(wanted & (answer == label)).numpy()] = ImageColor.getrgb(HIT)
    pixels[(wanted & (answer != label)).numpy()] = ImageColor.getrgb(MISSED)
    pixels[(told & ~wanted).numpy()] = ImageColor.getrgb(FALSE)
    return pixels
