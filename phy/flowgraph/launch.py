"""Starts flowgraphs and GNU Radio's tools where they find the blocks of TaskWave."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import taskwave
from taskwave.phy.flowgraph.client import FlowgraphError, interpreter

_HERE = Path(__file__).parent
_COMPILE_SECONDS = 120
PARENT_VARIABLE = "TASKWAVE_PARENT"
"""Tells the blocks of a flowgraph which process they must not outlive."""


def bundled() -> dict[str, Path]:
    """Example flowgraphs by name."""
    return {path.stem: path for path in sorted((_HERE / "examples").glob("*.grc"))}


def environment() -> dict[str, str]:
    """Environment in which GNU Radio finds blocks and modules of TaskWave, and nothing else of this interpreter's.

    A folder that holds one link to the package goes on the module path: the packages beside it are built for another
    NumPy than GNU Radio's.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "taskwave" / "gnuradio"
    package = Path(str(taskwave.__file__)).parent.resolve()
    link = cache / "taskwave"
    if not (link.is_symlink() and link.resolve() == package):
        cache.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(package)
    values = dict(os.environ)
    for name, path in (("GRC_BLOCKS_PATH", _HERE / "grc"), ("PYTHONPATH", cache)):
        values[name] = os.pathsep.join(part for part in (str(path), values.get(name)) if part)
    return values


def run_tool(command: Sequence[str]) -> int:
    """Exit status of a command of GNU Radio in `environment`.

    Raises:
        FlowgraphError: there is no such command.
    """
    if command[0] in ("python", "python3"):
        return subprocess.run([interpreter(), *command[1:]], env=environment(), check=False).returncode
    program = shutil.which(command[0])
    if program is None:
        raise FlowgraphError(f"there is no command {command[0]}: install GNU Radio (Debian: apt-get install gnuradio).")
    with Path(program).open("rb") as file:
        first = file.readline()
    # Its scripts start with `env python3`, which may be another interpreter here.
    start = [interpreter()] if first.startswith(b"#!") and b"python" in first else []
    return subprocess.run([*start, program, *command[1:]], env=environment(), check=False).returncode


def compile_graph(path: Path, folder: Path) -> Path:
    """The Python program that `grcc` makes of a flowgraph of Companion.

    Raises:
        FlowgraphError: there is no grcc, or it fails.
        FileNotFoundError: there is no such flowgraph.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no flowgraph {path}: name a .grc file or one of {', '.join(bundled())}")
    compiler = shutil.which("grcc")
    if compiler is None:
        raise FlowgraphError("grcc is not installed: it comes with GNU Radio (Debian: apt-get install gnuradio).")
    command = [interpreter(), compiler, "-o", str(folder), str(path)]
    done = subprocess.run(
        command, env=environment(), capture_output=True, text=True, timeout=_COMPILE_SECONDS, check=False
    )
    made = list(folder.glob("*.py"))
    if done.returncode or len(made) != 1:
        said = (done.stdout + done.stderr).strip().splitlines()
        raise FlowgraphError(f"grcc cannot compile {path}: {said[-1][:300] if said else 'it said nothing'}")
    return made[0]


class RunningFlowgraph:
    """A flowgraph in a process of its own.

    Args:
        path: a .grc file, or a Python program that GNU Radio made of one.
        arguments: for the program, as `--es-n0=10`.

    Raises:
        FlowgraphError, FileNotFoundError: see `compile_graph`.
    """

    def __init__(self, path: Path, arguments: Sequence[str]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="taskwave-")
        program = compile_graph(path, Path(self._folder.name)) if path.suffix == ".grc" else path
        if not program.is_file():
            raise FileNotFoundError(f"there is no flowgraph {program}")
        self._errors = (Path(self._folder.name) / "errors").open("w+b")
        self._process = subprocess.Popen(
            [interpreter(), "-u", str(program), *arguments],
            env={**environment(), PARENT_VARIABLE: str(os.getpid())},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def check(self) -> None:
        """Raise `FlowgraphError` when the process has ended."""
        code = self._process.poll()
        if code is not None:
            self._errors.seek(0)
            lines = self._errors.read().decode(errors="replace").strip().splitlines()
            said = f" ({lines[-1][:300]})" if lines else ""
            raise FlowgraphError(f"the flowgraph ended with status {code}{said}.")

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()
        self._folder.cleanup()
