"""The command line: exit codes, messages without tracebacks, figures and tables from records."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from taskwave.scenarios.cli.app import COMMANDS
from taskwave.scenarios.sweep.records import read_records
from taskwave.scenarios.sweep.store import PointStore
from taskwave.semantic.codec.windows import WindowCode
from taskwave.semantic.diffusion.posterior import WindowPosterior
from taskwave.semantic.judges import ocr
from taskwave.semantic.weights import save_network


@pytest.fixture
def file(toys: ModuleType, tmp_path: Path) -> Path:
    path = tmp_path / "toy.toml"
    path.write_text(toys.SCENARIO)
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save untrained networks of the real formats, as small as they get."""
    folder = tmp_path_factory.mktemp("weights") / "tiny"
    save_network(WindowCode(symbols=48, widths=(8, 8, 8)), folder / "windows")
    save_network(WindowPosterior(widths=(8, 8, 8)), folder / "posterior")
    return folder


def test_list_shows_scenarios_and_links(call) -> None:
    code, out, _ = call("list")
    assert code == 0
    assert all(name in out for name in ("quickstart", "camvid-cdl", "task-adaptive-uniform", "ideal-avif"))


def test_help_lists_the_commands_in_the_order_of_the_work(call) -> None:
    code, out, _ = call("--help")
    assert code == 0
    listed = [line.split()[1] for line in out.splitlines() if line.startswith("│ ") and line[2] != " "]
    assert [name for name in listed if not name.startswith("--")] == list(COMMANDS)


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["train", "windows", "--help"]])
def test_help_waits_for_no_torch(arguments: list[str]) -> None:
    script = (
        "import sys\nfrom taskwave.scenarios.cli.main import main\ntry:\n    main()\nexcept SystemExit as ended:\n"
        "    sys.exit(ended.code or 3 * bool({'torch', 'pandas', 'matplotlib', 'tensorflow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script, *arguments], check=False, timeout=60, capture_output=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("check", "nothing-like-it"), "neither a file nor a built-in"),
        (("run", "FILE", "--set", "sweep.es_n0_db=[nan]"), "sweep.es_n0_db[0] = nan"),
        (("run", "FILE", "--set", "weights=/no/such/weights"), "/no/such/weights"),
        (("run", "FILE", "--set", "images.source=camvid", "--set", "images.folder=/nowhere"), "/nowhere"),
        (("plot", "/no/such/run"), "taskwave run"),
        (("download", "imagenet", "--to", "/tmp"), "camvid"),
    ],
)
def test_bad_input_is_one_message_and_exit_code_2(
    call, file: Path, weights: Path, arguments: tuple[str, ...], told: str
) -> None:
    given = [str(file) if argument == "FILE" else argument for argument in arguments]
    if "run" in given and "weights=" not in given[-1]:
        given += ["--set", f"weights={weights}"]
    code, out, err = call(*given)
    status, found, said = err.partition("error:")
    assert code == 2 and found and told in said, err
    assert all(line.endswith("…") for line in status.splitlines()), err
    assert not out


def test_an_unknown_option_is_exit_code_2(call) -> None:
    assert call("run", "quickstart", "--sett", "a=1")[0] == 2


def test_damaged_weights_are_exit_code_2(call, file: Path, weights: Path, tmp_path: Path) -> None:
    import shutil  # noqa: PLC0415

    folder = Path(shutil.copytree(weights, tmp_path / "cut"))
    (network,) = (folder / "windows").glob("*.safetensors")
    network.write_bytes(network.read_bytes()[:-100])
    code, _, err = call("check", file, "--set", f"weights={folder}")
    assert code == 2 and str(folder) in err and "truncated" in err


def test_a_missing_extra_is_exit_code_2(call, file: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ocr, "find_spec", lambda name: None)
    code, _, err = call("check", file, "--set", f"weights={weights}", "--set", "judge=rapidocr")
    assert code == 2 and "pip install 'taskwave[ocr]'" in err


def test_rates_are_ordered_and_drawn(call, file: Path, tmp_path: Path) -> None:
    small = ["--set", "sweep.es_n0_db=[0,10]", "--set", "sweep.budgets=[300,900]"]
    code, out, _ = call("rates", str(file), "--out", str(tmp_path / "rates"), *small)
    assert code == 0, out
    table = pd.read_csv(tmp_path / "rates" / "rates.csv")
    assert list(table["budget"]) == [300, 300, 900, 900]
    assert bool((table["nr"] < table["finite"]).all())
    assert bool((table["finite"] < table["capacity"] * 1.02).all())
    assert bool((table["nr"] > 0).any())
    assert (tmp_path / "rates" / "rates.png").stat().st_size > 10_000


def test_run_writes_records_tables_and_figures(call, file: Path, weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    strip = "strip={es_n0_db=0, budget=200, link='toy', baseline='toy-twin', task='cars', images=2}"
    arguments = ("run", file, "--set", f"weights={weights}", "--set", strip, "--out", out)
    code, text, err = call(*arguments, "--profile")
    assert code == 0, err
    assert "16 points computed, 0 were on disk" in text and "Task accuracy: mean of tasks" in text
    assert "phy.links.open_loop.OpenLoopLink.send" in text
    assert err.count("skipped: toy at a budget of 50 (every SNR)") == 1
    for name in ("records.csv", "accuracy.csv", "accuracy-vs-snr.png", "accuracy-vs-bandwidth.png", "strip.png"):
        assert (out / name).is_file() and name in text
    code, text, _ = call(*arguments)
    assert code == 0 and "0 points computed, 16 were on disk" in text


def test_a_run_in_which_nothing_works_says_so(call, file: Path, weights: Path, tmp_path: Path) -> None:
    budget = ("--set", "sweep.budgets=[50]", "--set", "sweep.es_n0_db=[0]", "--set", "images.count=1")
    code, _, err = call("run", file, *budget, "--set", f"weights={weights}", "--out", tmp_path / "out")
    assert code == 2 and "raise sweep.budgets" in err


@pytest.mark.slow
def test_ctrl_c_keeps_finished_points_and_a_rerun_continues(
    call, toys: ModuleType, file: Path, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    monkeypatch.setenv("PYTHONPATH", str(Path(toys.__file__).parent))
    grid = ["--set", "images.count=16", "--set", "images.batch=1"]  # 128 points
    arguments = ["run", str(file), "--set", f"weights={weights}", *grid, "--out", str(out)]
    script = "from taskwave.scenarios.cli.main import main; main()"
    # A shell that starts the tests in the background has SIGINT ignored, which children inherit.
    script = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); " + script
    process = subprocess.Popen([sys.executable, "-c", script, *arguments], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 500
    while process.poll() is None and time.monotonic() < deadline and len(list(out.glob("points/*.parquet"))) < 9:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=200)
    assert process.returncode == 130 and "to continue" in err and "Traceback" not in err
    finished = len(list(out.glob("points/*.parquet")))
    assert 9 <= finished < 128 and len(read_records(out)) > 0
    code, text, _ = call(*arguments)
    assert code == 0 and f"{128 - finished} points computed, {finished} were on disk" in text


def test_a_full_disk_is_one_message_and_leaves_finished_points_readable(tmp_path: Path) -> None:
    """Limit files to 8 KB, so that the operating system fails the write as it does on a full disk."""
    script = f"""
import resource
from pathlib import Path
from taskwave.phy.files import StorageError
from taskwave.scenarios.sweep.records import SCHEMA
from taskwave.scenarios.sweep.store import PointStore
row = dict.fromkeys(SCHEMA.names) | {{"link": "a"}}
store = PointStore(Path({str(tmp_path)!r}))
resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
store.put("small", [row], {{}})
try:
    store.put("large", [row | {{"asked": f"{{i * 7919 % 10007}}"}} for i in range(20000)], {{}})
except StorageError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "large.parquet: cannot be written" in done.stdout and "make room" in done.stdout
    store = PointStore(tmp_path)
    assert store.has("small") and not store.has("large") and store.get("small").num_rows == 1
    assert not list(tmp_path.rglob("*.partial"))
