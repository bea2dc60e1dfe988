"""The command line, called in this process."""

import sys
from pathlib import Path

import pytest

from taskwave.scenarios.cli import main as cli


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Call a command; return its exit code, standard output and standard error, which hold no traceback."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["taskwave", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "200")
        with pytest.raises(SystemExit) as caught:
            cli.main()
        written = capsys.readouterr()
        assert "Traceback" not in written.err
        return int(caught.value.code or 0), written.out, written.err

    return run
