"""The commands of training: they speak at once, stop cleanly, go on, and refuse what cannot work before any work."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from taskwave.scenarios.cli import main as cli
from taskwave.semantic.training.plan import steps_in
from taskwave.semantic.training.recipe import HERE
from taskwave.semantic.weights import folder_digest, load_models

TASKWAVE = (sys.executable, "-c", "from taskwave.scenarios.cli.main import main; main()")
TINY = (HERE / "tiny.toml").read_text()
SHORT = re.sub(r"steps = \d+", "steps = 6", re.sub(r"count = \d+", "count = 3", TINY))


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder of the test's own, with a cache of its own and one thread."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    (tmp_path / "short.toml").write_text(SHORT)
    return tmp_path


def call(*arguments: str) -> tuple[int, str, str]:
    done = subprocess.run([*TASKWAVE, *arguments], check=False, timeout=300, capture_output=True, text=True)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def begun(place: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a training that would take hours."""
    place.joinpath("long.toml").write_text(SHORT.replace("steps = 6", "steps = 100000", 1))
    command = [*TASKWAVE, "train", "set", "long.toml"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["set", "nothing"], "no recipe 'nothing': name a bundled one (camvid, streets, tiny) or a TOML file"),
        (["set", "short.toml", "--stage", "jont"], "unknown stage 'jont': allowed are codec"),
        (["set", "short.toml", "--stage", "joint"], "stage 'joint' needs it: train it with --stage codec"),
        (["set", "short.toml", "--device", "cuda:77"], "--device cuda:77: allowed here are auto, cpu"),
        (["set", "short.toml", "--device", "gpu"], "--device gpu: allowed here are auto, cpu"),
        (["set", "short.toml", "--start", "nowhere", "--stage", "joint"], "no weights 'nowhere'"),
        (["set", "short.toml", "--export", "cache"], "cache exists and is not empty"),
        (["set", "short.toml", "--out", "short.toml"], "short.toml cannot be a folder"),
        (["text", "cache"], "cache exists and is not empty"),
        (["text", "new", "--device", "tpu"], "--device tpu: allowed here are auto, cpu"),
    ],
)
def test_what_cannot_work_is_one_line_before_any_work(
    place: Path, arguments: list[str], told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "cache").mkdir()
    (place / "cache" / "something").touch()
    monkeypatch.setattr(sys, "argv", ["taskwave", "train", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert ended.value.code == 2 and len(errors) == 1 and told in errors[0]
    assert not list(place.glob("runs/**/checkpoint.safetensors"))


@pytest.mark.parametrize("option", [["--threads", "0"], ["--steps", "0"], ["--seed", "-1"]])
def test_numbers_out_of_range_are_refused_by_the_option(option: list[str]) -> None:
    command = ["set", "tiny"] if "--threads" in option else ["text", "new"]
    code, _, err = call("train", *command, *option)
    assert code == 2 and option[0] in err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_a_checkpoint_and_says_how_to_go_on(
    place: Path, begun: subprocess.Popen[str], number: int, code: int
) -> None:
    started = time.monotonic()
    assert begun.stderr is not None
    first = begun.stderr.readline()
    assert first.startswith("recipe long.toml, seed 0, folder runs/train/long") and time.monotonic() - started < 3
    for line in begun.stderr:
        if line.startswith("codec: 100000 steps"):
            break
    time.sleep(2)
    begun.send_signal(number)
    rest = begun.stderr.read()
    assert begun.wait(timeout=60) == code
    last = rest.strip().splitlines()[-1]
    found = re.fullmatch(
        r"stopped at step (\d+) of codec; what is done is kept. Go on with: taskwave train set long.toml", last
    )
    assert found is not None, last
    assert steps_in(place / "runs/train/long/codec/checkpoint.safetensors") == int(found[1]) > 0
    assert "Traceback" not in rest


def test_a_second_training_in_a_folder_is_refused(begun: subprocess.Popen[str]) -> None:
    assert begun.stderr is not None
    for line in begun.stderr:
        if line.startswith("codec: 100000 steps"):
            break
    code, _, err = call("train", "set", "long.toml")
    assert code == 1 and "another training is at work in runs/train/long" in err


def test_help_is_quick_and_names_the_recipes() -> None:
    times = []
    for _ in range(3):
        started = time.process_time()
        before = os.times()
        assert "tiny, streets, camvid" in call("train", "set", "--help")[1]
        after = os.times()
        times.append(after.children_user - before.children_user + time.process_time() - started)
    assert min(times) < 0.6, "seconds of processor time"


def test_text_trains_shows_its_progress_and_goes_on(place: Path) -> None:
    code, out, err = call("train", "text", "encoder", "--steps", "3")
    assert code == 0 and "classes_exact" in out and out.endswith("wrote encoder\n")
    assert err.startswith("text encoder: 3 steps, 0 done, folder runs/train/text")
    assert "text validated at step 3" in err and "%|" not in err
    assert (place / "encoder" / "model.safetensors").is_file()
    code, _, err = call("train", "text", "another", "--steps", "4")
    assert code == 2 and "steps = 3 there, 4 now" in err
    code, _, err = call("train", "text", "again", "--steps", "3")
    assert code == 0 and "3 steps, 3 done" in err
    assert folder_digest(place / "again") == folder_digest(place / "encoder")


@pytest.mark.slow
@pytest.mark.tensorflow
def test_receiver_trains_shows_its_progress_and_goes_on(place: Path) -> None:
    code, out, err = call("train", "receiver", "estimator", "--steps", "2", "--images", "2")
    assert code == 0, err
    assert err.startswith("channel estimator: 2 steps, 0 done, folder runs/train/receiver")
    assert "receiver validated at step 2" in err and "squared error" in out
    code, _, err = call("train", "receiver", "other", "--steps", "2", "--seed", "1", "--images", "2")
    assert code == 2 and "seed = 0 there, 1 now" in err


@pytest.mark.slow
def test_every_stage_trains_and_the_exported_set_runs_in_a_scenario(place: Path) -> None:
    code, out, err = call("train", "set", "short.toml", "--export", "set", "--out", "whole")
    assert code == 0 and out == "wrote set\n", err
    assert "%|" not in err and "Warning" not in err
    assert set(load_models("set").digests) == {
        *("codec", "general", "prior", "segmentation", "attention", "index", "text", "locator", "surrogate", "windows")
    }

    Path("short.toml").write_text(SHORT.replace("lr = 1e-3, batch = 4", "lr = 2e-3, batch = 4", 1))
    code, _, err = call("train", "set", "short.toml", "--out", "whole")
    assert code == 2 and "general was trained from something else: lr = 0.001 there, 0.002 now" in err

    code, _, err = call(
        *("run", "quickstart", "--set", "weights=set", "--set", "images.count=1", "--set", "sweep.es_n0_db=[10]"),
        *("--set", "sweep.budgets=[800]", "--out", "run"),
    )
    assert code == 0 and (place / "run" / "records.parquet").is_file(), err
    assert "%|" not in err and "Warning" not in err


def test_the_log_holds_numbers_of_every_validation(place: Path) -> None:
    code, _, err = call("train", "set", "short.toml", "--stage", "codec", "--threads", "1", "--device", "cpu")
    assert code == 0, err
    records = [json.loads(line) for line in (place / "runs/train/short/codec/log.jsonl").read_text().splitlines()]
    assert [record["step"] for record in records] == [6] and set(records[0]) == {"step", "loss", "psnr_db"}
    code, _, err = call("train", "set", "short.toml", "--stage", "codec")
    assert code == 0 and "finished" in err and "codec: 6 steps" not in err
