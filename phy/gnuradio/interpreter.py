"""GNU Radio's own Python interpreter, and the environment in which it finds TaskWave."""

import hashlib
import os
import shutil
from pathlib import Path
from types import ModuleType

import taskwave

INTERPRETER_VARIABLE = "TASKWAVE_GNURADIO_PYTHON"
"""Environment variable with the name or path of the Python interpreter that has GNU Radio."""
DEFAULT_INTERPRETER = "/usr/bin/python3"
"""Interpreter that is used where the variable is not set."""
PARENT_VARIABLE = "TASKWAVE_PARENT"
"""Environment variable with the id of the process that the blocks of a flowgraph must not outlive."""
BLOCKS = Path(__file__).parent / "grc"
"""Folder with the descriptions of the blocks for Companion."""


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
