"""The training loop survives interruptions, full disks and damaged files, and its result does not depend on them."""

import json
import os
import resource
import signal
import threading
from pathlib import Path

import pytest
import torch
from torch import nn

from taskwave.semantic.training.fit import Fit, FitConfig
from taskwave.semantic.training.monitor import Monitor, signals_held
from taskwave.semantic.training.plan import steps_in

CONFIG = FitConfig(30, 0.05, warmup=3, validate_every=10)


class StopAt(Monitor):
    """Sends a signal to the process once a step is done."""

    def __init__(self, step: int, number: int = signal.SIGINT) -> None:
        self.step, self.number = step, number

    def advance(self, done: int, loss: float | None = None) -> None:
        if done == self.step:
            os.kill(os.getpid(), self.number)


def train(folder: Path, monitor: Monitor | None = None, config: FitConfig = CONFIG) -> nn.Module:
    """Fit a small network with batch statistics and dropout."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 1))
    fit = Fit(module, config, folder)

    def loss(generator: torch.Generator) -> torch.Tensor:
        x = torch.randn(16, 4, generator=generator)
        return (module(x) - x.sum(1, keepdim=True)).square().mean()

    return fit.run(loss, lambda: {"weight": float(fit.averaged[0].weight.sum())}, monitor)


def same(first: nn.Module, second: nn.Module) -> bool:
    a, b = first.state_dict(), second.state_dict()
    return all(torch.equal(a[key], b[key]) for key in a)


@pytest.mark.parametrize("stops", [[1], [13], [10], [29], [4, 20]])
def test_interruptions_change_neither_weights_nor_log(tmp_path: Path, stops: list[int]) -> None:
    whole = train(tmp_path / "whole")
    for stop in stops:
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "broken", StopAt(stop))
        assert steps_in(tmp_path / "broken" / "checkpoint.safetensors") == stop
    torch.randn(5)  # what else the process draws takes no part
    assert same(whole, train(tmp_path / "broken"))
    logs = [(tmp_path / name / "log.jsonl").read_text() for name in ("whole", "broken")]
    assert logs[0] == logs[1] and [json.loads(line)["step"] for line in logs[0].splitlines()] == [10, 20, 30]


def test_steps_after_the_last_checkpoint_leave_no_trace(tmp_path: Path) -> None:
    """Step 10 is logged, then the machine fails: the resumed run logs it once."""
    whole = train(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "broken", StopAt(5))
    checkpoint = (tmp_path / "broken" / "checkpoint.safetensors").read_bytes()
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "broken", StopAt(12))
    (tmp_path / "broken" / "checkpoint.safetensors").write_bytes(checkpoint)
    with (tmp_path / "broken" / "log.jsonl").open("a") as stream:
        stream.write('{"step": 1')
    assert same(whole, train(tmp_path / "broken"))
    assert (tmp_path / "broken" / "log.jsonl").read_text() == (tmp_path / "whole" / "log.jsonl").read_text()


def test_global_random_numbers_of_the_caller_are_left_alone(tmp_path: Path) -> None:
    torch.manual_seed(0)
    nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 1))
    expected = torch.randn(3)
    train(tmp_path)
    assert torch.equal(torch.randn(3), expected)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_for_the_end_of_the_block(number: int) -> None:
    seen: list[str] = []
    before = signal.signal(number, lambda *_: seen.append("signal"))
    try:
        with signals_held():
            os.kill(os.getpid(), number)
            seen.append("block")
        assert seen == ["block", "signal"]
        os.kill(os.getpid(), number)
        assert seen == ["block", "signal", "signal"]
    finally:
        signal.signal(number, before)


def test_training_in_a_thread_touches_no_signals(tmp_path: Path) -> None:
    results: list[nn.Module] = []
    thread = threading.Thread(target=lambda: results.append(train(tmp_path / "thread")))
    thread.start()
    thread.join()
    assert same(results[0], train(tmp_path / "main"))


def test_a_checkpoint_that_cannot_be_written_is_one_message_and_keeps_the_last(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, StopAt(7))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match=r"checkpoint.safetensors of step 30 cannot be written .* kept: free space"):
            train(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert steps_in(tmp_path / "checkpoint.safetensors") == 7
    assert not list(tmp_path.glob("*.partial"))


@pytest.mark.parametrize("damage", [b"", b"nonsense", None])
def test_a_damaged_checkpoint_is_named_with_a_remedy(tmp_path: Path, damage: bytes | None) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, StopAt(7))
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:-20] if damage is None else damage)
    with pytest.raises(ValueError, match=r"checkpoint.safetensors is damaged .*: remove .* to begin anew"):
        train(tmp_path)


def test_the_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, StopAt(7))
    other = nn.Linear(3, 1)
    with pytest.raises(ValueError, match="the checkpoint of another network"):
        Fit(other, CONFIG, tmp_path).run(lambda _: other(torch.ones(2, 3)).mean(), dict)


def test_a_loss_that_is_not_finite_ends_the_training(tmp_path: Path) -> None:
    module = nn.Linear(1, 1)
    fit = Fit(module, CONFIG, tmp_path)
    with pytest.raises(RuntimeError, match=r"the loss of step 0 is nan: lower lr, which is 0.05"):
        fit.run(lambda _: module(torch.full((2, 1), torch.nan)).mean(), dict)
