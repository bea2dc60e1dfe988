"""What becomes of faults in a flowgraph: one line in place of a traceback. Both interpreters import this module."""

import os
import signal
import sys
from types import TracebackType

ERROR = "error: "
"""Start of the line."""


class BlockError(ValueError):
    """Raised when a block, radio, address or recording of a flowgraph cannot be used as asked."""


def install_lines() -> None:
    """Let programs that end by a `BlockError`, such as those that `grcc` makes, print one line and no traceback."""
    other = sys.excepthook

    def show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if isinstance(error, BlockError):
            print(f"{ERROR}{error}", file=sys.stderr, flush=True)
        else:
            other(kind, error, trace)

    if getattr(other, "__module__", None) != __name__:
        sys.excepthook = show


def end_flowgraph(error: Exception) -> None:
    """Print a line and end the program as its user would, from a thread in which an exception would be lost."""
    print(f"{ERROR}{error}", file=sys.stderr, flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
