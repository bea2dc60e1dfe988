"""Evaluation of a point of a sweep as a pure function, with models, radio and links that all points share."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

import taskwave
from taskwave.links import registry
from taskwave.links.base import Delivery, Link
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.channel.fading import Fading
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.definitions import bandwidth_ratio
from taskwave.phy.radio import Radio
from taskwave.phy.receiver.neural.network import weights_digest
from taskwave.phy.seeds import stream_seed
from taskwave.scenarios.config.scenario import ImageConfig, Scenario, task_name
from taskwave.scenarios.sweep.profiling import StageTimes
from taskwave.scenarios.sweep.records import identity
from taskwave.semantic.classes import NO_ANSWER
from taskwave.semantic.data import ImageSet, open_images
from taskwave.semantic.metrics import iou_counts
from taskwave.semantic.weights import Models, load_task_network


@dataclass(frozen=True)
class SweepPoint:
    """Names one point of the grid: a link, an SNR (or a distance and its SNR) and a budget, for one batch of images."""

    batch: int
    """Index of the batch."""
    es_n0_db: float
    """SNR [dB]."""
    budget: int
    """Channel uses allowed per image and task, both directions together."""
    link: str
    """Name of the link."""
    distance_m: float | None = None
    """Distance that the SNR belongs to [m]. None: SNRs are swept."""


@dataclass(frozen=True)
class ImageBatch:
    """Holds the images of one batch, as links and metrics take them."""

    index: int
    """Index of the batch."""
    names: tuple[str, ...]
    """Names of its B images."""
    images: torch.Tensor
    """Images [B, 3, H, W] float32 in [0, 1]."""
    labels: torch.Tensor
    """True class ids [B, H, W] uint8."""
    digest: str
    """SHA-256 digest of pixels and labels, by which results of other images are told apart."""


def sweep_points(scenario: Scenario) -> Iterator[SweepPoint]:
    """Yield every point of a scenario, batch by batch: an interrupted run has whole curves over fewer images."""
    sweep = scenario.sweep
    for batch in range(-(-scenario.images.count // scenario.images.batch)):
        for es_n0_db, distance_m in scenario.conditions:
            for budget in sweep.budgets:
                for link in sweep.links:
                    yield SweepPoint(batch, es_n0_db, budget, link, distance_m)


def open_chosen(config: ImageConfig) -> tuple[ImageSet, tuple[int, ...]]:
    """Return the image set of a scenario and the indices that it uses, spread evenly over the split.

    Raises:
        ValueError: the split has fewer images than asked for; also what `open_images` raises.
    """
    images = open_images(config.source, config.split, config.folder)
    if config.count > len(images):
        raise ValueError(
            f"images.count = {config.count}: the {config.split} split of {config.source} has {len(images)} images; "
            f"give --set images.count={len(images)} or less"
        )
    return images, tuple(i * len(images) // config.count for i in range(config.count))


def code_digest() -> str:
    """Return the SHA-256 digest of the code that results depend on (phy, semantic, links), to notice other code."""
    root = Path(str(taskwave.__file__)).parent
    digest = hashlib.sha256()
    for package in ("phy", "semantic", "links"):
        for path in sorted((root / package).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


class Judge:
    """Answers in place of the links' own task network wherever an image was delivered.

    Args:
        folder: folder of a segmentation network, as `taskwave train set … --stage segmentation` leaves it.

    Raises:
        FileNotFoundError: there is no network in the folder.
        ValueError: the network is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self._task, self.digest = load_task_network(folder)

    def __call__(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Return deliveries with predictions of its own; those without an image (an answer was sent) as they are."""
        judged = []
        for delivery in deliveries:
            if delivery.image is not None:
                prediction = self._task.predict(delivery.image)
                prediction[delivery.outage.to(prediction.device)] = NO_ANSWER
                delivery = replace(delivery, prediction=prediction)  # noqa: PLW2901  the judged one from here on
            judged.append(delivery)
        return judged


def _check_turnaround(radio: Radio, budget: int) -> None:
    """Raise `ValueError` if a message of `budget` channel uses could last until its answer starts."""
    allocator = radio.allocator(radio.config.num_layers)
    symbols, turnaround = allocator.capacity(budget), radio.config.turnaround_slots
    slots = len(allocator.allocate(symbols)) if symbols else 0
    if slots > turnaround:
        raise ValueError(
            f"sweep.budgets: {budget} channel uses last {slots} slots, but answers start turnaround_slots {turnaround} "
            f"after what they answer: use radio.turnaround_slots={slots} or more, or a wider max_prb"
        )


class Evaluator:
    """Runs the points of one scenario and holds what they share; a point gives the same records every time.

    Args:
        scenario: scenario of the points.
        models: networks of all links.
        profile: collector of the times of links. None: they are not timed.

    Raises:
        ValueError: a budget lasts longer than the turnaround, or the image set is too small.
        FileNotFoundError: there is no network of the judge; also what `open_images` raises.
    """

    def __init__(self, scenario: Scenario, models: Models, profile: StageTimes | None = None) -> None:
        self.scenario = scenario
        self.models = models
        self._radios = {
            config: Radio(config) for config in (scenario.radio_at(c.distance_m) for c in scenario.conditions)
        }
        for radio in self._radios.values():
            _check_turnaround(radio, max(scenario.sweep.budgets))
        self.tasks = scenario.parsed_tasks()
        self.image_set, self.indices = open_chosen(scenario.images)
        self._judge = Judge(scenario.judge) if scenario.judge is not None else None
        self._profile = profile
        self._links: dict[tuple[str, RadioConfig], Link] = {}
        self._batch: ImageBatch | None = None
        self._fading: tuple[RadioConfig, Fading] | None = None

    @property
    def radios(self) -> tuple[Radio, ...]:
        """Radios of the scenario: one, or one for each distance where the channel depends on it."""
        return tuple(self._radios.values())

    def link(self, name: str, distance_m: float | None) -> Link:
        """Return the link called `name` over the radio at a distance of the sweep, made on first use."""
        config = self.scenario.radio_at(distance_m)
        if (name, config) not in self._links:
            self._links[name, config] = registry.create(name, self.models, self._radios[config])
        return self._links[name, config]

    def batch(self, index: int) -> ImageBatch:
        """Return the images of a batch; the batch read last is kept."""
        if self._batch is None or self._batch.index != index:
            size = self.scenario.images.batch
            samples = [self.image_set[i] for i in self.indices[index * size : (index + 1) * size]]
            pixels = torch.stack([sample.image for sample in samples])
            labels = torch.stack([sample.label for sample in samples])
            digest = hashlib.sha256(pixels.numpy().tobytes() + labels.numpy().tobytes()).hexdigest()
            names = tuple(sample.name for sample in samples)
            self._batch = ImageBatch(index, names, pixels.float() / 255, labels, digest)
            self._fading = None
        return self._batch

    def air(self, point: SweepPoint) -> AirInterface:
        """Return a fresh air interface for a point, with the fading and noise of all links, budgets and SNRs."""
        batch, seed = self.batch(point.batch), self.scenario.seed
        config = self.scenario.radio_at(point.distance_m)
        radio = self._radios[config]
        # Points come distance by distance, so the fading of the last one is enough, with the responses that it keeps.
        if self._fading is None or self._fading[0] != config:
            fading_seed = stream_seed(seed, "fading", batch.index)
            self._fading = config, radio.draw(len(batch.names), self.scenario.sweep.occasions, fading_seed)
        return AirInterface(radio.config, self._fading[1], point.es_n0_db, stream_seed(seed, "noise", batch.index))

    def key(self, point: SweepPoint) -> str:
        """Return a name that stands for everything that determines the records of a point."""
        scenario, config = self.scenario, self.scenario.radio_at(point.distance_m)
        recorded = self._radios[config].channel.digest
        return identity(
            {
                "version": taskwave.__version__,
                "weights": self._weights(point.link),
                "seed": scenario.seed,
                "occasions": scenario.sweep.occasions,
                "radio": config.model_dump(mode="json"),
                "tasks": [[task.prompt, list(task.classes)] for task in self.tasks],
                "batch": point.batch,
                "images": [self.batch(point.batch).digest, *self.batch(point.batch).names],
                "es_n0_db": point.es_n0_db,
                "budget": point.budget,
                "link": [point.link, registry.origin(point.link)],
                **({"recorded": recorded} if recorded is not None else {}),
                **({"receiver": weights_digest(config.neural_weights)} if config.csi == "neural" else {}),
                **({"judge": self._judge.digest} if self._judge is not None else {}),
            }
        )

    def _weights(self, link: str) -> dict[str, str]:
        """Return digests of the networks that `link` depends on: retraining others leaves its results valid."""
        used = registry.networks(link)
        return {name: digest for name, digest in self.models.digests.items() if used is None or name in used}

    def deliver(self, point: SweepPoint) -> list[Delivery]:
        """Run the link of a point on its images and return one delivery for each task.

        Raises:
            BudgetError: the budget is too small for the link.
            ValueError: the link breaks its contract.
        """
        images = self.batch(point.batch).images
        link, air = self.link(point.link, point.distance_m), self.air(point)
        answers = len(images) * len(self.tasks)
        timed = self._profile.measure(point.link, type(link).__module__, answers) if self._profile else nullcontext()
        with torch.no_grad(), timed:
            deliveries = link.run(images, self.tasks, point.budget, air)
        if len(deliveries) != len(self.tasks):
            raise ValueError(f"link {point.link!r} gave {len(deliveries)} deliveries for {len(self.tasks)} tasks")
        for delivery in deliveries:
            spent = int(delivery.channel_uses.max())
            if spent > point.budget:
                raise ValueError(
                    f"link {point.link!r} spent {spent} channel uses, but the budget is {point.budget}: "
                    "a fault of the link; its results would not be comparable"
                )
        return self._judge(deliveries) if self._judge is not None else deliveries

    def records(self, point: SweepPoint, deliveries: list[Delivery]) -> list[dict[str, Any]]:
        """Return the records of a point, in the columns of `records.SCHEMA`, one for each task and image."""
        batch, link = self.batch(point.batch), self.link(point.link, point.distance_m)
        height, width = batch.labels.shape[-2:]
        rows = []
        for task, delivery in zip(self.tasks, deliveries, strict=True):
            counts = iou_counts(delivery.prediction, batch.labels, task.classes)
            for b, name in enumerate(batch.names):
                intersection, union = (int(count[b]) for count in counts)
                uses = int(delivery.channel_uses[b])
                rows.append(
                    {
                        "link": point.link,
                        "kind": link.kind,
                        "task": task_name(task),
                        "prompt": (delivery.messages[b] if delivery.messages else "") or task.prompt,
                        "channel": self.scenario.radio.channel_name,
                        "es_n0_db": point.es_n0_db,
                        "distance_m": point.distance_m,
                        "budget": point.budget,
                        "channel_uses": uses,
                        "feedback_uses": int(delivery.feedback_uses[b]),
                        "bandwidth_ratio": float(bandwidth_ratio(uses, height, width)),
                        "image": name,
                        "accuracy": intersection / union if union else None,
                        "intersection": intersection,
                        "union": union,
                        "outage": bool(delivery.outage[b]),
                        "seed": self.scenario.seed,
                    }
                )
        return rows
