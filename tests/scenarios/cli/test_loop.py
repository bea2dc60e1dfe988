"""The commands that look into the loop: what they print and write, on two drawn streets."""

import sys
from pathlib import Path

import pandas as pd
import pytest

from taskwave.scenarios.cli import main as cli

SMALL = [
    *(
        "--set",
        "images.count=2",
        "--set",
        "images.batch=2",
        "--set",
        "sweep.es_n0_db=[10]",
        "--set",
        "sweep.budgets=[900]",
    ),
    *("--set", 'tasks=["which traffic signs are there?", "how many traffic signs are there?"]'),
]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Run a command in a folder of its own and return its exit code."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["taskwave", *arguments])
        try:
            cli.main()
        except SystemExit as ended:
            return int(ended.code or 0)
        return 0

    return run


@pytest.mark.slow
def test_lost_prompts_cost_a_link_that_asks_and_no_other(call, tmp_path: Path) -> None:
    links = ["--set", 'sweep.links=["task-adaptive","task-adaptive-uniform"]']
    assert call("lost-prompts", "quickstart", *SMALL, *links, "--share", "0", "--share", "1") == 0
    folder = tmp_path / "runs" / "quickstart-lost-prompts"
    table = pd.read_csv(folder / "lost-prompts.csv").set_index(["link", "task", "lost"]).sort_index()
    assert (folder / "lost-prompts.png").stat().st_size > 10_000
    task = "recognition: traffic signs"
    asked, blind = (table.loc[link, task] for link in ("task-adaptive", "task-adaptive-uniform"))
    assert asked["accuracy"].loc[0.0] > asked["accuracy"].loc[1.0]
    assert asked["feedback_uses"].loc[1.0] == pytest.approx(2 * asked["feedback_uses"].loc[0.0]), "it asks twice"
    assert blind["accuracy"].loc[0.0] == blind["accuracy"].loc[1.0] and not blind["feedback_uses"].any()


@pytest.mark.slow
def test_samples_are_looked_at_one_two_and_four_at_a_time(call, tmp_path: Path) -> None:
    assert call("samples", "quickstart", *SMALL, "--link", "task-adaptive-4-samples", "--link", "avif") == 0
    folder = tmp_path / "runs" / "quickstart-samples"
    rows = pd.read_csv(folder / "samples.csv").set_index("view")
    drawn = [f"task-adaptive-4-samples: {number} drawn" for number in (1, 2, 4)]
    assert list(rows.index) == ["task-adaptive-4-samples: expected picture", *drawn, "avif: expected picture"]
    assert rows["looks"].notna().all() and (folder / "reliability.png").is_file()
    assert rows["psnr_db"].iloc[0] > rows["psnr_db"].iloc[1], "the expected picture has the least square error"


def test_what_cannot_work_is_one_line(call, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("lost-prompts", "quickstart", "--share", "1.5") == 2
    assert "shares are numbers from 0 to 1" in capsys.readouterr().err
    asked = ["--set", 'tasks=["is there a bicyclist?"]', "--set", 'strip.task="is there a bicyclist?"']
    assert call("samples", "quickstart", *SMALL[:8], *asked) == 2
    assert "no task names objects: ask" in capsys.readouterr().err
