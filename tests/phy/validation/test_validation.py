"""The validation page passes, is written, and fails if the radio is broken."""

import json
import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from taskwave.phy.channel import medium
from taskwave.phy.coding.modulation import Modulation
from taskwave.phy.links.symbol import SymbolLink
from taskwave.phy.receiver import equalization
from taskwave.phy.validation import checks, equaliser, standards, suite, uncoded
from taskwave.phy.validation.channel_statistics import profile
from taskwave.phy.validation.coded import Waterfall, control_link, waterfall
from taskwave.scenarios.cli import main as cli


def failing(section: checks.Section) -> list[str]:
    return [check.name for check in section.checks if not check.passed]


def test_vectors_of_the_standards_hold() -> None:
    section = standards.run(quick=True)
    assert failing(section) == []
    assert len(section.checks) > 10


def test_command_writes_the_page(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    arguments = ["taskwave", "validate", "ber", "equaliser", "--quick", "--out", str(tmp_path / "page")]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code in (0, None), capsys.readouterr().out
    folder = tmp_path / "page"
    page = (folder / "index.html").read_text()
    assert "checks pass" in page and "FAIL" not in page
    assert page.count("data:image/png;base64,") == 2
    assert 'src="http' not in page, "the page needs no network"
    table, plain = pd.read_csv(folder / "checks.csv"), json.loads((folder / "checks.json").read_text())
    assert len(table) == len(plain) > 25
    assert bool(table["passed"].all())
    assert list(table["group"].unique()) == ["ber", "equaliser"]
    assert {"name", "measured", "expected", "low", "high", "trials", "source"} <= set(table.columns)


def test_failure_is_seen_on_the_page_and_in_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    wrong = checks.Section("Broken <radio>", "text", [checks.near("too far", 2.0, 1.0, 0.5, "us")])
    monkeypatch.setitem(suite.GROUPS, "standards", lambda quick: wrong)
    monkeypatch.setattr(sys, "argv", ["taskwave", "validate", "standards", "--out", str(tmp_path)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 1
    assert "FAIL too far: 2, allowed 0.5 … 1.5" in capsys.readouterr().out
    page = (tmp_path / "index.html").read_text()
    assert "1 of 1 checks FAIL" in page and "fail-row" in page and "Broken &lt;radio&gt;" in page


@pytest.mark.slow
@pytest.mark.parametrize("group", ["ldpc", "feedback", "finite-length", "channels"])
def test_group_passes(group: str) -> None:
    section = suite.GROUPS[group](True)
    assert section.checks
    assert failing(section) == []


def test_unknown_groups_are_refused() -> None:
    with pytest.raises(ValueError, match=r"no group of checks 'bre': use standards, ber"):
        suite.chosen(["bre"])


def test_noise_per_real_dimension_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(medium, "noise_variance", lambda es_n0_db: 2 * 10 ** (-es_n0_db / 10))
    assert len(failing(uncoded.run(quick=True))) == 16


def test_rayleigh_that_does_not_fade_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uncoded, "_QUICK_RATES", (0.02,))
    real = uncoded.bit_errors
    monkeypatch.setattr(uncoded, "bit_errors", lambda order, channel, *rest: real(order, "awgn", *rest))
    names = failing(uncoded.run(quick=True))
    assert len(names) == 12 and not any("AWGN" in name for name in names)


def test_demapper_fed_no_in_place_of_no_eff_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Modulation.llr
    monkeypatch.setattr(Modulation, "llr", lambda self, x, v: real(self, x, torch.full_like(v, 10**-1.2)))
    assert any("logits" in name for name in failing(equaliser.run(quick=True)))


def test_reported_noise_of_the_link_is_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    real = SymbolLink.send

    def wrong(self: SymbolLink, *arguments: torch.Tensor) -> object:
        reception = real(self, *arguments)  # type: ignore[arg-type]
        return replace(reception, noise_variance=1.3 * reception.noise_variance)

    monkeypatch.setattr(SymbolLink, "send", wrong)
    assert len([n for n in failing(equaliser.run(quick=True)) if "channel knowledge: squared error" in n]) == 6


def test_bias_of_the_equaliser_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def biased(y: torch.Tensor, h: torch.Tensor, no: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x_hat, variance = equalization.lmmse_equalize(y, h, no)
        return x_hat / (1 + variance), variance / (1 + variance)

    monkeypatch.setattr(equaliser, "lmmse_equalize", biased)
    assert len([n for n in failing(equaliser.run(quick=True)) if "SINR" in n]) == 2


def test_counts_follow_the_rule_of_the_project() -> None:
    assert checks.count("a", 130, 1000, 0.1, "").passed
    assert not checks.count("a", 150, 1000, 0.1, "").passed
    with pytest.raises(ValueError, match="give enough for 100"):
        checks.count("a", 5, 100, 0.1, "")
    assert checks.counts_alike("a", 130, 1000, (100, 1000), "").passed
    assert not checks.counts_alike("a", 200, 1000, (100, 1000), "").passed
    assert not checks.near("a", math.nan, 0.0, 1.0, "").passed


def test_jackknife_gives_the_standard_error_of_a_mean() -> None:
    samples = np.random.default_rng(1).normal(3.0, 2.0, (5000, 1))
    check = checks.statistic("a", samples, lambda m: float(m[0]), 3.0, "")
    assert check.passed
    assert check.high - check.low == pytest.approx(2 * 5 * 2.0 / math.sqrt(5000), rel=0.3)


def test_waterfall_encloses_the_rate() -> None:
    found = waterfall(lambda x, n: round(n * min(1.0, 10 ** (-2 * x))), 2.0, 100_000, 1e-2)
    assert found.es_n0_db_at(1e-2) == pytest.approx(1.0, abs=0.01)
    assert math.isnan(Waterfall([0.0, 1.0], [0.5, 0.2], 100).es_n0_db_at(1e-2))
    assert math.isnan(waterfall(lambda x, n: n, 2.0, 100, 1e-2).es_n0_db_at(1e-2)), "always wrong: no SNR, and an end"


def test_control_messages_have_the_published_length() -> None:
    with pytest.raises(ValueError, match="100 coded bits do not fill"):
        control_link(32, 100)
    control_link(32, 216)


def test_transcribed_tables_are_those_of_the_standard() -> None:
    """Compare with the delay spread of one to which the tables are normalised, and with the K factors they name."""
    for channel in ("tdl-a", "tdl-b", "tdl-c", "tdl-e", "cdl-a", "cdl-b", "cdl-c", "cdl-e"):
        assert profile(channel).delay_spread == pytest.approx(1.0, abs=1e-3)
    assert profile("tdl-d").k_factor_db == pytest.approx(13.3)
    assert profile("cdl-e").k_factor_db == pytest.approx(22.0)
    assert profile("tdl-e").delays[-1] - profile("cdl-e").delays[-1] == pytest.approx(0.01)
