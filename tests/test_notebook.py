"""The notebook of first steps runs as it stands, and what it shows is what the code gives."""

from pathlib import Path

import nbclient
import nbformat
import pytest

PAGE = Path(__file__).parents[1] / "docs" / "first-steps.ipynb"


def _kinds(cell: nbformat.NotebookNode) -> list[list[str]]:
    """Return what kinds of results a cell shows; progress, which depends on the clock, is none."""
    return [sorted(output["data"]) for output in cell.get("outputs", ()) if output["output_type"] == "execute_result"]


@pytest.mark.slow
def test_the_first_steps_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    stored = nbformat.read(PAGE, as_version=4)
    again = nbformat.read(PAGE, as_version=4)
    nbclient.NotebookClient(again, timeout=600, kernel_name="python3").execute()
    for before, after in zip(stored.cells, again.cells, strict=True):
        assert _kinds(before) == _kinds(after), before.source
