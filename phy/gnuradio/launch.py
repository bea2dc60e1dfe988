"""Functions that start flowgraphs and GNU Radio's tools in an environment where they find the blocks of TaskWave."""

import os
import shlex
import shutil
import subprocess
import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from taskwave.phy.gnuradio.client import last_words
from taskwave.phy.gnuradio.interpreter import FOLDER_VARIABLE, PARENT_VARIABLE, FlowgraphError, environment, interpreter

_EXAMPLES = Path(__file__).parent / "examples"
"""Folder of the example flowgraphs."""
_COMPILE_SECONDS = 120
"""Longest time that `grcc` may take."""


def bundled() -> dict[str, Path]:
    """Return the files of the example flowgraphs by name."""
    return {path.stem: path for path in sorted(_EXAMPLES.glob("*.grc"))}


def find_flowgraph(name: str) -> Path:
    """Return the file of a flowgraph by the name of an example or its path.

    Raises:
        FileNotFoundError: there is no such file.
    """
    path = bundled().get(name, Path(name))
    if not path.is_file():
        raise FileNotFoundError(f"there is no flowgraph {path}: name a .grc or .py file, or {', '.join(bundled())}")
    return path


def split_arguments(text: str) -> list[str]:
    """Return the arguments of a flowgraph, written as for a shell.

    Raises:
        ValueError: a quotation has no end.
    """
    try:
        return shlex.split(text)
    except ValueError as error:
        raise ValueError(f"the arguments {text!r} cannot be split: {error}; write them as for a shell") from None


def run_tool(command: Sequence[str]) -> int:
    """Run a command of GNU Radio in its environment and return the exit status.

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
    # GNU Radio's scripts start with `env python3`, which may be another interpreter here.
    start = [interpreter()] if first.startswith(b"#!") and b"python" in first else []
    return subprocess.run([*start, program, *command[1:]], env=environment(), check=False).returncode


def compile_graph(path: Path, folder: Path) -> Path:
    """Compile a flowgraph of Companion with `grcc` and return the Python program.

    Args:
        path: flowgraph, a .grc file.
        folder: empty folder for the program.

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
    """Runs a flowgraph in a process of its own.

    Args:
        path: flowgraph, a .grc file or a Python program that GNU Radio made of one.
        arguments: arguments of the program, such as `--es-n0=10`.

    Raises:
        FileNotFoundError: there is no such file.
        FlowgraphError: there is no GNU Radio, or `grcc` fails.
    """

    def __init__(self, path: Path, arguments: Sequence[str]) -> None:
        path = find_flowgraph(str(path))
        self._folder = tempfile.TemporaryDirectory(prefix="taskwave-")
        program = compile_graph(path, Path(self._folder.name)) if path.suffix == ".grc" else path
        self._errors = (Path(self._folder.name) / "errors").open("w+b")
        self._process = subprocess.Popen(
            [interpreter(), "-u", str(program), *arguments],
            env={**environment(), PARENT_VARIABLE: str(os.getpid()), FOLDER_VARIABLE: self._folder.name},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
            start_new_session=True,
        )
        self._finalizer = weakref.finalize(self, _end, self._process, self._errors, self._folder)

    @property
    def pid(self) -> int:
        """Id of the process."""
        return self._process.pid

    def check(self) -> None:
        """Check that the process still runs.

        Raises:
            FlowgraphError: it has ended.
        """
        code = self._process.poll()
        if code is not None:
            said = last_words(self._errors)
            remedy = (
                "" if "platform plugin" not in said else " Its windows need a display: set DISPLAY, or name another."
            )
            raise FlowgraphError(f"the flowgraph ended with status {code}{said}.{remedy}")

    def close(self) -> None:
        """End the process and remove its files."""
        self._finalizer()


def _end(process: "subprocess.Popen[bytes]", errors: IO[bytes], folder: "tempfile.TemporaryDirectory[str]") -> None:
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    errors.close()
    folder.cleanup()
