"""The training loop of every network: AdamW, cosine schedule, averaged weights, resumable checkpoints."""

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn
from torch.optim.swa_utils import PARAM_LIST, AveragedModel

from taskwave.semantic.training.monitor import Monitor, signals_held
from taskwave.semantic.training.record import CHECKPOINT, write_whole

LOG = "log.jsonl"
"""Name of the file beside a checkpoint that holds the record of every validation, a line each."""


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
    autocast: bool = True
    """Whether steps compute in bfloat16 where that is exact enough. On CPUs it slows depthwise convolutions down."""


def learning_rate(step: int, config: FitConfig) -> float:
    """Return the learning rate: a linear warm-up, then a cosine down to zero at `config.steps`."""
    if step < config.warmup:
        return config.lr * (step + 1) / config.warmup
    return config.lr * 0.5 * (1 + math.cos(math.pi * (step - config.warmup) / max(1, config.steps - config.warmup)))


def step_seed(seed: int, step: int) -> int:
    """Return the seed of one step.

    It depends on `seed` and `step` only, so that a resumed run repeats an unbroken one.
    """
    return (seed * 1_000_003 + step) * 2_654_435_761 % 2**63


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
        self.config, self.folder, self.device = config, folder, torch.device(device)
        self.parameters = [p for p in module.parameters() if p.requires_grad]
        self.optimiser = torch.optim.AdamW(self.parameters, lr=config.lr, weight_decay=config.weight_decay)
        self.step = 0
        self._total, self._counted = 0.0, 0
        folder.mkdir(parents=True, exist_ok=True)

    def run(
        self,
        loss: Callable[[torch.Generator], torch.Tensor],
        validate: Callable[[], dict[str, float]],
        monitor: Monitor | None = None,
    ) -> nn.Module:
        """Train to the end, from the last checkpoint if there is one, and return the averaged network.

        The result does not depend on interruptions: SIGINT and SIGTERM wait for the end of a step, and
        KeyboardInterrupt passes only after a checkpoint of that step.

        Args:
            loss: function that draws a batch with the generator it gets and returns a scalar loss of `module`. Random
                numbers of the global generator, such as those of dropout, are seeded for every step, too.
            validate: function that returns metrics of `averaged`; they are appended to `folder/log.jsonl`.
            monitor: follower of the progress; None shows nothing.

        Raises:
            ValueError: the checkpoint is damaged, that of another network, or of more steps.
            OSError: a checkpoint cannot be written.
            RuntimeError: the loss is not finite.
        """
        monitor = monitor or Monitor()
        self._load()
        if self.step > self.config.steps:
            raise ValueError(
                f"{self.folder} holds {self.step} steps, and {self.config.steps} are asked for: ask for more, or name "
                "another folder"
            )
        self.module.train()
        logged = self._trim_log()
        monitor.begin(self.folder.name, self.config.steps, self.step)
        saved = time.monotonic()
        devices = [self.device] if self.device.type == "cuda" else []
        try:
            with torch.random.fork_rng(devices):
                while True:
                    due = self.step % self.config.validate_every == 0 or self.step == self.config.steps
                    if self.step > logged and due:
                        metrics = validate()
                        with signals_held():
                            logged = self._log(metrics, monitor)
                    if self.step == self.config.steps:
                        break
                    with signals_held():
                        value = self._advance(loss)
                        monitor.advance(self.step, value)
                    if time.monotonic() - saved > self.config.checkpoint_seconds or self.step == self.config.steps:
                        self._save()
                        saved = time.monotonic()
        except KeyboardInterrupt:
            if self.step:
                self._save()
            raise
        monitor.end()
        return self.averaged

    def _advance(self, loss: Callable[[torch.Generator], torch.Tensor]) -> float:
        """Do one step and return its loss."""
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.step, self.config)
        seed = step_seed(self.config.seed, self.step)
        torch.manual_seed(seed)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.autocast):
            value = loss(torch.Generator().manual_seed(seed))
        number = float(value.detach())
        if not math.isfinite(number):
            raise RuntimeError(
                f"{self.folder}: the loss of step {self.step} is {number}: lower lr, which is {self.config.lr:g}, and "
                "train into another folder"
            )
        value.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimiser.step()
        self.optimiser.zero_grad()
        self._average.update_parameters(self.module)
        self._total, self._counted = self._total + number, self._counted + 1
        self.step += 1
        return number

    def _log(self, metrics: dict[str, float], monitor: Monitor) -> int:
        """Append a record to the log, show it, and return its step."""
        record = {"step": self.step, "loss": self._total / max(1, self._counted), **metrics}
        self._total, self._counted = 0.0, 0
        with (self.folder / LOG).open("a") as stream:
            stream.write(json.dumps(record) + "\n")
        monitor.validated(record)
        return self.step

    def _trim_log(self) -> int:
        """Drop records of steps that the checkpoint does not hold, and return the step of the last one."""
        path, kept = self.folder / LOG, []
        for line in path.read_text().splitlines() if path.exists() else ():
            try:
                kept.append((int(json.loads(line)["step"]), line))
            except (ValueError, KeyError, TypeError):  # the end of a line was lost with the machine
                break
        kept = [(step, line) for step, line in kept if step <= self.step]
        if path.exists():
            write_whole(path, "".join(f"{line}\n" for _, line in kept))
        return kept[-1][0] if kept else 0

    def _tensors(self) -> dict[str, torch.Tensor]:
        state = {f"module.{k}": v for k, v in self.module.state_dict().items()}
        state |= {f"averaged.{k}": v for k, v in self.averaged.state_dict().items()}
        for i, moments in self.optimiser.state_dict()["state"].items():
            state |= {f"optimiser.{i}.{k}": v for k, v in moments.items()}
        return {k: v.contiguous() for k, v in state.items()}

    def _save(self) -> None:
        target = self.folder / CHECKPOINT
        partial = target.with_suffix(".partial")
        metadata = {"step": str(self.step), "total": repr(self._total), "counted": str(self._counted)}
        with signals_held():
            try:
                save_file({k: v.clone() for k, v in self._tensors().items()}, partial, metadata=metadata)
                partial.replace(target)
            except (SafetensorError, OSError) as error:
                partial.unlink(missing_ok=True)
                kept = "the checkpoint before it is kept" if target.exists() else "there is none before it"
                raise OSError(
                    f"{target} of step {self.step} cannot be written ({error}); {kept}: free space and start again"
                ) from error

    def _load(self) -> None:
        path = self.folder / CHECKPOINT
        if not path.exists():
            return
        try:
            with safe_open(path, framework="pt", device=str(self.device)) as stored:
                metadata: dict[str, Any] = stored.metadata() or {}
                tensors = {key: stored.get_tensor(key) for key in stored.keys()}  # noqa: SIM118 (not a dict)
            self.step = int(metadata["step"])
            self._total, self._counted = float(metadata.get("total", 0)), int(metadata.get("counted", 0))
            self._average.n_averaged.fill_(1 + self.step)
            for name, module in (("module.", self.module), ("averaged.", self.averaged)):
                module.load_state_dict({k.removeprefix(name): v for k, v in tensors.items() if k.startswith(name)})
        except (SafetensorError, OSError, KeyError, ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise ValueError(
                f"{path} is damaged or the checkpoint of another network ({type(error).__name__}: {reason}): "
                f"remove {self.folder} to begin anew, or name another folder"
            ) from error
        state = self.optimiser.state_dict()
        for key, value in tensors.items():
            if key.startswith("optimiser."):
                _, index, name = key.split(".")
                state["state"].setdefault(int(index), {})[name] = value
        self.optimiser.load_state_dict(state)
