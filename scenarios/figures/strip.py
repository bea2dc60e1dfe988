"""The picture strip: what each stage of a link and a baseline made of the same images, and their answers below."""

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
from taskwave.scenarios.sweep.evaluation import Evaluator, SweepPoint
from taskwave.semantic.classes import IGNORE
from taskwave.semantic.metrics import iou_counts

HIT, MISSED, FALSE = "#009678", "#D71978", "#FFB000"
"""Colours of an answer against the label (told apart in every common colour blindness and in grey)."""


@dataclass(frozen=True)
class Column:
    """One stage of B images; where a part is None its place stays empty."""

    title: str
    images: torch.Tensor | None
    """[B, 3, H, W] float in [0, 1]."""
    answers: torch.Tensor | None
    """[B, H, W] uint8 class ids."""
    heat: torch.Tensor | None = None
    """[B, h, w] float, drawn over the images: where the link looked."""
    notes: tuple[str, ...] = ()
    """One line an image: what the receiver asked for."""


@dataclass(frozen=True)
class Strip:
    """What a strip shows."""

    columns: tuple[Column, ...]
    labels: torch.Tensor
    """[B, H, W] uint8."""
    classes: tuple[int, ...]
    caption: str


def take(evaluator: Evaluator, config: StripConfig) -> Strip:
    """Run the two links of a strip on the first batch of a scenario, with the channels and noise of its records.

    Raises what the links raise (`BudgetError` for a budget that is too small).
    """
    classes = parse_task(config.task).classes
    place = [task.classes for task in evaluator.tasks].index(classes)
    batch = evaluator.batch(0)
    few = slice(min(config.images, len(batch.names)))

    def deliver(link: str) -> Delivery:
        return evaluator.deliver(SweepPoint(0, config.es_n0_db, config.budget, link))[place]

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


def draw(strip: Strip) -> Figure:
    """Two rows an image, pictures above answers; IoU of the prompted classes is written below each answer."""
    num_images, height, width = strip.labels.shape
    wide = 2.1
    size = (wide * len(strip.columns), num_images * (2 * wide * height / width + 0.32) + 0.75)
    figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02, wspace=0.0, hspace=0.0))
    FigureCanvasAgg(figure)
    axes = figure.subplots(2 * num_images, len(strip.columns), squeeze=False).tolist()
    for place, column in enumerate(strip.columns):
        axes[0][place].set_title(column.title, fontsize=9, fontweight="bold")
        for b in range(num_images):
            _picture(axes[2 * b][place], column, b, (height, width))
            _answer(axes[2 * b + 1][place], column, b, strip, is_label=place == 0)
    figure.suptitle(strip.caption, fontsize=9, color="#555555")
    marks = [Patch(color=colour) for colour in (HIT, MISSED, FALSE)]
    figure.legend(marks, ["found", "missed", "false"], loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    return figure


def _bare(axis: Axes) -> None:
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines[:].set_visible(False)


def _picture(axis: Axes, column: Column, b: int, size: tuple[int, int]) -> None:
    _bare(axis)
    if column.images is None:
        axis.imshow(np.full((*size, 3), 244, dtype=np.uint8), interpolation="none")
        axis.text(size[1] / 2, size[0] / 2, "no image sent", ha="center", va="center", fontsize=8, color="#777777")
        return
    picture = column.images[b].permute(1, 2, 0).numpy()
    if column.heat is not None:
        picture = np.repeat(picture.mean(axis=2, keepdims=True), 3, axis=2)
    axis.imshow(picture.clip(0, 1), interpolation="none")
    if column.heat is not None:
        heat = functional.interpolate(column.heat[b][None, None].float(), size, mode="bilinear")[0, 0]
        span = (heat.max() - heat.min()).clamp_min(1e-12)
        axis.imshow(((heat - heat.min()) / span).numpy(), cmap="inferno", alpha=0.6, interpolation="none")


def _answer(axis: Axes, column: Column, b: int, strip: Strip, *, is_label: bool) -> None:
    _bare(axis)
    if column.answers is None:
        if column.notes:
            text = f"the receiver asked for\n“{fill(column.notes[b], 28)}”"
            axis.text(0.5, 0.95, text, ha="center", va="top", fontsize=7.5, transform=axis.transAxes)
        return
    answer, label = column.answers[b], strip.labels[b]
    axis.imshow(compare(answer, label, strip.classes), interpolation="none")
    intersection, union = (int(count) for count in iou_counts(answer[None], label[None], strip.classes))
    if not is_label:
        axis.set_xlabel(f"IoU {intersection / union:.2f}" if union else "nothing to find", fontsize=8)


def compare(answer: torch.Tensor, label: torch.Tensor, classes: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """[H, W] answer and label to an RGB picture [H, W, 3]: found, missed and false pixels of the classes."""
    wanted = torch.isin(label, torch.tensor(classes))
    told = torch.isin(answer, torch.tensor(classes)) & (label != IGNORE)
    picture = np.full((*label.shape, 3), 244, dtype=np.uint8)
    picture[(label == IGNORE).numpy()] = 225
    picture[(wanted & (answer == label)).numpy()] = ImageColor.getrgb(HIT)
    picture[(wanted & (answer != label)).numpy()] = ImageColor.getrgb(MISSED)
    picture[(told & ~wanted).numpy()] = ImageColor.getrgb(FALSE)
    return picture
