"""Style, types and layers are tests like any other."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def _run(*command: str) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_finds_nothing() -> None:
    _run(sys.executable, "-m", "ruff", "check", "--no-cache", ".")


@pytest.mark.slow
def test_types_are_right() -> None:
    _run(sys.executable, "-m", "mypy")


def test_layers_are_kept() -> None:
    """Scenarios drive links, links join phy and semantic, and these two know nothing of each other."""
    _run(str(Path(sys.executable).parent / "lint-imports"))
