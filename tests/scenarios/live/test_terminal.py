"""Tests of the terminal of the live link: what is typed becomes lines, and no line cuts up another."""

import os
import pty
import select
import subprocess
import sys
import termios
import time

import pytest

from taskwave.scenarios.live.terminal import MOST_CHARACTERS, LineEditor


def texts(editor: LineEditor, data: bytes) -> list[str]:
    return [str(line) for line in editor.feed(data)]


@pytest.mark.parametrize("keys", [True, False])
def test_lines_come_whole_however_they_are_cut(keys: bool) -> None:
    data = "cars\nsigns and pöles\n\nlast".encode()
    for size in (1, 2, 3, len(data)):
        editor, lines = LineEditor(keys=keys), []
        for start in range(0, len(data), size):
            lines += editor.feed(data[start : start + size])
        assert lines == ["cars", "signs and pöles", ""]
        assert editor.rest() == ["last"]
        assert editor.rest() == []


@pytest.mark.parametrize("keys", [True, False])
def test_lines_that_are_no_text_are_told(keys: bool) -> None:
    editor = LineEditor(keys=keys)
    undecodable, good = texts(editor, b"ab\xff\xfe\ncars\n")
    assert undecodable == "a line that is no UTF-8 (byte 2 is 0xff): type text"
    assert good == "cars"
    assert texts(editor, b"x" * MOST_CHARACTERS + b"\n") == ["x" * MOST_CHARACTERS]
    long, longer = texts(editor, b"x" * (MOST_CHARACTERS + 1) + b"\n" + b"x" * 100_000 + b"\n")
    assert long.startswith(f"a line of {MOST_CHARACTERS + 1} characters: at most {MOST_CHARACTERS}")
    assert longer.startswith("a line of 100000 bytes")
    assert len(editor.typed) == 0


def test_control_characters_are_told_where_no_key_sent_them() -> None:
    assert texts(LineEditor(keys=False), b"a\x1b[31mb\nc\r\n") == ["a line with control characters: type text", "c"]


def test_keys_edit_the_line() -> None:
    editor = LineEditor(keys=True)
    assert texts(editor, "caö\x7f\x7far\x1b[D\x1b[3~\x1bOAs\r".encode()) == ["cars"]
    assert texts(editor, b"nonsense\x15signs\r") == ["signs"]
    assert not editor.ended
    editor.feed(b"\x04")
    assert editor.ended


PROGRAM = """
import queue, time
from rich.console import Console
from taskwave.scenarios.live.terminal import Terminal
prompts = queue.SimpleQueue()
terminal = Terminal(prompts, Console(highlight=False), Console(stderr=True, highlight=False))
terminal.note("ready")
terminal.note("typed " + repr(prompts.get()))
terminal.close()
print("closed")
"""


def read_until(fd: int, words: bytes, seconds: float = 20) -> bytes:
    seen, deadline = b"", time.monotonic() + seconds
    while words not in seen and time.monotonic() < deadline:
        if select.select([fd], [], [], 0.5)[0]:
            seen += os.read(fd, 4096)
    assert words in seen, seen
    return seen


def test_a_line_above_what_is_typed_does_not_cut_it_up() -> None:
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    program = PROGRAM.replace('terminal.note("ready")', """terminal.note("ready")
while terminal._editor.typed != "signs": time.sleep(0.01)
terminal.note("joined")""")  # fmt: skip
    # A session of its own, whose terminal is the one made here.
    own = "import fcntl, os, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0)"
    process = subprocess.Popen(
        [sys.executable, "-c", own + program],
        stdin=slave, stdout=slave, stderr=slave, env={**os.environ, "TERM": "xterm", "COLUMNS": "80"},
    )  # fmt: skip
    read_until(master, b"ready")
    os.write(master, b"signs")
    read_until(master, b"\r\x1b[Kjoined\r\n\r\x1b[Ksigns")
    os.write(master, b"\n")
    assert b"typed 'signs'" in read_until(master, b"closed")
    assert process.wait(20) == 0
    assert termios.tcgetattr(slave) == before
    os.close(master)
    os.close(slave)


def test_a_pipe_is_read_to_its_end() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], input=b"cars", capture_output=True, check=True)
    assert b"typed 'cars'" in done.stderr
    assert done.stdout == b"closed\n"
