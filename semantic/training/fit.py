"""One training loop for every recipe: AdamW, cosine schedule, averaged weights, resumable checkpoints."""

import copy
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

Log = Callable[[str], None]


@dataclass(frozen=True)
class FitConfig:
    """What determines a training run, given its data."""

    steps: int
    lr: float
    weight_decay: float = 1e-4
    warmup: int = 100
    averaging: float = 0.998
    seed: int = 0
    validate_every: int = 500
    checkpoint_seconds: float = 120.0


def learning_rate(step: int, config: FitConfig) -> float:
    """Linear warm-up, then a cosine down to zero at `config.steps`."""
    if step < config.warmup:
        return config.lr * (step + 1) / config.warmup
    return config.lr * 0.5 * (1 + math.cos(math.pi * (step - config.warmup) / max(1, config.steps - config.warmup)))


def step_generator(seed: int, step: int) -> torch.Generator:
    """The random numbers of one step: a function of seed and step, so a resumed run repeats an unbroken one."""
    return torch.Generator().manual_seed((seed * 1_000_003 + step) * 2_654_435_761 % 2**63)


class Fit:
    """Trains `module`; `averaged` holds the exponentially averaged weights that are exported.

    `loss(generator)` draws a batch with the generator and returns a scalar loss of `module`.
    `validate()` returns metrics of `averaged`, logged to `folder/log.jsonl`.
    """

    def __init__(self, module: nn.Module, config: FitConfig, folder: Path, device: str = "cpu") -> None:
        self.module = module.to(device)
        self.averaged = copy.deepcopy(module).eval().requires_grad_(False)
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
        """Train to the end (from the last checkpoint, if there is one) and return the averaged module."""
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
            self._average()
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

    def _average(self) -> None:
        # A short memory at first, so that the average forgets the random start.
        decay = min(self.config.averaging, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.averaged.parameters()), list(self.module.parameters()), 1 - decay)
            for mine, theirs in zip(self.averaged.buffers(), self.module.buffers(), strict=True):
                mine.copy_(theirs)

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
            tensors = {key: stored.get_tensor(key) for key in stored.keys()}  # noqa: SIM118 (not a dict)
        for name, module in (("module.", self.module), ("averaged.", self.averaged)):
            module.load_state_dict({k.removeprefix(name): v for k, v in tensors.items() if k.startswith(name)})
        state = self.optimiser.state_dict()
        for key, value in tensors.items():
            if key.startswith("optimiser."):
                _, index, name = key.split(".")
                state["state"].setdefault(int(index), {})[name] = value
        self.optimiser.load_state_dict(state)
