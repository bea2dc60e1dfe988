"""`import taskwave` is quick and offers what it says."""

import subprocess
import sys

import pytest

import taskwave


def test_everything_offered_is_there() -> None:
    assert {"load_link", "run", "read"} <= set(dir(taskwave))
    for name in taskwave.__all__:
        assert getattr(taskwave, name) is not None


def test_other_names_are_errors_that_say_what_there_is() -> None:
    with pytest.raises(AttributeError, match="load_link"):
        _ = taskwave.load_links


def test_the_import_loads_nothing_heavy() -> None:
    code = "import sys, taskwave; print(*{'torch', 'numpy', 'pandas', 'matplotlib', 'sionna'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
