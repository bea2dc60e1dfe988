"""Tests of the commands on GNU Radio: what they refuse at once, and what they leave behind when they are ended."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

TASKWAVE = str(Path(sys.executable).parent / "taskwave")


def taskwave(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TASKWAVE, *arguments], env={**os.environ, **variables}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


NEEDS = [("radio", "nowhere"), ("loopback", "gnuradio"), ("run", "gnuradio"), ("grc", "python3")]


@pytest.mark.parametrize("command", NEEDS, ids=lambda command: command[0])
def test_a_missing_gnu_radio_is_told_before_torch_is_loaded(command: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("raise SystemExit('torch was loaded')")
    told = taskwave(*command, TASKWAVE_GNURADIO_PYTHON=sys.executable, PYTHONPATH=str(tmp_path))
    assert told.returncode == 1
    (line,) = told.stderr.splitlines()
    assert "gnuradio is missing" in line
    assert "apt-get install gnuradio" in line


@pytest.mark.parametrize("command", NEEDS[:3], ids=lambda command: command[0])
def test_a_missing_pyzmq_is_told_before_torch_is_loaded(command: tuple[str, str], tmp_path: Path) -> None:
    for name, code in (("torch", "raise SystemExit('torch was loaded')"), ("zmq", "raise ImportError('none')")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(code)
    told = taskwave(*command, PYTHONPATH=str(tmp_path))
    assert told.returncode == 1
    assert told.stderr == "error: pyzmq is not installed: pip install 'taskwave[gnuradio]' to use GNU Radio.\n"


@pytest.mark.gnuradio
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--listen", "nowhere"], "'nowhere' is no address of a socket"),
        (["--listen", "tcp://127.0.0.1:99999"], "ports are 1 to 65535"),
        (["--flowgraph", "nothing"], "there is no flowgraph nothing: name a .grc or .py file, or loopback"),
        (["--arguments", "'"], "cannot be split: No closing quotation"),
        (["--record", "/nowhere/x"], "/nowhere is no folder"),
    ],
)
def test_wrong_options_are_told(options: list[str], words: str) -> None:
    told = taskwave("radio", "images", *options)
    assert told.returncode == 2
    (line,) = told.stderr.splitlines()
    assert words in line


@pytest.mark.gnuradio
def test_options_after_a_command_are_its_own() -> None:
    compiler = taskwave("grc", "grcc", "--help")
    assert compiler.returncode == 0
    assert "Compile a GRC file" in compiler.stdout
    python = taskwave("grc", "python3", "-c", "import sys; print(sys.argv)", "--help", "--set", "-x")
    assert python.stdout == "['-c', '--help', '--set', '-x']\n"
    assert "gnuradio-companion" in taskwave("grc", "--help").stdout


@pytest.mark.gnuradio
@pytest.mark.slow
@pytest.mark.parametrize(
    ("device", "words"),
    [
        ("uhd:serial=none", "uhd:serial=none cannot be used"),
        ("uhd:nothing", "its arguments are KEY=VALUE"),
        ("soapy:driver=none", "soapy:driver=none cannot be used"),
        ("sigmf:/nowhere/x", "no recording /nowhere/x.sigmf-data"),
        ("zmq:nowhere", "'nowhere' is no address of a socket"),
        ("usrp", "there is no radio 'usrp'"),
    ],
)
def test_a_station_without_its_radio_ends_with_one_line(device: str, words: str, tmp_path: Path) -> None:
    example = Path(__file__).parents[3] / "phy" / "gnuradio" / "examples" / "radio_transmitter.grc"
    assert taskwave("grc", "grcc", "-o", str(tmp_path), str(example)).returncode == 0
    program = str(tmp_path / "taskwave_radio_transmitter.py")
    record = f"--tx-device=sigmf:{tmp_path}/sent"
    ended = taskwave("grc", "python3", program, record, f"--rx-device={device}")
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert words in ended.stderr.splitlines()[-1]
    assert ended.stderr.splitlines()[-1].startswith("error: ")
    assert not list(tmp_path.glob("*.sigmf*"))


def leftovers(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name.startswith("taskwave-")]


def users(folder: Path) -> list[str]:
    """Return the commands of processes that have `folder` in their arguments."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in command:
            found.append(command)
    return found


@pytest.mark.gnuradio
@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("command", ["radio", "run", "loopback"])
def test_nothing_stays_behind(how: signal.Signals, command: str, tmp_path: Path) -> None:
    temporary, images = tmp_path / "tmp", tmp_path / "images"
    for folder in (temporary, images):
        folder.mkdir()
    Image.effect_noise((256, 192), 60).save(images / "0.png")
    arguments = {
        "radio": [str(images), "--listen", f"ipc://{tmp_path}/engine", "--set", 'sweep.links=["jpeg"]'],
        "run": ["gnuradio", "--out", str(tmp_path / "run"), "--set", 'sweep.links=["jpeg"]'],
        "loopback": ["gnuradio", "--out", str(tmp_path / "loopback")],
    }[command]
    process = subprocess.Popen(
        [TASKWAVE, command, *arguments], env={**os.environ, "TMPDIR": str(temporary)},
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not leftovers(temporary) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert leftovers(temporary)
    time.sleep(4)  # Its flowgraph or worker has started.
    process.send_signal(how)
    _, err = process.communicate(timeout=60)
    assert process.returncode == (143 if how == signal.SIGTERM else -signal.SIGKILL)
    assert b"Traceback" not in err
    deadline = time.monotonic() + 15
    while (leftovers(temporary) or users(temporary)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert leftovers(temporary) == []
    assert users(temporary) == []
