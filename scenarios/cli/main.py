"""Entry point of the command `taskwave`, and what becomes of errors."""

import os
import signal
import sys
from types import FrameType

from rich.markup import escape

# Importing a file of commands adds them to the application.
from taskwave.scenarios.cli import curves, judging, live, loop, radio, results, sweeps, training
from taskwave.scenarios.cli.app import app, messages

__all__ = ["curves", "judging", "live", "loop", "main", "radio", "results", "sweeps", "training"]


def main() -> None:
    """Run the command line; an error is one message, and exit code 2 (bad input) or 1 (failure).

    SIGTERM cleans up as Ctrl-C does: processes and temporary folders go, exit code 143.
    """
    signal.signal(signal.SIGTERM, _terminate)
    if os.environ.get("TASKWAVE_TRACEBACK"):
        app()
    try:
        app()
    except (ValueError, FileNotFoundError, ModuleNotFoundError) as error:
        _fail(error, 2)
    except (OSError, RuntimeError) as error:
        _fail(error, 1)


def _terminate(number: int, frame: FrameType | None) -> None:
    """Leave by an exception, on whose way out everything is closed."""
    sys.exit(128 + number)


def _fail(error: Exception, code: int) -> None:
    messages.print(f"[bold red]error:[/bold red] {escape(str(error) or type(error).__name__)}", soft_wrap=True)
    sys.exit(code)
