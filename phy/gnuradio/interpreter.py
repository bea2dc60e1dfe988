"""GNU Radio's own Python interpreter, and the environment in which it finds TaskWave."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import taskwave

INTERPRETER_VARIABLE = "TASKWAVE_GNURADIO_PYTHON"
"""Environment variable with the name or path of the Python interpreter that has GNU Radio."""
DEFAULT_INTERPRETER = "/usr/bin/python3"
"""Interpreter that is used where the variable is not set."""
PARENT_VARIABLE = "TASKWAVE_PARENT"
"""Environment variable with the id of the process that the blocks of a flowgraph must not outlive."""
FOLDER_VARIABLE = "TASKWAVE_FOLDER"
"""Environment variable with the temporary folder of a flowgraph, which its blocks remove if that process is killed."""
BLOCKS = Path(__file__).parent / "grc"
"""Folder with the descriptions of the blocks for Companion."""

_HARDWARE = ("uhd", "soapy")
"""Modules of GNU Radio that radios need, which are also the first words of their names."""
_PACKAGES = {"zmq": "python3-zmq", **dict.fromkeys(("gnuradio", "gnuradio.uhd", "gnuradio.soapy"), "gnuradio")}
"""Debian's packages of modules."""
_DEBIAN = Path("/usr/lib/python3/dist-packages")
"""Folder of the modules that Debian installs for that interpreter, which need not be asked where they are all there."""
_PROBE_SECONDS = 20.0
"""Longest time that the interpreter may take to look for modules."""


class FlowgraphError(RuntimeError):
    """Raised when GNU Radio is missing, a flowgraph is gone, or it does not answer."""


def interpreter() -> str:
    """Return the path of the Python interpreter that runs GNU Radio.

    Raises:
        FlowgraphError: it does not exist.
    """
    name = os.environ.get(INTERPRETER_VARIABLE, DEFAULT_INTERPRETER)
    path = shutil.which(name)
    if path is None:
        raise FlowgraphError(
            f"there is no Python interpreter {name} for GNU Radio: set {INTERPRETER_VARIABLE} to the one that can "
            "`import gnuradio`."
        )
    return path


def environment() -> dict[str, str]:
    """Return an environment in which GNU Radio finds the blocks and modules of TaskWave, but no other package.

    A folder that holds one symbolic link to the package goes on the module path, since the packages beside it are built
    for another NumPy than GNU Radio's.
    """
    package = Path(str(taskwave.__file__)).parent.resolve()
    name = hashlib.sha256(str(package).encode()).hexdigest()[:12]
    folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "taskwave" / "gnuradio" / name
    if not (folder / "taskwave").exists():
        folder.mkdir(parents=True, exist_ok=True)
        # The link is made aside and moved into place, since several processes may do this at once.
        fresh = folder / f"{os.getpid()}.new"
        fresh.symlink_to(package)
        fresh.replace(folder / "taskwave")
    values = dict(os.environ)
    for variable, path in (("GRC_BLOCKS_PATH", BLOCKS), ("PYTHONPATH", folder)):
        values[variable] = os.pathsep.join(part for part in (str(path), values.get(variable)) if part)
    return values


def check_installed(devices: str = "") -> None:
    """Check quickly that GNU Radio and what goes with it are installed where it runs, before anything else is loaded.

    Args:
        devices: text that may name radios, such as the arguments of a flowgraph; theirs are checked, too.

    Raises:
        FlowgraphError: something is missing; the message has the remedy.
    """
    needed = ["gnuradio", "zmq", *(f"gnuradio.{name}" for name in _HARDWARE if f"{name}:" in devices)]
    python = interpreter()
    if python == DEFAULT_INTERPRETER and all((_DEBIAN / name.replace(".", "/")).is_dir() for name in needed):
        return
    code = f"import importlib.util as u; print(*(m for m in {needed!r} if u.find_spec(m.split('.')[0]) is None"
    code += " or u.find_spec(m) is None))"
    try:
        done = subprocess.run(
            [python, "-c", code], env=environment(), capture_output=True, text=True, timeout=_PROBE_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FlowgraphError(f"{python} cannot be started: {error}; set {INTERPRETER_VARIABLE}.") from None
    if done.returncode:
        raise FlowgraphError(
            f"{python} is no Python interpreter for GNU Radio: asked for modules it ended with status "
            f"{done.returncode}; set {INTERPRETER_VARIABLE} to the one that can `import gnuradio`."
        )
    missing = done.stdout.split()
    if missing:
        packages = sorted({_PACKAGES[name] for name in missing})
        raise FlowgraphError(
            f"GNU Radio does not run under {python}: {', '.join(missing)} is missing. Install it (Debian: apt-get "
            f"install {' '.join(packages)}), or set {INTERPRETER_VARIABLE} to the interpreter that can import it."
        )


def import_zmq() -> ModuleType:
    """Import ZeroMQ's module, which comes with an extra, and return it.

    Raises:
        FlowgraphError: it is not installed.
    """
    try:
        import zmq  # noqa: PLC0415 - comes with an extra
    except ImportError:
        raise FlowgraphError("pyzmq is not installed: pip install 'taskwave[gnuradio]' to use GNU Radio.") from None
    return zmq
