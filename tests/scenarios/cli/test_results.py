"""The command `show`: what a stored run is, what made it and how to repeat it."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

from taskwave.scenarios.cli import main as cli
from taskwave.scenarios.config import loading
from taskwave.scenarios.sweep import runner
from taskwave.scenarios.sweep.evaluation import Evaluator
from taskwave.scenarios.sweep.grids import GRIDS, SCENARIO_FILE
from taskwave.scenarios.sweep.provenance import PROVENANCE
from taskwave.scenarios.sweep.records import read_records


@pytest.fixture
def run(toys: ModuleType, tmp_path: Path) -> Path:
    (tmp_path / "toy.toml").write_text(toys.SCENARIO)
    for append, grid in enumerate(([], ["sweep.es_n0_db=[10]", "sweep.budgets=[300]"])):
        evaluator = Evaluator(loading.load(str(tmp_path / "toy.toml"), grid), toys.Models())
        runner.run(evaluator, tmp_path / "out", lambda done, total, point: None, append=bool(append))
    return tmp_path / "out"


def _show(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["taskwave", "show", str(folder)])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    written = capsys.readouterr()
    return int(caught.value.code or 0), written.out, written.err


def test_show_tells_everything_of_a_copied_run(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = Path(shutil.copytree(run, tmp_path / "a copy"))
    shutil.rmtree(run)
    code, out, err = _show(copy, monkeypatch, capsys)
    assert code == 0, err
    told = " ".join(out.split())
    for text in (
        "toy: toy links",
        "points 20 of 20",
        "records 36",
        "toy (semantic), toy-twin (bitwise)",
        "car ('cars'), road+pavement ('road and pavement')",
        "awgn, 1x1, layers: 1",
        "SNRs [dB] -20, 0, 10",
        "budgets 200, 300",
        "images 3 in 3 groups, split test",
        "seed 7",
        "TaskWave 0.1.0",
        "code of toy",
        "torch 2.",
        "Session 2",
    ):
        assert text in told, text
    commands = [line.split(maxsplit=1)[1] for line in out.splitlines() if "taskwave run" in line]
    assert [shlex.split(command)[-1] == "--append" for command in commands] == [False, True]
    again = [loading.load(shlex.split(command)[2]).sweep.es_n0_db for command in commands]
    assert again == [(-20, 0), (10,)], "the command lines name scenarios that can be run"


def test_show_reads_provenance_from_the_records_alone(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in (PROVENANCE, SCENARIO_FILE, f"points/{GRIDS}", "scenario.toml", "scenario-2.toml"):
        (run / name).unlink()
    code, out, err = _show(run, monkeypatch, capsys)
    assert code == 0 and "toy: toy links" in out and "Made by" in out and "no scenario.toml" in out, err
    code, _, err = _show(tmp_path / "nowhere", monkeypatch, capsys)
    assert code == 2 and "taskwave run" in err


@pytest.mark.slow
def test_ctrl_c_in_a_run_of_several_jobs_keeps_finished_points(toys: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "toy.toml").write_text(toys.SCENARIO)
    out, script = tmp_path / "out", tmp_path / "script.py"
    script.write_text(
        "import signal, sys\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from pathlib import Path\nimport toy_links\n"
        "from taskwave.scenarios.config import loading\nfrom taskwave.scenarios.sweep import runner\n"
        "from taskwave.scenarios.sweep.evaluation import Evaluator\n"
        f"scenario = loading.load({str(tmp_path / 'toy.toml')!r}, ['images.count=40', 'images.batch=1'])\n"
        "evaluator = Evaluator(scenario, toy_links.Models())\n"
        f"try:\n    runner.run(evaluator, Path({str(out)!r}), lambda *_: None, jobs=2)\n"
        "except KeyboardInterrupt:\n    sys.exit('interrupted')\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(toys.__file__).parent)}
    process = subprocess.Popen(
        [sys.executable, str(script)], env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 300
    while process.poll() is None and time.monotonic() < deadline and len(list(out.glob("points/*.parquet"))) < 9:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # As a terminal does: every process of the group gets it.
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1 and err == "interrupted\n", "one exception in one process"
    finished = len(list(out.glob("points/*.parquet")))
    assert 9 <= finished < 320 and len(read_records(out)) > 0
    time.sleep(1)
    assert len(list(out.glob("points/*.parquet"))) == finished, "no process goes on"
