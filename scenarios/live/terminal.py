"""The terminal of the live link: lines that the user types, and lines for the user that do not cut them up."""

import contextlib
import os
import queue
import select
import shutil
import sys
import termios
import threading
import tty

from rich.console import Console

MOST_CHARACTERS = 1000
"""Most characters of a line that is taken for a task."""
_MOST_BYTES = 4 * MOST_CHARACTERS
"""Most bytes of a line that are kept while its end has not come."""
_ESCAPE, _ERASE, _KILL, _END_OF_INPUT = 0x1B, (0x08, 0x7F), 0x15, 0x04
"""Bytes of keys that edit a line in a terminal: Escape, Backspace, Ctrl-U, Ctrl-D."""


class LineEditor:
    """Makes lines of bytes as they come from a keyboard, a pipe or a file.

    Args:
        keys: whether keys such as Backspace edit the line, as a terminal does that hands on every key at once.
    """

    def __init__(self, *, keys: bool) -> None:
        self._keys, self._line, self._length = keys, bytearray(), 0
        self._escape = b""
        self.ended = False
        """Whether the user ended the input by a key."""

    @property
    def typed(self) -> str:
        """Line so far."""
        return self._line.decode(errors="replace")

    def feed(self, data: bytes) -> list[str | ValueError]:
        """Take bytes and return the lines that they complete, or for a line that is no text what is wrong with it."""
        lines: list[str | ValueError] = []
        for byte in data:
            if self._keys and self._edit(byte):
                continue
            if byte in b"\r\n" if self._keys else byte == 0x0A:
                lines.append(self._take())
                continue
            self._length += 1
            if self._length <= _MOST_BYTES:
                self._line.append(byte)
        return lines

    def rest(self) -> list[str | ValueError]:
        """Return the last line if it has no end."""
        return [self._take()] if self._length else []

    def _take(self) -> str | ValueError:
        """Return the line as text and begin the next one."""
        raw, length = bytes(self._line).removesuffix(b"\r"), self._length
        self._line.clear()
        self._length = 0
        if length > _MOST_BYTES:
            return ValueError(f"a line of {length} bytes: at most {MOST_CHARACTERS} characters make a task")
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            return ValueError(f"a line that is no UTF-8 (byte {error.start} is 0x{raw[error.start]:02x}): type text")
        if len(text) > MOST_CHARACTERS:
            return ValueError(f"a line of {len(text)} characters: at most {MOST_CHARACTERS} make a task")
        if not all(character.isprintable() or character.isspace() for character in text):
            return ValueError("a line with control characters: type text")
        return text

    def _edit(self, byte: int) -> bool:
        """Act on a key that is no text; return whether it was one."""
        if self._escape:  # The keys that move a cursor send a sequence, which ends by a letter or tilde.
            self._escape += bytes([byte])
            if len(self._escape) > 2 or byte not in b"[O":
                self._escape = b"" if 0x40 <= byte <= 0x7E or len(self._escape) > 8 else self._escape
            return True
        if byte == _ESCAPE:
            self._escape = b"\x1b"
        elif byte in _ERASE:
            while self._line and (self._line.pop() & 0xC0) == 0x80:
                pass
            self._length = len(self._line)
        elif byte == _KILL:
            self._line.clear()
            self._length = 0
        elif byte == _END_OF_INPUT:
            self.ended = not self._line
        return byte == _ESCAPE or byte in _ERASE or (byte < 0x20 and byte not in b"\r\n\t")


class Terminal:
    """Puts lines that are typed into a queue, and prints lines above the one that is being typed.

    Where standard input is a terminal, it hands on every key at once, and this class shows what is typed, so that it
    can be shown again below each line that is printed. Otherwise lines are read as they come.

    Args:
        prompts: queue for the lines.
        console: console of results.
        messages: console of states and notes.
    """

    def __init__(self, prompts: "queue.SimpleQueue[str]", console: Console, messages: Console) -> None:
        self._prompts, self._console, self._messages = prompts, console, messages
        self._lock = threading.RLock()
        self._fd, self._saved = -1, None
        with contextlib.suppress(OSError, ValueError, AttributeError):
            self._fd = sys.stdin.fileno()
        if self._fd >= 0 and self._interactive():
            self._saved = termios.tcgetattr(self._fd)
            tty.setcbreak(self._fd)
        self._editor = LineEditor(keys=self._saved is not None)
        self._wake, self._woken = os.pipe()
        self._thread = threading.Thread(target=self._read, name="keyboard", daemon=True)
        self._thread.start()

    def say(self, line: str) -> None:
        """Print a line of results."""
        self._print(self._console, line)

    def note(self, line: str) -> None:
        """Print a state or a note."""
        self._print(self._messages, line)

    def close(self) -> None:
        """Stop reading and give the terminal back as it was."""
        os.write(self._woken, b"\0")
        self._thread.join()
        if self._saved is not None:
            if self._editor.typed:
                self._raw("\r\x1b[K")
            termios.tcsetattr(self._fd, termios.TCSADRAIN, self._saved)
        os.close(self._wake)
        os.close(self._woken)

    def _interactive(self) -> bool:
        """Return whether a user at a terminal types to this process and sees its lines."""
        try:
            ours = os.tcgetpgrp(self._fd) == os.getpgrp()  # A job in the background must not touch the terminal.
        except OSError:
            return False
        return ours and os.isatty(self._fd) and self._messages.is_terminal

    def _print(self, console: Console, line: str) -> None:
        with self._lock:
            if self._saved is not None:
                self._raw("\r\x1b[K")
            console.print(line, markup=False, soft_wrap=True)
            self._show()

    def _show(self) -> None:
        """Show the line that is being typed, its end if it is wider than the terminal."""
        if self._saved is not None and (typed := self._editor.typed):
            self._raw("\r\x1b[K" + typed[-(shutil.get_terminal_size().columns - 1) :].replace("\t", " "))

    def _raw(self, text: str) -> None:
        self._messages.file.write(text)
        self._messages.file.flush()

    def _read(self) -> None:
        """Read until the input ends or the terminal is closed."""
        while self._fd >= 0:
            ready, _, _ = select.select([self._fd, self._wake], [], [])
            if self._wake in ready:
                return
            try:
                data = os.read(self._fd, 4096)
            except OSError:
                data = b""
            with self._lock:
                for line in self._editor.feed(data) if data else self._editor.rest():
                    self._take(line)
                if self._saved is not None and not self._editor.typed:
                    self._raw("\r\x1b[K")
                self._show()
            if not data or self._editor.ended:
                self.note("The input has ended: the task stays as it is.")
                return

    def _take(self, line: str | ValueError) -> None:
        if self._saved is not None:
            self._raw(f"\r\x1b[K{line if isinstance(line, str) else ''}\n")
        if isinstance(line, ValueError):
            self._console.print(f"not understood: {line}", markup=False, soft_wrap=True)
        else:
            self._prompts.put(line)
