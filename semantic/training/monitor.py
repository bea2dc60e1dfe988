"""What a training tells about its progress while it runs, and signals that wait for the end of a step."""

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType


class Monitor:
    """Follows the progress of a training; this one shows nothing, subclasses show what they like."""

    def note(self, text: str) -> None:
        """Take one line about what was found or done."""

    def begin(self, name: str, total: int, done: int = 0) -> None:
        """Take the name of a piece of work, the number of its steps or images, and how many of them are done."""

    def advance(self, done: int, loss: float | None = None) -> None:
        """Take the number of steps or images done so far and the loss of the last one, where there is one."""

    def validated(self, record: dict[str, float]) -> None:
        """Take the step, the mean loss since the last validation and the metrics of the validation."""

    def end(self) -> None:
        """Learn that the piece of work is done."""


@contextmanager
def signals_held() -> Generator[None]:
    """Hold SIGINT and SIGTERM back within the block, and deliver them at its end to whoever handled them before.

    So a step is done wholly or not at all. Outside the main thread, where no signal arrives, it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    def remember(number: int, _: FrameType | None) -> None:
        came.append(number)

    before = {int(number): signal.signal(number, remember) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for number in came:
            signal.raise_signal(number)
