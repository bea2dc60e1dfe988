"""Study of the diffusion: answers on samples beside those on the picture that is expected, and how sure they are."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from matplotlib.figure import Figure
from rich.table import Table
from scipy.optimize import minimize
from scipy.special import expit, logit
from scipy.stats import rankdata
from torch.nn import functional

from taskwave.links.base import Delivery
from taskwave.phy.drawing import COLOURS, GREY, label, make_table, panels
from taskwave.scenarios.sweep.evaluation import Evaluator
from taskwave.scenarios.sweep.points import ImageBatch, SweepPoint
from taskwave.semantic.backbone import Backbone
from taskwave.semantic.data.objects import Objects, matches
from taskwave.semantic.judges.base import Judge
from taskwave.semantic.metrics import psnr
from taskwave.semantic.tasks.base import Answer, Detections
from taskwave.semantic.tasks.objects import RECOGNITION, AboutObjects
from taskwave.semantic.tasks.pooling import pooled
from taskwave.semantic.training.judges.pretrained import load_imagenet
from taskwave.semantic.training.perceptual import PerceptualDistance

MEAN = "expected picture"
"""Name of the answers on the one picture that a receiver expects."""
BINS = 10
"""Number of equal bins of confidence."""
ENOUGH = 20
"""Least number of claims of which a reliability is drawn."""
LOOK, ROOM = 64, 1.5
"""Pixels per side to which a part of a picture around an object is brought, and its side relative to the object's."""

Floats = npt.NDArray[np.float64]
Eyes = tuple[PerceptualDistance, Backbone]
"""Networks that say how far pictures look from others, one by one and as a whole."""


@dataclass
class View:
    """Collects what is known of one way to look at what arrived."""

    scores: dict[str, list[float]] = field(default_factory=lambda: defaultdict(lambda: [0.0, 0.0]))
    """Numerator and denominator of each task."""
    confidence: list[float] = field(default_factory=list)
    """Confidence of every object that was named."""
    right: list[bool] = field(default_factory=list)
    """Whether each object that was named is there."""
    groups: list[str] = field(default_factory=list)
    """Group of the image in which each object was named."""
    parts: list[torch.Tensor] = field(default_factory=list)
    """Parts of the pictures around objects, [3, `LOOK`, `LOOK`] float32 in [0, 1]."""
    true_parts: list[torch.Tensor] = field(default_factory=list)
    """Parts of the original images around the same objects, [3, `LOOK`, `LOOK`] float32 in [0, 1]."""
    psnr_db: list[float] = field(default_factory=list)
    """PSNR of every picture, dB."""


def measure_samples(
    evaluator: Evaluator, links: Sequence[str], observe: Callable[[int, int], None] = lambda done, total: None
) -> tuple[pd.DataFrame, dict[str, View]]:
    """Look at what links delivered in several ways, at the first SNR and budget of a scenario.

    A link that draws samples is looked at as its expected picture, and as its first 1, 2, 4 … samples together.

    Args:
        evaluator: evaluator of the scenario, of which a question must ask which objects there are.
        links: names of the links.
        observe: function that is told how many deliveries of how many are done.

    Returns:
        A row for each view: `view`, the score of every task, of the objects that were named `claims`, `wrong` (how many
        of them are), `ece` (expected calibration error) as they are and `calibrated` (by two numbers, fitted to the
        other half of the groups), `auroc` of confidence for what is wrong; mean `psnr_db`; perceptual distance `looks`
        and kernel distance `kid` of the parts around objects. And the views, by name.

    Raises:
        ValueError: no question asks which objects there are.
        ModuleNotFoundError: the ImageNet weights of the perceptual distance are not installed.
    """
    if not any(task.kind == RECOGNITION.name for task in evaluator.tasks):
        raise ValueError("no task names objects: ask, for example, 'which traffic signs are there?'")
    scenario, views = evaluator.scenario, dict[str, View]()
    total = scenario.images.num_batches * len(links)
    for index in range(scenario.images.num_batches):
        for name in links:
            observe(index * len(links) + links.index(name), total)
            point = SweepPoint(index, scenario.conditions[0].es_n0_db, scenario.sweep.budgets[0], name)
            deliveries = evaluator.deliver(point)
            batch, seen = evaluator.batch(index), dict[tuple[str, int], list[Answer]]()
            for task, delivery in zip(evaluator.tasks, deliveries, strict=True):
                judge = evaluator.jury.panel.of(task)
                for view, pictures in _views(name, delivery).items():
                    each = [_answers(judge, picture, batch, seen) for picture in pictures]
                    answers = [pooled(some) for some in zip(*each, strict=True)]
                    mine = views.setdefault(view, View())
                    for answer, truth in zip(answers, batch.truths, strict=True):
                        score = task.score(answer, truth)
                        mine.scores[task.name][0] += score.numerator
                        mine.scores[task.name][1] += score.denominator
                    if task.kind == RECOGNITION.name and isinstance(task, AboutObjects):
                        _keep(mine, task, answers, (pictures, batch))
    observe(total, total)
    eyes = _eyes()
    return pd.DataFrame([_row(name, view, eyes) for name, view in views.items()]), views


def _views(name: str, delivery: Delivery) -> dict[str, list[torch.Tensor]]:
    """Return the pictures [B, 3, H, W] that each view of a delivery is made of, by its name."""
    assert delivery.image is not None, "the links of this study send images"
    if delivery.samples is None:
        return {f"{name}: {MEAN}": [delivery.image]}
    samples, count = list(delivery.samples.unbind(1)), delivery.samples.shape[1]
    numbers = sorted({min(2**i, count) for i in range(count.bit_length() + 1)})
    return {f"{name}: {MEAN}": [delivery.image], **{f"{name}: {number} drawn": samples[:number] for number in numbers}}


def _answers(
    judge: Judge, pictures: torch.Tensor, batch: ImageBatch, seen: dict[tuple[str, int], list[Answer]]
) -> list[Answer]:
    """Return the answers of a judge on pictures [B, 3, H, W], from `seen` where it has looked at them before."""
    key = judge.name, pictures.data_ptr()
    if key not in seen:
        seen[key] = judge.answer(pictures, batch.truths)
    return seen[key]


def _keep(
    view: View, task: AboutObjects, answers: Sequence[Answer], shown: tuple[list[torch.Tensor], ImageBatch]
) -> None:
    """Add to a view what the answers name, and how the pictures look around what there is."""
    pictures, batch = shown
    for i, (answer, truth) in enumerate(zip(answers, batch.truths, strict=True)):
        assert isinstance(answer, Detections)
        found, true = task.found(answer), task.true(truth)
        view.confidence += found.confidence.tolist()
        view.right += [place is not None for place in matches(found.boxes, found.classes, true)]
        view.groups += [batch.groups[i]] * len(found)
        view.psnr_db.append(float(psnr(pictures[0][i : i + 1], batch.images[i : i + 1])[0]))
        view.parts += _around(pictures[0][i], true)
        view.true_parts += _around(batch.images[i], true)


def _around(picture: torch.Tensor, objects: Objects) -> list[torch.Tensor]:
    """Return squares of a picture [3, H, W] around objects, [3, `LOOK`, `LOOK`] each."""
    parts, (height, width) = [], picture.shape[-2:]
    for left, upper, right, lower in objects.boxes.tolist():
        half = max(8.0, ROOM * max(right - left, lower - upper) / 2)
        x, y = (left + right) / 2, (upper + lower) / 2
        rows = slice(max(0, round(y - half)), min(height, round(y + half)))
        columns = slice(max(0, round(x - half)), min(width, round(x + half)))
        part = picture[None, :, rows, columns]
        parts.append(functional.interpolate(part, (LOOK, LOOK), mode="bilinear", antialias=True)[0])
    return parts


def _row(name: str, view: View, eyes: Eyes) -> dict[str, float | str | int]:
    """Return the row of a view."""
    sure, right = np.array(view.confidence), np.array(view.right, dtype=bool)
    scores = {task: over / under if under else float("nan") for task, (over, under) in view.scores.items()}
    return {
        "view": name,
        **scores,
        "claims": len(sure),
        "wrong": int((~right).sum()),
        "ece": calibration_error(sure, right),
        "calibrated": calibration_error(cross_fitted(sure, right, view.groups), right),
        "auroc": separation(sure, right),
        "psnr_db": float(np.mean(view.psnr_db)) if view.psnr_db else float("nan"),
        **_look(view, eyes),
    }


def _eyes() -> Eyes:
    """Return the networks by which pictures are compared."""
    backbone = Backbone(stages=7).eval()
    load_imagenet(backbone)
    return PerceptualDistance(), backbone


@torch.no_grad()
def _look(view: View, eyes: Eyes) -> dict[str, float]:
    """Return perceptual distance and kernel distance of the parts around objects."""
    if len(view.parts) < 2:
        return {"looks": float("nan"), "kid": float("nan")}
    parts, true = torch.stack(view.parts), torch.stack(view.true_parts)
    distance, backbone = eyes
    weight = torch.ones(len(parts), 1, LOOK, LOOK)
    mine, theirs = (backbone(x)[-1].mean((2, 3)).double().numpy() for x in (parts, true))
    return {"looks": float(distance(parts, true, weight)), "kid": kernel_distance(mine, theirs)}


def calibration_error(confidence: Floats, right: npt.NDArray[np.bool_]) -> float:
    """Return the expected calibration error in equal bins of confidence (Guo et al. 2017); NaN without claims.

    Args:
        confidence: confidence of each claim [N], 0…1.
        right: whether it is right [N].
    """
    if not len(confidence):
        return float("nan")
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = [abs(confidence[bins == b].mean() - right[bins == b].mean()) * (bins == b).mean() for b in np.unique(bins)]
    return float(np.sum(gaps))


def cross_fitted(confidence: Floats, right: npt.NDArray[np.bool_], groups: Sequence[str]) -> Floats:
    """Return confidences [N] calibrated by two numbers (Platt 1999), each half of the groups by those of the other.

    Args:
        confidence: confidence of each claim [N], 0…1.
        right: whether it is right [N].
        groups: group of each; groups are halved by turns, in alphabetical order.
    """
    order = {group: i % 2 for i, group in enumerate(sorted(set(groups)))}
    half, result = np.array([order[group] for group in groups], dtype=int), confidence.astype(float).copy()
    for mine in (0, 1):
        other = half != mine
        if right[other].any() and not right[other].all():
            a, b = _platt(confidence[other], right[other])
            result[half == mine] = expit(a * _logit(confidence[half == mine]) + b)
    return result


def _logit(confidence: Floats) -> Floats:
    result: Floats = logit(confidence.clip(1e-3, 1 - 1e-3))
    return result


def _platt(confidence: Floats, right: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Return slope and offset of the logits of confidences that make what is right most likely."""
    x, sign = _logit(confidence), np.where(right, 1.0, -1.0)

    def loss(numbers: Floats) -> float:
        return float(np.logaddexp(0, -sign * (numbers[0] * x + numbers[1])).mean() + 1e-3 * (numbers[0] - 1) ** 2)

    slope, offset = minimize(loss, np.array([1.0, 0.0])).x
    return float(slope), float(offset)


def separation(confidence: Floats, right: npt.NDArray[np.bool_]) -> float:
    """Return the chance that a wrong claim is less sure than a right one (area under the ROC); NaN without either."""
    wrong = int((~right).sum())
    if not wrong or wrong == len(right):
        return float("nan")
    ranks = rankdata(confidence)[right].sum()
    count = len(right) - wrong
    return float((ranks - count * (count + 1) / 2) / (count * wrong))


def kernel_distance(mine: Floats, theirs: Floats) -> float:
    """Return the kernel inception distance of features [N, D] and [M, D], unbiased (Binkowski et al. 2018), times 1000.

    Its features are those of EfficientNet-Lite0 with ImageNet weights here, brought to a mean square of one.
    """
    mine, theirs = (x * x.shape[1] ** 0.5 / np.linalg.norm(x, axis=1, keepdims=True) for x in (mine, theirs))

    def kernel(x: Floats, y: Floats) -> Floats:
        result: Floats = (x @ y.T / x.shape[1] + 1) ** 3
        return result

    def within(x: Floats) -> float:
        values = kernel(x, x)
        return float((values.sum() - np.trace(values)) / (len(x) * (len(x) - 1)))

    return 1000 * (within(mine) + within(theirs) - 2 * float(kernel(mine, theirs).mean()))


def samples_table(rows: pd.DataFrame) -> Table:
    """Return a table of what `measure_samples` gave."""
    columns = [column for column in rows.columns if column != "view"]
    lines = [[str(row["view"]), *(f"{row[c]:.3g}" for c in columns)] for row in rows.to_dict("records")]
    return make_table("What arrived, looked at in several ways", ["view", *columns], lines)


def reliability_figure(views: dict[str, View]) -> Figure:
    """Draw how often claims of each confidence are right, as they are and calibrated, a panel for each view.

    Views with too few claims to tell, fewer than `ENOUGH`, are left out.
    """
    told = {name: view for name, view in views.items() if len(view.confidence) >= ENOUGH}
    figure, axes = panels(max(1, len(told)), 3.4, 2.6)
    for axis, (name, view) in zip(axes, told.items(), strict=False):
        sure, right = np.array(view.confidence), np.array(view.right, dtype=bool)
        axis.plot([0, 1], [0, 1], color=GREY, linewidth=1)
        if len(sure):
            known = (("as it is", sure), ("calibrated", cross_fitted(sure, right, view.groups)))
            for (title, values), colour in zip(known, COLOURS, strict=False):
                bins = np.minimum((values * BINS).astype(int), BINS - 1)
                shown = [b for b in np.unique(bins) if (bins == b).sum() >= 3]
                x = [values[bins == b].mean() for b in shown]
                y = [right[bins == b].mean() for b in shown]
                area = [10 + 1.5 * (bins == b).sum() for b in shown]
                axis.scatter(x, y, s=area, color=colour, label=title, alpha=0.8)
        axis.set(xlim=(0, 1.02), ylim=(0, 1.02))
        label(axis, name.replace(": ", "\n"), "confidence", "share that is right")
    if told:
        axes[0].legend(frameon=False, fontsize=8, loc="upper left")
    return figure
