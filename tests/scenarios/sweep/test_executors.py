"""Interrupts end a sweep wherever they fall."""

import os
import signal
import sys

import pytest

from taskwave.scenarios.sweep.executors import interrupts_kept


class Interrupting:
    """Interrupts the process when it is forgotten."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupt_that_falls_into_a_destructor_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        dropped = list[object]()
        monkeypatch.setattr(sys, "unraisablehook", dropped.append)
        with interrupts_kept() as check:
            check()
            Interrupting()
            assert not dropped, "nobody is told of it"
            with pytest.raises(KeyboardInterrupt):
                check()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        assert sys.unraisablehook == dropped.append
    finally:
        signal.signal(signal.SIGINT, before)


def test_where_interrupts_are_ignored_they_stay_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interrupts_kept() as check:
            Interrupting()
            check()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
