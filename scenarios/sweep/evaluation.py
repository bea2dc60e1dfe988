"""Evaluation of a point of a sweep as a pure function, with models, radio and links that all points share."""

import copy
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import torch

import taskwave
from taskwave.links import registry
from taskwave.links.base import Delivery, Link, informed
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.channel.fading import Fading
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.definitions import bandwidth_ratio
from taskwave.phy.radio import Radio
from taskwave.phy.receiver.neural.network import weights_digest
from taskwave.phy.seeds import stream_seed
from taskwave.scenarios.config.scenario import Scenario
from taskwave.scenarios.sweep.code import code_digest, link_digest
from taskwave.scenarios.sweep.fidelity import image_scores, unlabelled_scores
from taskwave.scenarios.sweep.judge import Jury, truths_or_agreed
from taskwave.scenarios.sweep.points import ImageBatch, SweepPoint, load_batch, open_chosen
from taskwave.scenarios.sweep.profiling import StageTimes
from taskwave.scenarios.sweep.records import FORMAT, identity
from taskwave.semantic.tasks.base import Answer, Task
from taskwave.semantic.weights import Models


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
        FileNotFoundError: there is no such judge; also what `open_images` raises.
    """

    def __init__(self, scenario: Scenario, models: Models, profile: StageTimes | None = None) -> None:
        self.models = models
        self.jury = Jury(models, scenario.judge, scenario.images.source)
        self._profile = profile
        self._radios: dict[RadioConfig, Radio] = {}
        self._links: dict[tuple[str, RadioConfig], Link] = {}
        self._link_digests: dict[str, str | None] = {}
        self._open(scenario)

    def _open(self, scenario: Scenario) -> None:
        """Take over a scenario: make the radios that are missing, open its images, forget what was read before."""
        self.scenario = scenario
        self.tasks = scenario.parsed_tasks()
        self.judges = self.jury.judges(self.tasks)
        configs = dict.fromkeys(scenario.radio_at(c.distance_m) for c in scenario.conditions)
        for config in configs:
            if config not in self._radios:
                self._radios[config] = Radio(config)
            _check_turnaround(self._radios[config], max(scenario.sweep.budgets))
        self.image_set, self.indices = open_chosen(scenario.images)
        self._batch: ImageBatch | None = None
        self._clean: tuple[str, dict[str, list[Answer]]] = "", {}
        self._fading: tuple[RadioConfig, int, Fading] | None = None

    def on_grid(self, scenario: Scenario) -> "Evaluator":
        """Return an evaluator of a scenario that differs from that of this one in its grid, images or tasks only.

        Both share networks, radios, links and times.

        Raises:
            ValueError: as in the constructor.
        """
        other = copy.copy(self)
        other._open(scenario)
        return other

    @property
    def radios(self) -> tuple[Radio, ...]:
        """Radios of the scenario: one, or one for each distance where the channel depends on it."""
        configs = dict.fromkeys(self.scenario.radio_at(c.distance_m) for c in self.scenario.conditions)
        return tuple(self._radios[config] for config in configs)

    def link(self, name: str, distance_m: float | None) -> Link:
        """Return the link called `name` over the radio at a distance of the sweep, made on first use."""
        config = self.scenario.radio_at(distance_m)
        if (name, config) not in self._links:
            self._links[name, config] = registry.create(name, self.jury.models, self._radios[config])
        return self._links[name, config]

    def batch(self, index: int) -> ImageBatch:
        """Return the images of a batch; the batch read last is kept."""
        if self._batch is None or self._batch.index != index:
            self._batch = load_batch(self.image_set, self.indices, self.scenario.images.batch, index)
            self._fading = None
        return self._batch

    def air(self, point: SweepPoint) -> AirInterface:
        """Return a fresh air interface for a point, with the fading and noise of all links, budgets and SNRs."""
        batch, seed = self.batch(point.batch), self.scenario.seed
        config = self.scenario.radio_at(point.distance_m)
        radio, suffix = self._radios[config], f"/{point.fade}" if point.fade else ""
        # Points come distance by distance, so the fading of the last one is enough, with the responses that it keeps.
        if self._fading is None or self._fading[:2] != (config, point.fade):
            fading_seed = stream_seed(seed, f"fading{suffix}", batch.index)
            fading = radio.draw(len(batch.names), self.scenario.sweep.occasions, fading_seed)
            self._fading = config, point.fade, fading
        noise_seed = stream_seed(seed, f"noise{suffix}", batch.index)
        return AirInterface(radio.config, self._fading[2], point.es_n0_db, noise_seed)

    def key(self, point: SweepPoint) -> str:
        """Return a name that stands for everything that determines the records of a point, the code included."""
        scenario, config = self.scenario, self.scenario.radio_at(point.distance_m)
        recorded = self._radios[config].channel.digest
        if point.link not in self._link_digests:
            self._link_digests[point.link] = link_digest(point.link)
        return identity(
            {
                "format": FORMAT,
                "version": taskwave.__version__,
                "code": code_digest(),
                "weights": self._weights(point.link),
                "seed": scenario.seed,
                "occasions": scenario.sweep.occasions,
                "radio": config.model_dump(mode="json"),
                "tasks": [[task.prompt, task.kind, task.name] for task in self.tasks],
                "judges": self.judges,
                "batch": point.batch,
                "images": [self.batch(point.batch).digest, *self.batch(point.batch).names],
                "groups": list(self.batch(point.batch).groups),
                "es_n0_db": point.es_n0_db,
                "budget": point.budget,
                "fade": point.fade,
                "link": [point.link, registry.origin(point.link), self._link_digests[point.link]],
                **({"panel": self.jury.digests} if registry.depends_on_judges(point.link) else {}),
                **({"recorded": recorded} if recorded is not None else {}),
                **({"receiver": weights_digest(config.neural_weights)} if config.csi == "neural" else {}),
            }
        )

    def grid_columns(self) -> dict[str, str]:
        """Return the columns that are equal in all records of the scenario: `run`, `split` and `weights`.

        `run` is the identity of what decides the values of records beside their other columns, 12 hexadecimal digits:
        radio, seed, images, number of occasions, weights and code.
        """
        fixed = self.scenario.model_dump(mode="json", exclude={"name", "description", "tasks", "strip"})
        fixed["sweep"] = {"occasions": fixed["sweep"]["occasions"]}
        state = {"code": code_digest(), "weights": self.models.digests, "judges": self.judges}
        return {
            "run": identity({"scenario": fixed, **state})[:12],
            "split": self.scenario.images.split,
            "weights": self.scenario.weights,
        }

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
        batch, air = self.batch(point.batch), self.air(point)
        images, link = batch.images, informed(self.link(point.link, point.distance_m), batch.truths)
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
        return deliveries

    def records(self, point: SweepPoint, deliveries: list[Delivery]) -> list[dict[str, Any]]:
        """Return the records of a point, in the columns of `records.SCHEMA`, one for each task and image."""
        batch, link = self.batch(point.batch), self.link(point.link, point.distance_m)
        radio, (height, width) = self.scenario.radio, batch.images.shape[-2:]
        common = {
            **self.grid_columns(),
            "link": point.link,
            "kind": link.kind,
            "channel": radio.channel_name,
            "num_tx_ant": radio.num_tx_ant,
            "num_rx_ant": radio.num_rx_ant,
            "num_layers": radio.num_layers,
            "csi": radio.csi,
            "es_n0_db": point.es_n0_db,
            "distance_m": point.distance_m,
            "budget": point.budget,
            "fade": point.fade,
            "seed": self.scenario.seed,
        }
        rows = []
        for task, delivery in zip(self.tasks, deliveries, strict=True):
            answers = self.jury.answers(delivery, task, batch.truths)
            psnrs_db = image_scores(delivery, batch.images)
            unlabelled = self._unlabelled_scores(delivery, answers, batch, task)
            for b, name in enumerate(batch.names):
                score, uses = task.score(answers[b], batch.truths[b]), int(delivery.channel_uses[b])
                rows.append(
                    {
                        **common,
                        "task": task.name,
                        "task_kind": task.kind,
                        "task_prompt": task.prompt,
                        "judge": self.jury.panel.of(task).name if delivery.answers is None else None,
                        "asked": delivery.messages[b] if delivery.messages else None,
                        "heard": delivery.heard[b] if delivery.heard else None,
                        "channel_uses": uses,
                        "feedback_uses": int(delivery.feedback_uses[b]),
                        "airtime_s": int(delivery.airtime_slots[b]) * radio.slot_seconds,
                        "bandwidth_ratio": float(bandwidth_ratio(uses, height, width)),
                        "image": name,
                        "group": batch.groups[b],
                        "accuracy": score.numerator / score.denominator if score.denominator else None,
                        "numerator": score.numerator,
                        "denominator": score.denominator,
                        "psnr_db": psnrs_db[b],
                        **unlabelled[b],
                        "outage": bool(delivery.outage[b]),
                    }
                )
        return rows

    def _unlabelled_scores(
        self, delivery: Delivery, answers: Sequence[Answer], batch: ImageBatch, task: Task
    ) -> list[dict[str, float | None]]:
        """Return the scores of a batch without annotations, and nulls where there are any."""
        if any(truth.is_known for truth in batch.truths):
            return [{"ms_ssim": None, "agreement": None}] * len(batch.names)
        judge = self.jury.panel.of(task)
        if self._clean[0] != batch.digest:
            self._clean = batch.digest, {}
        clean = self._clean[1]
        if judge.name not in clean:
            clean[judge.name] = judge.answer(batch.images, batch.truths)
        truths = truths_or_agreed(task, clean[judge.name], batch.truths)
        scores = [task.score(answer, truth) for answer, truth in zip(answers, truths, strict=True)]
        return unlabelled_scores(delivery, batch.images, scores)
