"""The training loop of every network: AdamW, cosine schedule, averaged weights, resumable checkpoints."""

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn
from torch.optim.swa_utils import PARAM_LIST, AveragedModel

from taskwave.semantic.training.batches import ImagePool

Log = Callable[[str], None]
"""Function that shows one line about the progress of the training."""


@dataclass(frozen=True)
class FitConfig:
    """Holds all that determines a training run, given its data."""

    steps: int
    """Number of training steps."""
    lr: float
    """Largest learning rate."""
    weight_decay: float = 1e-4
    """Weight decay of AdamW."""
    warmup: int = 100
    """Number of steps of the linear warm-up."""
    averaging: float = 0.998
    """Largest decay of the averaged weights per step."""
    seed: int = 0
    """Seed of the random numbers of all steps."""
    validate_every: int = 500
    """Number of steps between validations."""
    checkpoint_seconds: float = 120.0
    """Time between checkpoints in seconds."""


@dataclass(frozen=True)
class TrainingRun:
    """Holds what the training functions of all image networks take alike."""

    pool: ImagePool
    """Training images."""
    val: ImagePool
    """Images of the validation."""
    config: FitConfig
    """Schedule of the training."""
    folder: Path
    """Folder of checkpoint and log."""
    batch: int
    """Number of images per step."""
    log: Log
    """Function that shows the progress."""

    def fit(self, module: nn.Module) -> "Fit":
        """Return the training of `module` with this schedule and folder, on the device of the pool."""
        return Fit(module, self.config, self.folder, self.pool.device)


def learning_rate(step: int, config: FitConfig) -> float:
    """Return the learning rate: a linear warm-up, then a cosine down to zero at `config.steps`."""
    if step < config.warmup:
        return config.lr * (step + 1) / config.warmup
    return config.lr * 0.5 * (1 + math.cos(math.pi * (step - config.warmup) / max(1, config.steps - config.warmup)))


def step_generator(seed: int, step: int) -> torch.Generator:
    """Return the generator of one step.

    It depends on seed and step only, so that a resumed run repeats an unbroken one.
    """
    return torch.Generator().manual_seed((seed * 1_000_003 + step) * 2_654_435_761 % 2**63)


def exponential_average(longest: float) -> Callable[[PARAM_LIST, PARAM_LIST, torch.Tensor | int], None]:
    """Return the rule by which averaged weights follow the current ones, in place, for `AveragedModel`.

    The decay after n updates is min(`longest`, (1 + n) / (10 + n)). It is small at first, so that the random start soon
    loses its weight. The initial weights count as averaged once.
    """

    @torch.no_grad()
    def update(averaged: PARAM_LIST, current: PARAM_LIST, num_averaged: torch.Tensor | int) -> None:
        step = int(num_averaged) - 1
        decay = min(longest, (1 + step) / (10 + step))
        torch._foreach_lerp_(averaged, current, 1 - decay)

    return update


class Fit:
    """Trains `module` and keeps exponentially averaged weights.

    Attributes:
        module: network that is trained.
        averaged: network with the averaged weights, which are exported, in evaluation mode.
        step: number of steps done.
    """

    def __init__(self, module: nn.Module, config: FitConfig, folder: Path, device: str = "cpu") -> None:
        self.module = module.to(device)
        self._average = AveragedModel(module, multi_avg_fn=exponential_average(config.averaging))
        self._average.n_averaged.fill_(1)  # at zero the first update would copy the weights instead of averaging them
        self.averaged: nn.Module = self._average.module.eval().requires_grad_(False)
        self.config, self.folder, self.device = config, folder, device
        self.parameters = [p for p in module.parameters() if p.requires_grad]
        self.optimiser = torch.optim.AdamW(self.parameters, lr=config.lr, weight_decay=config.weight_decay)
        self.step = 0
        folder.mkdir(parents=True, exist_ok=True)

    def run(
        self,
        loss: Callable[[torch.Generator], torch.Tensor],
        validate: Callable[[], dict[str, float]],
        log: Log = print,
    ) -> nn.Module:
        """Train to the end, from the last checkpoint if there is one, and return the averaged network.

        Args:
            loss: function that draws a batch with the generator it gets and returns a scalar loss of `module`.
            validate: function that returns metrics of `averaged`; they are appended to `folder/log.jsonl`.
            log: function that shows the progress.
        """
        self._load()
        self.module.train()
        start, first, saved = time.monotonic(), self.step, time.monotonic()
        total, counted = 0.0, 0
        while self.step < self.config.steps:
            for group in self.optimiser.param_groups:
                group["lr"] = learning_rate(self.step, self.config)
            with torch.autocast(torch.device(self.device).type, torch.bfloat16):
                value = loss(step_generator(self.config.seed, self.step))
            value.backward()
            torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
            self.optimiser.step()
            self.optimiser.zero_grad()
            self._average.update_parameters(self.module)
            total, counted = total + float(value.detach()), counted + 1
            self.step += 1
            if self.step % self.config.validate_every == 0 or self.step == self.config.steps:
                elapsed = time.monotonic() - start
                left = elapsed / (self.step - first) * (self.config.steps - self.step)
                record = {"step": self.step, "loss": total / counted, **validate()}
                total, counted = 0.0, 0
                with (self.folder / "log.jsonl").open("a") as stream:
                    stream.write(json.dumps(record) + "\n")
                log(" ".join(f"{k} {v:.4g}" for k, v in record.items()) + f" ({left / 60:.0f} min left)")
            if time.monotonic() - saved > self.config.checkpoint_seconds or self.step == self.config.steps:
                self._save()
                saved = time.monotonic()
        return self.averaged

    def _tensors(self) -> dict[str, torch.Tensor]:
        state = {f"module.{k}": v for k, v in self.module.state_dict().items()}
        state |= {f"averaged.{k}": v for k, v in self.averaged.state_dict().items()}
        for i, moments in self.optimiser.state_dict()["state"].items():
            state |= {f"optimiser.{i}.{k}": v for k, v in moments.items()}
        return {k: v.contiguous() for k, v in state.items()}

    def _save(self) -> None:
        target = self.folder / "checkpoint.safetensors"
        partial = target.with_suffix(".partial")
        save_file({k: v.clone() for k, v in self._tensors().items()}, partial, metadata={"step": str(self.step)})
        partial.replace(target)

    def _load(self) -> None:
        path = self.folder / "checkpoint.safetensors"
        if not path.exists():
            return
        with safe_open(path, framework="pt", device=self.device) as stored:
            self.step = int(stored.metadata()["step"])
            self._average.n_averaged.fill_(1 + self.step)
            tensors = {key: stored.get_tensor(key) for key in stored.keys()}  # noqa: SIM118 (not a dict)
        for name, module in (("module.", self.module), ("averaged.", self.averaged)):
            module.load_state_dict({k.removeprefix(name): v for k, v in tensors.items() if k.startswith(name)})
        state = self.optimiser.state_dict()
        for key, value in tensors.items():
            if key.startswith("optimiser."):
                _, index, name = key.split(".")
                state["state"].setdefault(int(index), {})[name] = value
        self.optimiser.load_state_dict(state)
