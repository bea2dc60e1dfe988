"""Scenarios that sweep distances: their SNRs come from a link budget, and records and figures have both."""

from pathlib import Path
from types import ModuleType

import pytest

from taskwave.phy.channel.link_budget import es_n0_db
from taskwave.scenarios.config import loading
from taskwave.scenarios.figures import curves, tables
from taskwave.scenarios.figures.style import channel_label
from taskwave.scenarios.statistics import pooling
from taskwave.scenarios.sweep import runner
from taskwave.scenarios.sweep.evaluation import Evaluator
from taskwave.scenarios.sweep.points import SweepPoint

BUDGET = "radio.link_budget={tx_power_dbm=10, path_loss='umi'}"


@pytest.fixture
def file(toys: ModuleType, tmp_path: Path) -> Path:
    path = tmp_path / "toy.toml"
    path.write_text(toys.SCENARIO.replace("es_n0_db = [-20, 0]", "distance_m = [50, 200]"))
    return path


def test_snrs_come_from_the_link_budget(file: Path) -> None:
    scenario = loading.load(str(file), [BUDGET])
    near, far = scenario.conditions
    assert (near.distance_m, far.distance_m) == (50, 200)
    assert near.es_n0_db == round(es_n0_db(scenario.radio.at_distance(50.0)), 2) > far.es_n0_db + 20
    assert scenario.radio_at(50.0) == scenario.radio, "AWGN is the same everywhere"
    urban = loading.load("urban")
    assert urban.radio_at(50.0).drop.distance_m == 50


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ([], "add [radio.link_budget] with tx_power_dbm"),
        (["radio.link_budget={tx_power_dbm=10}"], "awgn has no path loss of its own"),
        ([BUDGET, "sweep.es_n0_db=[0]"], "sweep.es_n0_db and sweep.distance_m: give one of them"),
        ([BUDGET, "sweep.distance_m=[5]"], "greater than or equal to 10"),
        ([BUDGET, "sweep.distance_m=[50, 50]"], "names"),
        ([BUDGET, "sweep.distance_m=[]"], "at least 1"),
        ([BUDGET, "strip={es_n0_db=0, budget=200, link='toy', baseline='toy-twin', task='cars'}"], "leave [strip] out"),
    ],
)
def test_sweeps_that_cannot_be_are_refused(file: Path, overrides: list[str], told: str) -> None:
    with pytest.raises(loading.ScenarioError) as caught:
        loading.load(str(file), overrides)
    assert told in str(caught.value)


def test_records_tables_and_figures_have_both(file: Path, toys: ModuleType, tmp_path: Path) -> None:
    umi = ["radio.channel=umi", "radio.link_budget={tx_power_dbm=-10}", "sweep.budgets=[200]"]
    evaluator = Evaluator(loading.load(str(file), umi), toys.Models())
    assert len(evaluator.radios) == 2
    records = runner.run(evaluator, tmp_path / "out", lambda done, total, point: None).records
    pairs = records[["distance_m", "es_n0_db"]].drop_duplicates().itertuples(index=False, name=None)
    assert list(pairs) == [(c.distance_m, c.es_n0_db) for c in evaluator.scenario.conditions]
    near, far = (SweepPoint(0, 0.0, 200, "toy", distance_m) for distance_m in (50.0, 200.0))
    assert evaluator.key(near) != evaluator.key(far)
    taus = [evaluator.air(point).fading.tau for point in (near, far)]
    assert not taus[0].equal(taus[1]), "the channels are those of the distance"
    table = pooling.pool(records).table
    assert set(table["distance_m"]) == {50.0, 200.0}
    figure = curves.accuracy_vs_distance(table, [200])
    figure.savefig(tmp_path / "figure.png")
    labels = [tick.get_text() for tick in figure.axes[0].get_xticklabels()]
    assert [label.split("\n")[0] for label in labels] == ["50", "200"]
    heads = [str(column.header) for column in tables.accuracy_tables(table)[0].columns]
    assert any(head.startswith("200 m, ") for head in heads)
    note = tables.prefix_note(evaluator.radios)
    assert note is not None and "beyond the cyclic prefix of 2.34 us" in note


def test_captions_write_channels_as_the_standard_does() -> None:
    names = {
        "cdl-c": "CDL-C",
        "umi": "UMi",
        "rma": "RMa",
        "awgn": "AWGN",
        "street-canyon": "street-canyon",
        "tdl-a/gnuradio": "TDL-A in GNU Radio",
    }
    assert {name: channel_label(name) for name in names} == names
