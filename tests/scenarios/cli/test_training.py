"""The commands of training: they speak at once, stop cleanly, go on, and refuse what cannot work before any work."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from taskwave.scenarios.cli import main as cli
from taskwave.semantic.training import windows
from taskwave.semantic.training.judges import pools
from taskwave.semantic.training.judges.recipes import MAPS, Images, MapRecipe
from taskwave.semantic.training.plan import steps_in
from taskwave.semantic.training.record import CHECKPOINT
from taskwave.semantic.weights import folder_digest, load_models, load_task_network
from taskwave.semantic.weights.bundle import HERE

TASKWAVE = (sys.executable, "-c", "from taskwave.scenarios.cli.main import main; main()")
LONG = ("train", "text", "encoder", "--steps", "100000")
"""A training that would take hours."""
FOLDER = Path("runs/train/text")
"""Its folder."""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder of the test's own, with a cache of its own and one thread."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return tmp_path


def call(*arguments: str) -> tuple[int, str, str]:
    done = subprocess.run([*TASKWAVE, *arguments], check=False, timeout=500, capture_output=True, text=True)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


Begin = Callable[[], subprocess.Popen[str]]


@pytest.fixture
def begin(place: Path) -> Iterator[Begin]:
    """Start the long training, or go on with it."""
    started: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        # A shell that starts the tests in the background has SIGINT ignored, which children inherit.
        script = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); " + TASKWAVE[2]
        command = [sys.executable, "-c", script, *LONG]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def wait_for(process: subprocess.Popen[str], told: str) -> str:
    """Return the line with which a training begins its steps."""
    assert process.stderr is not None
    line = next((line for line in process.stderr if line.startswith(told)), "")
    assert line, f"it never said {told!r}"
    return line


def stopped_at(process: subprocess.Popen[str], number: int) -> tuple[int, int]:
    """Let a training work for a while and send it a signal; return its exit code and the step that it tells last."""
    assert process.stderr is not None
    time.sleep(2)
    process.send_signal(number)
    rest, code = process.stderr.read(), process.wait(timeout=60)
    told = (
        r"stopped at step (\d+) of text; what is done is kept. Go on with: taskwave train text encoder --steps 100000"
    )
    found = re.fullmatch(told, rest.strip().splitlines()[-1])
    assert found is not None and "Traceback" not in rest, rest
    return code, int(found[1])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["surrogate", "nothing", "--export", "new"], "surrogate 'nothing': allowed are signs, streets, camvid"),
        (["surrogate", "streets", "--export", "cache"], "cache exists and is not empty"),
        (["surrogate", "streets", "--export", "new", "--out", "file"], "file cannot be a folder"),
        (["judge", "nothing", "--export", "new"], "there is no judge 'nothing': choose one of gtsdb"),
        (["judge", "gtsdb", "--export", "cache"], "cache exists and is not empty"),
        (["locator", "--export", "cache"], "cache exists and is not empty"),
        (["windows", "--export", "cache"], "cache exists and is not empty"),
        (["windows", "--export", "new", "--out", "file/below"], "below cannot be a folder"),
        (["posterior", "nowhere", "--export", "cache"], "cache exists and is not empty"),
        (["posterior", "nowhere", "--export", "new"], "nowhere"),
        (["text", "cache"], "cache exists and is not empty"),
        (["text", "new", "--device", "tpu"], "--device tpu: allowed here are auto, cpu"),
        (["text", "new", "--device", "cuda:77"], "--device cuda:77: allowed here are auto, cpu"),
    ],
)
def test_what_cannot_work_is_one_line_before_any_work(
    place: Path, arguments: list[str], told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "cache").mkdir()
    (place / "cache" / "something").touch()
    (place / "file").touch()
    monkeypatch.setattr(sys, "argv", ["taskwave", "train", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    lines = capsys.readouterr().err.splitlines()
    errors = [i for i, line in enumerate(lines) if line.startswith("error:")]
    assert ended.value.code == 2 and errors == [len(lines) - 1] and told in lines[-1]
    assert not list(place.glob(f"runs/**/{CHECKPOINT}")) and not (place / "new").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        *(["text", "new", "--steps", "0"], ["text", "new", "--seed", "-1"]),
        *(["windows", "--export", "new", "--threads", "0"], ["windows", "--export", "new", "--scenes", "2001"]),
        ["posterior", "old", "--export", "new", "--steps", "0"],
    ],
)
def test_numbers_out_of_range_are_refused_by_the_option(arguments: list[str]) -> None:
    code, _, err = call("train", *arguments)
    assert code == 2 and arguments[-2] in err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_a_checkpoint_from_which_it_goes_on(begin: Begin, number: int, code: int) -> None:
    started, process = time.monotonic(), begin()
    assert process.stderr is not None
    first = process.stderr.readline()
    assert first.startswith(f"text encoder: 100000 steps, 0 done, folder {FOLDER}") and time.monotonic() - started < 3
    wait_for(process, "text: 100000 steps")
    ended, step = stopped_at(process, number)
    assert ended == code and steps_in(FOLDER / CHECKPOINT) == step > 0
    again = begin()
    assert wait_for(again, "text: ") == f"text: goes on at step {step} of 100000\n"
    ended, further = stopped_at(again, number)
    assert ended == code and steps_in(FOLDER / CHECKPOINT) == further > step


def test_a_second_training_in_a_folder_is_refused(begin: Begin) -> None:
    wait_for(begin(), "text: 100000 steps")
    code, _, err = call("train", "text", "another")
    assert code == 1 and f"another training is at work in {FOLDER}" in err


def test_help_is_quick_and_names_what_can_be_trained() -> None:
    times = []
    for _ in range(3):
        started = time.process_time()
        before = os.times()
        assert "signs, streets or camvid" in call("train", "surrogate", "--help")[1]
        after = os.times()
        times.append(after.children_user - before.children_user + time.process_time() - started)
    assert min(times) < 0.6, "seconds of processor time"
    listed = re.findall(r"^│ (\w+) ", call("train", "--help")[1], re.MULTILINE)
    assert listed == ["text", "judge", "surrogate", "locator", "windows", "posterior", "receiver"]


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


def call_here(*arguments: str, code: int = 0) -> None:
    """Call a command in this process, so that what it trains with can be made small."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
        patch.setattr(sys, "argv", ["taskwave", *arguments])
        cli.main()
    assert (ended.value.code or 0) == code


def test_a_surrogate_of_maps_trains_logs_its_validation_and_loads(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pools, "VALIDATION", 2)
    monkeypatch.setitem(MAPS, "streets", MapRecipe(Images("streets", (64, 96), 0, 2), (8, 8, 8, 8), 2, 1))
    for export, done in (("one", 0), ("two", 2)):
        call_here("train", "surrogate", "streets", "--export", export)
        told = capsys.readouterr()
        assert told.out == f"wrote {export}\n"
        assert told.err.startswith(f"map: 2 steps, {done} done, folder runs/train/surrogate/streets/map")
    call_here("train", "surrogate", "streets", "--export", "three", "--seed", "2", code=2)
    assert "was trained from something else: seed = 1 there, 2 now" in capsys.readouterr().err
    log = place / "runs/train/surrogate/streets/map/log.jsonl"
    records = [json.loads(line) for line in log.read_text().splitlines()]
    assert [record["step"] for record in records] == [2]
    assert set(records[0]) == {"step", "loss", "miou", "miou_damaged"}
    one, two = (load_task_network(place / name) for name in ("one", "two"))
    assert one.digest == two.digest and one.kinds == ("segmentation",)


@pytest.mark.slow
@pytest.mark.data
def test_windows_and_posterior_train_and_the_set_of_both_runs_in_a_scenario(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(windows, "WEIGHED", 2)
    few = ("--steps", "2", "--scenes", "4", "--threads", "1")
    for part, before in (("windows", ()), ("posterior", ("set/windows",))):
        call_here("train", part, *before, "--export", f"set/{part}", *few)
        told = capsys.readouterr()
        assert told.out == f"wrote set/{part}\n" and "drawing 4 street scenes" in told.err
        assert told.err.startswith(f"{part}: 2 steps, 0 done, folder runs/train/{part}")
        assert f"{part} validated at step 2" in told.err and "%|" not in told.err and "Warning" not in told.err
    call_here("train", "posterior", "set/windows", "--export", "again", *few)
    assert "2 steps, 2 done" in capsys.readouterr().err
    assert folder_digest(place / "again") == folder_digest(place / "set" / "posterior")
    call_here("train", "windows", "--export", "more", "--steps", "3", *few[2:], code=2)
    assert "steps = 2 there, 3 now" in capsys.readouterr().err
    call_here("train", "posterior", str(HERE / "roads" / "windows"), "--export", "other", *few, code=2)
    assert "was trained from something else: source = " in capsys.readouterr().err
    assert set(load_models("set").digests) == {"windows", "posterior", "locator", "surrogate", "text"}
    code, _, err = call(
        *("run", "quickstart", "--set", "weights=set", "--set", "images.count=1", "--set", "sweep.es_n0_db=[10]"),
        *("--set", "sweep.budgets=[800]", "--out", "run"),
    )
    assert code == 0 and (place / "run" / "records.parquet").is_file(), err
    assert "%|" not in err and "Warning" not in err
