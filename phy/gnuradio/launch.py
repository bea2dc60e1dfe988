"""Starts flowgraphs and GNU Radio's tools where they find the blocks of TaskWave."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from taskwave.phy.gnuradio.client import last_words
from taskwave.phy.gnuradio.interpreter import PARENT_VARIABLE, FlowgraphError, environment, interpreter

_EXAMPLES = Path(__file__).parent / "examples"
_COMPILE_SECONDS = 120


def bundled() -> dict[str, Path]:
    """Example flowgraphs by name."""
    return {path.stem: path for path in sorted(_EXAMPLES.glob("*.grc"))}


def run_tool(command: Sequence[str]) -> int:
    """Exit status of a command of GNU Radio in its environment.

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
    """
    compiler = shutil.which("grcc")
    if compiler is None:
        raise FlowgraphError("grcc is not installed: it comes with GNU Radio (Debian: apt-get install gnuradio).")
    command = [interpreter(), compiler, "-o", str(folder), str(path)]
    try:
        done = subprocess.run(
            command, env=environment(), capture_output=True, text=True, timeout=_COMPILE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise FlowgraphError(f"grcc did not compile {path} within {_COMPILE_SECONDS} s.") from None
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
        FileNotFoundError: there is no such file.
        FlowgraphError: see `compile_graph`.
    """

    def __init__(self, path: Path, arguments: Sequence[str]) -> None:
        if not path.is_file():
            raise FileNotFoundError(f"there is no flowgraph {path}: name a .grc or .py file, or {', '.join(bundled())}")
        self._folder = tempfile.TemporaryDirectory(prefix="taskwave-")
        program = compile_graph(path, Path(self._folder.name)) if path.suffix == ".grc" else path
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
            raise FlowgraphError(f"the flowgraph ended with status {code}{last_words(self._errors)}.")

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
