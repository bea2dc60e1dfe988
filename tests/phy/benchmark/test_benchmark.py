"""The benchmark runs, and its two chains make the same errors, so they do the same work."""

import sys
from pathlib import Path

import pandas as pd
import pytest
import torch

from taskwave.phy.benchmark.chain import STAGES, Setting, run
from taskwave.phy.benchmark.growth import build
from taskwave.phy.benchmark.timing import median_interval
from taskwave.scenarios.cli import main as cli


def test_command_writes_tables_and_figure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "argv", ["taskwave", "benchmark", "--quick", "--out", str(tmp_path / "speed")])
    threads = torch.get_num_threads()
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code in (0, None), capsys.readouterr().err
    assert torch.get_num_threads() == threads
    speeds, stages, growth = (
        pd.read_csv(tmp_path / "speed" / f"{name}.csv") for name in ("speeds", "stages", "growth")
    )
    assert (speeds[["taskwave_slots_per_s", "sionna_slots_per_s"]] > 0).all(axis=None)
    assert ((speeds["low"] <= speeds["ratio"]) & (speeds["ratio"] <= speeds["high"])).all()
    assert list(stages["stage"]) == list(STAGES)
    assert (growth["peak_mib"] > 50).all()
    assert growth["sweep_mib"].dropna().between(0, 50).all()
    assert (tmp_path / "speed" / "speeds.png").stat().st_size > 10_000
    assert "one SNR" in capsys.readouterr().out


@pytest.mark.parametrize(
    "setting",
    [
        Setting("awgn", 4, "lmmse", num_prb=2, batch=16),
        Setting("tdl-c", 2, "ls", num_prb=1, batch=320),
        Setting("cdl-c", 2, "ls", num_prb=1, batch=192),
    ],
    ids=lambda setting: setting.label,
)
@torch.no_grad()
def test_both_chains_have_the_same_bit_error_rate(setting: Setting) -> None:
    """Allow five standard errors of the difference of means over messages, since bits of a message are dependent."""
    ours, theirs = (run(build(side, setting), 8.0, 5) for side in ("taskwave", "sionna"))
    error = ((ours.var() + theirs.var()) / setting.batch).sqrt()
    assert abs(ours.mean() - theirs.mean()) < 5 * error
    # A slip of 3 dB in the noise of either would be seen.
    louder = run(build("taskwave", setting), 5.0, 5)
    assert louder.mean() - ours.mean() > 5 * error


def test_coded_chains_correct_what_the_channel_did() -> None:
    setting = Setting("awgn", 2, "ls", coded=True, num_prb=4, batch=16)
    for side in ("taskwave", "sionna"):
        chain = build(side, setting)
        assert float(run(chain, 16.0, 3).mean()) == 0.0
        assert float(run(chain, 4.0, 3).mean()) > 0.05


def test_interval_of_a_median_is_that_of_the_sign_test() -> None:
    """Expect the 5th and 13th of 17 values (0.951 confidence), and the extremes of five."""
    assert median_interval([float(i) for i in range(17, 0, -1)]) == (5.0, 13.0)
    assert median_interval([3.0, 1.0, 2.0, 5.0, 4.0]) == (1.0, 5.0)
